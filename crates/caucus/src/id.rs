//! Names of things: units, counties, pools, groups, elections, and the number a chair gives a sheet.
//!
//! ```abnf
//! token         = 1*32(ALPHA / DIGIT / "." / "_" / "-")
//! submission-id = 32(DIGIT / %x61-66)            ; 128 bits, lower-case hexadecimal
//! ```
//!
//! An id is made by parsing and by nothing else. Ids order by their bytes.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

/// The longest token, in bytes. A sheet names every group three times within one note of 8,192
/// bytes, and a key's name holds two tokens within 64 bytes.
pub const TOKEN_MAX: usize = 32;

/// Text that is not a token of one to [`TOKEN_MAX`] letters, digits, `.`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a name of 1 to 32 letters, digits, `.`, `_` and `-`")]
pub struct BadToken {
    /// What was given, cut after forty characters.
    pub text: String,
}

impl BadToken {
    fn new(text: &str) -> Self {
        Self {
            text: text.chars().take(40).collect(),
        }
    }
}

fn is_token(text: &str) -> bool {
    (1..=TOKEN_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

macro_rules! tokens {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads a token; anything else is [`BadToken`].
            pub fn parse(text: &str) -> Result<Self, BadToken> {
                if is_token(text) {
                    Ok(Self(text.to_string()))
                } else {
                    Err(BadToken::new(text))
                }
            }

            /// The token as it was read.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadToken;

            fn from_str(text: &str) -> Result<Self, BadToken> {
                Self::parse(text)
            }
        }
    )*};
}

tokens! {
    /// One reporting site: a precinct or a satellite.
    UnitId;
    /// A county, whose precincts send delegates to its convention.
    CountyId;
    /// A satellite pool: all satellites of one district, or all outside the state (R9).
    PoolId;
    /// A congressional district.
    DistrictId;
    /// A preference group: a candidate, Uncommitted or Other.
    GroupId;
    /// One contest.
    ElectionId;
}

/// The 128 bits a signer gives a note, so that a retry is told from a second report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubmissionId([u8; 16]);

impl SubmissionId {
    /// The id with these bits.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bits.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads exactly 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, BadToken> {
        let mut bytes = [0_u8; 16];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(BadToken::new(text));
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => *byte = (high << 4) | low,
                _ => return Err(BadToken::new(text)),
            }
        }
        Ok(Self(bytes))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit
            .checked_sub(b'a')
            .and_then(|value| value.checked_add(10)),
        _ => None,
    }
}

impl fmt::Display for SubmissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SubmissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubmissionId({self})")
    }
}

impl FromStr for SubmissionId {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_1_to_32_plain_characters() {
        for good in ["a", "19153-DM-080", "sat_1.2", &"x".repeat(32)] {
            assert_eq!(UnitId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a/b", "é", "a\n", "a,b", &"x".repeat(33)] {
            assert!(UnitId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_submission_id_is_32_lower_case_hexadecimal_digits() {
        let text = "4ffc941809e0f5337b50f32307a2654f";
        assert_eq!(SubmissionId::parse(text).unwrap().to_string(), text);
        for bad in [
            "4FFC941809e0f5337b50f32307a2654f",
            "4ffc941809e0f5337b50f32307a2654",
            "4ffc941809e0f5337b50f32307a2654f0",
            "4ffc941809e0f5337b50f32307a2654g",
            "",
        ] {
            assert!(SubmissionId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
