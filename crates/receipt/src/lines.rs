//! Reads a text line by line: the one cursor behind every grammar of this crate.
//!
//! It knows lines, keywords, single spaces and the few values that stand between them. It does
//! not know what any line means, and it does not write.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use caucus::parse_number;
use merkle::{Hash, LeafHash};
use note::b64;

/// A text that is outside its grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The line that breaks the rule, counted from 1.
    pub line: u32,
    /// What should have stood there, or what is wrong with what does.
    pub what: String,
}

impl Malformed {
    pub(crate) fn new(line: u32, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl core::error::Error for Malformed {}

/// A cursor over the lines of a text.
#[derive(Debug)]
pub(crate) struct Lines<'t> {
    /// What has not been read. INVARIANT: empty, or ends in a line feed.
    rest: &'t str,
    /// The number of the line at the head of `rest`.
    number: u32,
}

impl<'t> Lines<'t> {
    /// Starts at the first line.
    ///
    /// Refuses a text with a byte outside printable ASCII and line feeds, with an empty line,
    /// or without a final line feed.
    pub(crate) fn new(text: &'t str) -> Result<Self, Malformed> {
        let mut number = 0_u32;
        let Some(body) = text.strip_suffix('\n') else {
            return Err(Malformed::new(1, "the text does not end with a line feed"));
        };
        for line in body.split('\n') {
            number = number.saturating_add(1);
            if line.is_empty() {
                return Err(Malformed::new(number, "the line is empty"));
            }
            if !line.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
                return Err(Malformed::new(number, "a byte outside printable ASCII"));
            }
        }
        Ok(Self {
            rest: text,
            number: 1,
        })
    }

    /// The number of the line that is read next.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// A complaint about the line that is read next.
    pub(crate) fn fault(&self, what: impl Into<String>) -> Malformed {
        Malformed::new(self.number, what)
    }

    fn peek(&self) -> Option<&'t str> {
        self.rest.split_once('\n').map(|(line, _)| line)
    }

    fn advance(&mut self) {
        self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        self.number = self.number.saturating_add(1);
    }

    /// The next line's content behind `keyword` and one space, if it has that keyword.
    fn behind(&self, keyword: &str) -> Option<&'t str> {
        self.peek()?.strip_prefix(keyword)?.strip_prefix(' ')
    }

    /// Whether the next line has this keyword.
    pub(crate) fn at(&self, keyword: &str) -> bool {
        self.behind(keyword).is_some()
    }

    /// Takes the line `keyword <value>`; `shape` names the value in the complaint.
    pub(crate) fn value<T>(
        &mut self,
        keyword: &str,
        shape: &str,
        read: impl FnOnce(&'t str) -> Option<T>,
    ) -> Result<T, Malformed> {
        let value = self
            .behind(keyword)
            .and_then(read)
            .ok_or_else(|| self.fault(alloc::format!("expected `{keyword} {shape}`")))?;
        self.advance();
        Ok(value)
    }

    /// Takes the line `keyword <value>` if the next line has this keyword.
    pub(crate) fn optional<T>(
        &mut self,
        keyword: &str,
        shape: &str,
        read: impl FnOnce(&'t str) -> Option<T>,
    ) -> Result<Option<T>, Malformed> {
        if self.at(keyword) {
            self.value(keyword, shape, read).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Takes the next line if it is exactly this one.
    pub(crate) fn flag(&mut self, line: &str) -> bool {
        let found = self.peek() == Some(line);
        if found {
            self.advance();
        }
        found
    }

    /// Takes a line that must be exactly this one.
    pub(crate) fn exactly(&mut self, line: &str) -> Result<(), Malformed> {
        if self.flag(line) {
            Ok(())
        } else {
            Err(self.fault(alloc::format!("expected `{line}`")))
        }
    }

    /// Takes every line with this keyword, at most `limit`.
    pub(crate) fn repeated<T>(
        &mut self,
        keyword: &str,
        shape: &str,
        limit: usize,
        mut read: impl FnMut(&'t str) -> Option<T>,
    ) -> Result<Vec<T>, Malformed> {
        let mut values = Vec::new();
        while self.at(keyword) {
            if values.len() >= limit {
                return Err(self.fault(alloc::format!("more than {limit} `{keyword}` lines")));
            }
            values.push(self.value(keyword, shape, &mut read)?);
        }
        Ok(values)
    }

    /// Takes every line with this keyword, at most `limit`. `read` gives the fields that identify
    /// a line beside its value; each line's are greater than those of the line before.
    pub(crate) fn list<K: Ord, T>(
        &mut self,
        keyword: &str,
        shape: &str,
        limit: usize,
        mut read: impl FnMut(&'t str) -> Option<(K, T)>,
    ) -> Result<Vec<T>, Malformed> {
        let first = self.number;
        let pairs = self.repeated(keyword, shape, limit, &mut read)?;
        let fall = pairs
            .iter()
            .zip(pairs.iter().skip(1))
            .position(|((before, _), (after, _))| before >= after);
        if let Some(position) = fall {
            let line = line_at(first, position.saturating_add(1));
            let what = alloc::format!("the `{keyword}` lines must ascend, each one once");
            return Err(Malformed::new(line, what));
        }
        Ok(pairs.into_iter().map(|(_, value)| value).collect())
    }

    /// Whatever is left, which must be nothing.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(line) => {
                let keyword = line.split(' ').next().unwrap_or(line);
                Err(self.fault(alloc::format!("`{keyword}` does not belong here")))
            }
        }
    }
}

/// Exactly `N` fields between single spaces.
pub(crate) fn fields<const N: usize>(line: &str) -> Option<[&str; N]> {
    let mut parts = line.split(' ');
    let mut out = [""; N];
    for slot in &mut out {
        *slot = parts.next().filter(|part| !part.is_empty())?;
    }
    parts.next().is_none().then_some(out)
}

/// A number that is not zero.
pub(crate) fn positive(text: &str) -> Option<u64> {
    parse_number(text).filter(|number| *number > 0)
}

/// 44 canonical base64 characters of 32 bytes.
pub(crate) fn hash(text: &str) -> Option<Hash> {
    b64::decode_hash(text)
}

/// A hash that names a leaf.
pub(crate) fn leaf_hash(text: &str) -> Option<LeafHash> {
    hash(text).map(LeafHash::from_hash)
}

/// A field that is neither `-` nor the value it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoValue;

/// `-` for nothing, or a value.
pub(crate) fn dash<T>(
    text: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, NoValue> {
    if text == "-" {
        return Ok(None);
    }
    read(text).map(Some).ok_or(NoValue)
}

/// A hash as a text says it.
pub(crate) fn hash_or_dash(hash: Option<&Hash>) -> String {
    hash.map_or_else(|| "-".to_string(), b64::encode_hash)
}

/// A leaf's hash as a text says it.
pub(crate) fn leaf_or_dash(leaf: Option<&LeafHash>) -> String {
    hash_or_dash(leaf.map(LeafHash::as_hash))
}

/// The line so many lines below another.
pub(crate) fn line_at(first: u32, below: usize) -> u32 {
    first.saturating_add(u32::try_from(below).unwrap_or(u32::MAX))
}
