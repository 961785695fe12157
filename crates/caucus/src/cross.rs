//! The checks that need more than one sheet, and the words for what stands beside a sheet.
//!
//! Two precincts with the same counts are found without comparing every pair: each sheet has three
//! [`Prints`], texts that are equal exactly where the counts are. Whoever keeps the sheets keeps a row
//! for each print, and a sheet's partners are the other units in its rows; so one more report costs
//! three look-ups, however many there are.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::count::{Delegates, People};
use crate::finding::{Cell, Column, Finding, FindingCode};
use crate::id::{GroupId, UnitId};
use crate::worksheet::Worksheet;

/// Below this many people two precincts often have the same two columns by chance.
const ROW_ABOVE: u64 = 10;

/// A single column is the same by chance more often: it must hold more people, and more groups.
const HALF_ABOVE: u64 = 20;
const HALF_GROUPS: usize = 4;

/// The share of a county, three quarters, that makes the silence of the rest worth a call; in a
/// county of fewer than four units it says nothing.
const SPEAKING: u64 = 3;
const SPEAKING_OF: u64 = 4;

/// What two sheets with the same counts have in common, as texts that are equal exactly then; none
/// where the same counts may well be chance.
///
/// The texts of the three kinds are never equal to one another, so all may stand in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prints {
    /// Both alignments, where more than 10 people were counted: [`FindingCode::DuplicateRow`].
    pub both: Option<String>,
    /// The first alignment, where it has more than 20 people in at least 4 groups:
    /// [`FindingCode::DuplicateHalf`].
    pub first: Option<String>,
    /// The final alignment, likewise.
    pub last: Option<String>,
}

impl Prints {
    /// A sheet's prints.
    pub fn of(worksheet: &Worksheet) -> Self {
        let (first, last) = (&worksheet.first, &worksheet.last);
        let both = (first.total().get() > ROW_ABOVE).then(|| {
            print(
                print(String::new(), "first", first.iter()),
                "final",
                last.iter(),
            )
        });
        let half = |name, total: People, groups: usize, cells: &mut dyn Iterator<Item = _>| {
            let telling = total.get() > HALF_ABOVE && groups >= HALF_GROUPS;
            telling.then(|| print(String::new(), name, cells))
        };
        let standing = |cells: &mut dyn Iterator<Item = (&GroupId, People)>| {
            cells.filter(|(_, size)| *size > People::ZERO).count()
        };
        Self {
            both,
            first: half(
                "first",
                first.total(),
                standing(&mut first.iter()),
                &mut first.iter(),
            ),
            last: half(
                "final",
                last.total(),
                standing(&mut last.iter()),
                &mut last.iter(),
            ),
        }
    }
}

/// Adds a column to a print: its name, then every group that somebody stands in, in order.
fn print<'a>(
    mut text: String,
    column: &str,
    cells: impl Iterator<Item = (&'a GroupId, People)>,
) -> String {
    text.push_str(column);
    for (group, size) in cells.filter(|(_, size)| *size > People::ZERO) {
        // Writing to a string does not fail.
        let _ = write!(text, " {group} {size}");
    }
    text.push('\n');
    text
}

/// Whether a unit that has not reported is one of few in its county: `reported` of its `units` have.
pub const fn silent_while_neighbours_report(reported: u64, units: u64) -> bool {
    units >= SPEAKING_OF
        && reported < units
        && reported.saturating_mul(SPEAKING_OF) >= units.saturating_mul(SPEAKING)
}

/// A cell for which two people state different figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The cell.
    pub cell: Cell,
    /// What the head says.
    pub head: u64,
    /// What the other record says.
    pub other: u64,
}

/// The compared cells in which another sheet differs from the head's: attendees, votes and delegates,
/// never ties.
pub fn differences(head: &Worksheet, other: &Worksheet) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |column, group: Option<&GroupId>, head: u64, other: u64| {
        if head != other {
            let group = group.cloned();
            let cell = Cell { column, group };
            found.push(Difference { cell, head, other });
        }
    };
    let attendees = |sheet: &Worksheet| sheet.attendees.get();
    compare(Column::Attendees, None, attendees(head), attendees(other));
    for (group, size) in head.first.iter() {
        compare(
            Column::First,
            Some(group),
            size.get(),
            other.first.get(group).get(),
        );
    }
    for (group, size) in head.last.iter() {
        compare(
            Column::Final,
            Some(group),
            size.get(),
            other.last.get(group).get(),
        );
    }
    for (group, count) in head.reported.iter() {
        compare(
            Column::Delegates,
            Some(group),
            count.get(),
            other.reported.get(group).get(),
        );
    }
    found
}

impl Finding {
    /// Other precincts have the same two columns.
    pub fn duplicate_row(partners: &[UnitId]) -> Self {
        let cells = [Column::First, Column::Final].map(Cell::total);
        let figures = alloc::format!("same first and final alignment as {}", list(partners));
        Self::new(FindingCode::DuplicateRow, cells.into(), figures)
    }

    /// Other precincts have the same column: the first or the final alignment.
    pub fn duplicate_half(column: Column, partners: &[UnitId]) -> Self {
        let cells = alloc::vec![Cell::total(column)];
        let figures = alloc::format!("same {column} alignment as {}", list(partners));
        Self::new(FindingCode::DuplicateHalf, cells, figures)
    }

    /// Silence in a county where `reported` of `units` units have reported, see
    /// [`silent_while_neighbours_report`].
    pub fn silent_while_neighbours_report(reported: u64, units: u64) -> Self {
        let figures = alloc::format!("{reported} of {units} units of the county have reported");
        let code = FindingCode::SilentWhileNeighboursReport;
        Self::new(code, Vec::new(), figures)
    }

    /// A group that is out of the contest, where the sheet counts anybody for it.
    pub fn withdrawn_group(group: &GroupId, worksheet: &Worksheet) -> Option<Self> {
        let first = worksheet.first.get(group);
        let last = worksheet.last.get(group);
        let given = worksheet.reported.get(group);
        let mut cells = Vec::new();
        for (column, counted) in [
            (Column::First, first > People::ZERO),
            (Column::Final, last > People::ZERO),
            (Column::Delegates, given > Delegates::ZERO),
        ] {
            if counted {
                cells.push(Cell::of(column, group));
            }
        }
        let figures = alloc::format!("first {first}, final {last}, {given} delegates");
        (!cells.is_empty()).then(|| Self::new(FindingCode::WithdrawnGroup, cells, figures))
    }

    /// A rival's figures differ from the head's. See [`differences`].
    pub fn rival_differs(differences: Vec<Difference>) -> Self {
        Self::differs(FindingCode::RivalDiffers, "the rival", differences)
    }

    /// An attestation states cells that differ from the head's.
    pub fn attest_differs(differences: Vec<Difference>) -> Self {
        Self::differs(FindingCode::AttestDiffers, "the attestation", differences)
    }

    fn differs(code: FindingCode, who: &str, differences: Vec<Difference>) -> Self {
        let figures: Vec<String> = differences
            .iter()
            .map(|Difference { cell, head, other }| {
                alloc::format!("{cell}: the head says {head}, {who} {other}")
            })
            .collect();
        let cells = differences.into_iter().map(|one| one.cell).collect();
        Self::new(code, cells, figures.join("; "))
    }

    /// A key behind the head or behind its witness was revoked as stolen; `key` is its name.
    pub fn key_doubted(key: &str) -> Self {
        let figures = alloc::format!("the key `{key}` was revoked as stolen");
        Self::new(FindingCode::KeyDoubted, Vec::new(), figures)
    }

    /// A reviewer asks.
    pub fn asked(question: &str) -> Self {
        Self::new(FindingCode::Asked, Vec::new(), String::from(question))
    }

    /// A reviewer holds the unit for this reason.
    pub fn held_by_review(reason: &str) -> Self {
        Self::new(FindingCode::HeldByReview, Vec::new(), String::from(reason))
    }

    /// The report is a leaf after the close.
    pub fn late_report(leaf: u64, close: u64) -> Self {
        let figures = alloc::format!("recorded as leaf {leaf}, the close is leaf {close}");
        Self::new(FindingCode::LateReport, Vec::new(), figures)
    }

    /// A second report, recorded as leaf `again`, has the head's figures.
    pub fn reported_twice(again: u64) -> Self {
        let figures = alloc::format!("leaf {again} has the same figures");
        Self::new(FindingCode::ReportedTwice, Vec::new(), figures)
    }
}

fn list(units: &[UnitId]) -> String {
    let names: Vec<&str> = units.iter().map(UnitId::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(first: [u64; 5], last: [u64; 5]) -> Worksheet {
        let cells = |sizes: [u64; 5]| {
            let ids = ["biden", "klobuchar", "sanders", "warren", "yang"];
            let cell = |(id, size)| (GroupId::parse(id).unwrap(), People::new(size).unwrap());
            ids.into_iter().zip(sizes).map(cell).collect::<Vec<_>>()
        };
        Worksheet {
            attendees: People::new(first.iter().sum()).unwrap(),
            first: cells(first).into_iter().collect(),
            last: cells(last).into_iter().collect(),
            reported: crate::Reported::default(),
            ties: Vec::new(),
        }
    }

    #[test]
    fn equal_counts_have_equal_prints_and_small_rooms_none() {
        let prints = Prints::of(&sheet([12, 0, 5, 3, 2], [12, 0, 10, 0, 0]));
        assert_eq!(
            prints,
            Prints {
                both: Some(
                    "first biden 12 sanders 5 warren 3 yang 2\nfinal biden 12 sanders 10\n".into()
                ),
                first: Some("first biden 12 sanders 5 warren 3 yang 2\n".into()),
                last: None,
            }
        );
        // Ten people, twenty people, three groups: chance makes these alike.
        let none = |sizes| Prints::of(&sheet(sizes, sizes));
        assert_eq!(none([10, 0, 0, 0, 0]).both, None);
        assert!(none([11, 0, 0, 0, 0]).both.is_some());
        assert_eq!(none([5, 5, 5, 5, 0]).first, None);
        assert_eq!(none([50, 50, 50, 0, 0]).last, None);
        assert!(none([6, 5, 5, 5, 0]).last.is_some());
        // A first alignment is no final one, and other groups are other counts.
        let same = none([6, 5, 5, 5, 0]);
        assert_ne!(same.first, same.last);
        assert_ne!(same.last, none([6, 5, 5, 0, 5]).last);
    }

    #[test]
    fn silence_is_remarkable_where_three_quarters_of_a_county_have_reported() {
        for (reported, units, remarkable) in [
            (2, 3, false),
            (3, 4, true),
            (2, 4, false),
            (74, 100, false),
            (75, 100, true),
            (100, 100, false),
        ] {
            assert_eq!(
                silent_while_neighbours_report(reported, units),
                remarkable,
                "{reported} of {units}"
            );
        }
    }

    #[test]
    fn differing_cells_are_named_with_both_figures() {
        let head = sheet([12, 0, 5, 3, 2], [12, 0, 10, 0, 0]);
        assert_eq!(differences(&head, &head), Vec::new());
        let other = sheet([12, 0, 5, 3, 3], [12, 0, 10, 0, 1]);
        let finding = Finding::rival_differs(differences(&head, &other));
        assert_eq!(
            finding.for_headquarters(),
            "E_rival_differs [yang]: attendees: the head says 22, the rival 23; \
             yang first: the head says 2, the rival 3; yang final: the head says 0, the rival 1"
        );
    }
}
