//! The checks of what was published: a unit's, a county's and a pool's rows, and two releases.
//!
//! A release says less than a sheet. Its state delegate equivalents are rounded to four decimals, so
//! they are read as whole ten-thousandths and compared as such: what rounding can explain is no
//! finding, and nothing here is a float. A precinct's delegates follow from its county's ratio (R10);
//! a satellite's follow from its head count and its pool's (R9), neither of which was ever published.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::alignment::Reported;
use crate::count::{Delegates, People, parse_number};
use crate::finding::{Cell, Column, Finding, FindingCode};
use crate::id::GroupId;
use crate::roster::{County, MAX_DELEGATES};
use crate::rules::{Pool, Rules};

/// Ten-thousandths in a whole.
const WHOLE: u128 = 10_000;

/// The largest head count looked for behind a site's worth. The largest site of 2020 had fewer than
/// three hundred people.
const LARGEST_SITE: u64 = 1000;

/// An amount of state delegate equivalents as published: rounded to four decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoundedSde {
    ten_thousandths: u64,
}

/// One group's figures in a published row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublishedFigure {
    /// People in the first alignment.
    pub first: People,
    /// People in the final alignment.
    pub last: People,
    /// What the group's delegates are worth.
    pub sde: RoundedSde,
}

/// A published row: of a unit, of a county or of a pool.
pub type PublishedRow = BTreeMap<GroupId, PublishedFigure>;

/// What stands behind a satellite's published row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishedSite {
    /// The worth follows from the people counted.
    AsCounted {
        /// Delegates by group.
        given: Reported,
    },
    /// The worth follows from what its pool's attendance was at another time, no longer from what it is.
    Stale {
        /// Delegates by group.
        given: Reported,
        /// The attendance of the pool that it follows from.
        pool_attendees: People,
        /// The attendance of the pool.
        now: People,
    },
    /// The worth follows from another head count than the first alignment's.
    OtherAttendance {
        /// Delegates by group.
        given: Reported,
        /// The head count that it follows from: of all that do, one with the right sum of delegates
        /// if there is any, and the nearest.
        attendees: People,
        /// The first alignment's total.
        counted: People,
    },
    /// The worth follows from no head count.
    NotMultiple,
}

impl RoundedSde {
    /// Reads a published decimal: digits, at most four of them behind a point, no sign.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits {
            return None;
        }
        let part: u64 = alloc::format!("{part:0<4}").parse().ok()?;
        let ten_thousandths = parse_number(whole)?
            .checked_mul(10_000)?
            .checked_add(part)?;
        Some(Self { ten_thousandths })
    }

    /// The amount in ten-thousandths of a state delegate equivalent.
    pub const fn ten_thousandths(self) -> u64 {
        self.ten_thousandths
    }

    /// `above / below` rounded to four decimals, a half up; none where that is beyond all counting.
    fn of_fraction(above: u128, below: u128) -> Option<Self> {
        let doubled = above.checked_mul(WHOLE)?.checked_mul(2)?;
        let rounded = doubled
            .checked_add(below)?
            .checked_div(below.checked_mul(2)?)?;
        let ten_thousandths = u64::try_from(rounded).ok()?;
        Some(Self { ten_thousandths })
    }
}

impl fmt::Display for RoundedSde {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.ten_thousandths.checked_div(10_000).unwrap_or_default();
        let part = self.ten_thousandths.checked_rem(10_000).unwrap_or_default();
        f.pad(&alloc::format!("{whole}.{part:04}"))
    }
}

/// A unit that is published as having reported, with nothing in its row: that nobody came and that
/// nothing arrived look the same in a release.
pub fn published_empty(row: &PublishedRow) -> Option<Finding> {
    let nothing = |figure: &PublishedFigure| *figure == PublishedFigure::default();
    row.values().all(nothing).then(|| {
        let cells = alloc::vec![Cell::total(Column::Attendees)];
        let figures = String::from("published as reported, and every figure is 0");
        Finding::new(FindingCode::EmptyRow, cells, figures)
    })
}

/// The delegates behind a precinct's row: for each group the whole number whose worth (R10) is nearest,
/// which must be within a hundredth of a delegate of what was published.
pub fn published_precinct(county: &County, row: &PublishedRow) -> Result<Reported, Finding> {
    let mut given = BTreeMap::new();
    let mut cells = Vec::new();
    let mut figures = Vec::new();
    for (group, figure) in row {
        if let Some(count) = whole_delegates(figure.sde, county) {
            given.insert(group.clone(), count);
        } else {
            cells.push(Cell::of(Column::Sde, group));
            figures.push(alloc::format!("{group} {}", figure.sde));
        }
    }
    if cells.is_empty() {
        return Ok(Reported::new(given));
    }
    let figures = alloc::format!(
        "{}; one delegate is worth {}/{}",
        figures.join(", "),
        county.state,
        county.convention
    );
    Err(Finding::new(FindingCode::SdeNotMultiple, cells, figures))
}

/// `sde / (state / convention)` as a whole number, where it is within a hundredth of one.
fn whole_delegates(sde: RoundedSde, county: &County) -> Option<Delegates> {
    if sde == RoundedSde::default() {
        return Some(Delegates::ZERO);
    }
    let above = u128::from(sde.ten_thousandths).checked_mul(u128::from(county.convention.get()))?;
    let below = u128::from(county.state.get()).checked_mul(WHOLE)?;
    let nearest = above
        .checked_mul(2)?
        .checked_add(below)?
        .checked_div(below.checked_mul(2)?)?;
    let off = above.abs_diff(nearest.checked_mul(below)?);
    let near = off.checked_mul(100)? <= below;
    let count = u64::try_from(nearest).ok().and_then(Delegates::new)?;
    near.then_some(count)
}

/// What stands behind a satellite's row, where its pool has `pool_attendees` now and had those of
/// `earlier` before something in it was corrected.
///
/// Nearer explanations go first: what was counted, an earlier attendance of the pool, another head
/// count of the site.
pub fn published_site(
    rules: &Rules,
    pool: &Pool,
    pool_attendees: People,
    earlier: &[People],
    row: &PublishedRow,
) -> PublishedSite {
    let behind = |attendees, all| given_by(rules, pool, attendees, all, row);
    let counted = People::sum(row.values().map(|figure| figure.first));
    if let Some(given) = behind(counted, pool_attendees) {
        return PublishedSite::AsCounted { given };
    }
    for all in earlier {
        if let Some(given) = behind(counted, *all) {
            return PublishedSite::Stale {
                given,
                pool_attendees: *all,
                now: pool_attendees,
            };
        }
    }
    let mut nearest: Vec<People> = (1..=LARGEST_SITE).filter_map(People::new).collect();
    nearest.sort_by_key(|attendees| attendees.get().abs_diff(counted.get()));
    let mut other = None;
    for attendees in nearest {
        let Some(given) = behind(attendees, pool_attendees) else {
            continue;
        };
        let right = given.total() == rules.satellite_delegates(attendees);
        let site = PublishedSite::OtherAttendance {
            given,
            attendees,
            counted,
        };
        if right {
            return site;
        }
        other.get_or_insert(site);
    }
    other.unwrap_or(PublishedSite::NotMultiple)
}

/// The delegates that are worth exactly these decimals at a site of `attendees` in a pool of `all`
/// (R9); none where some cell is not.
fn given_by(
    rules: &Rules,
    pool: &Pool,
    attendees: People,
    all: People,
    row: &PublishedRow,
) -> Option<Reported> {
    let elect = rules.satellite_delegates(attendees).get();
    // One delegate is worth `worth * attendees / (all * elect)`.
    let above = u128::from(pool.worth.get()).checked_mul(u128::from(attendees.get()))?;
    let below = u128::from(all.get()).checked_mul(u128::from(elect))?;
    let mut given = BTreeMap::new();
    for (group, figure) in row {
        let count = if figure.sde == RoundedSde::default() {
            0
        } else {
            exactly(figure.sde, above, below)?
        };
        given.insert(group.clone(), Delegates::new(count)?);
    }
    Some(Reported::new(given))
}

/// The count of delegates, each worth `above / below`, whose worth is rounded to this.
fn exactly(sde: RoundedSde, above: u128, below: u128) -> Option<u64> {
    let wanted = u128::from(sde.ten_thousandths).checked_mul(below)?;
    let each = above.checked_mul(WHOLE)?;
    let count = wanted
        .checked_mul(2)?
        .checked_add(each)?
        .checked_div(each.checked_mul(2)?)?;
    let worth = RoundedSde::of_fraction(above.checked_mul(count)?, below)?;
    let count = u64::try_from(count).ok()?;
    (worth == sde && count <= MAX_DELEGATES).then_some(count)
}

impl PublishedSite {
    /// Delegates by group, where the row says any.
    pub const fn given(&self) -> Option<&Reported> {
        match self {
            Self::AsCounted { given }
            | Self::Stale { given, .. }
            | Self::OtherAttendance { given, .. } => Some(given),
            Self::NotMultiple => None,
        }
    }

    /// What is wrong with the row, if anything is.
    pub fn finding(&self) -> Option<Finding> {
        let column = || alloc::vec![Cell::total(Column::Sde)];
        match self {
            Self::AsCounted { .. } => None,
            Self::Stale {
                pool_attendees,
                now,
                ..
            } => Some(Finding::new(
                FindingCode::StalePoolShare,
                column(),
                alloc::format!("as of {pool_attendees} people in the pool, there are {now}"),
            )),
            Self::OtherAttendance {
                attendees, counted, ..
            } => Some(Finding::new(
                FindingCode::SatelliteAttendance,
                alloc::vec![Cell::total(Column::Attendees), Cell::total(Column::First)],
                alloc::format!("worth as of {attendees} people, first {counted}"),
            )),
            Self::NotMultiple => Some(Finding::new(
                FindingCode::SdeNotMultiple,
                column(),
                String::from("no head count and no delegates are worth what was published"),
            )),
        }
    }
}

/// A county's row against the rows of its precincts: people exactly, worth as far as the rounding of
/// every cell can be told from a difference.
pub fn published_county<'a>(
    county: &PublishedRow,
    precincts: impl IntoIterator<Item = &'a PublishedRow>,
) -> Option<Finding> {
    let mut sums: BTreeMap<&GroupId, Sum> = BTreeMap::new();
    for group in county.keys() {
        sums.insert(group, Sum::default());
    }
    for (group, figure) in precincts.into_iter().flatten() {
        sums.entry(group).or_default().add(figure);
    }
    let (mut cells, mut figures) = (Vec::new(), Vec::new());
    for (group, sum) in sums {
        let row = county.get(group).copied().unwrap_or_default();
        let mut note = |column, published: &dyn fmt::Display, sum: &dyn fmt::Display| {
            let cell = Cell::of(column, group);
            figures.push(alloc::format!(
                "{cell}: published {published}, precincts {sum}"
            ));
            cells.push(cell);
        };
        if row.first != sum.first {
            note(Column::First, &row.first, &sum.first);
        }
        if row.last != sum.last {
            note(Column::Final, &row.last, &sum.last);
        }
        if !sum.is_worth(row.sde) {
            note(Column::Sde, &row.sde, &sum.sde);
        }
    }
    let code = FindingCode::CountyRowDiffers;
    (!cells.is_empty()).then(|| Finding::new(code, cells, figures.join("; ")))
}

/// All sites of a pool against what the pool is worth; nothing where nobody came to any of them.
/// Asked only where every site of the pool is published.
pub fn published_pool<'a>(
    pool: &Pool,
    sites: impl IntoIterator<Item = &'a PublishedRow>,
) -> Option<Finding> {
    let mut sum = Sum::default();
    for figure in sites.into_iter().flat_map(BTreeMap::values) {
        sum.add(figure);
    }
    let worth = RoundedSde::of_fraction(u128::from(pool.worth.get()), 1)?;
    if sum.rounded == 0 || sum.is_worth(worth) {
        return None;
    }
    let figures = alloc::format!(
        "the sites of {} add up to {}, the pool is worth {}",
        pool.id,
        sum.sde,
        pool.worth
    );
    let cells = alloc::vec![Cell::total(Column::Sde)];
    Some(Finding::new(FindingCode::PoolTotalDiffers, cells, figures))
}

/// Rows added up. Sums of published figures stay far below 64 bits; where one does not, the largest
/// number stands, which equals no row.
#[derive(Default)]
struct Sum {
    first: People,
    last: People,
    sde: RoundedSde,
    /// How many cells of worth were rounded before they were added.
    rounded: u64,
}

impl Sum {
    fn add(&mut self, figure: &PublishedFigure) {
        self.first = People::sum([self.first, figure.first].into_iter());
        self.last = People::sum([self.last, figure.last].into_iter());
        let sde = figure.sde.ten_thousandths;
        self.sde.ten_thousandths = self.sde.ten_thousandths.saturating_add(sde);
        self.rounded = self.rounded.saturating_add(u64::from(sde > 0));
    }

    /// Whether rounding can explain the difference: half a ten-thousandth for every cell, and for the
    /// row itself.
    fn is_worth(&self, published: RoundedSde) -> bool {
        let off = self.sde.ten_thousandths.abs_diff(published.ten_thousandths);
        off.saturating_mul(2) <= self.rounded.saturating_add(1)
    }
}

/// A unit's row in a later release against the row in an earlier one.
pub fn changed_after_publication(earlier: &PublishedRow, later: &PublishedRow) -> Option<Finding> {
    let mut groups: Vec<&GroupId> = earlier.keys().chain(later.keys()).collect();
    groups.sort();
    groups.dedup();
    let (mut cells, mut figures) = (Vec::new(), Vec::new());
    for group in groups {
        let before = earlier.get(group).copied().unwrap_or_default();
        let after = later.get(group).copied().unwrap_or_default();
        let mut note = |column, before: &dyn fmt::Display, after: &dyn fmt::Display| {
            let cell = Cell::of(column, group);
            figures.push(alloc::format!("{cell}: {before}, now {after}"));
            cells.push(cell);
        };
        if before.first != after.first {
            note(Column::First, &before.first, &after.first);
        }
        if before.last != after.last {
            note(Column::Final, &before.last, &after.last);
        }
        if before.sde != after.sde {
            note(Column::Sde, &before.sde, &after.sde);
        }
    }
    let code = FindingCode::ChangedAfterPublication;
    (!cells.is_empty()).then(|| Finding::new(code, cells, figures.join("; ")))
}
