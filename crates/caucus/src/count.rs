//! Counts of people and of delegates: two types, so that one is never added to the other.
//!
//! ```abnf
//! number = "0" / %x31-39 *DIGIT      ; at most 2^53 - 1
//! ```
//!
//! Not here: fractions. A delegate's worth is an exact fraction, see [`crate::Sde`].

use core::fmt;

/// The largest count that may be written on a sheet or in a file: 2^53 - 1, the largest integer
/// that every reader of JSON keeps exactly.
pub const MAX_WRITTEN: u64 = 9_007_199_254_740_991;

/// Reads a written count: decimal, no sign, no leading zero, at most [`MAX_WRITTEN`].
pub fn parse_number(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let plain = match bytes {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !plain {
        return None;
    }
    text.parse().ok().filter(|value| *value <= MAX_WRITTEN)
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// None at all.
            pub const ZERO: Self = Self(0);

            /// A count as it may be written: at most [`MAX_WRITTEN`].
            pub const fn new(value: u64) -> Option<Self> {
                if value <= MAX_WRITTEN { Some(Self(value)) } else { None }
            }

            /// A sum of counts, which may exceed [`MAX_WRITTEN`], as whoever kept it reads it back.
            pub const fn of_sum(sum: u64) -> Self {
                Self(sum)
            }

            /// Reads a written count, see [`parse_number`].
            pub fn parse(text: &str) -> Option<Self> {
                parse_number(text).map(Self)
            }

            /// The number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The sum, unless it is beyond 64 bits. A sum may exceed [`MAX_WRITTEN`].
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// The difference, unless it is below nothing.
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Some(Self(difference)),
                    None => None,
                }
            }

            /// The sum of one sheet's counts. A note's 512 lines of at most 2^53 - 1 stay far
            /// below 2^64, so the largest number is never reached from a sheet.
            pub(crate) fn sum(counts: impl Iterator<Item = Self>) -> Self {
                Self(counts.fold(0, |sum: u64, count| sum.saturating_add(count.0)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

counts! {
    /// Heads counted in a room.
    People;
    /// Delegates to a county convention, or to the state convention where a field says so.
    Delegates;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(parse_number("0"), Some(0));
        assert_eq!(parse_number("1765"), Some(1765));
        assert_eq!(parse_number("9007199254740991"), Some(MAX_WRITTEN));
        for bad in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            "1 ",
            " 1",
            "1.0",
            "1e3",
            "9007199254740992",
            "99999999999999999999999",
            "١",
        ] {
            assert_eq!(parse_number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn sums_stop_at_the_ends() {
        let one = People::new(1).unwrap();
        assert_eq!(People::ZERO.checked_sub(one), None);
        assert_eq!(People(u64::MAX).checked_add(one), None);
        assert_eq!(one.checked_add(one), People::new(2));
        assert_eq!(Delegates::new(MAX_WRITTEN + 1), None);
    }
}
