//! National delegates (R11): a projection from state delegate equivalents, by district, at large and
//! for the leaders.
//!
//! In each of these allocations the groups with at least the rules' share of all equivalents take
//! part, and the seats are divided among them by largest remainder. Equal remainders for the last
//! seat are an outcome; nothing here decides them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use num_bigint::BigInt;
use num_rational::BigRational;

use crate::count::Delegates;
use crate::id::{DistrictId, GroupId};
use crate::results::{ResultRow, Results};
use crate::rules::{Rules, Share};
use crate::sde::{Sde, product};

/// All national delegates of a contest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NationalDelegates {
    /// By district, ascending: its precincts and the pools that count for it.
    pub districts: Vec<(DistrictId, Allocation)>,
    /// At large, by the statewide result.
    pub at_large: Allocation,
    /// Pledged party leaders and elected officials, by the statewide result.
    pub leaders: Allocation,
}

/// Seats divided among groups.
///
/// INVARIANT: the seats given and those left open are together all seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// Seats to give.
    pub seats: Delegates,
    /// Seats by group; a group that is not listed has none.
    pub by: BTreeMap<GroupId, Delegates>,
    /// What the arithmetic leaves open.
    pub open: OpenSeats,
}

/// Seats that the arithmetic does not give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenSeats {
    /// There are none.
    None,
    /// Groups with equal remainders, more of them than seats are left.
    Tied {
        /// The groups, ascending; each may have one more seat.
        groups: Vec<GroupId>,
        /// The seats left for them.
        seats: Delegates,
    },
    /// No group has the share that it needs: all seats.
    NobodyQualifies,
}

impl NationalDelegates {
    /// A group's seats in all allocations. Open seats are nobody's.
    pub fn of(&self, group: &GroupId) -> Delegates {
        Delegates::sum(self.allocations().map(|allocation| allocation.of(group)))
    }

    /// Every allocation: the districts, at large, the leaders.
    pub fn allocations(&self) -> impl Iterator<Item = &Allocation> {
        let districts = self.districts.iter().map(|(_, allocation)| allocation);
        districts.chain([&self.at_large, &self.leaders])
    }
}

impl Allocation {
    /// A group's seats.
    pub fn of(&self, group: &GroupId) -> Delegates {
        self.by.get(group).copied().unwrap_or_default()
    }
}

/// What these results give; none where the rules allocate no national delegates.
pub fn national(rules: &Rules, results: &Results) -> Option<NationalDelegates> {
    let national = rules.national()?;
    let divide = |rows: &[ResultRow], seats| allocate(rows, seats, national.share);
    Some(NationalDelegates {
        districts: national
            .districts
            .iter()
            .map(|(district, seats)| {
                let rows = results.districts.get(district).map(Vec::as_slice);
                (district.clone(), divide(rows.unwrap_or_default(), *seats))
            })
            .collect(),
        at_large: divide(&results.statewide, national.at_large),
        leaders: divide(&results.statewide, national.leaders),
    })
}

fn allocate(rows: &[ResultRow], seats: Delegates, share: Share) -> Allocation {
    let all: Sde = rows.iter().map(|row| row.sde.clone()).sum();
    let needed = BigRational::new(
        BigInt::from(share.numerator()),
        BigInt::from(share.denominator()),
    );
    let needed = product(all.ratio(), &needed);
    let qualified: Vec<&ResultRow> = rows
        .iter()
        .filter(|row| row.sde > Sde::zero() && *row.sde.ratio() >= needed)
        .collect();
    let qualified_for: Sde = qualified.iter().map(|row| row.sde.clone()).sum();
    if qualified.is_empty() && seats > Delegates::ZERO {
        return Allocation {
            seats,
            by: BTreeMap::new(),
            open: OpenSeats::NobodyQualifies,
        };
    }
    let mut shares: Vec<(&GroupId, Delegates, Sde)> = qualified
        .iter()
        .map(|row| {
            let (whole, rest) = row.sde.share_of(&qualified_for, seats);
            (&row.group, whole, rest)
        })
        .collect();
    let given = Delegates::sum(shares.iter().map(|(_, whole, _)| *whole));
    let left = seats.checked_sub(given).unwrap_or_default();
    let open = give_remaining(&mut shares, left);
    let by = shares.into_iter();
    Allocation {
        seats,
        by: by
            .filter(|(_, seats, _)| *seats > Delegates::ZERO)
            .map(|(group, seats, _)| (group.clone(), seats))
            .collect(),
        open,
    }
}

/// Gives the seats that whole shares leave to the largest remainders, as far as these are apart.
/// Fewer are left than there are groups, because each remainder is less than one seat.
fn give_remaining(shares: &mut [(&GroupId, Delegates, Sde)], left: Delegates) -> OpenSeats {
    let Some(one) = Delegates::new(1) else {
        return OpenSeats::None;
    };
    let mut left = left;
    let mut below: Option<Sde> = None;
    while left > Delegates::ZERO {
        let behind = |rest: &Sde| below.as_ref().is_none_or(|below| rest < below);
        let largest = shares
            .iter()
            .map(|(_, _, rest)| rest)
            .filter(|rest| behind(rest))
            .max();
        let Some(largest) = largest.cloned() else {
            break;
        };
        let first = shares.iter().filter(|(_, _, rest)| *rest == largest);
        let groups: Vec<GroupId> = first.map(|(group, ..)| (*group).clone()).collect();
        let count = u64::try_from(groups.len()).unwrap_or(u64::MAX);
        let Some(rest) = left.get().checked_sub(count) else {
            return OpenSeats::Tied {
                groups,
                seats: left,
            };
        };
        for (_, seats, _) in shares.iter_mut().filter(|(_, _, rest)| *rest == largest) {
            *seats = seats.checked_add(one).unwrap_or(*seats);
        }
        left = Delegates::of_sum(rest);
        below = Some(largest);
    }
    OpenSeats::None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::totals::{FinalTotal, FirstTotal};

    fn rows(worth: &[(&str, u64)]) -> Vec<ResultRow> {
        let one = Delegates::of_sum(1);
        let row = |(id, worth): &(&str, u64)| ResultRow {
            group: GroupId::parse(id).unwrap(),
            first: FirstTotal::default(),
            last: FinalTotal::default(),
            delegates: Delegates::ZERO,
            sde: Sde::precinct(one, Delegates::of_sum(*worth), one),
        };
        worth.iter().map(row).collect()
    }

    fn shown(seats: u64, worth: &[(&str, u64)]) -> (Vec<u64>, OpenSeats) {
        let share = Share::new(15, 100).unwrap();
        let allocation = allocate(&rows(worth), Delegates::of_sum(seats), share);
        let seats = worth.iter().map(|(id, _)| {
            let group = GroupId::parse(id).unwrap();
            allocation.of(&group).get()
        });
        (seats.collect(), allocation.open)
    }

    /// 45, 30, 20 of 100 are shared out over 95, the 5 take no part: 3.3, 2.2, 1.5 of seven.
    #[test]
    fn seats_go_by_largest_remainder_among_those_with_the_share() {
        let open = OpenSeats::None;
        let worth = [("a", 45), ("b", 30), ("c", 20), ("d", 5)];
        assert_eq!(shown(7, &worth), (alloc::vec![3, 2, 2, 0], open.clone()));
        assert_eq!(shown(0, &worth), (alloc::vec![0, 0, 0, 0], open.clone()));
        // Exactly fifteen of a hundred are enough.
        let worth = [("a", 85), ("b", 15)];
        assert_eq!(shown(6, &worth), (alloc::vec![5, 1], open));
    }

    #[test]
    fn equal_remainders_for_the_last_seat_are_left_open() {
        let groups = ["a", "b"].map(|id| GroupId::parse(id).unwrap());
        let open = OpenSeats::Tied {
            groups: groups.into(),
            seats: Delegates::of_sum(1),
        };
        // 2.5 each of five; both of six have three.
        assert_eq!(shown(5, &[("a", 40), ("b", 40)]), (alloc::vec![2, 2], open));
        let even = (alloc::vec![3, 3], OpenSeats::None);
        assert_eq!(shown(6, &[("a", 40), ("b", 40)]), even);
    }

    #[test]
    fn where_nobody_qualifies_all_seats_are_open() {
        let many = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|id| (id, 1));
        let nobody = (alloc::vec![0; 8], OpenSeats::NobodyQualifies);
        assert_eq!(shown(7, &many), nobody);
        assert_eq!(shown(7, &[]), (Vec::new(), OpenSeats::NobodyQualifies));
    }
}
