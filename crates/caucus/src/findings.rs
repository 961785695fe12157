//! The checks that need one sheet and nothing else.
//!
//! Not here: what takes two sheets (the same figures under two units), and what takes published
//! results (an SDE that is no multiple of its county's ratio).

mod given;

use alloc::string::String;
use alloc::vec::Vec;
use core::iter::Peekable;

use crate::count::{Delegates, People};
use crate::delegates::{Award, delegates_to_elect, unsettled};
use crate::finding::{Cell, Column, Finding, FindingCode};
use crate::id::GroupId;
use crate::roster::Unit;
use crate::rules::Rules;
use crate::viability::{Threshold, threshold};
use crate::worksheet::Worksheet;

/// Everything the rules say about one sheet, in the order of [`FindingCode::ALL`] by topic.
///
/// A sheet of a unit where nobody came and every cell is zero has no findings: it is an explicit zero.
pub fn findings(unit: &Unit, rules: &Rules, worksheet: &Worksheet) -> Vec<Finding> {
    let elect = delegates_to_elect(rules, unit, worksheet.attendees);
    let sheet = Sheet {
        unit,
        worksheet,
        rows: rows(rules, worksheet),
        elect,
        threshold: threshold(rules, elect, worksheet.attendees),
        first: worksheet.first.total(),
        last: worksheet.last.total(),
        given: worksheet.reported.total(),
        award: unsettled(rules, unit, worksheet),
    };
    let mut found = Vec::new();
    sheet.missing(&mut found);
    sheet.totals(&mut found);
    if let Threshold::AtLeast { people, .. } = sheet.threshold {
        sheet.swapped(people, &mut found);
        sheet.alignment(people, &mut found);
        if sheet.given > Delegates::ZERO {
            sheet.sums(&mut found);
            sheet.split(people, &mut found);
        }
    } else {
        sheet.single(&mut found);
    }
    sheet.chance(&mut found);
    found
}

/// A sheet with what is needed all the time. Words are made only for what is found: nearly every
/// sheet has nothing to be said about it, and this runs for each of them as it is recorded.
struct Sheet<'a> {
    unit: &'a Unit,
    worksheet: &'a Worksheet,
    rows: Vec<Row<'a>>,
    elect: Delegates,
    threshold: Threshold,
    first: People,
    last: People,
    given: Delegates,
    /// The rules' award before any game of chance.
    award: Award,
}

/// One group's row.
#[derive(Clone, Copy)]
struct Row<'a> {
    group: &'a GroupId,
    first: People,
    last: People,
    given: Delegates,
}

/// The rows of all groups. Rules and columns ascend by group, so one walk along all four is enough.
fn rows<'a>(rules: &'a Rules, worksheet: &Worksheet) -> Vec<Row<'a>> {
    let mut first = worksheet.first.iter().peekable();
    let mut last = worksheet.last.iter().peekable();
    let mut given = worksheet.reported.iter().peekable();
    let row = |id| Row {
        group: id,
        first: next(&mut first, id),
        last: next(&mut last, id),
        given: next(&mut given, id),
    };
    rules
        .groups()
        .iter()
        .map(|group| &group.id)
        .map(row)
        .collect()
}

/// The count of this group in a column that is walked along; nothing where it is not listed.
fn next<'a, T: Default>(
    column: &mut Peekable<impl Iterator<Item = (&'a GroupId, T)>>,
    id: &GroupId,
) -> T {
    while column.next_if(|(group, _)| *group < id).is_some() {}
    let here = column.next_if(|(group, _)| *group == id);
    here.map_or_else(T::default, |(_, count)| count)
}

fn cells(columns: &[Column], group: &GroupId) -> Vec<Cell> {
    columns
        .iter()
        .map(|column| Cell::of(*column, group))
        .collect()
}

fn whole(code: FindingCode, column: Column, figures: String) -> Finding {
    Finding::new(code, alloc::vec![Cell::total(column)], figures)
}

impl Sheet<'_> {
    /// Groups viable at the first or at the final alignment.
    fn viable(&self, people: People, size: impl Fn(&Row<'_>) -> People) -> u64 {
        let count = self.rows.iter().filter(|row| size(row) >= people).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    fn missing(&self, found: &mut Vec<Finding>) {
        let (first, last) = (self.first > People::ZERO, self.last > People::ZERO);
        let given = self.given > Delegates::ZERO;
        let mut note = |code, column| {
            let figures = alloc::format!(
                "attendees {}, first {}, final {}, delegates {}",
                self.worksheet.attendees,
                self.first,
                self.last,
                self.given
            );
            found.push(whole(code, column, figures));
        };
        match (first, last, given) {
            (false, false, false) if self.worksheet.attendees > People::ZERO => {
                note(FindingCode::EmptyRow, Column::Attendees);
            }
            (false, true, _) => note(FindingCode::FirstMissing, Column::First),
            (true, false, _) => note(FindingCode::FinalMissing, Column::Final),
            (false, false, _) | (true, true, _) => {}
        }
        if last && !given {
            note(FindingCode::SdeMissing, Column::Delegates);
        }
    }

    fn totals(&self, found: &mut Vec<Finding>) {
        let attendees = self.worksheet.attendees;
        let (first, last) = (self.first, self.last);
        let mut against = |code, column, total: People| {
            let figures = alloc::format!("{column} {total}, attendees {attendees}");
            found.push(whole(code, column, figures));
        };
        if first > attendees {
            against(FindingCode::FirstAboveAttendance, Column::First, first);
        }
        if last > attendees {
            against(FindingCode::FinalAboveAttendance, Column::Final, last);
        }
        if first < attendees && first > People::ZERO {
            against(FindingCode::FirstBelowAttendance, Column::First, first);
        }
        // A column that is missing altogether is found above, and says nothing about trickles.
        if first == People::ZERO || last == People::ZERO {
            return;
        }
        let mut note = |code| {
            let figures = alloc::format!("first {first}, final {last}");
            found.push(whole(code, Column::Final, figures));
        };
        if last > first {
            note(FindingCode::FinalAboveFirst);
        }
        // That people may leave is said of a sheet that is complete.
        if last != first && self.given > Delegates::ZERO {
            note(FindingCode::TotalsDiffer);
        }
        // Both are sums of one sheet, so ten times either stays within 128 bits.
        if u128::from(last.get()).saturating_mul(10) < u128::from(first.get()).saturating_mul(9) {
            note(FindingCode::DropOverTenth);
        }
    }

    /// One group's people in another group's row: a viable group vanishes, and a group that had
    /// nobody holds at least as many.
    fn swapped(&self, people: People, found: &mut Vec<Finding>) {
        let gone = |row: &&Row<'_>| row.first >= people && row.last == People::ZERO;
        for from in self.rows.iter().filter(gone) {
            let appeared = |row: &&Row<'_>| row.first == People::ZERO && row.last >= from.first;
            let Some(into) = self.rows.iter().find(appeared) else {
                continue;
            };
            let mut places = cells(&[Column::First, Column::Final], from.group);
            places.extend(cells(&[Column::First, Column::Final], into.group));
            let figures = alloc::format!(
                "{} {} to 0, {} 0 to {}",
                from.group,
                from.first,
                into.group,
                into.last
            );
            found.push(Finding::new(FindingCode::ColumnSwap, places, figures));
        }
    }

    fn alignment(&self, people: People, found: &mut Vec<Finding>) {
        if self.last == People::ZERO {
            return;
        }
        // With more viable groups than delegates the smallest must realign, and may shrink (R4).
        let locked = self.viable(people, |row| row.first) <= self.elect.get();
        for row in &self.rows {
            let Row {
                group, first, last, ..
            } = row;
            let mut note = |code| {
                let places = cells(&[Column::First, Column::Final], group);
                let figures = alloc::format!("first {first}, final {last}, needed {people}");
                found.push(Finding::new(code, places, figures));
            };
            if locked && *first >= people && last < first {
                note(FindingCode::ViableLostVotes);
                if *last == People::ZERO {
                    note(FindingCode::ViableToZero);
                }
            }
            // Where the whole first column is missing, nobody came from nothing.
            if self.first > People::ZERO && *first == People::ZERO && *last >= people {
                note(FindingCode::ZeroToViable);
            }
            if *last > People::ZERO && *last < people {
                note(FindingCode::NonviableRemainder);
            }
        }
        let viable = self.viable(people, |row| row.last);
        let code = if viable > self.elect.get() {
            FindingCode::MoreGroupsThanDelegates
        } else if viable == 0 {
            FindingCode::NoViableGroup
        } else {
            return;
        };
        let figures = alloc::format!("{viable} viable, {} delegates, needed {people}", self.elect);
        found.push(whole(code, Column::Final, figures));
    }
}
