//! What the rules say about a sheet: codes, weights, and words for the two who read them.
//!
//! The checks themselves are in `findings.rs`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::id::GroupId;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Impossible or against the rules: keeps the unit from being verified until people settle it.
    Error,
    /// Legal but rare: travels with the figures and stops nothing.
    Warning,
    /// Nothing is wrong, but evidence should be on record.
    Evidence,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $name:literal $severity:ident $words:literal;)*) => {
        /// What is wrong or worth knowing. The names are those of the published analysis of the 2020
        /// data; the first letter is the severity.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingCode {
            $($(#[$doc])* $code,)*
        }

        impl FindingCode {
            /// All codes, in the order of a sheet: missing figures, totals, alignment, delegates.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$code),*];

            /// The code's name; it never changes.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $name,)* }
            }

            /// How much it weighs.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$code => Severity::$severity,)* }
            }

            /// The sentence for a chair, without figures.
            const fn words(self) -> &'static str {
                match self { $(Self::$code => $words,)* }
            }
        }
    };
}

codes! {
    /// People came, and every cell is zero.
    EmptyRow "E_empty_row" Error
        "every count is 0 although people signed in; please fill in the sheet";
    /// No first alignment, but a final one.
    FirstMissing "E_first_missing" Error
        "the first alignment is missing; please fill in its column";
    /// A first alignment, but no final one.
    FinalMissing "E_final_missing" Error
        "the final alignment is missing; please fill in its column";
    /// A final alignment, but no delegates.
    SdeMissing "E_sde_missing" Error
        "the delegates are missing; please fill in their column";
    /// A viable group vanishes while another group of at least its size appears from nothing.
    ColumnSwap "E_column_swap" Error
        "one group's people seem to stand in another group's row; please check the rows against the sheet";
    /// More people in the first alignment than signed in (R1).
    FirstAboveAttendance "E_first_gt_attendance" Error
        "more people were counted in the first alignment than signed in; please check the count and the attendance";
    /// More people in the final alignment than signed in (R1).
    FinalAboveAttendance "E_final_gt_attendance" Error
        "more people were counted in the final alignment than signed in; please check the count and the attendance";
    /// Fewer people in the first alignment than signed in (R1).
    FirstBelowAttendance "W_first_lt_attendance" Warning
        "fewer people were counted in the first alignment than signed in; is a group missing?";
    /// More people in the final than in the first alignment (R3).
    FinalAboveFirst "E_final_gt_first" Error
        "more people were counted at the end than at the beginning, and nobody can join after the first count; please check both columns";
    /// The two alignments have different totals.
    TotalsDiffer "W_totals_differ" Warning
        "some people left between the two counts; that is allowed";
    /// More than a tenth left between the two counts.
    DropOverTenth "W_drop_over_10pct" Warning
        "more than a tenth of the room left between the two counts; is a group missing at the end?";
    /// A viable group shrank although no merge was due (R3).
    ViableLostVotes "E_viable_lost_votes" Error
        "a group that was viable at first is smaller at the end, and its people may not leave it; please check both counts";
    /// A viable group vanished although no merge was due (R3).
    ViableToZero "E_viable_to_zero" Error
        "a group that was viable at first has nobody at the end; please check the row";
    /// A group of nobody became viable.
    ZeroToViable "W_zero_to_viable" Warning
        "a group that had nobody at first is viable at the end; that is allowed, and rare";
    /// A group below the threshold stands at the end.
    NonviableRemainder "W_nonviable_remainder" Warning
        "a group below the threshold still stands at the end; its people may stay, and it gets no delegate";
    /// More viable groups than delegates stand at the end (R4).
    MoreGroupsThanDelegates "W_more_groups_than_dels" Warning
        "more groups are viable than there are delegates; the smallest has to realign";
    /// Nobody is viable.
    NoViableGroup "E_no_viable_group" Error
        "no group reached the threshold; groups have to join until one does";
    /// More delegates than the unit elects.
    OverAwarded "E_over_awarded" Error
        "more delegates were given than the unit elects; please do the award again";
    /// Fewer delegates than the unit elects.
    UnderAwarded "E_under_awarded" Error
        "fewer delegates were given than the unit elects; please do the award again";
    /// A group below the threshold was given a delegate (R2).
    NonviableAwarded "E_nonviable_awarded" Error
        "a group below the threshold was given a delegate; only viable groups get any";
    /// As [`FindingCode::NonviableAwarded`], one person short because the threshold was rounded down (R2).
    ThresholdRoundedDown "E_threshold_rounded_down" Error
        "a group one person short of the threshold was given a delegate; the threshold is always rounded up";
    /// A group of nobody was given a delegate.
    AwardWithoutVotes "E_award_without_votes" Error
        "a group with nobody at the end was given a delegate; is it written in the wrong row?";
    /// A viable group was given none although there are enough delegates (R5).
    ViableUnrewarded "E_viable_unrewarded" Error
        "a viable group was given no delegate; each is entitled to at least one";
    /// A larger group was given fewer delegates than a smaller one.
    OrderInversion "E_order_inversion" Error
        "a larger group was given fewer delegates than a smaller one; please do the award again";
    /// The right groups and the right sum, but the wrong split (R5 to R7).
    Distribution "E_distribution" Error
        "the delegates are split differently from what the rules give; please do the award again";
    /// An award that no game of chance permits, in a precinct.
    Allocation "E_allocation" Error
        "the rules do not permit this award; please compare it with the worked example";
    /// An award that no game of chance permits, in a satellite.
    SatelliteAllocation "E_sat_allocation" Error
        "the rules do not permit this award; please compare it with the worked example";
    /// The only delegate did not go to a largest group (R8).
    SingleDelegateNotTop "W_single_delegate_not_top" Warning
        "the only delegate went to a group that is not the largest; that is allowed, the room decides";
    /// A game of chance decides, and the sheet should record it (R7a).
    GameOfChance "I_game_of_chance" Evidence
        "groups are exactly tied for a delegate; please write down who tied, how it was settled and who won";
}

impl FindingCode {
    /// Reads a code's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A column of the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The attendance.
    Attendees,
    /// The first alignment.
    First,
    /// The final alignment.
    Final,
    /// The delegates as reported.
    Delegates,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Attendees => "attendees",
            Self::First => "first",
            Self::Final => "final",
            Self::Delegates => "delegates",
        })
    }
}

/// A place on the sheet that a finding points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The column.
    pub column: Column,
    /// The row; none for the attendance and for a column's total.
    pub group: Option<GroupId>,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{group} {}", self.column),
            None => write!(f, "{}", self.column),
        }
    }
}

/// One thing the rules say about one sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: FindingCode,
    /// The places it points at.
    pub cells: Vec<Cell>,
    /// The figures behind it, as headquarters reads them.
    pub figures: String,
}

impl Finding {
    /// How much it weighs.
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// For the chair: what to look at, in plain words.
    pub fn for_chair(&self) -> String {
        let words = self.code.words();
        let groups: Vec<&str> = self.groups().collect();
        if groups.is_empty() {
            words.to_string()
        } else {
            alloc::format!("{words} ({})", groups.join(", "))
        }
    }

    /// For headquarters: the code, the places and the figures.
    pub fn for_headquarters(&self) -> String {
        let groups: Vec<&str> = self.groups().collect();
        if groups.is_empty() {
            alloc::format!("{}: {}", self.code, self.figures)
        } else {
            alloc::format!("{} [{}]: {}", self.code, groups.join(", "), self.figures)
        }
    }

    /// The groups it points at, each once, in the order of its cells.
    fn groups(&self) -> impl Iterator<Item = &str> {
        let groups = self.cells.iter().filter_map(|cell| cell.group.as_ref());
        let mut seen: Vec<&str> = Vec::new();
        for group in groups {
            if !seen.contains(&group.as_str()) {
                seen.push(group.as_str());
            }
        }
        seen.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_s_first_letter_is_its_severity_and_its_name_reads_back() {
        for code in FindingCode::ALL {
            let letter = match code.severity() {
                Severity::Error => "E_",
                Severity::Warning => "W_",
                Severity::Evidence => "I_",
            };
            assert!(code.as_str().starts_with(letter), "{code}");
            assert_eq!(FindingCode::parse(code.as_str()), Some(code));
        }
    }
}
