//! What a total is built on: the same night counted three ways, which stand side by side (R13).

use alloc::vec::Vec;
use core::fmt;

use crate::alignment::{FinalAlignment, FirstAlignment, RecomputedAward, Reported};
use crate::count::{Delegates, People};
use crate::id::GroupId;
use crate::recomputed::recomputed;
use crate::roster::Unit;
use crate::rules::Rules;
use crate::standing::Standing;
use crate::totals::{FinalTotal, FirstTotal, GroupTotal};
use crate::worksheet::Worksheet;

/// Which figures of a sheet count, and of which units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// Every sheet as the chair delivered it: the headline.
    Reported,
    /// Every sheet's people, with the delegates that the rules make of them.
    Recomputed,
    /// As delivered, but only the units that are verified.
    Verified,
}

/// A sheet as it counts on one basis: the people as they were counted, and the delegates of that
/// basis, which only [`BasisSheet::delegates`] can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasisSheet<'a> {
    attendees: People,
    first: &'a FirstAlignment,
    last: &'a FinalAlignment,
    given: Given<'a>,
    /// The same figures in the order of the rules: looked up once, however many sums they enter.
    cells: Vec<GroupTotal>,
}

/// Whose word the delegates are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Given<'a> {
    ByTheChair(&'a Reported),
    ByTheRules(RecomputedAward),
}

impl Basis {
    /// All three, in the order in which they stand beside each other.
    pub const ALL: [Self; 3] = [Self::Reported, Self::Recomputed, Self::Verified];

    /// The word used in tables and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Recomputed => "recomputed",
            Self::Verified => "verified",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| basis.as_str() == word)
    }

    /// The sheet of a unit as it counts on this basis; none if it does not count.
    pub fn sheet<'a>(
        self,
        rules: &Rules,
        unit: &Unit,
        worksheet: &'a Worksheet,
        standing: Standing,
    ) -> Option<BasisSheet<'a>> {
        let given = match self {
            Self::Reported => Given::ByTheChair(&worksheet.reported),
            Self::Recomputed => Given::ByTheRules(recomputed(rules, unit, worksheet).by),
            Self::Verified => match standing {
                Standing::Verified => Given::ByTheChair(&worksheet.reported),
                Standing::Silent | Standing::Received | Standing::Held => return None,
            },
        };
        let mut sheet = BasisSheet {
            attendees: worksheet.attendees,
            first: &worksheet.first,
            last: &worksheet.last,
            given,
            cells: Vec::new(),
        };
        let groups = rules.groups().iter();
        sheet.cells = groups.map(|group| sheet.cells_of(&group.id)).collect();
        Some(sheet)
    }
}

impl BasisSheet<'_> {
    /// Heads counted when the doors closed.
    pub const fn attendees(&self) -> People {
        self.attendees
    }

    /// Group sizes before realigning.
    pub const fn first(&self) -> &FirstAlignment {
        self.first
    }

    /// Group sizes after realigning.
    pub const fn last(&self) -> &FinalAlignment {
        self.last
    }

    /// A group's delegates on this basis.
    pub fn delegates(&self, group: &GroupId) -> Delegates {
        match &self.given {
            Given::ByTheChair(reported) => reported.get(group),
            Given::ByTheRules(award) => award.get(group),
        }
    }

    /// What it adds to the sums of each group, in the order of the rules that it was made with.
    pub(crate) fn cells(&self) -> &[GroupTotal] {
        &self.cells
    }

    fn cells_of(&self, group: &GroupId) -> GroupTotal {
        GroupTotal {
            first: FirstTotal::of_sum(self.first.get(group)),
            last: FinalTotal::of_sum(self.last.get(group)),
            delegates: self.delegates(group),
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basis_has_one_word() {
        for basis in Basis::ALL {
            assert_eq!(Basis::parse(basis.as_str()), Some(basis));
        }
        assert_eq!(Basis::parse("final"), None);
    }

    /// 20 and 10 of 30 share three delegates 2 : 1; the chair wrote it the other way round.
    #[test]
    fn the_chair_s_word_and_the_rules_stand_apart() {
        let rules = Rules::iowa_2020();
        let unit = Unit::parse_line("unit P-1 precinct C 3 One").unwrap();
        let [biden, sanders] = ["biden", "sanders"].map(|id| GroupId::parse(id).unwrap());
        let size = [(&biden, 20), (&sanders, 10)].map(|(id, n)| (id.clone(), People::of_sum(n)));
        let given = [(&biden, 1), (&sanders, 2)].map(|(id, n)| (id.clone(), Delegates::of_sum(n)));
        let worksheet = Worksheet {
            attendees: People::of_sum(30),
            first: size.clone().into_iter().collect(),
            last: size.into_iter().collect(),
            reported: given.into_iter().collect(),
            ties: Vec::new(),
        };
        let shown = |basis: Basis, standing| {
            let sheet = basis.sheet(&rules, &unit, &worksheet, standing)?;
            Some((
                sheet.delegates(&biden).get(),
                sheet.delegates(&sanders).get(),
            ))
        };
        for standing in [Standing::Received, Standing::Held, Standing::Verified] {
            assert_eq!(shown(Basis::Reported, standing), Some((1, 2)));
            assert_eq!(shown(Basis::Recomputed, standing), Some((2, 1)));
            let verified = (standing == Standing::Verified).then_some((1, 2));
            assert_eq!(shown(Basis::Verified, standing), verified);
        }
    }
}
