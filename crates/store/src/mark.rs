//! How far the log had come, kept outside the log.
//!
//! A database cannot tell that its write-ahead log was deleted, or that the directory is last week's
//! copy: it opens, shorter. The mark can. It is a lower bound: written at the start, at most once a
//! second while entries arrive, and lowered *before* entries are cut off, so a log that is shorter than
//! its mark has lost something it had acknowledged.
//!
//! ```abnf
//! mark        = "tally/log-mark/v1" LF
//!               "genesis" SP word LF
//!               "ordinal" SP number LF
//!               "incarnation" SP 32hexlow LF
//!               "boot" SP word LF                             ; the kernel's boot id at the last rewrite
//!               "position" SP ("-" / number SP number) LF     ; last durable index and its term
//!               "sequence" SP number LF                       ; RocksDB's sequence number, durable as well
//!               "tail" SP ("whole" / "torn") LF               ; torn until a leader has filled the gap
//!               check                                         ; see `files`
//! ```
//! The sequence number covers what has no index: a vote that vanished is as bad as an entry.

use std::fmt;
use std::fs;

use crate::error::Error;
use crate::files::DurableFile;
use crate::identity::{Identity, Incarnation, number};
use crate::log::{Position, Recovery};

const HEAD: &str = "tally/log-mark/v1";

/// One run of the machine's kernel. While it lasts, the page cache has everything a killed process wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootId(String);

impl BootId {
    /// This machine's boot id, from `/proc/sys/kernel/random/boot_id`.
    pub fn current() -> Result<Self, Error> {
        const PATH: &str = "/proc/sys/kernel/random/boot_id";
        let text =
            fs::read_to_string(PATH).map_err(|error| Error::file("read", PATH.as_ref(), error))?;
        Self::parse(text.trim_end())
    }

    /// A boot id given as text: one printable word.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::misuse("a boot id is one printable word"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The lower bound of what the log holds durably, and whose log it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) genesis: String,
    pub(crate) ordinal: u64,
    pub(crate) incarnation: Incarnation,
    pub(crate) boot: BootId,
    pub(crate) position: Option<Position>,
    pub(crate) sequence: u64,
    pub(crate) recovery: Recovery,
}

impl Mark {
    /// The mark of an empty log.
    pub(crate) fn new(identity: &Identity, boot: BootId) -> Self {
        Self {
            genesis: identity.genesis.clone(),
            ordinal: identity.ordinal,
            incarnation: identity.incarnation,
            boot,
            position: None,
            sequence: 0,
            recovery: Recovery::Clean,
        }
    }

    /// Whether the mark was made by the directory's owner, in the same life.
    pub(crate) fn is_of(&self, identity: &Identity) -> bool {
        self.genesis == identity.genesis
            && self.ordinal == identity.ordinal
            && self.incarnation == identity.incarnation
    }

    pub(crate) fn load(file: &DurableFile) -> Result<Option<Self>, Error> {
        let Some(text) = file.read_sealed()? else {
            return Ok(None);
        };
        let mark = Self::parse(&text).ok_or_else(|| {
            Error::damaged(
                format!("`{}` is not a mark of this version", file.path().display()),
                "run the version of the node that wrote it",
            )
        })?;
        Ok(Some(mark))
    }

    pub(crate) fn save(&self, file: &DurableFile) -> Result<(), Error> {
        file.replace_sealed(&self.to_text())
    }

    fn to_text(&self) -> String {
        let position = match self.position {
            Some(Position { index, term }) => format!("{index} {term}"),
            None => "-".to_owned(),
        };
        let tail = match self.recovery {
            Recovery::Clean => "whole",
            Recovery::TornTail => "torn",
        };
        format!(
            "{HEAD}\ngenesis {}\nordinal {}\nincarnation {}\nboot {}\nposition {position}\nsequence {}\ntail {tail}\n",
            self.genesis, self.ordinal, self.incarnation, self.boot, self.sequence
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next()? == HEAD).then_some(())?;
        let mark = Self {
            genesis: lines.next()?.strip_prefix("genesis ")?.to_owned(),
            ordinal: number(lines.next()?.strip_prefix("ordinal ")?)?,
            incarnation: lines.next()?.strip_prefix("incarnation ")?.parse().ok()?,
            boot: BootId::parse(lines.next()?.strip_prefix("boot ")?).ok()?,
            position: match lines.next()?.strip_prefix("position ")? {
                "-" => None,
                both => {
                    let (index, term) = both.split_once(' ')?;
                    Some(Position {
                        index: number(index)?,
                        term: number(term)?,
                    })
                }
            },
            sequence: number(lines.next()?.strip_prefix("sequence ")?)?,
            recovery: match lines.next()?.strip_prefix("tail ")? {
                "whole" => Recovery::Clean,
                "torn" => Recovery::TornTail,
                _ => return None,
            },
        };
        (mark.to_text() == text).then_some(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(position: Option<Position>) -> Mark {
        let identity = Identity {
            genesis: "47DEQ".to_owned(),
            origin: "tally.example".to_owned(),
            ordinal: 3,
            incarnation: Incarnation::from_bytes([7; 16]),
        };
        Mark {
            position,
            sequence: 99,
            ..Mark::new(&identity, BootId::parse("b-1").unwrap())
        }
    }

    #[test]
    fn the_text_comes_back_as_it_was() {
        for position in [
            None,
            Some(Position { index: 0, term: 1 }),
            Some(Position { index: 41, term: 7 }),
        ] {
            let mark = mark(position);
            assert_eq!(Mark::parse(&mark.to_text()), Some(mark));
        }
    }

    #[test]
    fn texts_beside_the_grammar_are_refused() {
        let text = mark(Some(Position { index: 41, term: 7 })).to_text();
        for (from, to) in [
            ("position 41 7", "position 41"),
            ("position 41 7", "position 41 7 "),
            ("position 41 7", "position 041 7"),
            ("boot b-1", "boot "),
            ("sequence 99\n", ""),
            ("tail whole\n", "tail cut\n"),
            ("tail whole\n", "tail whole\nmore\n"),
        ] {
            assert_eq!(
                Mark::parse(&text.replacen(from, to, 1)),
                None,
                "{from} -> {to}"
            );
        }
    }

    #[test]
    fn the_kernels_boot_id_is_the_same_twice() {
        assert_eq!(BootId::current().unwrap(), BootId::current().unwrap());
    }
}
