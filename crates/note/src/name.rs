//! What keys and logs are called.

use alloc::string::String;
use core::fmt;

/// A key's name: 1 to 128 printable ASCII characters, neither a space nor `+`, which separate the
/// parts of signature lines and keys. The specification also lets Unicode in; ours stay ASCII, so
/// that names that look alike are alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The longest of ours is a node's, `<origin>/<node>`, with 64 + 1 + 32 bytes; logs of others
    /// name themselves with 83.
    pub const MAX_LEN: usize = 128;

    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let fits = !text.is_empty()
            && text.len() <= Self::MAX_LEN
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'+');
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(BadName)
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

/// A log's name, the first line of its checkpoints and the name of the keys that sign for the log
/// itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(KeyName);

impl Origin {
    /// The longest origin that an election may choose. Cosigners' names and addresses are made of
    /// it.
    pub const MAX_ELECTION_LEN: usize = 64;

    /// Reads any log's origin, as a witness meets them.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        KeyName::parse(text).map(Self)
    }

    /// Reads an election's own origin: at most 64 of `a-z 0-9 . / -`, and no text that begins
    /// another kind of signed message, so that no signature can be taken for one of another kind.
    pub fn parse_election(text: &str) -> Result<Self, BadName> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'/' | b'-');
        let fits = text.len() <= Self::MAX_ELECTION_LEN
            && text.bytes().all(allowed)
            && !text.starts_with("precinct-tally/")
            && text != "cosignature/v1";
        if fits {
            Self::parse(text)
        } else {
            Err(BadName)
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name of every key that signs for this log itself.
    pub const fn key_name(&self) -> &KeyName {
        &self.0
    }

    /// The name of the key with which a node of this log cosigns: `<origin>/<node>`.
    pub fn cosigner(&self, node: &str) -> Result<KeyName, BadName> {
        KeyName::parse(&alloc::format!("{}/{node}", self.0))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

/// A text that is no name of a key or a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name is 1 to 128 printable ASCII characters without space and `+`; an election's origin 1 to 64 of a-z 0-9 . / -"
)]
pub struct BadName;

/// The first 4 bytes of a hash over name, type and public key: tells keys of one name apart. Too
/// short to identify a key by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KeyId::LEN]);

impl KeyId {
    /// Bytes in a key id.
    pub const LEN: usize = 4;

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Reads exactly 8 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 2 * Self::LEN || !text.bytes().all(lower_hex) {
            return None;
        }
        u32::from_str_radix(text, 16)
            .ok()
            .map(|id| Self(id.to_be_bytes()))
    }
}

/// 8 lower-case hex digits.
impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printable_ascii_without_space_and_plus() {
        assert_eq!(KeyName::parse("a/b.c_D-1~").unwrap().as_str(), "a/b.c_D-1~");
        assert!(KeyName::parse(&"n".repeat(KeyName::MAX_LEN)).is_ok());
        let long = "n".repeat(KeyName::MAX_LEN + 1);
        for bad in [
            "",
            " ",
            "a b",
            "a+b",
            "a\n",
            "a\t",
            "é",
            "a\u{a0}b",
            "a\u{7f}",
            long.as_str(),
        ] {
            assert_eq!(KeyName::parse(bad), Err(BadName), "{bad:?}");
        }
    }

    #[test]
    fn an_elections_origin_is_narrower() {
        assert!(Origin::parse_election("tally.example/caucus-2028-ia").is_ok());
        assert!(Origin::parse_election(&"o".repeat(64)).is_ok());
        let long = "o".repeat(65);
        for bad in [
            "",
            "A",
            "a_b",
            "cosignature/v1",
            "precinct-tally/submission/v1",
            &long,
        ] {
            assert_eq!(Origin::parse_election(bad), Err(BadName), "{bad:?}");
        }
        assert!(Origin::parse(&long).is_ok());
    }

    #[test]
    fn a_key_id_is_eight_lower_hex_digits() {
        assert_eq!(KeyId::parse("00ab9c01").unwrap().to_string(), "00ab9c01");
        for bad in [
            "",
            "0ab9c01",
            "000ab9c01",
            "00AB9C01",
            "+0ab9c01",
            "00ab9c0g",
        ] {
            assert_eq!(KeyId::parse(bad), None, "{bad:?}");
        }
    }
}
