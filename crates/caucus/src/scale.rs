//! One denominator for the worth of every county's delegates, so that sums of precincts are whole
//! numbers.
//!
//! A delegate of county k is worth `state / convention` (R10). Over the least common denominator of
//! all counties that is an integer, and one more report moves a district's and the state's sum by
//! additions alone. The counties of a night are fixed, and with them the scale.

use alloc::vec::Vec;

use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;
use num_traits::{CheckedAdd, CheckedDiv, CheckedMul, CheckedSub, One, Zero};

use crate::count::Delegates;
use crate::roster::County;
use crate::sde::Sde;

/// The least common denominator of the ratios of all counties: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    denominator: BigUint,
}

/// State delegate equivalents of precincts as a numerator over a [`Scale`]. Two of them compare and
/// add only if they are of the same scale, which is the holder's business.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scaled(BigUint);

/// What one delegate of a county is worth, over a [`Scale`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ratio(BigUint);

impl Scale {
    /// The scale of these counties.
    pub fn of<'c>(counties: impl IntoIterator<Item = &'c County>) -> Self {
        let mut denominator = BigUint::one();
        for county in counties {
            let (_, below) = lowest(county);
            denominator = least_common(&denominator, &BigUint::from(below));
        }
        Self { denominator }
    }

    /// What one of the county's delegates is worth; none if the county is not of this scale.
    pub fn ratio(&self, county: &County) -> Option<Ratio> {
        let (above, below) = lowest(county);
        let below = BigUint::from(below);
        let times = self.denominator.checked_div(&below)?;
        (times.checked_mul(&below)? == self.denominator)
            .then(|| times.checked_mul(&BigUint::from(above)).map(Ratio))?
    }

    /// The exact value of a numerator over this scale.
    pub fn sde(&self, scaled: &Scaled) -> Sde {
        Sde::of_ratio(BigRational::new(
            BigInt::from(scaled.0.clone()),
            BigInt::from(self.denominator.clone()),
        ))
    }

    /// The denominator, big-endian without leading zeros.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.denominator.to_bytes_be()
    }

    /// Reads [`Scale::to_bytes`]; none for zero or for leading zeros.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let denominator = BigUint::from_bytes_be(bytes);
        let one_form = bytes.first().is_some_and(|first| *first != 0);
        one_form.then_some(Self { denominator })
    }
}

impl Ratio {
    /// What so many delegates are worth.
    pub fn times(&self, delegates: Delegates) -> Scaled {
        // Big integers have no upper end, so the product is never missing.
        Scaled(
            self.0
                .checked_mul(&BigUint::from(delegates.get()))
                .unwrap_or_default(),
        )
    }
}

impl Scaled {
    /// Nothing.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self(self.0.checked_add(&other.0).unwrap_or_default())
    }

    /// The difference, unless it is below nothing.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        self.0.checked_sub(&other.0).map(Self)
    }

    /// The numerator, big-endian without leading zeros; nothing is no bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.0.is_zero() {
            Vec::new()
        } else {
            self.0.to_bytes_be()
        }
    }

    /// Reads [`Scaled::to_bytes`]; none for leading zeros.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.first() != Some(&0)).then(|| Self(BigUint::from_bytes_be(bytes)))
    }
}

/// A county's ratio in lowest terms. A county without convention delegates is worth nothing, which
/// no roster that was read has.
fn lowest(county: &County) -> (u64, u64) {
    let (state, convention) = (county.state.get(), county.convention.get());
    let common = greatest_common(state, convention).max(1);
    match (state.checked_div(common), convention.checked_div(common)) {
        (Some(above), Some(below)) if below > 0 => (above, below),
        _ => (0, 1),
    }
}

fn greatest_common(one: u64, other: u64) -> u64 {
    let (mut one, mut other) = (one, other);
    while let Some(rest) = one.checked_rem(other) {
        (one, other) = (other, rest);
    }
    one
}

fn least_common(one: &BigUint, other: &BigUint) -> BigUint {
    // one/other in lowest terms has `other / gcd` below the line.
    let ratio = BigRational::new(BigInt::from(one.clone()), BigInt::from(other.clone()));
    let times = ratio.denom().magnitude();
    one.checked_mul(times).unwrap_or_else(BigUint::one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn county(convention: u64, state: u64) -> County {
        County::parse_line(&alloc::format!("county C {convention} {state} - C")).unwrap()
    }

    #[test]
    fn every_county_s_delegates_are_whole_numbers_over_the_scale() {
        let counties = [county(75, 6), county(90, 7), county(8, 4), county(5, 0)];
        let scale = Scale::of(&counties);
        // 2/25, 7/90, 1/2, 0/1.
        assert_eq!(scale.to_bytes(), 450_u16.to_be_bytes());
        for county in &counties {
            let three = Delegates::new(3).unwrap();
            assert_eq!(
                scale.sde(&scale.ratio(county).unwrap().times(three)),
                Sde::precinct(three, county.state, county.convention)
            );
        }
        assert_eq!(scale.ratio(&county(7, 1)), None);
        assert_eq!(Scale::from_bytes(&scale.to_bytes()), Some(scale));
        assert_eq!(Scale::of([]).to_bytes(), [1]);
        for wrong in [&[][..], &[0], &[0, 5]] {
            assert_eq!(Scale::from_bytes(wrong), None);
        }
    }

    #[test]
    fn a_numerator_has_one_form() {
        let ratio = Scale::of([]).ratio(&county(1, 1)).unwrap();
        for number in [0, 1, 255, 256, u64::MAX] {
            let scaled = ratio.times(Delegates::of_sum(number));
            assert_eq!(Scaled::from_bytes(&scaled.to_bytes()), Some(scaled.clone()));
            assert_eq!(scaled.plus(&scaled).minus(&scaled), Some(scaled.clone()));
            assert_eq!(scaled.is_zero(), number == 0);
        }
        assert_eq!(Scaled::from_bytes(&[0, 1]), None);
        let one = ratio.times(Delegates::of_sum(1));
        assert_eq!(Scaled::default().minus(&one), None);
    }
}
