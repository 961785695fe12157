//! Codes that people read aloud: 80 bits in Crockford's base 32 with 10 check bits.
//!
//! A code names a leaf, a manifest or a voucher over the telephone or on paper. It is a handle
//! and a check against misreading, never a proof.
//!
//! ```text
//! code  = 4CROCK "-" 4CROCK "-" 4CROCK "-" 4CROCK "-" 2CROCK
//! CROCK = DIGIT / %x41-48 / "J" / "K" / "M" / "N" / %x50-54 / %x56-5A   ; no I, L, O, U
//! ```
//!
//! The 90 bits are ten bytes and the first ten bits of
//! `SHA-256("precinct-tally/code" NUL || the ten bytes)`; a misread symbol passes once in 1,024.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use caucus::UnitId;
use merkle::{Hash, LeafHash, sha256};
use note::crockford;

/// How many symbols a code has: 90 bits of five.
const LENGTH: usize = 18;

/// Text that is no code, or a code whose check bits say that it was misread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCode {
    /// It does not have 18 symbols.
    #[error("a code has 18 letters and digits")]
    Length,
    /// A character that no code contains.
    #[error("`{0}` does not occur in a code")]
    Symbol(char),
    /// The check bits do not fit the rest.
    #[error("the code was misread: its check letters do not fit")]
    Check,
}

/// The spoken form of a hash: its first ten bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortCode([u8; 10]);

impl ShortCode {
    /// The code of a leaf.
    pub fn of_leaf(leaf: &LeafHash) -> Self {
        Self::of(leaf.as_hash())
    }

    /// The code of any hash.
    pub fn of(hash: &Hash) -> Self {
        let [
            bytes @ ..,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
        ] = *hash.as_bytes();
        Self(bytes)
    }

    /// Whether this is the code of that hash.
    pub fn names(&self, hash: &Hash) -> bool {
        Self::of(hash) == *self
    }

    /// The first ten bytes of the hash.
    pub fn prefix(&self) -> &[u8; 10] {
        &self.0
    }

    /// Reads a code as people type it: lower case is accepted, `O` is 0, `I` and `L` are 1,
    /// hyphens and spaces may stand anywhere.
    pub fn parse(text: &str) -> Result<Self, BadCode> {
        decode(text).map(Self)
    }
}

impl fmt::Display for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl fmt::Debug for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShortCode({self})")
    }
}

/// A secret that a chair reads out when the report goes by telephone.
///
/// Vouchers are secret until they are used, so `Debug` does not show them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VoucherCode([u8; 10]);

impl VoucherCode {
    /// A voucher of 80 random bits.
    pub fn from_bytes(bytes: [u8; 10]) -> Self {
        Self(bytes)
    }

    /// Reads a voucher as people type it, with the same leniency as [`ShortCode::parse`].
    pub fn parse(text: &str) -> Result<Self, BadCode> {
        decode(text).map(Self)
    }

    /// Reads the one way a voucher is written in a note.
    pub(crate) fn canonical(text: &str) -> Option<Self> {
        let code = Self::parse(text).ok()?;
        (encode(&code.0) == text).then_some(code)
    }

    /// What the roll says of this voucher:
    /// `SHA-256("precinct-tally/voucher" NUL unit NUL code)`.
    pub fn hash(&self, unit: &UnitId) -> Hash {
        let mut bytes = Vec::from(&b"precinct-tally/voucher\0"[..]);
        bytes.extend_from_slice(unit.as_str().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(encode(&self.0).as_bytes());
        sha256(&bytes)
    }
}

impl fmt::Display for VoucherCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl fmt::Debug for VoucherCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoucherCode(not shown)")
    }
}

/// The ten check bits of a code.
fn check_bits(bytes: &[u8; 10]) -> u128 {
    let mut input = Vec::from(&b"precinct-tally/code\0"[..]);
    input.extend_from_slice(bytes);
    let [first, second, ..] = *sha256(&input).as_bytes();
    u128::from(u16::from_be_bytes([first, second]) >> 6)
}

/// The ten bytes as the high bits of a number, without the check bits.
fn number_of(bytes: &[u8; 10]) -> u128 {
    bytes
        .iter()
        .fold(0, |number, byte| (number << 8) | u128::from(*byte))
}

fn encode(bytes: &[u8; 10]) -> String {
    let bits = (number_of(bytes) << 10) | check_bits(bytes);
    let mut out = String::with_capacity(LENGTH.saturating_add(4));
    for position in (0_u32..18).rev() {
        let five = u8::try_from((bits >> position.saturating_mul(5)) & 31).unwrap_or(0);
        out.push(crockford::symbol(five));
        // Four symbols a group, counted from the left: 18 = 4 + 4 + 4 + 4 + 2.
        if matches!(position, 14 | 10 | 6 | 2) {
            out.push('-');
        }
    }
    out
}

fn decode(text: &str) -> Result<[u8; 10], BadCode> {
    let mut bits = 0_u128;
    let mut symbols = 0_usize;
    for character in text
        .chars()
        .filter(|character| !matches!(character, '-' | ' '))
    {
        let value = crockford::value(character).ok_or(BadCode::Symbol(character))?;
        symbols = symbols.saturating_add(1);
        if symbols > LENGTH {
            return Err(BadCode::Length);
        }
        bits = (bits << 5) | u128::from(value);
    }
    if symbols != LENGTH {
        return Err(BadCode::Length);
    }
    let mut bytes = [0_u8; 10];
    for (slot, byte) in bytes.iter_mut().rev().zip((bits >> 10).to_le_bytes()) {
        *slot = byte;
    }
    if check_bits(&bytes) == bits & 0x3ff {
        Ok(bytes)
    } else {
        Err(BadCode::Check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use note::b64;
    use proptest::prelude::*;

    /// The leaf and the code of the published example.
    #[test]
    fn the_example_leaf_has_the_example_code() {
        let hash = b64::decode_hash("gKNvdszaApXHKXyXyQUZv0E7m8kD2tk3Bi+EoLYZ2Zg=").unwrap();
        let leaf = LeafHash::from_hash(hash);
        assert_eq!(
            ShortCode::of_leaf(&leaf).to_string(),
            "G2HP-YXPC-V819-BHS9-FA"
        );
    }

    #[test]
    fn people_may_type_lower_case_and_look_alikes() {
        let code = ShortCode::parse("G2HP-YXPC-V819-BHS9-FA").unwrap();
        assert_eq!(ShortCode::parse("g2hp yxpc v8i9 bhs9 fa"), Ok(code));
        assert_eq!(ShortCode::parse("G2HPYXPCV8L9BHS9FA"), Ok(code));
    }

    #[test]
    fn a_misread_symbol_is_noticed() {
        assert_eq!(
            ShortCode::parse("G2HP-YXPC-V819-BHS9-FB"),
            Err(BadCode::Check)
        );
        assert_eq!(
            ShortCode::parse("G2HP-YXPC-V819-BHS9-F"),
            Err(BadCode::Length)
        );
        assert_eq!(
            ShortCode::parse("G2HP-YXPC-V819-BHS9-FAA"),
            Err(BadCode::Length)
        );
        assert_eq!(
            ShortCode::parse("G2HP-YXPC-V819-BHS9-FU"),
            Err(BadCode::Symbol('U'))
        );
    }

    #[test]
    fn a_voucher_in_a_note_is_written_one_way_only() {
        let code = VoucherCode::from_bytes([7; 10]);
        let text = code.to_string();
        assert_eq!(VoucherCode::canonical(&text), Some(code));
        assert_eq!(VoucherCode::canonical(&text.to_lowercase()), None);
        assert_eq!(VoucherCode::canonical(&text.replace('-', "")), None);
    }

    #[test]
    fn a_voucher_is_bound_to_its_unit() {
        let code = VoucherCode::from_bytes([7; 10]);
        let (here, there) = (UnitId::parse("P-1").unwrap(), UnitId::parse("P-2").unwrap());
        assert_ne!(code.hash(&here), code.hash(&there));
        assert!(!format!("{code:?}").contains(&code.to_string()));
    }

    proptest! {
        #[test]
        fn every_code_reads_back(bytes: [u8; 10]) {
            let code = ShortCode(bytes);
            prop_assert_eq!(ShortCode::parse(&code.to_string()), Ok(code));
        }

        #[test]
        fn reading_never_panics(text in ".{0,40}") {
            let _ = ShortCode::parse(&text);
        }
    }
}
