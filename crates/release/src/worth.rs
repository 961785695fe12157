//! From published equivalents back to whole delegates, in integers.

use caucus::{Delegates, RoundedSde};

/// What one delegate of a unit is worth, as a fraction: above and below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Worth {
    above: u128,
    below: u128,
}

impl Worth {
    /// A fraction; none where it has no value.
    pub(crate) fn new(above: [u64; 2], below: [u64; 2]) -> Option<Self> {
        let product = |[one, other]: [u64; 2]| u128::from(one).checked_mul(u128::from(other));
        let (above, below) = (product(above)?, product(below)?);
        (below > 0).then_some(Self { above, below })
    }

    /// The whole number of delegates that comes nearest to published equivalents. Where a delegate is
    /// worth nothing, that is none.
    pub(crate) fn nearest(self, published: RoundedSde) -> Option<Delegates> {
        let one = self.above.checked_mul(10_000)?;
        let above = u128::from(published.ten_thousandths())
            .checked_mul(self.below)?
            .checked_mul(2)?
            .checked_add(one)?;
        let count = above.checked_div(one.checked_mul(2)?).unwrap_or(0);
        Delegates::new(u64::try_from(count).ok()?)
    }

    /// Whether the nearest number of delegates is worth exactly the published decimals, a half
    /// rounded up as everywhere.
    pub(crate) fn explains(self, published: RoundedSde) -> bool {
        let worth = || {
            let count = u128::from(self.nearest(published)?.get());
            let above = self.above.checked_mul(count)?.checked_mul(20_000)?;
            let rounded = above.checked_add(self.below)?;
            rounded.checked_div(self.below.checked_mul(2)?)
        };
        worth() == Some(u128::from(published.ten_thousandths()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(above: u64, below: u64, published: &str) -> (u64, bool) {
        let worth = Worth::new([above, 1], [below, 1]).unwrap();
        let published = RoundedSde::parse(published).unwrap();
        let nearest = worth.nearest(published).unwrap().get();
        (nearest, worth.explains(published))
    }

    #[test]
    fn equivalents_are_the_nearest_delegates_and_say_whether_they_fit() {
        // Six of 75: 0.08 each.
        assert_eq!(nearest(6, 75, "0.2400"), (3, true));
        assert_eq!(nearest(6, 75, "0.2401"), (3, false));
        assert_eq!(nearest(6, 75, "0.2801"), (4, false));
        assert_eq!(nearest(6, 75, "0"), (0, true));
        // Four of 51: 0.078431372…, so three are 0.2353.
        assert_eq!(nearest(4, 51, "0.2353"), (3, true));
        assert_eq!(nearest(0, 51, "0.5"), (0, false));
        assert_eq!(Worth::new([1, 1], [0, 1]), None);
    }
}
