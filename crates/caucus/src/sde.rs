//! State delegate equivalents (R9, R10): exact fractions, derived when read and rounded when shown.

use alloc::string::{String, ToString};
use core::fmt;
use core::iter::Sum;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{CheckedAdd, CheckedDiv, CheckedMul, CheckedSub, Zero};

use crate::count::{Delegates, People};

/// An exact, never negative number of state delegate equivalents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sde(BigRational);

impl Sde {
    /// None.
    pub fn zero() -> Self {
        Self(BigRational::zero())
    }

    /// So many whole ones.
    pub(crate) fn whole(delegates: Delegates) -> Self {
        Self::fraction([delegates.get(), 1], [1, 1])
    }

    /// What `delegates` of a precinct are worth: `delegates * state / convention` (R10), where the
    /// county sends `state` delegates to the state convention and has `convention` at its own.
    /// Nothing, if the county's convention has no delegates.
    pub fn precinct(delegates: Delegates, state: Delegates, convention: Delegates) -> Self {
        Self::fraction([delegates.get(), state.get()], [convention.get(), 1])
    }

    /// What `delegates` of a satellite are worth (R9):
    /// `worth * (attendees / pool_attendees) * (delegates / site_delegates)`.
    /// Nothing, if nobody came to the pool or to the site.
    pub fn satellite(
        worth: Delegates,
        attendees: People,
        pool_attendees: People,
        delegates: Delegates,
        site_delegates: Delegates,
    ) -> Self {
        Self::fraction([worth.get(), attendees.get()], [pool_attendees.get(), 1])
            .times(delegates.get(), site_delegates.get())
    }

    /// What a pool's group is worth: `worth * weight / (pool_attendees * site_delegates)`, where
    /// `weight` is the sum over the sites electing `site_delegates` of attendees times delegates.
    pub(crate) fn pool(
        worth: Delegates,
        weight: u128,
        pool_attendees: People,
        site_delegates: Delegates,
    ) -> Self {
        let weight = BigRational::from_integer(BigInt::from(weight));
        let each = Self::fraction(
            [worth.get(), 1],
            [pool_attendees.get(), site_delegates.get()],
        );
        Self(product(&each.0, &weight))
    }

    /// A value that is known not to be negative.
    pub(crate) const fn of_ratio(ratio: BigRational) -> Self {
        Self(ratio)
    }

    /// The value.
    pub(crate) const fn ratio(&self) -> &BigRational {
        &self.0
    }

    /// How many of `seats` are this value's share of `all`: whole ones, and what is over. No seats,
    /// if there is nothing to share.
    pub(crate) fn share_of(&self, all: &Self, seats: Delegates) -> (Delegates, Self) {
        let of_all = self.0.checked_div(&all.0).unwrap_or_else(BigRational::zero);
        let seats = BigRational::from_integer(BigInt::from(seats.get()));
        let exact = product(&of_all, &seats);
        let whole = u64::try_from(exact.to_integer()).unwrap_or(0);
        (Delegates::of_sum(whole), Self(exact.fract()))
    }

    /// The difference; none if the other is more.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        let difference = self.0.checked_sub(&other.0)?;
        (difference >= BigRational::zero()).then_some(Self(difference))
    }

    /// What part of `all` this is, in percent with so many decimal places, a half rounded up:
    /// `26.2` with one. None if there is nothing to be a part of.
    pub fn percent_of(&self, all: &Self, places: u8) -> Option<String> {
        let part = self.0.checked_div(&all.0)?;
        let hundred = BigRational::from_integer(BigInt::from(100));
        Some(Self(product(&part, &hundred)).decimal(places))
    }

    fn fraction(above: [u64; 2], below: [u64; 2]) -> Self {
        let [first, second] = above.map(BigInt::from);
        let [third, fourth] = below.map(BigInt::from);
        let numerator = first.checked_mul(&second).unwrap_or_default();
        let denominator = third.checked_mul(&fourth).unwrap_or_default();
        if denominator.is_zero() {
            return Self::zero();
        }
        Self(BigRational::new(numerator, denominator))
    }

    fn times(&self, above: u64, below: u64) -> Self {
        let factor = Self::fraction([above, 1], [below, 1]);
        Self(product(&self.0, &factor.0))
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self(sum(&self.0, &other.0))
    }

    /// The exact value as `numerator/denominator` in lowest terms: `3/7`, `0/1`, `6/1`.
    pub fn exact(&self) -> String {
        alloc::format!("{}/{}", self.0.numer(), self.0.denom())
    }

    /// The value with this many decimal places, a half rounded up: `0.2400` with four, `6` with none.
    pub fn decimal(&self, places: u8) -> String {
        let scale = BigInt::from(10).pow(u32::from(places));
        let half = BigRational::new_raw(BigInt::from(1), BigInt::from(2));
        let scaled = product(&self.0, &BigRational::from_integer(scale));
        let digits = sum(&scaled, &half).floor().to_integer().to_string();
        if places == 0 {
            return digits;
        }
        let places = usize::from(places);
        let digits = alloc::format!("{digits:0>width$}", width = places.saturating_add(1));
        let (whole, part) = digits
            .split_at_checked(digits.len().saturating_sub(places))
            .unwrap_or((&digits, ""));
        alloc::format!("{whole}.{part}")
    }
}

// Big integers have no upper end, so neither operation can fail; the checked forms are used because
// this crate denies the unchecked ones everywhere.
pub(crate) fn sum(left: &BigRational, right: &BigRational) -> BigRational {
    left.checked_add(right).unwrap_or_else(BigRational::zero)
}

pub(crate) fn product(left: &BigRational, right: &BigRational) -> BigRational {
    left.checked_mul(right).unwrap_or_else(BigRational::zero)
}

/// What part of `of` this is, in percent with so many decimal places, a half rounded up: `96.2` with
/// one. None of nothing is no percentage.
pub fn percent(part: u64, of: u64, places: u8) -> Option<String> {
    let [part, of] = [part, of].map(|count| Sde::fraction([count, 1], [1, 1]));
    part.percent_of(&of, places)
}

impl Default for Sde {
    fn default() -> Self {
        Self::zero()
    }
}

impl Sum for Sde {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::zero(), |sum, value| sum.plus(&value))
    }
}

/// Four decimals, as the party published them.
impl fmt::Display for Sde {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.decimal(4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delegates(count: u64) -> Delegates {
        Delegates::new(count).unwrap()
    }

    #[test]
    fn a_precinct_s_delegate_is_worth_its_county_s_ratio() {
        let worth = Sde::precinct(delegates(3), delegates(6), delegates(75));
        assert_eq!(
            (worth.exact(), worth.decimal(4)),
            ("6/25".into(), "0.2400".into())
        );
        assert_eq!(
            Sde::precinct(delegates(3), delegates(6), Delegates::ZERO),
            Sde::zero()
        );
    }

    #[test]
    fn a_satellite_is_worth_its_share_of_the_pool_s_attendance() {
        let people = |count| People::new(count).unwrap();
        let worth = |attendees, pool| {
            Sde::satellite(
                delegates(4),
                people(attendees),
                people(pool),
                delegates(2),
                delegates(8),
            )
        };
        assert_eq!(worth(72, 1187).exact(), "72/1187");
        assert_eq!(worth(72, 0), Sde::zero());
        assert_eq!(worth(0, 1187), Sde::zero());
    }

    #[test]
    fn decimals_are_rounded_once_and_a_half_goes_up() {
        let value = |above, below| Sde::precinct(delegates(1), delegates(above), delegates(below));
        for (above, below, places, text) in [
            (0, 1, 4, "0.0000"),
            (1, 8, 2, "0.13"),
            (1, 3, 4, "0.3333"),
            (2, 3, 4, "0.6667"),
            (19999, 20000, 4, "1.0000"),
            (99994, 100_000, 4, "0.9999"),
            (1, 2, 0, "1"),
            (1234, 10, 1, "123.4"),
            (1, 100_000, 4, "0.0000"),
            (5, 100_000, 4, "0.0001"),
        ] {
            assert_eq!(value(above, below).decimal(places), text, "{above}/{below}");
        }
    }

    #[test]
    fn a_percentage_is_exact_before_it_is_rounded() {
        assert_eq!(percent(1, 3, 2).unwrap(), "33.33");
        assert_eq!(percent(2, 3, 0).unwrap(), "67");
        assert_eq!(percent(1765, 1765, 1).unwrap(), "100.0");
        assert_eq!(percent(0, 0, 1), None);
        // A number of units that floating point would show as 99.99999999999999.
        assert_eq!(percent(1764, 1765, 2).unwrap(), "99.94");
    }

    #[test]
    fn a_thousand_thirds_are_a_whole_number() {
        let third = Sde::precinct(delegates(1), delegates(1), delegates(3));
        let total: Sde = core::iter::repeat_n(third, 3000).sum();
        assert_eq!(total.exact(), "1000/1");
    }
}
