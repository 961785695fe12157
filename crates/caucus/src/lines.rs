//! Reading a file of lines: what the rule, roster and roll files have in common.
//!
//! A file is ASCII, every line ends with one LF, and no line is empty. What a line says is read by the
//! file's own module; this one splits, numbers and reports.

use alloc::string::{String, ToString};
use core::str::Split;

/// A file that is not what its grammar says, with the first line that shows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct LineError {
    /// Counted from 1. A line that is missing has the number it would have.
    pub line: u32,
    /// What is wrong, and what should stand there.
    pub what: String,
}

impl LineError {
    pub(crate) fn new(line: u32, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }
}

/// The lines of a text, numbered from 1, with the next one in sight.
pub(crate) struct Lines<'a> {
    rest: Split<'a, char>,
    next: Option<&'a str>,
    number: u32,
}

impl<'a> Lines<'a> {
    /// Splits a text; refuses anything but printable ASCII lines that each end in LF.
    pub(crate) fn of(text: &'a str) -> Result<Self, LineError> {
        let mut number = 0_u32;
        for line in text.split_inclusive('\n') {
            number = number.saturating_add(1);
            let Some(content) = line.strip_suffix('\n') else {
                return Err(LineError::new(number, "the line does not end with LF"));
            };
            if content.is_empty() {
                return Err(LineError::new(number, "the line is empty"));
            }
            if !content.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(LineError::new(
                    number,
                    "only printable ASCII may stand here",
                ));
            }
        }
        let mut rest = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let next = rest.next().filter(|line| !line.is_empty());
        Ok(Self {
            rest,
            next,
            number: 1,
        })
    }

    /// The number of the line that comes next.
    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    /// An error at the line that comes next.
    pub(crate) fn error(&self, what: impl Into<String>) -> LineError {
        LineError::new(self.number, what)
    }

    /// Takes the next line, which must be exactly `expected`.
    pub(crate) fn exactly(&mut self, expected: &str) -> Result<(), LineError> {
        if self.next == Some(expected) {
            self.advance();
            Ok(())
        } else {
            Err(self.error(alloc::format!("expected `{expected}`")))
        }
    }

    /// What follows `word ` on the next line, if that line begins so. The line is not yet taken.
    pub(crate) fn after(&self, word: &str) -> Option<&'a str> {
        self.next?.strip_prefix(word)?.strip_prefix(' ')
    }

    /// The next line. It is not yet taken.
    pub(crate) const fn peek(&self) -> Option<&'a str> {
        self.next
    }

    /// Takes the next line.
    pub(crate) fn advance(&mut self) {
        self.next = self.rest.next();
        self.number = self.number.saturating_add(1);
    }

    /// Nothing may follow.
    pub(crate) fn end(&self, expected: &str) -> Result<(), LineError> {
        match self.next {
            None => Ok(()),
            Some(line) => {
                let shown: String = line.chars().take(60).collect();
                Err(self.error(alloc::format!("expected {expected}, found `{shown}`")))
            }
        }
    }
}

/// Reads `text` with `parse`, or says that `what` stands there wrongly.
pub(crate) fn field<'a, T>(
    text: Option<&'a str>,
    what: &str,
    parse: impl FnOnce(&'a str) -> Option<T>,
) -> Result<T, String> {
    let Some(text) = text else {
        return Err(alloc::format!("{what} is missing"));
    };
    parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        alloc::format!("`{shown}` is not {what}")
    })
}

/// The longest name of a county, unit, pool or group, in bytes: one line of a form, one row of a table.
pub(crate) const NAME_MAX: usize = 120;

/// A name for people to read: 1 to [`NAME_MAX`] printable ASCII characters, no space at either end.
pub(crate) fn parse_name(text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let fits = (1..=NAME_MAX).contains(&text.len());
    (plain && fits && text.trim() == text).then(|| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_lf_and_says_something() {
        for (text, line) in [
            ("a", 1),
            ("a\nb", 2),
            ("a\n\nb\n", 2),
            ("\n", 1),
            ("a\nb\r\n", 2),
            ("a\n\tb\n", 2),
            ("é\n", 1),
        ] {
            assert_eq!(Lines::of(text).err().unwrap().line, line, "{text:?}");
        }
        let mut lines = Lines::of("a 1\nb\n").unwrap();
        assert_eq!(lines.after("a"), Some("1"));
        lines.advance();
        assert_eq!((lines.peek(), lines.number()), (Some("b"), 2));
        lines.advance();
        assert!(lines.end("nothing").is_ok());
        assert_eq!(Lines::of("").unwrap().peek(), None);
    }
}
