//! A publication taken apart into single facts, against which a file is read back.
//!
//! The writers do not pass through here. What a file says is read by the format's own reader and
//! *met* with what was meant, fact by fact: each is met exactly once, with the same text, and none
//! is left over. Texts are compared, not numbers: `0.24` is not `0.2400`.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use caucus::{Basis, GroupId, Kind, Sde};

use crate::Format;
use crate::areas::{Area, areas, rows};
use crate::fault::{Difference, ExportFault};
use crate::publication::{Figures, Publication, Set, UnitRow};
use crate::words::words;

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place<'a> {
    Whole,
    State,
    District(&'a str),
    County(&'a str),
    Pool(&'a str),
    Unit(&'a str),
    National(&'a str),
    Group(&'a str),
}

words! {
    /// A fact that is no group's figure.
    pub(crate) Fact {
        /// The contest.
        Election "election",
        /// What people call the contest.
        Title "title",
        /// Who publishes.
        Issuer "issuer",
        /// Live or rehearsal.
        Mode "mode",
        /// The day of the caucuses.
        Day "day",
        /// When the file was made.
        Generated "generated",
        /// Leaves of the log.
        LogSize "log_size",
        /// Root of the log.
        LogRoot "log_root",
        /// The program.
        Build "build",
        /// Hash of the rule file.
        RulesHash "rules_hash",
        /// What people call the place.
        Name "name",
        /// Precinct, satellite, county, pool, district or state.
        Level "level",
        /// The county or pool of a unit, the district of a county or pool.
        Within "within",
        /// What is shown.
        Published "published",
        /// Where it stands.
        Standing "standing",
        /// What stands beside it.
        Marks "marks",
        /// Codes of findings.
        Findings "findings",
        /// Version of the sheet.
        Seq "seq",
        /// Place in the log.
        Leaf "leaf",
        /// Hash of the leaf.
        LeafHash "leaf_hash",
        /// Heads counted.
        Attendees "attendees",
        /// Delegates no group is certain of.
        Undecided "undecided",
        /// Units of an area.
        Units "units",
        /// Units released.
        Reported "reported",
        /// Units verified.
        Verified "verified",
        /// Units held.
        Held "held",
        /// Units withheld.
        Withheld "withheld",
        /// Percent of units released.
        PercentReporting "percent_reporting",
        /// Percent of units verified.
        PercentVerified "percent_verified",
    }
}

/// Which fact of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column<'a> {
    Fact(Fact),
    /// A group's figure.
    Cell(Basis, Set, &'a str),
    /// A group's equivalents as a fraction.
    Exact(Basis, &'a str),
}

/// One fact's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) column: Column<'a>,
}

/// Every fact that a file of one format has to state.
pub(crate) struct Expected<'a> {
    format: Format,
    facts: BTreeMap<Key<'a>, Meant<'a>>,
}

struct Meant<'a> {
    text: Cow<'a, str>,
    met: Cell<bool>,
}

impl<'a> Expected<'a> {
    /// Takes a publication apart for a format.
    pub(crate) fn of(publication: &'a Publication, format: Format) -> Self {
        let mut expected = Self {
            format,
            facts: BTreeMap::new(),
        };
        expected.whole(publication);
        for row in &publication.units {
            expected.unit(publication, row);
        }
        for area in areas(publication) {
            expected.area(publication, &area);
        }
        for (basis, rows) in &publication.national {
            for row in rows {
                let column = Column::Cell(*basis, Set::Delegates, row.group.as_str());
                expected.add(
                    Place::National(&row.part),
                    column,
                    row.delegates.to_string(),
                );
            }
        }
        expected
    }

    fn add(&mut self, place: Place<'a>, column: Column<'a>, text: impl Into<Cow<'a, str>>) {
        if covers(self.format, place, column) {
            let meant = Meant {
                text: text.into(),
                met: Cell::new(false),
            };
            self.facts.insert(Key { place, column }, meant);
        }
    }

    fn fact(&mut self, place: Place<'a>, fact: Fact, text: impl Into<Cow<'a, str>>) {
        self.add(place, Column::Fact(fact), text);
    }

    fn whole(&mut self, publication: &'a Publication) {
        let whole = Place::Whole;
        self.fact(whole, Fact::Election, publication.election.as_str());
        self.fact(whole, Fact::Title, publication.title.as_str());
        self.fact(whole, Fact::Mode, publication.mode.as_str());
        self.fact(whole, Fact::Day, publication.day.to_string());
        self.fact(whole, Fact::Generated, publication.generated.to_string());
        self.fact(whole, Fact::LogSize, publication.log.size.to_string());
        self.fact(whole, Fact::LogRoot, publication.log.root.to_hex());
        self.fact(whole, Fact::Build, publication.build.as_str());
        self.fact(whole, Fact::RulesHash, publication.rules_hash.to_hex());
        self.fact(whole, Fact::Issuer, publication.issuer.name.as_str());
        for group in publication.rules.groups() {
            self.fact(
                Place::Group(group.id.as_str()),
                Fact::Name,
                group.name.as_str(),
            );
        }
    }

    fn unit(&mut self, publication: &'a Publication, row: &'a UnitRow) {
        let place = Place::Unit(row.unit.as_str());
        if let Some(unit) = publication.roster.unit(&row.unit) {
            let (level, within) = match &unit.kind {
                Kind::Precinct { county, .. } => ("precinct", county.as_str()),
                Kind::Satellite { pool } => ("satellite", pool.as_str()),
            };
            self.fact(place, Fact::Name, unit.name.as_str());
            self.fact(place, Fact::Level, level);
            self.fact(place, Fact::Within, within);
        }
        self.fact(place, Fact::Published, row.report.published().as_str());
        self.fact(place, Fact::Standing, row.standing.as_str());
        if !row.marks.is_empty() {
            self.fact(place, Fact::Marks, joined(&row.marks));
        }
        if !row.findings.is_empty() {
            let codes = row.findings.iter().map(|code| code.as_str());
            self.fact(place, Fact::Findings, joined(codes));
        }
        if let Some(head) = row.report.head() {
            self.fact(place, Fact::Seq, head.seq.to_string());
            self.fact(place, Fact::Leaf, head.leaf.to_string());
            self.fact(place, Fact::LeafHash, head.hash.to_hex());
        }
        if let Some(figures) = row.report.figures() {
            self.figures(place, publication, figures);
        }
    }

    fn figures(&mut self, place: Place<'a>, publication: &'a Publication, figures: &'a Figures) {
        let Figures {
            worksheet,
            sde,
            recomputed,
            recomputed_sde,
        } = figures;
        self.fact(place, Fact::Attendees, worksheet.attendees.to_string());
        self.fact(place, Fact::Undecided, recomputed.undecided.to_string());
        for group in publication.rules.groups() {
            let id = &group.id;
            let mut cell = |basis, set, text: String| {
                self.add(place, Column::Cell(basis, set, id.as_str()), text);
            };
            let reported = Basis::Reported;
            cell(reported, Set::First, worksheet.first.get(id).to_string());
            cell(reported, Set::Final, worksheet.last.get(id).to_string());
            cell(
                reported,
                Set::Delegates,
                worksheet.reported.get(id).to_string(),
            );
            cell(reported, Set::Sde, decimal(sde, id));
            let given = recomputed.by.get(id);
            cell(Basis::Recomputed, Set::Delegates, given.to_string());
            cell(Basis::Recomputed, Set::Sde, decimal(recomputed_sde, id));
            let mut fraction = |basis, sdes| {
                self.add(place, Column::Exact(basis, id.as_str()), exact(sdes, id));
            };
            fraction(reported, sde);
            fraction(Basis::Recomputed, recomputed_sde);
        }
    }

    fn area(&mut self, publication: &'a Publication, area: &Area<'a>) {
        let place = area.place;
        let counts = area.counts;
        self.fact(place, Fact::Name, area.name);
        self.fact(place, Fact::Level, place.level());
        if let Some(district) = area.within {
            self.fact(place, Fact::Within, district.as_str());
        }
        self.fact(place, Fact::Units, counts.units.to_string());
        self.fact(place, Fact::Reported, counts.reported.to_string());
        self.fact(place, Fact::Verified, counts.verified.to_string());
        self.fact(place, Fact::Held, counts.held.to_string());
        self.fact(place, Fact::Withheld, counts.withheld.to_string());
        self.fact(place, Fact::PercentReporting, counts.percent_reporting());
        self.fact(place, Fact::PercentVerified, counts.percent_verified());
        for basis in Basis::ALL {
            for row in rows(publication, basis, place).unwrap_or_default() {
                let mut cell = |set, text: String| {
                    self.add(place, Column::Cell(basis, set, row.group.as_str()), text);
                };
                cell(Set::First, row.first.get().to_string());
                cell(Set::Final, row.last.get().to_string());
                cell(Set::Delegates, row.delegates.get().to_string());
                cell(Set::Sde, row.sde.decimal(4));
                let fraction = Column::Exact(basis, row.group.as_str());
                self.add(place, fraction, row.sde.exact());
            }
        }
    }

    /// Meets what a file says with what was meant, once.
    pub(crate) fn meet(
        &self,
        place: Place<'_>,
        column: Column<'_>,
        written: &str,
    ) -> Result<(), ExportFault> {
        if self.repeat(place, column, written)? {
            return Err(self.fault(place, column, Difference::Twice));
        }
        Ok(())
    }

    /// As [`Expected::meet`], for what a table repeats in each of its rows. Answers whether it had
    /// been met before.
    pub(crate) fn repeat(
        &self,
        place: Place<'_>,
        column: Column<'_>,
        written: &str,
    ) -> Result<bool, ExportFault> {
        let Some(meant) = self.get(Key { place, column }) else {
            let written = written.to_owned();
            return Err(self.fault(place, column, Difference::Stranger { written }));
        };
        if meant.text != written {
            let (written, meant) = (written.to_owned(), meant.text.to_string());
            return Err(self.fault(place, column, Difference::Differs { written, meant }));
        }
        Ok(meant.met.replace(true))
    }

    fn get<'k>(&'k self, key: Key<'k>) -> Option<&'k Meant<'k>> {
        // The map of longer-lived names is as well one of shorter-lived names.
        let facts: &'k BTreeMap<Key<'k>, Meant<'k>> = &self.facts;
        facts.get(&key)
    }

    /// Answers with the first fact that no cell of the file has stated.
    pub(crate) fn all_met(&self) -> Result<(), ExportFault> {
        match self.facts.iter().find(|(_, meant)| !meant.met.get()) {
            None => Ok(()),
            Some((key, meant)) => {
                let meant = meant.text.to_string();
                Err(self.fault(key.place, key.column, Difference::Missing { meant }))
            }
        }
    }

    /// A fault at a cell of this format's file.
    pub(crate) fn fault(
        &self,
        place: Place<'_>,
        column: Column<'_>,
        what: Difference,
    ) -> ExportFault {
        ExportFault {
            format: self.format,
            place: place.to_string(),
            cell: column.to_string(),
            what,
        }
    }
}

/// The four decimals of a group's equivalents.
pub(crate) fn decimal(sdes: &BTreeMap<GroupId, Sde>, group: &GroupId) -> String {
    sdes.get(group)
        .map_or_else(|| Sde::zero().decimal(4), |sde| sde.decimal(4))
}

/// The fraction of a group's equivalents.
pub(crate) fn exact(sdes: &BTreeMap<GroupId, Sde>, group: &GroupId) -> String {
    sdes.get(group)
        .map_or_else(|| Sde::zero().exact(), Sde::exact)
}

/// Words in one cell, a space between them.
pub(crate) fn joined(words: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    words.join(" ")
}

/// Whether files of a format state a fact.
fn covers(format: Format, place: Place<'_>, column: Column<'_>) -> bool {
    match format {
        Format::Json => true,
        Format::CsvTidy => in_tables(place, column),
        Format::CsvWide => match place {
            Place::Whole | Place::Unit(_) => in_tables(place, column),
            Place::State
            | Place::District(_)
            | Place::County(_)
            | Place::Pool(_)
            | Place::National(_)
            | Place::Group(_) => false,
        },
        Format::Nist => in_nist(place, column),
    }
}

/// A table has no head for what concerns the whole; three words of it stand in every row.
fn in_tables(place: Place<'_>, column: Column<'_>) -> bool {
    match (place, column) {
        (Place::Group(_), _) | (_, Column::Exact(..)) => false,
        (_, Column::Cell(..)) => true,
        (Place::Whole, Column::Fact(fact)) => {
            matches!(fact, Fact::Election | Fact::Mode | Fact::LogSize)
        }
        (_, Column::Fact(fact)) => !matches!(
            fact,
            Fact::Held | Fact::Withheld | Fact::PercentReporting | Fact::PercentVerified
        ),
    }
}

/// The standard has no place for other bases, for codes and for delegations, and of an area's units
/// it counts those that have reported and no others.
fn in_nist(place: Place<'_>, column: Column<'_>) -> bool {
    match column {
        Column::Exact(..) => false,
        Column::Cell(basis, _, _) => {
            basis == Basis::Reported && !matches!(place, Place::National(_))
        }
        Column::Fact(fact) => !matches!(
            fact,
            Fact::Findings
                | Fact::Undecided
                | Fact::Verified
                | Fact::Held
                | Fact::Withheld
                | Fact::PercentReporting
                | Fact::PercentVerified
        ),
    }
}

impl<'a> Place<'a> {
    /// The word for its kind.
    pub(crate) const fn level(self) -> &'static str {
        match self {
            Self::Whole => "publication",
            Self::State => "state",
            Self::District(_) => "district",
            Self::County(_) => "county",
            Self::Pool(_) => "pool",
            Self::Unit(_) => "unit",
            Self::National(_) => "national",
            Self::Group(_) => "group",
        }
    }

    /// Its id among its kind; empty where there is one only.
    pub(crate) const fn id(self) -> &'a str {
        match self {
            Self::Whole | Self::State => "",
            Self::District(id)
            | Self::County(id)
            | Self::Pool(id)
            | Self::Unit(id)
            | Self::National(id)
            | Self::Group(id) => id,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole | Self::State => write!(f, "the {}", self.level()),
            Self::District(_)
            | Self::County(_)
            | Self::Pool(_)
            | Self::Unit(_)
            | Self::National(_)
            | Self::Group(_) => write!(f, "{} {}", self.level(), self.id()),
        }
    }
}

impl fmt::Display for Column<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fact(fact) => write!(f, "{fact}"),
            Self::Cell(basis, set, group) => write!(f, "{group} {set} {basis}"),
            Self::Exact(basis, group) => write!(f, "{group} sde {basis} as a fraction"),
        }
    }
}

/// Areas, by the word and id that a table writes.
pub(crate) fn place_of<'a>(level: &str, id: &'a str) -> Option<Place<'a>> {
    match level {
        "precinct" | "satellite" => Some(Place::Unit(id)),
        "state" => id.is_empty().then_some(Place::State),
        "district" => Some(Place::District(id)),
        "county" => Some(Place::County(id)),
        "pool" => Some(Place::Pool(id)),
        "national" => Some(Place::National(id)),
        _ => None,
    }
}
