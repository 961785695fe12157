//! The rules of the Iowa Democratic caucuses of 3 February 2020, as rule files.

use crate::rules::Rules;

/// The rules with the twelve groups that chairs reported (R12).
pub(crate) const IOWA_2020: &str = "\
precinct-tally/rules/v1
title Iowa Democratic caucuses 2020
viability 1 whole-room
viability 2 1/4
viability 3 1/6
viability 4 15/100
rounding up
half up
satellite 1 4
satellite 21 5
satellite 41 6
satellite 61 7
satellite 81 8
satellite 101 9
pool CD1 6 1 Satellites of congressional district 1
pool CD2 11 2 Satellites of congressional district 2
pool CD3 18 3 Satellites of congressional district 3
pool CD4 4 4 Satellites of congressional district 4
pool OOS 4 - Satellites outside Iowa
group bennet Michael Bennet
group biden Joe Biden
group bloomberg Michael Bloomberg
group buttigieg Pete Buttigieg
group gabbard Tulsi Gabbard
group klobuchar Amy Klobuchar
group patrick Deval Patrick
group sanders Bernie Sanders
group steyer Tom Steyer
group uncommitted Uncommitted
group warren Elizabeth Warren
group yang Andrew Yang
national district 1 7
national district 2 7
national district 3 8
national district 4 5
national at-large 9
national leaders 5
national share 15/100
";

/// The same rules with the fourteen columns of the party's published tables: also Delaney and Other.
pub(crate) const IOWA_2020_PUBLISHED: &str = "\
precinct-tally/rules/v1
title Iowa Democratic caucuses 2020, as published
viability 1 whole-room
viability 2 1/4
viability 3 1/6
viability 4 15/100
rounding up
half up
satellite 1 4
satellite 21 5
satellite 41 6
satellite 61 7
satellite 81 8
satellite 101 9
pool CD1 6 1 Satellites of congressional district 1
pool CD2 11 2 Satellites of congressional district 2
pool CD3 18 3 Satellites of congressional district 3
pool CD4 4 4 Satellites of congressional district 4
pool OOS 4 - Satellites outside Iowa
group bennet Michael Bennet
group biden Joe Biden
group bloomberg Michael Bloomberg
group buttigieg Pete Buttigieg
group delaney John Delaney
group gabbard Tulsi Gabbard
group klobuchar Amy Klobuchar
group other Other
group patrick Deval Patrick
group sanders Bernie Sanders
group steyer Tom Steyer
group uncommitted Uncommitted
group warren Elizabeth Warren
group yang Andrew Yang
national district 1 7
national district 2 7
national district 3 8
national district 4 5
national at-large 9
national leaders 5
national share 15/100
";

impl Rules {
    /// The Iowa Democratic rules of 2020 with the twelve groups on the chairs' sheets.
    pub fn iowa_2020() -> Self {
        constant(IOWA_2020)
    }

    /// The Iowa Democratic rules of 2020 with the fourteen columns of the published results.
    pub fn iowa_2020_published() -> Self {
        constant(IOWA_2020_PUBLISHED)
    }
}

#[expect(
    clippy::expect_used,
    reason = "the text is one of the two constants above, and a test parses both"
)]
fn constant(text: &str) -> Rules {
    Rules::parse(text).expect("a rule file of this crate parses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_parse_and_differ_in_two_groups() {
        assert_eq!(Rules::iowa_2020().groups().len(), 12);
        assert_eq!(Rules::iowa_2020_published().groups().len(), 14);
        assert_eq!(
            Rules::iowa_2020_published().to_string(),
            IOWA_2020_PUBLISHED
        );
    }
}
