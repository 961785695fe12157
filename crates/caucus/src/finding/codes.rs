//! The closed list of codes: what each is called, how much it weighs, and what a chair is told.

use core::fmt;

use super::Severity;

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $name:literal $severity:ident $words:literal;)*) => {
        /// What is wrong or worth knowing, about a sheet or about what stands beside it. Every reason
        /// for which a unit is held is one of these. The names are those of the published analysis
        /// of the 2020 data and in its style; the first letter is the severity.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingCode {
            $($(#[$doc])* $code,)*
        }

        impl FindingCode {
            /// All codes: those of one sheet in its order (missing figures, totals, alignment,
            /// delegates), then of sheets side by side, of the record, and of published figures.
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
            pub(super) const fn words(self) -> &'static str {
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

    /// Another precinct has the same first and the same final alignment.
    DuplicateRow "E_duplicate_row" Error
        "another precinct reported exactly the same counts; is this sheet typed under the right precinct?";
    /// Another precinct has the same first or the same final alignment.
    DuplicateHalf "W_duplicate_half" Warning
        "another precinct reported exactly the same counts in one of the two alignments; please check that column against the sheet";
    /// Nearly every other unit of the county has reported.
    SilentWhileNeighboursReport "I_silent_while_neighbours_report" Evidence
        "nearly all other sites of the county have reported and this one has not; does the chair need help?";
    /// The sheet counts people or delegates for a group that is out of the contest.
    WithdrawnGroup "W_withdrawn_group" Warning
        "a group that has withdrawn has people or delegates on the sheet; they stay as they were counted";

    /// A report that stands beside the head has other figures.
    RivalDiffers "E_rival_differs" Error
        "another report for this site has other figures; headquarters will compare both with the sheet";
    /// Somebody who read the sheet states a cell that differs from the head's.
    AttestDiffers "E_attest_differs" Error
        "somebody who read the sheet saw other figures than the report has; please compare it with the sheet";
    /// The key behind the head or behind a witness of it was revoked as stolen.
    KeyDoubted "E_key_doubted" Error
        "a key behind this report was reported as stolen; somebody will ask you to confirm the figures";
    /// A reviewer has a question that is still open.
    Asked "E_asked" Error
        "headquarters has a question about this report; please answer it";
    /// A reviewer holds the unit.
    HeldByReview "E_held_by_review" Error
        "headquarters is looking at this report";
    /// The report arrived after the close.
    LateReport "W_late_report" Warning
        "the report arrived after the close; it counts, and is marked as late";
    /// A second report came with the same figures.
    ReportedTwice "I_reported_twice" Evidence
        "the same figures were reported twice; nothing has to be done";

    /// A site's published worth is that of another head count than its first alignment (R9).
    SatelliteAttendance "E_sat_attendance_vs_sde" Error
        "the site's published worth follows from another number of people than were counted; please check the attendance";
    /// A published worth is no whole number of delegates (R10).
    SdeNotMultiple "E_sde_not_multiple" Error
        "what was published for a group is not the worth of any whole number of delegates";
    /// A published county row is not the sum of its precincts (R11).
    CountyRowDiffers "E_county_row_differs" Error
        "the county's published row is not the sum of its precincts";
    /// A site's published worth is from another attendance of its pool than the pool has (R9).
    StalePoolShare "E_stale_pool_share" Error
        "the site's published worth was not brought up to date when another site of its pool was";
    /// A pool's published sites add up to more or less than the pool is worth (R9).
    PoolTotalDiffers "E_pool_total_differs" Error
        "the published worths of all satellites of the pool do not add up to what the pool is worth";
    /// A figure is another one in a later release.
    ChangedAfterPublication "I_changed_after_publication" Evidence
        "a published figure was changed afterwards; the reason should be on record";
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
