//! The sheet: as typed, and as checked.
//!
//! [`RawWorksheet::check`] answers with a [`Worksheet`] or with everything that keeps the text from
//! being one: a cell that is missing, negative or too large, a group nobody stands for, a tie that
//! names one group. It never judges the arithmetic: a sheet that contradicts the rules is still a
//! sheet, and [`crate::findings`] says what is wrong with it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::alignment::{FinalAlignment, FirstAlignment, Reported};
use crate::count::{Delegates, People};
use crate::id::GroupId;
use crate::roster::Unit;
use crate::rules::Rules;

/// The most tie lines on one sheet. In 2020 no sheet needed more than three.
pub const MAX_TIES: usize = 16;

/// A checked sheet: what a chair reports for one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worksheet {
    /// Heads counted when the doors closed (R1).
    pub attendees: People,
    /// Group sizes before realigning.
    pub first: FirstAlignment,
    /// Group sizes after realigning.
    pub last: FinalAlignment,
    /// Delegates as the chair wrote them.
    pub reported: Reported,
    /// Games of chance, in the order they were settled, one a prize (R7a).
    pub ties: Vec<Tie>,
}

/// What a game of chance was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TieKind {
    /// Who is given one more delegate (R7).
    Award,
    /// Who gives one up (R6).
    Reduce,
    /// Which of the smallest groups must realign (R4).
    Merge,
}

/// How a game of chance was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chance {
    /// A coin.
    Coin,
    /// Straws or lots.
    Straws,
}

/// One prize of a game of chance.
///
/// INVARIANT: at least two groups, ascending, each once, and `settled_for` is one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tie {
    kind: TieKind,
    groups: Vec<GroupId>,
    settled_for: GroupId,
    by: Chance,
}

/// Why groups and a winner are not a tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTie {
    /// Fewer than two groups.
    #[error("a tie is between at least two groups")]
    TooFew,
    /// Groups that do not ascend strictly.
    #[error("the groups of a tie ascend, each once")]
    NotAscending,
    /// The group it was settled for is not one of them.
    #[error("a tie is settled for one of its own groups")]
    Stranger,
}

/// A sheet as typed: every cell a number or missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawWorksheet {
    /// The unit it says it is for.
    pub unit: String,
    /// Attendance.
    pub attendees: Option<i64>,
    /// Rows by group.
    pub groups: BTreeMap<String, RawRow>,
    /// Games of chance, in the order they were settled.
    pub ties: Vec<RawTie>,
}

/// One group's row as typed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RawRow {
    /// First alignment.
    pub first: Option<i64>,
    /// Final alignment.
    pub last: Option<i64>,
    /// Delegates.
    pub delegates: Option<i64>,
}

/// One game of chance as typed; the groups may stand in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTie {
    /// What it was about.
    pub kind: TieKind,
    /// Who took part.
    pub groups: Vec<String>,
    /// Who won the delegate, lost it, or must realign.
    pub settled_for: String,
    /// How it was played.
    pub by: Chance,
}

/// One reason why a typed sheet is not a worksheet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct Problem {
    /// The cell, as the person who types it would find it: `attendees`, `biden first`, `tie 2`.
    pub field: String,
    /// What is wrong, and what to write.
    pub what: String,
}

impl Worksheet {
    /// Whether all three columns list exactly the groups of the rules.
    pub fn lists_groups_of(&self, rules: &Rules) -> bool {
        let groups = || rules.groups().iter().map(|group| &group.id);
        self.first.groups().eq(groups())
            && self.last.groups().eq(groups())
            && self.reported.groups().eq(groups())
    }
}

impl TieKind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Award, Self::Reduce, Self::Merge];

    /// The word on a sheet.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Award => "award",
            Self::Reduce => "reduce",
            Self::Merge => "merge",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Chance {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Coin, Self::Straws];

    /// The word on a sheet.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coin => "coin",
            Self::Straws => "straws",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chance| chance.as_str() == word)
    }
}

impl fmt::Display for TieKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Tie {
    /// One prize, settled for one of at least two groups that ascend.
    pub fn new(
        kind: TieKind,
        groups: Vec<GroupId>,
        settled_for: GroupId,
        by: Chance,
    ) -> Result<Self, BadTie> {
        if groups.len() < 2 {
            return Err(BadTie::TooFew);
        }
        if !groups.is_sorted_by(|a, b| a < b) {
            return Err(BadTie::NotAscending);
        }
        if !groups.contains(&settled_for) {
            return Err(BadTie::Stranger);
        }
        Ok(Self {
            kind,
            groups,
            settled_for,
            by,
        })
    }

    /// What it was about.
    pub const fn kind(&self) -> TieKind {
        self.kind
    }

    /// Who took part, ascending.
    pub fn groups(&self) -> &[GroupId] {
        &self.groups
    }

    /// Who won the delegate (award), lost it (reduce), or must realign (merge).
    pub const fn settled_for(&self) -> &GroupId {
        &self.settled_for
    }

    /// How it was played.
    pub const fn by(&self) -> Chance {
        self.by
    }
}

impl RawWorksheet {
    /// Checks the sheet for this unit under these rules; answers with all problems at once.
    pub fn check(&self, unit: &Unit, rules: &Rules) -> Result<Worksheet, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.unit != unit.id.as_str() {
            let what = alloc::format!(
                "the sheet says `{}`, it is sent for `{}`",
                self.unit,
                unit.id
            );
            problems.push(problem("unit", what));
        }
        let attendees = cell("attendees", self.attendees, &mut problems);
        for group in self.groups.keys() {
            if !rules
                .groups()
                .iter()
                .any(|known| known.id.as_str() == group)
            {
                problems.push(problem(group, "there is no such group"));
            }
        }
        let mut first = BTreeMap::new();
        let mut last = BTreeMap::new();
        let mut reported = BTreeMap::new();
        for group in rules.groups() {
            let id = group.id.as_str();
            let row = self.groups.get(id).copied().unwrap_or_default();
            let mut number = |column: &str, typed: Option<i64>| {
                cell(&alloc::format!("{id} {column}"), typed, &mut problems)
            };
            first.insert(group.id.clone(), people(number("first", row.first)));
            last.insert(group.id.clone(), people(number("final", row.last)));
            let delegates = Delegates::new(number("delegates", row.delegates)).unwrap_or_default();
            reported.insert(group.id.clone(), delegates);
        }
        let ties = self.check_ties(rules, &mut problems);
        if problems.is_empty() {
            Ok(Worksheet {
                attendees: people(attendees),
                first: FirstAlignment::new(first),
                last: FinalAlignment::new(last),
                reported: Reported::new(reported),
                ties,
            })
        } else {
            Err(problems)
        }
    }

    fn check_ties(&self, rules: &Rules, problems: &mut Vec<Problem>) -> Vec<Tie> {
        if self.ties.len() > MAX_TIES {
            problems.push(problem("ties", "at most 16 may be written"));
        }
        let mut ties = Vec::new();
        for (number, raw) in (1_usize..).zip(&self.ties) {
            match raw.check(rules) {
                Ok(tie) => ties.push(tie),
                Err(what) => problems.push(problem(&alloc::format!("tie {number}"), what)),
            }
        }
        ties
    }
}

impl RawTie {
    fn check(&self, rules: &Rules) -> Result<Tie, String> {
        let known = |text: &String| {
            let group = rules
                .groups()
                .iter()
                .find(|group| group.id.as_str() == text);
            group
                .map(|group| group.id.clone())
                .ok_or_else(|| alloc::format!("there is no group `{text}`"))
        };
        let groups: BTreeSet<GroupId> = self.groups.iter().map(known).collect::<Result<_, _>>()?;
        let settled_for = known(&self.settled_for)?;
        Tie::new(
            self.kind,
            groups.into_iter().collect(),
            settled_for,
            self.by,
        )
        .map_err(|bad| bad.to_string())
    }
}

fn problem(field: &str, what: impl Into<String>) -> Problem {
    Problem {
        field: field.to_string(),
        what: what.into(),
    }
}

/// A typed cell as a count that may be written; 0 with a problem noted where it is not one.
fn cell(field: &str, typed: Option<i64>, problems: &mut Vec<Problem>) -> u64 {
    let what = match typed {
        None => "is missing; write 0 where there is nobody".to_string(),
        Some(number) if number < 0 => alloc::format!("`{number}` is below nothing"),
        Some(number) => match u64::try_from(number).ok().and_then(People::new) {
            Some(count) => return count.get(),
            None => alloc::format!("`{number}` is more than can be written"),
        },
    };
    problems.push(problem(field, what));
    0
}

/// A cell that [`cell`] has checked.
fn people(number: u64) -> People {
    People::new(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::Unit;

    fn raw() -> RawWorksheet {
        let rules = Rules::iowa_2020();
        let zero = RawRow {
            first: Some(0),
            last: Some(0),
            delegates: Some(0),
        };
        let groups = rules
            .groups()
            .iter()
            .map(|group| (group.id.to_string(), zero));
        RawWorksheet {
            unit: "P-1".to_string(),
            attendees: Some(10),
            groups: groups.collect(),
            ties: Vec::new(),
        }
    }

    fn problems(raw: &RawWorksheet) -> Vec<String> {
        let unit = Unit::parse_line("unit P-1 precinct C 4 One").unwrap();
        match raw.check(&unit, &Rules::iowa_2020()) {
            Ok(sheet) => {
                assert!(sheet.lists_groups_of(&Rules::iowa_2020()));
                Vec::new()
            }
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn all_problems_of_a_typed_sheet_are_named_at_once() {
        assert_eq!(problems(&raw()), Vec::<String>::new());
        let mut sheet = raw();
        sheet.unit = "P-2".to_string();
        sheet.attendees = None;
        sheet.groups.get_mut("biden").unwrap().first = Some(-3);
        sheet.groups.get_mut("warren").unwrap().last = Some(i64::MAX);
        sheet.groups.get_mut("yang").unwrap().delegates = None;
        sheet.groups.remove("sanders");
        sheet.groups.insert("trump".to_string(), RawRow::default());
        sheet.ties.push(RawTie {
            kind: TieKind::Award,
            groups: alloc::vec!["biden".to_string(), "biden".to_string()],
            settled_for: "biden".to_string(),
            by: Chance::Coin,
        });
        assert_eq!(
            problems(&sheet),
            [
                "unit: the sheet says `P-2`, it is sent for `P-1`",
                "attendees: is missing; write 0 where there is nobody",
                "trump: there is no such group",
                "biden first: `-3` is below nothing",
                "sanders first: is missing; write 0 where there is nobody",
                "sanders final: is missing; write 0 where there is nobody",
                "sanders delegates: is missing; write 0 where there is nobody",
                "warren final: `9223372036854775807` is more than can be written",
                "yang delegates: is missing; write 0 where there is nobody",
                "tie 1: a tie is between at least two groups",
            ]
        );
    }

    #[test]
    fn a_tie_is_settled_for_one_of_its_own_ascending_groups() {
        let group = |id: &str| GroupId::parse(id).unwrap();
        let tie = |groups: &[&str], winner| {
            let groups = groups.iter().map(|id| group(id)).collect();
            Tie::new(TieKind::Award, groups, group(winner), Chance::Coin).map(|_| ())
        };
        assert_eq!(tie(&["a", "b"], "b"), Ok(()));
        assert_eq!(tie(&["a"], "a"), Err(BadTie::TooFew));
        assert_eq!(tie(&["b", "a"], "a"), Err(BadTie::NotAscending));
        assert_eq!(tie(&["a", "a"], "a"), Err(BadTie::NotAscending));
        assert_eq!(tie(&["a", "b"], "c"), Err(BadTie::Stranger));
    }
}
