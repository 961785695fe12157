//! A snapshot held against the rules: every contradiction in it, how well the rules reproduce it, and
//! what it adds up to.
//!
//! Two counts need a word. *Reproduced* is a precinct whose published award the rules permit for its
//! published counts, whichever way a game of chance went. *Clean* are the precincts with groups whose
//! totals, alignments and sums of delegates hold no contradiction; it does not look at the split, so it
//! is no circle.

mod counts;
mod findings;

use std::collections::BTreeMap;

use caucus::{
    Basis, Finding, FindingCode, Kind, Results, Roster, Rules, Scale, Severity, Standing, Totals,
    TotalsError, UnitId,
};

pub use counts::{Part, Reproduction, Worth};

use crate::series::Series;
use crate::sheets::Sheets;
use crate::snapshot::Snapshot;

/// What an audit of a snapshot found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The snapshot's name.
    pub name: String,
    /// Units that it shows, and units of the roster.
    pub units: Part,
    /// By code, every code there is: what trips it. Worst first.
    pub findings: BTreeMap<FindingCode, Vec<Tripped>>,
    /// How well the rules reproduce the published awards.
    pub reproduction: Reproduction,
    /// Units whose equivalents are exactly the published ones.
    pub worth: Worth,
    /// What the sheets add up to.
    pub results: Results,
    /// Checks that this release cannot answer, and why.
    pub unseen: BTreeMap<FindingCode, &'static str>,
}

/// One place that trips a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tripped {
    /// Where.
    pub subject: Subject,
    /// What.
    pub finding: Finding,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A precinct.
    Precinct(UnitId),
    /// A satellite.
    Satellite(UnitId),
    /// All sites of a pool together.
    Pool(caucus::PoolId),
}

/// Which units a line of the published analysis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Population {
    /// All units.
    Units,
    /// Precincts alone: the alignment of satellites was not judged there.
    Precincts,
}

impl Population {
    /// Whose units the published analysis counts for a code.
    pub const fn of(code: FindingCode) -> Self {
        match code {
            FindingCode::DropOverTenth
            | FindingCode::ViableLostVotes
            | FindingCode::ViableToZero
            | FindingCode::ZeroToViable
            | FindingCode::NonviableRemainder
            | FindingCode::MoreGroupsThanDelegates
            | FindingCode::NoViableGroup
            | FindingCode::ThresholdRoundedDown
            | FindingCode::Distribution
            | FindingCode::GameOfChance => Self::Precincts,
            FindingCode::EmptyRow
            | FindingCode::FirstMissing
            | FindingCode::FinalMissing
            | FindingCode::SdeMissing
            | FindingCode::ColumnSwap
            | FindingCode::DuplicateRow
            | FindingCode::DuplicateHalf
            | FindingCode::FirstAboveAttendance
            | FindingCode::FinalAboveAttendance
            | FindingCode::FirstBelowAttendance
            | FindingCode::FinalAboveFirst
            | FindingCode::TotalsDiffer
            | FindingCode::SatelliteAttendance
            | FindingCode::OverAwarded
            | FindingCode::UnderAwarded
            | FindingCode::NonviableAwarded
            | FindingCode::AwardWithoutVotes
            | FindingCode::ViableUnrewarded
            | FindingCode::OrderInversion
            | FindingCode::Allocation
            | FindingCode::SatelliteAllocation
            | FindingCode::SingleDelegateNotTop
            | FindingCode::SdeNotMultiple
            | FindingCode::CountyRowDiffers
            | FindingCode::StalePoolShare
            | FindingCode::PoolTotalDiffers
            | FindingCode::ChangedAfterPublication
            | FindingCode::RivalDiffers
            | FindingCode::AttestDiffers
            | FindingCode::KeyDoubted
            | FindingCode::Asked
            | FindingCode::HeldByReview
            | FindingCode::LateReport
            | FindingCode::ReportedTwice
            | FindingCode::WithdrawnGroup
            | FindingCode::SilentWhileNeighboursReport => Self::Units,
        }
    }

    /// Whether it counts this.
    const fn has(self, subject: &Subject) -> bool {
        match (self, subject) {
            (Self::Precincts, Subject::Satellite(_)) => false,
            (Self::Precincts | Self::Units, _) => true,
        }
    }
}

impl Audit {
    /// Audits the last snapshot of a series; the ones before it say what was changed since.
    pub fn of(
        rules: &Rules,
        roster: &Roster,
        series: &Series,
    ) -> Option<Result<Self, TotalsError>> {
        let last = series.steps.last()?;
        let sheets = Sheets::infer(rules, roster, &last.snapshot);
        Some(Self::of_sheets(
            rules,
            roster,
            series,
            &last.snapshot,
            &sheets,
        ))
    }

    fn of_sheets(
        rules: &Rules,
        roster: &Roster,
        series: &Series,
        snapshot: &Snapshot,
        sheets: &Sheets,
    ) -> Result<Self, TotalsError> {
        let reported = sheets.units.iter().filter_map(|(id, worksheet)| {
            let unit = roster.unit(id)?;
            Some((unit, worksheet, Standing::Received))
        });
        let totals = Totals::of(Basis::Reported, rules, roster, reported)?;
        let scale = Scale::of(roster.counties());
        let read = findings::Read {
            rules,
            roster,
            series,
            snapshot,
            sheets,
        };
        let findings = read.all();
        let tripped = by_unit(&findings);
        Ok(Self {
            name: snapshot.name.clone(),
            units: Part {
                are: count(snapshot.units.len()),
                of: count(roster.unit_count()),
            },
            reproduction: counts::reproduction(rules, roster, sheets, &tripped),
            worth: counts::worth(rules, roster, snapshot, sheets, &totals),
            results: totals.results(Basis::Reported, roster.counties(), rules, &scale)?,
            unseen: read.unseen(),
            findings,
        })
    }

    /// How many places trip a check, counted as the published analysis counts them.
    pub fn count(&self, code: FindingCode) -> u64 {
        let population = Population::of(code);
        let tripped = self.findings.get(&code).into_iter().flatten();
        count(
            tripped
                .filter(|tripped| population.has(&tripped.subject))
                .count(),
        )
    }

    /// How many satellites trip a check that the published analysis counts by precinct alone.
    pub fn satellites_beside(&self, code: FindingCode) -> u64 {
        let all = self.findings.get(&code).map_or(0, Vec::len);
        count(all).saturating_sub(self.count(code))
    }

    /// Units with any error, counted as the published analysis counts them.
    pub fn any_error(&self) -> Vec<&UnitId> {
        self.with_errors(Population::has)
    }

    /// Units with any error at all.
    pub fn any_error_at_all(&self) -> Vec<&UnitId> {
        self.with_errors(|_, _| true)
    }

    fn with_errors(&self, counts: impl Fn(Population, &Subject) -> bool) -> Vec<&UnitId> {
        let errors = self
            .findings
            .iter()
            .filter(|(code, _)| code.severity() == Severity::Error);
        let units = errors.flat_map(|(code, tripped)| {
            let population = Population::of(*code);
            tripped
                .iter()
                .filter(|tripped| counts(population, &tripped.subject))
                .filter_map(|tripped| tripped.subject.unit())
                .collect::<Vec<_>>()
        });
        let mut units: Vec<&UnitId> = units.collect();
        units.sort();
        units.dedup();
        units
    }
}

impl Subject {
    /// The unit it is; a pool is none.
    pub const fn unit(&self) -> Option<&UnitId> {
        match self {
            Self::Precinct(unit) | Self::Satellite(unit) => Some(unit),
            Self::Pool(_) => None,
        }
    }

    /// Its id.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Precinct(unit) | Self::Satellite(unit) => unit.as_str(),
            Self::Pool(pool) => pool.as_str(),
        }
    }

    /// A unit of the roster.
    fn of(roster: &Roster, id: &UnitId) -> Self {
        match roster.unit(id).map(|unit| &unit.kind) {
            Some(Kind::Satellite { .. }) => Self::Satellite(id.clone()),
            Some(Kind::Precinct { .. }) | None => Self::Precinct(id.clone()),
        }
    }
}

/// The codes that each unit trips.
fn by_unit(findings: &BTreeMap<FindingCode, Vec<Tripped>>) -> BTreeMap<&UnitId, Vec<FindingCode>> {
    let mut units: BTreeMap<&UnitId, Vec<FindingCode>> = BTreeMap::new();
    for (code, tripped) in findings {
        for unit in tripped.iter().filter_map(|tripped| tripped.subject.unit()) {
            units.entry(unit).or_default().push(*code);
        }
    }
    units
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
