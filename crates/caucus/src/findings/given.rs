//! The checks of who was given what (R4 to R8).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Row, Sheet, cells, whole};
use crate::count::{Delegates, People};
use crate::delegates::{Award, settled};
use crate::finding::{Column, Finding, FindingCode};
use crate::id::GroupId;
use crate::roster::Kind;
use crate::viability::Threshold;
use crate::worksheet::Tie;

impl Sheet<'_> {
    pub(super) fn sums(&self, found: &mut Vec<Finding>) {
        let code = match self.given.cmp(&self.elect) {
            core::cmp::Ordering::Greater => FindingCode::OverAwarded,
            core::cmp::Ordering::Less => FindingCode::UnderAwarded,
            core::cmp::Ordering::Equal => return,
        };
        let figures = alloc::format!("{} given, {} to elect", self.given, self.elect);
        found.push(whole(code, Column::Delegates, figures));
    }

    /// Who was given what, where at least one delegate was given.
    pub(super) fn split(&self, people: People, found: &mut Vec<Finding>) {
        let before = found.len();
        let viable = self.viable(people, |row| row.last);
        for row in &self.rows {
            let mut note = |code| {
                let places = cells(&[Column::Final, Column::Delegates], row.group);
                let Row { last, given, .. } = row;
                let figures = alloc::format!("final {last}, needed {people}, {given} delegates");
                found.push(Finding::new(code, places, figures));
            };
            let awarded = row.given > Delegates::ZERO;
            if awarded && row.last < people {
                note(FindingCode::NonviableAwarded);
                // Where nobody reached the threshold, how it was rounded is not what went wrong.
                if viable > 0 && self.one_short(row.last) {
                    note(FindingCode::ThresholdRoundedDown);
                }
                if row.last == People::ZERO {
                    note(FindingCode::AwardWithoutVotes);
                }
            }
            if viable <= self.elect.get() && row.last >= people && !awarded {
                note(FindingCode::ViableUnrewarded);
            }
        }
        let right_groups = found.len() == before;
        self.inverted(people, found);
        if self.award.permits(&self.worksheet.reported) {
            return;
        }
        if right_groups && self.given == self.elect {
            let code = FindingCode::Distribution;
            found.push(whole(code, Column::Delegates, self.expected()));
        }
        let code = match &self.unit.kind {
            Kind::Precinct { .. } => FindingCode::Allocation,
            Kind::Satellite { .. } => FindingCode::SatelliteAllocation,
        };
        found.push(whole(code, Column::Delegates, self.expected()));
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
        let viable = || self.rows.iter().filter(move |row| row.last >= people);
        for larger in viable() {
            let favoured = |row: &&Row<'_>| row.last < larger.last && row.given > larger.given;
            let Some(smaller) = viable().find(favoured) else {
                continue;
            };
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
            found.push(Finding::new(FindingCode::OrderInversion, places, figures));
        }
    }

    /// The award of the rules beside the reported one.
    fn expected(&self) -> String {
        let reported = list(self.worksheet.reported.iter());
        let pairs = |by: &BTreeMap<GroupId, Delegates>| {
            list(by.iter().map(|(group, count)| (group, *count)))
        };
        let rules = match settled(self.award.clone(), self.worksheet) {
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
    pub(super) fn single(&self, found: &mut Vec<Finding>) {
        if self.given > self.elect {
            self.sums(found);
        }
        let most = self.rows.iter().map(|row| row.last).max();
        let most = most.unwrap_or_default();
        for row in self.rows.iter().filter(|row| row.given > Delegates::ZERO) {
            let mut note = |code| {
                let places = cells(&[Column::Final, Column::Delegates], row.group);
                let figures = alloc::format!("final {}, the largest has {most}", row.last);
                found.push(Finding::new(code, places, figures));
            };
            if row.last == People::ZERO {
                note(FindingCode::AwardWithoutVotes);
            }
            if row.last < most {
                note(FindingCode::SingleDelegateNotTop);
            }
        }
    }

    /// R7a: a game of chance decides; said also where the sheet records it, with what it records.
    pub(super) fn chance(&self, found: &mut Vec<Finding>) {
        let (groups, prize, recorded) = match &self.award {
            Award::TieToBreak(tie) => {
                let prize = alloc::format!("{} ({})", tie.prizes, tie.kind);
                let recorded = match settled(self.award.clone(), self.worksheet) {
                    Award::Settled { .. } => true,
                    Award::TieToBreak(_)
                    | Award::OneDelegate { .. }
                    | Award::NobodyViable { .. }
                    | Award::Nothing => false,
                };
                (&tie.groups, prize, recorded)
            }
            // The room may settle an equal vote as it likes, yet how it did should be on record.
            Award::OneDelegate { largest } if largest.len() > 1 => {
                let prize = String::from("the only delegate");
                (largest, prize, !self.worksheet.ties.is_empty())
            }
            Award::OneDelegate { .. }
            | Award::Settled { .. }
            | Award::NobodyViable { .. }
            | Award::Nothing => return,
        };
        let recorded = if recorded {
            self.settled_for()
        } else {
            String::from("not recorded on the sheet")
        };
        let places = groups
            .iter()
            .flat_map(|group| cells(&[Column::Final, Column::Delegates], group));
        let figures = alloc::format!("{} groups tied for {prize}: {recorded}", groups.len());
        let code = FindingCode::GameOfChance;
        found.push(Finding::new(code, places.collect(), figures));
    }

    fn settled_for(&self) -> String {
        let one = |tie: &Tie| alloc::format!("{} by {}", tie.settled_for(), tie.by());
        let all: Vec<String> = self.worksheet.ties.iter().map(one).collect();
        alloc::format!("settled for {}", all.join(", "))
    }
}

/// The groups that have any: `biden 2, sanders 1`.
fn list<'a>(pairs: impl Iterator<Item = (&'a GroupId, Delegates)>) -> String {
    let pairs: Vec<String> = pairs
        .filter(|(_, count)| *count > Delegates::ZERO)
        .map(|(group, count)| alloc::format!("{group} {count}"))
        .collect();
    pairs.join(", ")
}
