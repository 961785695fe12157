//! The viability threshold (R2): how many people a group needs.

use core::fmt;

use crate::count::{Delegates, People};
use crate::rules::{Rounding, Rules, Share, ViabilityRule};

/// What a group needs in one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// No groups are formed: the whole room elects (R8).
    WholeRoom,
    /// At least this many people.
    AtLeast {
        /// The number of people: at least 1.
        people: People,
        /// The share of the attendees it was rounded from.
        share: Share,
    },
}

/// Whether a group earns delegates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viability {
    /// It has the threshold's number or more.
    Viable,
    /// It is below the threshold, or no groups are formed at all.
    NotViable,
}

/// The threshold where `attendees` elect `delegates` (R2): the share of the rules, rounded as they
/// say, and never below one person.
pub fn threshold(rules: &Rules, delegates: Delegates, attendees: People) -> Threshold {
    match rules.viability(delegates) {
        ViabilityRule::WholeRoom => Threshold::WholeRoom,
        ViabilityRule::Share(share) => Threshold::AtLeast {
            people: share_of(attendees, share, rules.rounding()),
            share,
        },
    }
}

fn share_of(attendees: People, share: Share, rounding: Rounding) -> People {
    // Neither factor exceeds 64 bits, so the product fits; the share is at most 1, so the quotient
    // is not above the attendance. The fallbacks are never reached.
    let product = u128::from(attendees.get()).saturating_mul(u128::from(share.numerator()));
    let denominator = u128::from(share.denominator());
    let quotient = match rounding {
        Rounding::Up => product.checked_add(denominator.saturating_sub(1)),
        Rounding::Down => Some(product),
    }
    .and_then(|product| product.checked_div(denominator));
    let people = quotient
        .and_then(|quotient| u64::try_from(quotient).ok())
        .and_then(|people| People::new(people.max(1)));
    people.unwrap_or(attendees)
}

impl Threshold {
    /// Whether a group of this size is viable.
    pub fn viability(self, size: People) -> Viability {
        match self {
            Self::AtLeast { people, .. } if size >= people => Viability::Viable,
            Self::AtLeast { .. } | Self::WholeRoom => Viability::NotViable,
        }
    }

    /// The number of people, where groups are formed.
    pub const fn people(self) -> Option<People> {
        match self {
            Self::WholeRoom => None,
            Self::AtLeast { people, .. } => Some(people),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WholeRoom => f.write_str("the whole room elects"),
            Self::AtLeast { people, share } => write!(f, "{people} people ({share} of the room)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn people(delegates: u64, attendees: u64) -> Option<u64> {
        let delegates = Delegates::new(delegates).unwrap();
        let attendees = People::new(attendees).unwrap();
        threshold(&Rules::iowa_2020(), delegates, attendees)
            .people()
            .map(People::get)
    }

    #[test]
    fn the_threshold_is_rounded_up() {
        assert_eq!(people(1, 100), None);
        assert_eq!(people(2, 252), Some(63));
        assert_eq!(people(2, 253), Some(64));
        assert_eq!(people(3, 5), Some(1));
        assert_eq!(people(3, 6), Some(1));
        assert_eq!(people(3, 7), Some(2));
        // 15.9 people: fifteen are not enough.
        assert_eq!(people(9, 106), Some(16));
        // 100.05 people; dividing by 6.67 would say exactly 100.
        assert_eq!(people(4, 667), Some(101));
        assert_eq!(people(4, 100), Some(15));
        assert_eq!(people(4, 0), Some(1));
        assert_eq!(people(36, 860), Some(129));
    }

    proptest! {
        /// One more person in the room never lowers the threshold, and never raises it by two.
        #[test]
        fn viability_monotonic(delegates in 2_u64..40, attendees in 0_u64..1_000_000) {
            let here = people(delegates, attendees).unwrap();
            let next = people(delegates, attendees + 1).unwrap();
            prop_assert!(here <= next && next <= here + 1);
        }

        /// The threshold is the smallest whole number not below the share.
        #[test]
        fn the_threshold_is_the_smallest_that_meets_the_share(attendees in 1_u64..10_000_000) {
            for (delegates, above, below) in [(2, 1, 4), (3, 1, 6), (4, 15, 100)] {
                let people = people(delegates, attendees).unwrap();
                prop_assert!(people * below >= attendees * above);
                prop_assert!((people - 1) * below < attendees * above);
            }
        }
    }
}
