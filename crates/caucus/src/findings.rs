//! The checks that need one sheet and nothing else.
//!
//! Not here: what takes two sheets (the same figures under two units), and what takes published
//! results (an SDE that is no multiple of its county's ratio).

use alloc::string::String;
use alloc::vec::Vec;

use crate::count::{Delegates, People};
use crate::delegates::{Award, award, delegates_to_elect, permitted};
use crate::finding::{Cell, Column, Finding, FindingCode};
use crate::id::GroupId;
use crate::roster::{Kind, Unit};
use crate::rules::Rules;
use crate::viability::{Threshold, threshold};
use crate::worksheet::{Tie, Worksheet};

/// Everything the rules say about one sheet, in the order of [`FindingCode::ALL`] by topic.
///
/// A sheet of a unit where nobody came and every cell is zero has no findings: it is an explicit zero.
pub fn findings(unit: &Unit, rules: &Rules, worksheet: &Worksheet) -> Vec<Finding> {
    let elect = delegates_to_elect(rules, unit, worksheet.attendees);
    let sheet = Sheet {
        unit,
        rules,
        worksheet,
        elect,
        threshold: threshold(rules, elect, worksheet.attendees),
        first: worksheet.first.total(),
        last: worksheet.last.total(),
        given: worksheet.reported.total(),
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

/// A sheet with what is needed all the time.
struct Sheet<'a> {
    unit: &'a Unit,
    rules: &'a Rules,
    worksheet: &'a Worksheet,
    elect: Delegates,
    threshold: Threshold,
    first: People,
    last: People,
    given: Delegates,
}

/// One group's row.
#[derive(Clone, Copy)]
struct Row<'a> {
    group: &'a GroupId,
    first: People,
    last: People,
    given: Delegates,
}

fn cell(column: Column) -> Cell {
    Cell {
        column,
        group: None,
    }
}

fn cells(columns: &[Column], group: &GroupId) -> Vec<Cell> {
    let cell = |column: &Column| Cell {
        column: *column,
        group: Some(group.clone()),
    };
    columns.iter().map(cell).collect()
}

fn finding(code: FindingCode, cells: Vec<Cell>, figures: String) -> Finding {
    Finding {
        code,
        cells,
        figures,
    }
}

impl<'a> Sheet<'a> {
    fn rows(&self) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let worksheet = self.worksheet;
        self.rules.groups().iter().map(move |group| Row {
            group: &group.id,
            first: worksheet.first.get(&group.id),
            last: worksheet.last.get(&group.id),
            given: worksheet.reported.get(&group.id),
        })
    }

    /// Groups viable at the first or at the final alignment.
    fn viable(&self, people: People, size: impl Fn(&Row<'a>) -> People) -> u64 {
        let count = self.rows().filter(|row| size(row) >= people).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    fn missing(&self, found: &mut Vec<Finding>) {
        let (first, last) = (self.first > People::ZERO, self.last > People::ZERO);
        let given = self.given > Delegates::ZERO;
        let figures = alloc::format!(
            "attendees {}, first {}, final {}, delegates {}",
            self.worksheet.attendees,
            self.first,
            self.last,
            self.given
        );
        let mut note = |code, column| {
            found.push(finding(code, alloc::vec![cell(column)], figures.clone()));
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
        let mut note = |code, column, figures| {
            found.push(finding(code, alloc::vec![cell(column)], figures));
        };
        let against = |name, total| alloc::format!("{name} {total}, attendees {attendees}");
        if first > attendees {
            note(
                FindingCode::FirstAboveAttendance,
                Column::First,
                against("first", first),
            );
        }
        if last > attendees {
            note(
                FindingCode::FinalAboveAttendance,
                Column::Final,
                against("final", last),
            );
        }
        if first < attendees && first > People::ZERO {
            note(
                FindingCode::FirstBelowAttendance,
                Column::First,
                against("first", first),
            );
        }
        // A column that is missing altogether is found above, and says nothing about trickles.
        if first == People::ZERO || last == People::ZERO {
            return;
        }
        let figures = || alloc::format!("first {first}, final {last}");
        if last > first {
            note(FindingCode::FinalAboveFirst, Column::Final, figures());
        }
        if last != first {
            note(FindingCode::TotalsDiffer, Column::Final, figures());
        }
        // Both are sums of one sheet, so ten times either stays within 128 bits.
        if u128::from(last.get()).saturating_mul(10) < u128::from(first.get()).saturating_mul(9) {
            note(FindingCode::DropOverTenth, Column::Final, figures());
        }
    }

    /// One group's people in another group's row: a viable group vanishes, and a group that had
    /// nobody holds at least as many.
    fn swapped(&self, people: People, found: &mut Vec<Finding>) {
        let gone = self
            .rows()
            .filter(|row| row.first >= people && row.last == People::ZERO);
        for from in gone {
            let into = self
                .rows()
                .find(|row| row.first == People::ZERO && row.last >= from.first);
            let Some(into) = into else { continue };
            let mut places = cells(&[Column::First, Column::Final], from.group);
            places.extend(cells(&[Column::First, Column::Final], into.group));
            let figures = alloc::format!(
                "{} {} to 0, {} 0 to {}",
                from.group,
                from.first,
                into.group,
                into.last
            );
            found.push(finding(FindingCode::ColumnSwap, places, figures));
        }
    }

    fn alignment(&self, people: People, found: &mut Vec<Finding>) {
        if self.last == People::ZERO {
            return;
        }
        // With more viable groups than delegates the smallest must realign, and may shrink (R4).
        let locked = self.viable(people, |row| row.first) <= self.elect.get();
        for row in self.rows() {
            let Row {
                group, first, last, ..
            } = row;
            let places = cells(&[Column::First, Column::Final], group);
            let figures = alloc::format!("first {first}, final {last}, needed {people}");
            let mut note = |code| found.push(finding(code, places.clone(), figures.clone()));
            if locked && first >= people && last < first {
                note(FindingCode::ViableLostVotes);
                if last == People::ZERO {
                    note(FindingCode::ViableToZero);
                }
            }
            // Where the whole first column is missing, nobody came from nothing.
            if self.first > People::ZERO && first == People::ZERO && last >= people {
                note(FindingCode::ZeroToViable);
            }
            if last > People::ZERO && last < people {
                note(FindingCode::NonviableRemainder);
            }
        }
        let viable = self.viable(people, |row| row.last);
        let figures = alloc::format!("{viable} viable, {} delegates, needed {people}", self.elect);
        if viable > self.elect.get() {
            let places = alloc::vec![cell(Column::Final)];
            found.push(finding(
                FindingCode::MoreGroupsThanDelegates,
                places,
                figures,
            ));
        } else if viable == 0 {
            let places = alloc::vec![cell(Column::Final)];
            found.push(finding(FindingCode::NoViableGroup, places, figures));
        }
    }

    fn sums(&self, found: &mut Vec<Finding>) {
        let code = match self.given.cmp(&self.elect) {
            core::cmp::Ordering::Greater => FindingCode::OverAwarded,
            core::cmp::Ordering::Less => FindingCode::UnderAwarded,
            core::cmp::Ordering::Equal => return,
        };
        let figures = alloc::format!("{} given, {} to elect", self.given, self.elect);
        found.push(finding(code, alloc::vec![cell(Column::Delegates)], figures));
    }

    /// Who was given what, where at least one delegate was given.
    fn split(&self, people: People, found: &mut Vec<Finding>) {
        let before = found.len();
        let enough = self.viable(people, |row| row.last) <= self.elect.get();
        for row in self.rows() {
            let places = cells(&[Column::Final, Column::Delegates], row.group);
            let figures = alloc::format!(
                "final {}, needed {people}, {} delegates",
                row.last,
                row.given
            );
            let mut note = |code| found.push(finding(code, places.clone(), figures.clone()));
            let awarded = row.given > Delegates::ZERO;
            if awarded && row.last < people {
                note(FindingCode::NonviableAwarded);
                if self.one_short(row.last) {
                    note(FindingCode::ThresholdRoundedDown);
                }
                if row.last == People::ZERO {
                    note(FindingCode::AwardWithoutVotes);
                }
            }
            if enough && row.last >= people && !awarded {
                note(FindingCode::ViableUnrewarded);
            }
        }
        let right_groups = found.len() == before;
        self.inverted(people, found);
        if permitted(
            self.rules,
            self.unit,
            self.worksheet,
            &self.worksheet.reported,
        ) {
            return;
        }
        let figures = self.expected();
        let places = || alloc::vec![cell(Column::Delegates)];
        if right_groups && self.given == self.elect {
            found.push(finding(
                FindingCode::Distribution,
                places(),
                figures.clone(),
            ));
        }
        let code = match &self.unit.kind {
            Kind::Precinct { .. } => FindingCode::Allocation,
            Kind::Satellite { .. } => FindingCode::SatelliteAllocation,
        };
        found.push(finding(code, places(), figures));
    }

    /// Whether this size is the threshold's share rounded down, and that is not enough.
    fn one_short(&self, size: People) -> bool {
        let Threshold::AtLeast { people, share } = self.threshold else {
            return false;
        };
        let room = u128::from(self.worksheet.attendees.get());
        let exact = room.saturating_mul(u128::from(share.numerator()));
        let down = exact.checked_div(u128::from(share.denominator()));
        size < people && size > People::ZERO && down == Some(u128::from(size.get()))
    }

    /// A larger viable group with fewer delegates than a smaller viable one: no coin can do this.
    fn inverted(&self, people: People, found: &mut Vec<Finding>) {
        for larger in self.rows().filter(|row| row.last >= people) {
            let smaller = self.rows().find(|row| {
                row.last >= people && row.last < larger.last && row.given > larger.given
            });
            let Some(smaller) = smaller else { continue };
            let mut places = cells(&[Column::Final, Column::Delegates], larger.group);
            places.extend(cells(&[Column::Final, Column::Delegates], smaller.group));
            let figures = alloc::format!(
                "{} of {} people has {}, {} of {} people has {}",
                larger.group,
                larger.last,
                larger.given,
                smaller.group,
                smaller.last,
                smaller.given
            );
            found.push(finding(FindingCode::OrderInversion, places, figures));
        }
    }

    /// The award of the rules beside the reported one.
    fn expected(&self) -> String {
        let list = |pairs: &mut dyn Iterator<Item = (&GroupId, Delegates)>| {
            let pairs: Vec<String> = pairs
                .filter(|(_, count)| *count > Delegates::ZERO)
                .map(|(group, count)| alloc::format!("{group} {count}"))
                .collect();
            pairs.join(", ")
        };
        let reported = list(&mut self.worksheet.reported.iter());
        let pairs = |by: &alloc::collections::BTreeMap<GroupId, Delegates>| {
            list(&mut by.iter().map(|(group, count)| (group, *count)))
        };
        let rules = match award(self.rules, self.unit, self.worksheet) {
            Award::Settled { by, .. } => pairs(&by),
            Award::TieToBreak(tie) => alloc::format!(
                "{} and a game of chance ({}) for {} of {}",
                pairs(&tie.so_far),
                tie.kind,
                tie.prizes,
                tie.groups.len()
            ),
            Award::OneDelegate { .. } => String::from("one delegate by the whole room"),
            Award::NobodyViable { .. } | Award::Nothing => String::from("none"),
        };
        alloc::format!("reported {reported}; by the rules {rules}")
    }

    /// R8: the room decides, so a delegate of another group than the largest is only worth knowing.
    fn single(&self, found: &mut Vec<Finding>) {
        if self.given > self.elect {
            self.sums(found);
        }
        let most = self.rows().map(|row| row.last).max().unwrap_or_default();
        for row in self.rows().filter(|row| row.given > Delegates::ZERO) {
            let places = cells(&[Column::Final, Column::Delegates], row.group);
            let figures = alloc::format!("final {}, the largest has {most}", row.last);
            if row.last == People::ZERO {
                let code = FindingCode::AwardWithoutVotes;
                found.push(finding(code, places.clone(), figures.clone()));
            }
            if row.last < most {
                found.push(finding(FindingCode::SingleDelegateNotTop, places, figures));
            }
        }
    }

    /// R7a: a game of chance decides; said also where the sheet records it, with what it records.
    fn chance(&self, found: &mut Vec<Finding>) {
        let bare = Worksheet {
            ties: Vec::new(),
            ..self.worksheet.clone()
        };
        let (groups, prize) = match award(self.rules, self.unit, &bare) {
            Award::TieToBreak(tie) => {
                let prize = alloc::format!("{} ({})", tie.prizes, tie.kind);
                (tie.groups, prize)
            }
            // The room may settle an equal vote as it likes, yet how it did should be on record.
            Award::OneDelegate { largest } if largest.len() > 1 => {
                (largest, String::from("the only delegate"))
            }
            Award::OneDelegate { .. }
            | Award::Settled { .. }
            | Award::NobodyViable { .. }
            | Award::Nothing => return,
        };
        let unsettled = match award(self.rules, self.unit, self.worksheet) {
            Award::TieToBreak(_) => true,
            Award::OneDelegate { .. } => self.worksheet.ties.is_empty(),
            Award::Settled { .. } | Award::NobodyViable { .. } | Award::Nothing => false,
        };
        let recorded = if unsettled {
            String::from("not recorded on the sheet")
        } else {
            self.settled_for()
        };
        let places = groups
            .iter()
            .flat_map(|group| cells(&[Column::Final, Column::Delegates], group));
        let figures = alloc::format!("{} groups tied for {prize}: {recorded}", groups.len());
        found.push(finding(
            FindingCode::GameOfChance,
            places.collect(),
            figures,
        ));
    }

    fn settled_for(&self) -> String {
        let one = |tie: &Tie| alloc::format!("{} by {}", tie.settled_for(), tie.by());
        let all: Vec<String> = self.worksheet.ties.iter().map(one).collect();
        alloc::format!("settled for {}", all.join(", "))
    }
}
