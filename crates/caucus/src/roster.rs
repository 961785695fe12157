//! The roster file: the night's fixed facts about counties and units.
//!
//! ```abnf
//! roster    = %s"precinct-tally/roster/v1" LF *county 1*unit
//! county    = %s"county " token SP number SP number SP (token / "-") SP name LF
//!                                   ; id, convention delegates, state delegates, district
//! unit      = %s"unit " token SP (precinct / satellite) SP name LF
//! precinct  = %s"precinct " token SP number      ; county, delegates to its convention
//! satellite = %s"satellite " token               ; pool; its delegates follow from attendance (R9)
//! name      = 1*120(%x20-7E)                     ; no space at either end
//! ```
//!
//! County lines ascend strictly by id, then unit lines do. A precinct's county is listed; a county
//! has at least one convention delegate; a precinct elects 1 to [`MAX_DELEGATES`]. Whether a
//! satellite's pool exists is between the roster and the rules: [`Roster::unknown_pool`].

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt;

use crate::count::Delegates;
use crate::id::{CountyId, DistrictId, PoolId, UnitId};
use crate::lines::{LineError, Lines, field, parse_name};
use crate::rules::{Rules, parse_district};

/// The most delegates one unit may elect. In 2020 the largest elected 36; the bound keeps the
/// work of one award small whatever a roster says.
pub const MAX_DELEGATES: u64 = 10_000;

const HEADING: &str = "precinct-tally/roster/v1";

/// All counties and units of one contest.
///
/// INVARIANT: every precinct's county is in `counties`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    counties: BTreeMap<CountyId, County>,
    units: BTreeMap<UnitId, Unit>,
}

/// A county: what one of its delegates is worth follows from two numbers (R10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct County {
    /// Its id.
    pub id: CountyId,
    /// Delegates at its convention: at least one.
    pub convention: Delegates,
    /// Delegates it sends to the state convention.
    pub state: Delegates,
    /// The congressional district it counts for, where there is one.
    pub district: Option<DistrictId>,
    /// What people call it.
    pub name: String,
}

/// One reporting site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its id.
    pub id: UnitId,
    /// Precinct or satellite.
    pub kind: Kind,
    /// What people call it.
    pub name: String,
}

/// What sort of site a unit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A precinct of a county, with delegates fixed before the night.
    Precinct {
        /// Its county.
        county: CountyId,
        /// Delegates it sends to the county convention: 1 to [`MAX_DELEGATES`].
        delegates: Delegates,
    },
    /// A satellite, whose delegates follow from its attendance (R9).
    Satellite {
        /// Its pool.
        pool: PoolId,
    },
}

impl Roster {
    /// Reads a roster file. The error names the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let mut lines = Lines::of(text)?;
        lines.exactly(HEADING)?;
        let mut roster = Self {
            counties: BTreeMap::new(),
            units: BTreeMap::new(),
        };
        while let Some(line) = lines.peek() {
            let place = |what: String| lines.error(what);
            if line.starts_with("county ") {
                if !roster.units.is_empty() {
                    return Err(lines.error("county lines stand before unit lines"));
                }
                roster
                    .add_county(County::parse_line(line).map_err(place)?)
                    .map_err(place)?;
            } else {
                roster
                    .add_unit(Unit::parse_line(line).map_err(place)?)
                    .map_err(place)?;
            }
            lines.advance();
        }
        if roster.units.is_empty() {
            return Err(lines.error("expected at least one `unit …`"));
        }
        Ok(roster)
    }

    /// A roster of these counties and units, in whatever order they come; the text says what does
    /// not fit.
    pub fn new(
        counties: impl IntoIterator<Item = County>,
        units: impl IntoIterator<Item = Unit>,
    ) -> Result<Self, String> {
        let counties: BTreeMap<_, _> = counties
            .into_iter()
            .map(|county| (county.id.clone(), county))
            .collect();
        let units: BTreeMap<_, _> = units
            .into_iter()
            .map(|unit| (unit.id.clone(), unit))
            .collect();
        let roster = Self { counties, units };
        for unit in roster.units() {
            roster.check_county(unit)?;
        }
        Ok(roster)
    }

    fn add_county(&mut self, county: County) -> Result<(), String> {
        let last = self.counties.last_key_value();
        if last.is_some_and(|(last, _)| *last >= county.id) {
            return Err("county lines must ascend, each once".to_string());
        }
        self.counties.insert(county.id.clone(), county);
        Ok(())
    }

    fn add_unit(&mut self, unit: Unit) -> Result<(), String> {
        let last = self.units.last_key_value();
        if last.is_some_and(|(last, _)| *last >= unit.id) {
            return Err("unit lines must ascend, each once".to_string());
        }
        self.check_county(&unit)?;
        self.units.insert(unit.id.clone(), unit);
        Ok(())
    }

    fn check_county(&self, unit: &Unit) -> Result<(), String> {
        match &unit.kind {
            Kind::Precinct { county, .. } if !self.counties.contains_key(county) => {
                Err(alloc::format!("county `{county}` is not listed"))
            }
            Kind::Precinct { .. } | Kind::Satellite { .. } => Ok(()),
        }
    }

    /// The units, ascending by id.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.values()
    }

    /// How many units there are.
    pub fn unit_count(&self) -> usize {
        self.units.len()
    }

    /// One unit.
    pub fn unit(&self, id: &UnitId) -> Option<&Unit> {
        self.units.get(id)
    }

    /// The counties, ascending by id.
    pub fn counties(&self) -> impl Iterator<Item = &County> {
        self.counties.values()
    }

    /// One county.
    pub fn county(&self, id: &CountyId) -> Option<&County> {
        self.counties.get(id)
    }

    /// The first satellite whose pool the rules do not have, if there is one.
    pub fn unknown_pool(&self, rules: &Rules) -> Option<&Unit> {
        self.units().find(|unit| match &unit.kind {
            Kind::Precinct { .. } => false,
            Kind::Satellite { pool } => rules.pool(pool).is_none(),
        })
    }
}

impl County {
    /// Reads one `county …` line, without its LF.
    pub fn parse_line(line: &str) -> Result<Self, String> {
        let mut words = line.splitn(6, ' ');
        field(words.next(), "`county`", |word| {
            (word == "county").then_some(())
        })?;
        let id = field(words.next(), "a county's id", |text| {
            CountyId::parse(text).ok()
        })?;
        let convention = field(words.next(), "a number of convention delegates", |text| {
            Delegates::parse(text).filter(|count| *count > Delegates::ZERO)
        })?;
        let state = field(
            words.next(),
            "a number of state delegates",
            Delegates::parse,
        )?;
        let district = field(words.next(), "a district or `-`", parse_district)?;
        let name = field(words.next(), "a name", parse_name)?;
        Ok(Self {
            id,
            convention,
            state,
            district,
            name,
        })
    }

    /// The county's line, without its LF.
    pub fn to_line(&self) -> String {
        let district = self.district.as_ref().map_or("-", DistrictId::as_str);
        alloc::format!(
            "county {} {} {} {district} {}",
            self.id,
            self.convention,
            self.state,
            self.name
        )
    }
}

impl Unit {
    /// Reads one `unit …` line, without its LF.
    pub fn parse_line(line: &str) -> Result<Self, String> {
        let mut words = line.splitn(4, ' ');
        field(words.next(), "`county` or `unit`", |word| {
            (word == "unit").then_some(())
        })?;
        let id = field(words.next(), "a unit's id", |text| UnitId::parse(text).ok())?;
        let sort = field(words.next(), "`precinct` or `satellite`", |word| {
            matches!(word, "precinct" | "satellite").then_some(word)
        })?;
        let rest = words.next().unwrap_or_default();
        let (kind, name) = if sort == "precinct" {
            let mut words = rest.splitn(3, ' ');
            let county = field(words.next(), "a county's id", |text| {
                CountyId::parse(text).ok()
            })?;
            let delegates = field(
                words.next(),
                "a number of delegates from 1 to 10000",
                |text| Delegates::parse(text).filter(|n| (1..=MAX_DELEGATES).contains(&n.get())),
            )?;
            (Kind::Precinct { county, delegates }, words.next())
        } else {
            let mut words = rest.splitn(2, ' ');
            let pool = field(words.next(), "a pool's id", |text| PoolId::parse(text).ok())?;
            (Kind::Satellite { pool }, words.next())
        };
        let name = field(name, "a name", parse_name)?;
        Ok(Self { id, kind, name })
    }

    /// The unit's line, without its LF.
    pub fn to_line(&self) -> String {
        let Self { id, kind, name } = self;
        match kind {
            Kind::Precinct { county, delegates } => {
                alloc::format!("unit {id} precinct {county} {delegates} {name}")
            }
            Kind::Satellite { pool } => alloc::format!("unit {id} satellite {pool} {name}"),
        }
    }
}

/// The canonical text: [`Roster::parse`] of it gives the same roster.
impl fmt::Display for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}")?;
        for county in self.counties() {
            writeln!(f, "{}", county.to_line())?;
        }
        for unit in self.units() {
            writeln!(f, "{}", unit.to_line())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
precinct-tally/roster/v1
county 19001 51 4 3 Adair
county 19153 1401 392 3 Polk
unit 19001-1NW precinct 19001 4 Adair, 1 NW
unit 19153-DM-080 precinct 19153 9 DM-80
unit sat-1111 satellite OOS Tucson, AZ - Flowing Wells Library
";

    #[test]
    fn a_roster_has_one_text() {
        let roster = Roster::parse(TEXT).unwrap();
        assert_eq!(roster.to_string(), TEXT);
        let again = Roster::new(roster.counties().cloned(), roster.units().cloned()).unwrap();
        assert_eq!(again, roster);
        assert_eq!(roster.unit_count(), 3);
        assert!(roster.unknown_pool(&Rules::iowa_2020()).is_none());
    }

    #[test]
    fn a_pool_that_the_rules_lack_is_named() {
        let roster = Roster::parse(&TEXT.replace("OOS", "Mars")).unwrap();
        let unit = roster.unknown_pool(&Rules::iowa_2020()).unwrap();
        assert_eq!(unit.id.as_str(), "sat-1111");
    }

    #[test]
    fn a_wrong_roster_is_refused_at_its_line() {
        for (from, to, line) in [
            ("roster/v1", "roster/v3", 1),
            ("19001 51", "19001 0", 2),
            ("19001 51", "19001 -51", 2),
            ("county 19153", "county 19001", 3),
            ("precinct 19001 4", "precinct 19009 4", 4),
            ("precinct 19001 4", "precinct 19001 0", 4),
            ("precinct 19001 4", "precinct 19001 10001", 4),
            ("Adair, 1 NW", " Adair", 4),
            ("unit 19153-DM-080", "unit 19001-1NW", 5),
            ("unit 19153-DM-080", "unit 19153/DM", 5),
            ("satellite OOS", "ship OOS", 6),
            (" Tucson, AZ - Flowing Wells Library", "", 6),
            ("unit sat", "county sat", 6),
        ] {
            assert!(TEXT.contains(from), "{from:?}");
            let error = Roster::parse(&TEXT.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.line, line, "{from:?} -> {to:?}: {error}");
        }
        assert_eq!(
            Roster::parse("precinct-tally/roster/v1\n")
                .unwrap_err()
                .line,
            2
        );
    }
}
