//! The rule file: everything about the arithmetic that a contest may choose.
//!
//! ```abnf
//! rules     = %s"precinct-tally/rules/v1" LF %s"title " name LF
//!             1*viability %s"rounding " rounding LF %s"half " half LF
//!             1*satellite *pool 1*group [national]
//! viability = %s"viability " number SP (%s"whole-room" / share) LF      ; from this many delegates on
//! satellite = %s"satellite " number SP number LF                       ; from this many people on: delegates
//! pool      = %s"pool " token SP number SP (token / "-") SP name LF     ; id, state delegates, district
//! group     = %s"group " token SP name LF
//! national  = 1*(%s"national district " token SP number LF)
//!             %s"national at-large " number LF %s"national leaders " number LF
//!             %s"national share " share LF
//! share     = number "/" number                                         ; above 0, at most 1
//! rounding  = %s"up" / %s"down"                                         ; of the threshold (R2)
//! half      = %s"up" / %s"down"                                         ; of x.5 delegates (R5)
//! name      = 1*120(%x20-7E)                                            ; no space at either end
//! ```
//!
//! `viability` and `satellite` lines ascend strictly by their first number and begin with 1; the
//! last holds for everything above. `whole-room` stands for one delegate only, a larger site elects no
//! fewer delegates than a smaller one, no two groups have the same name, and where there are `national`
//! lines the district of every pool is among them. There are at most 64 lines of a kind. `pool` lines ascend by id, `group` lines too, `national district`
//! lines ascend by district. One set of rules has one text. The two rounds (first and final
//! alignment), the floor of one delegate for a viable group and the order of R4 to R7 are code, not data.

mod parse;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::count::{Delegates, People};
use crate::id::{DistrictId, GroupId, PoolId};
pub(crate) use parse::parse_district;

/// The most groups a contest may have. A sheet writes three lines for each within the 512 lines
/// and 8,192 bytes of one note.
pub const MAX_GROUPS: usize = 64;

const HEADING: &str = "precinct-tally/rules/v1";

/// The rules of one contest, read from its rule file.
///
/// INVARIANT: the viability and satellite steps are not empty, begin at 1 and ascend strictly;
/// groups and pools ascend strictly by id; there is at least one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    title: String,
    viability: Vec<ViabilityStep>,
    rounding: Rounding,
    half: Half,
    satellites: Vec<SatelliteStep>,
    pools: Vec<Pool>,
    groups: Vec<Group>,
    national: Option<National>,
}

/// How viability is decided from this many delegates on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViabilityStep {
    /// The smallest number of delegates it holds for.
    pub from: Delegates,
    /// What holds.
    pub rule: ViabilityRule,
}

/// What makes a group viable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViabilityRule {
    /// There are no groups: the whole room elects (R8).
    WholeRoom,
    /// A group needs this share of the attendees (R2).
    Share(Share),
}

/// A share of a whole, above 0 and at most 1, as the two numbers of the file (15/100 stays 15/100).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    numerator: u64,
    denominator: u64,
}

/// How the threshold is rounded (R2: up).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the next whole person.
    Up,
    /// To the last whole person.
    Down,
}

/// Where x.5 delegates go (R5: up).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// To x + 1.
    Up,
    /// To x.
    Down,
}

/// A satellite's delegates from this many attendees on (R9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SatelliteStep {
    /// The smallest attendance it holds for.
    pub from: People,
    /// Delegates the site elects.
    pub delegates: Delegates,
}

/// A satellite pool (R9): sites that share a fixed worth by attendance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// What the pool is worth, in whole state delegate equivalents (P of R9).
    pub worth: Delegates,
    /// The congressional district it counts for; none for sites outside the state.
    pub district: Option<DistrictId>,
    /// What people call it.
    pub name: String,
}

/// A preference group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id on sheets.
    pub id: GroupId,
    /// What people call it.
    pub name: String,
}

/// National delegates (R11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct National {
    /// Delegates by district, ascending by district.
    pub districts: Vec<(DistrictId, Delegates)>,
    /// Delegates at large.
    pub at_large: Delegates,
    /// Pledged party leaders and elected officials.
    pub leaders: Delegates,
    /// The share of state delegate equivalents a group needs to be given any.
    pub share: Share,
}

impl Share {
    /// A share above 0 and at most 1.
    pub const fn new(numerator: u64, denominator: u64) -> Option<Self> {
        if numerator >= 1 && numerator <= denominator {
            Some(Self {
                numerator,
                denominator,
            })
        } else {
            None
        }
    }

    /// The number above the line.
    pub const fn numerator(self) -> u64 {
        self.numerator
    }

    /// The number below the line.
    pub const fn denominator(self) -> u64 {
        self.denominator
    }
}

impl Rules {
    /// What the rules are called.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The groups, ascending by id. Every sheet lists all of them.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// One group.
    pub fn group(&self, id: &GroupId) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == *id)
    }

    /// The satellite pools, ascending by id.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// One pool.
    pub fn pool(&self, id: &PoolId) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.id == *id)
    }

    /// National delegates, where the contest allocates any.
    pub const fn national(&self) -> Option<&National> {
        self.national.as_ref()
    }

    /// How the threshold is rounded.
    pub const fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// Where x.5 delegates go.
    pub const fn half(&self) -> Half {
        self.half
    }

    /// What makes a group viable where `delegates` are elected. With no delegates the first step holds.
    pub fn viability(&self, delegates: Delegates) -> ViabilityRule {
        let step = self
            .viability
            .iter()
            .rev()
            .find(|step| step.from <= delegates)
            .or_else(|| self.viability.first());
        step.map_or(ViabilityRule::WholeRoom, |step| step.rule)
    }

    /// Delegates of a satellite with this attendance (R9); none where nobody came.
    pub fn satellite_delegates(&self, attendees: People) -> Delegates {
        let step = self
            .satellites
            .iter()
            .rev()
            .find(|step| step.from <= attendees);
        step.map_or(Delegates::ZERO, |step| step.delegates)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

/// The canonical text: [`Rules::parse`] of it gives the same rules.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}")?;
        writeln!(f, "title {}", self.title)?;
        for step in &self.viability {
            match step.rule {
                ViabilityRule::WholeRoom => writeln!(f, "viability {} whole-room", step.from)?,
                ViabilityRule::Share(share) => writeln!(f, "viability {} {share}", step.from)?,
            }
        }
        let rounding = match self.rounding {
            Rounding::Up => "up",
            Rounding::Down => "down",
        };
        let half = match self.half {
            Half::Up => "up",
            Half::Down => "down",
        };
        writeln!(f, "rounding {rounding}\nhalf {half}")?;
        for step in &self.satellites {
            writeln!(f, "satellite {} {}", step.from, step.delegates)?;
        }
        for pool in &self.pools {
            let district = pool.district.as_ref().map_or("-", DistrictId::as_str);
            writeln!(
                f,
                "pool {} {} {district} {}",
                pool.id, pool.worth, pool.name
            )?;
        }
        for group in &self.groups {
            writeln!(f, "group {} {}", group.id, group.name)?;
        }
        let Some(national) = &self.national else {
            return Ok(());
        };
        for (district, delegates) in &national.districts {
            writeln!(f, "national district {district} {delegates}")?;
        }
        writeln!(f, "national at-large {}", national.at_large)?;
        writeln!(f, "national leaders {}", national.leaders)?;
        writeln!(f, "national share {}", national.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iowa::IOWA_2020;
    use alloc::string::ToString;

    fn changed(from: &str, to: &str) -> String {
        assert!(IOWA_2020.contains(from), "{from:?}");
        IOWA_2020.replacen(from, to, 1)
    }

    #[test]
    fn one_set_of_rules_has_one_text() {
        assert_eq!(Rules::parse(IOWA_2020).unwrap().to_string(), IOWA_2020);
        let bare = IOWA_2020.split("national").next().unwrap();
        let rules = Rules::parse(bare).unwrap();
        assert!(rules.national().is_none());
        assert_eq!(rules.to_string(), bare);
    }

    #[test]
    fn a_changed_rule_is_a_changed_file() {
        let rules = Rules::parse(&changed("viability 4 15/100", "viability 4 1/10")).unwrap();
        let share = Share::new(1, 10).unwrap();
        let delegates = Delegates::new(9).unwrap();
        assert_eq!(rules.viability(delegates), ViabilityRule::Share(share));
    }

    #[test]
    fn a_satellite_elects_4_to_9_by_attendance() {
        let rules = Rules::iowa_2020();
        for (attendees, delegates) in [
            (0, 0),
            (1, 4),
            (20, 4),
            (21, 5),
            (40, 5),
            (41, 6),
            (60, 6),
            (61, 7),
            (80, 7),
            (81, 8),
            (100, 8),
            (101, 9),
            (5000, 9),
        ] {
            let attendees = People::new(attendees).unwrap();
            assert_eq!(
                rules.satellite_delegates(attendees).get(),
                delegates,
                "{attendees}"
            );
        }
    }

    #[test]
    fn a_file_of_more_lines_of_a_kind_than_64_is_refused_at_the_first_of_them() {
        let many = |kind: &str, count: u32| {
            let line = |n: u32| match kind {
                "group" => alloc::format!("group a{n:03} Group {n}\n"),
                "pool" => alloc::format!("pool A{n:03} 1 - Pool {n}\n"),
                "satellite" => alloc::format!("satellite {} 9\n", 101 + n),
                _ => alloc::format!("viability {} 1/10\n", 4 + n),
            };
            let lines: String = (1..=count).map(line).collect();
            let before = match kind {
                "group" => "group bennet",
                "pool" | "satellite" => "pool CD1",
                _ => "rounding up",
            };
            changed(before, &alloc::format!("{lines}{before}"))
        };
        for (kind, there, first) in [
            ("viability", 4, 3),
            ("satellite", 6, 9),
            ("pool", 5, 15),
            ("group", 12, 20),
        ] {
            assert_eq!(Rules::parse(&many(kind, 64 - there)).err(), None, "{kind}");
            let error = Rules::parse(&many(kind, 65 - there)).unwrap_err();
            let what = alloc::format!("at most 64 `{kind}` lines");
            assert_eq!((error.line, error.what), (first + 64, what));
        }
    }

    #[test]
    fn a_wrong_rule_file_is_refused_with_its_field() {
        for (from, to, error) in [
            (
                "viability 2 1/4",
                "viability 2 5/4",
                "line 4: `viability`: `5/4` is not `whole-room` or a share",
            ),
            (
                "half up",
                "half even",
                "line 8: `half`: `even` is not `up` or `down`",
            ),
            (
                "pool CD1 6 1",
                "pool CD1 6 5",
                "line 15: `pool`: there is no `national district 5` line for its district",
            ),
            (
                "national leaders 5",
                "national leaders",
                "line 37: expected `national leaders …`",
            ),
        ] {
            let text = changed(from, to);
            assert_eq!(Rules::parse(&text).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_wrong_rule_file_is_refused_at_its_line() {
        for (text, line) in [
            (changed("rules/v1", "rules/v2"), 1),
            (changed("title ", "title  "), 2),
            (changed("viability 1 whole-room\n", ""), 3),
            (changed("viability 2 1/4", "viability 2 5/4"), 4),
            (changed("viability 2 1/4", "viability 2 0/4"), 4),
            (changed("viability 3 1/6", "viability 2 1/6"), 5),
            (changed("viability 3 1/6", "viability 03 1/6"), 5),
            (changed("viability 3 1/6", "viability 3 1/6 up"), 5),
            (changed("viability 4 15/100", "viability 10001 15/100"), 6),
            // The whole room elects one delegate.
            (changed("viability 2 1/4\n", ""), 3),
            (changed("viability 2 1/4", "viability 2 whole-room"), 4),
            (changed("rounding up\n", ""), 7),
            (changed("rounding up", "rounding nearest"), 7),
            (changed("half up", "half even"), 8),
            (changed("satellite 1 4", "satellite 1 0"), 9),
            (changed("satellite 21 5", "satellite 21 20000"), 10),
            (changed("satellite 1 4", "satellite 2 4"), 9),
            (changed("satellite 41 6", "satellite 41 4"), 11),
            (changed("satellite 41 6", "satellite 21 6"), 11),
            (changed("pool CD1 6 1", "pool CD1 -6 1"), 15),
            (changed("pool CD1 6 1", "pool CD1 6 5"), 15),
            (changed("pool CD3 18 3", "pool CD3 18 0"), 17),
            (changed("pool CD2", "pool CD1"), 16),
            (changed("group biden Joe Biden\n", ""), 0),
            (changed("group biden", "group bennet"), 21),
            (changed("group biden Joe Biden", "group biden"), 21),
            (
                changed("group biden Joe Biden", "group biden Amy Klobuchar"),
                25,
            ),
            (changed("group bennet", "group ben/net"), 20),
            (changed("national district 2", "national district 1"), 33),
            (changed("national district 4 5\n", ""), 18),
            (changed("national at-large 9\n", ""), 36),
            (changed("national at-large 9", "national at-large nine"), 36),
            (
                changed("national share 15/100", "national share 115/100"),
                38,
            ),
            (changed("national share 15/100\n", ""), 38),
            (IOWA_2020.split("group").next().unwrap().into(), 20),
            (alloc::format!("{IOWA_2020}more\n"), 39),
        ] {
            let parsed = Rules::parse(&text);
            if line == 0 {
                assert!(parsed.is_ok(), "a contest may leave a group out");
            } else {
                assert_eq!(parsed.unwrap_err().line, line, "{text}");
            }
        }
    }
}
