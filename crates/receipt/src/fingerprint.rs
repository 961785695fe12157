//! What people compare before they trust an election's bundle.

use core::fmt;

use merkle::Hash;
use note::b64;

use crate::code::{BadCode, ShortCode};

/// The hash of the text of manifest version 1, as pinned beforehand: whole, or its short code as
/// party, campaigns and press print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(Pinned);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pinned {
    Whole(Hash),
    Code(ShortCode),
}

impl Fingerprint {
    /// The whole fingerprint.
    pub const fn of(genesis: Hash) -> Self {
        Self(Pinned::Whole(genesis))
    }

    /// Reads the 44 base64 characters of a hash, or a short code as people type it.
    pub fn parse(text: &str) -> Result<Self, BadCode> {
        let text = text.trim_matches(' ');
        match b64::decode_hash(text) {
            Some(hash) => Ok(Self(Pinned::Whole(hash))),
            None => ShortCode::parse(text).map(|code| Self(Pinned::Code(code))),
        }
    }

    /// Whether the manifest whose text has this hash is the pinned one.
    pub fn matches(&self, genesis: &Hash) -> bool {
        match &self.0 {
            Pinned::Whole(hash) => hash == genesis,
            Pinned::Code(code) => code.names(genesis),
        }
    }

    /// As it is printed and read out.
    pub fn code(&self) -> ShortCode {
        match &self.0 {
            Pinned::Whole(hash) => ShortCode::of(hash),
            Pinned::Code(code) => *code,
        }
    }
}

/// The short code.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_and_code_pin_the_same_manifest() {
        let (genesis, other) = (merkle::sha256(b"one"), merkle::sha256(b"other"));
        let whole = Fingerprint::parse(&b64::encode_hash(&genesis)).unwrap();
        let code = Fingerprint::parse(&whole.to_string().to_lowercase()).unwrap();
        assert_eq!(whole, Fingerprint::of(genesis));
        for pinned in [whole, code] {
            assert!(pinned.matches(&genesis));
            assert!(!pinned.matches(&other));
        }
        assert!(Fingerprint::parse("not a fingerprint").is_err());
    }
}
