//! Whose directory this is. Not who the node claims to be on the wire: its keys prove that.
//!
//! ```abnf
//! identity    = "tally/identity/v1" LF
//!               "genesis" SP word LF          ; hash of the election's first manifest, base64
//!               "ordinal" SP number LF        ; the node's line in the manifest, never used again
//!               "incarnation" SP 32hexlow LF  ; drawn when the directory was made
//!               "origin" SP text LF           ; the checkpoint origin the node signs for
//!               check                         ; see `files`
//! word        = 1*%x21-7E
//! text        = %x21-7E *%x20-7E
//! number      = "0" / %x31-39 *DIGIT          ; fits 64 bits
//! ```
//! The incarnation tells two lives of one ordinal apart: a directory restored from a backup has an old
//! one, and the peers that have seen a newer one refuse it.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

const HEAD: &str = "tally/identity/v1";

/// The election, the place in it, and the life of one data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// H(text of the election's first manifest), in base64; one printable word.
    pub genesis: String,
    /// The checkpoint origin of the log this node signs for; printable ASCII.
    pub origin: String,
    /// The node's ordinal in the manifest.
    pub ordinal: u64,
    /// This directory's life.
    pub incarnation: Incarnation,
}

impl Identity {
    /// The owner in words, for messages.
    pub fn owner(&self) -> String {
        owner(self.ordinal, &self.origin, &self.genesis)
    }

    /// The lines of the file, unsealed.
    pub(crate) fn to_text(&self) -> Result<String, Error> {
        if !is_word(&self.genesis) || !is_text(&self.origin) {
            return Err(Error::misuse(
                "genesis and origin of an identity are printable ASCII",
            ));
        }
        Ok(format!(
            "{HEAD}\ngenesis {}\nordinal {}\nincarnation {}\norigin {}\n",
            self.genesis, self.ordinal, self.incarnation, self.origin
        ))
    }

    /// Reads what [`Identity::to_text`] wrote; `None` for anything else, however similar.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next()? == HEAD).then_some(())?;
        let identity = Self {
            genesis: lines.next()?.strip_prefix("genesis ")?.to_owned(),
            ordinal: number(lines.next()?.strip_prefix("ordinal ")?)?,
            incarnation: lines.next()?.strip_prefix("incarnation ")?.parse().ok()?,
            origin: lines.next()?.strip_prefix("origin ")?.to_owned(),
        };
        (identity.to_text().ok()? == text).then_some(identity)
    }
}

/// The owner of a directory in words: `node 2 of iowa.example/log (genesis 47DEQp…)`.
pub(crate) fn owner(ordinal: u64, origin: &str, genesis: &str) -> String {
    let short: String = genesis.chars().take(12).collect();
    format!("node {ordinal} of {origin} (genesis {short}…)")
}

/// Sixteen random bytes drawn when a data directory is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Incarnation([u8; 16]);

impl Incarnation {
    /// From bytes that the caller has drawn; this crate has no randomness of its own.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Incarnation({self})")
    }
}

impl FromStr for Incarnation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::misuse("an incarnation is 32 lowercase hexadecimal digits");
        let number = u128::from_str_radix(text, 16).map_err(|_| wrong())?;
        let incarnation = Self(number.to_be_bytes());
        if incarnation.to_string() == text {
            Ok(incarnation)
        } else {
            Err(wrong())
        }
    }
}

/// A number as the files write it: digits without a leading zero.
pub(crate) fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_text(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_graphic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            genesis: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
            origin: "tally.example/caucus 2020".to_owned(),
            ordinal: 2,
            incarnation: Incarnation::from_bytes([0x0a; 16]),
        }
    }

    #[test]
    fn the_text_comes_back_as_it_was() {
        let text = identity().to_text().unwrap();
        assert_eq!(Identity::parse(&text), Some(identity()));
        assert!(text.contains("\nincarnation 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\n"));
    }

    #[test]
    fn texts_beside_the_grammar_are_refused() {
        let text = identity().to_text().unwrap();
        for (from, to) in [
            ("v1\n", "v2\n"),
            ("ordinal 2", "ordinal 02"),
            ("ordinal 2", "ordinal +2"),
            ("ordinal 2", "ordinal  2"),
            ("0a0a", "0A0A"),
            ("origin tally", "origin  tally"),
            ("caucus 2020\n", "caucus 2020\n\n"),
            ("caucus 2020\n", "caucus 2020\r\n"),
            ("genesis ", "genesis"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            assert_eq!(Identity::parse(&changed), None, "{from} -> {to}");
        }
    }

    #[test]
    fn an_identity_that_would_not_read_back_is_not_written() {
        let spaced = Identity {
            genesis: "a b".to_owned(),
            ..identity()
        };
        assert!(matches!(spaced.to_text(), Err(Error::Misuse { .. })));
        let broken = Identity {
            origin: "a\nordinal 3".to_owned(),
            ..identity()
        };
        assert!(matches!(broken.to_text(), Err(Error::Misuse { .. })));
    }
}
