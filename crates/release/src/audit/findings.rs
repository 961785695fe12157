//! Every check that a release can answer.

use std::collections::BTreeMap;

use caucus::{
    Column, Finding, FindingCode, Kind, PoolId, Prints, PublishedRow, Roster, Rules, UnitId,
    Worksheet, findings, published_empty, published_pool,
};

use super::{Subject, Tripped};
use crate::published::Published;
use crate::series::Series;
use crate::sheets::Sheets;
use crate::snapshot::Snapshot;

/// Checks against an attendance that was made up from the first alignment find nothing but that.
const BY_ATTENDANCE: [FindingCode; 3] = [
    FindingCode::FirstAboveAttendance,
    FindingCode::FinalAboveAttendance,
    FindingCode::FirstBelowAttendance,
];

/// What is acts on the night, which no release shows.
const BY_ACTS: [FindingCode; 9] = [
    FindingCode::RivalDiffers,
    FindingCode::AttestDiffers,
    FindingCode::KeyDoubted,
    FindingCode::Asked,
    FindingCode::HeldByReview,
    FindingCode::LateReport,
    FindingCode::ReportedTwice,
    FindingCode::WithdrawnGroup,
    FindingCode::SilentWhileNeighboursReport,
];

/// A snapshot with all that its checks need.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    pub(super) rules: &'a Rules,
    pub(super) roster: &'a Roster,
    pub(super) series: &'a Series,
    pub(super) snapshot: &'a Snapshot,
    pub(super) sheets: &'a Sheets,
}

type Found = BTreeMap<FindingCode, Vec<Tripped>>;

impl Read<'_> {
    /// By code, every code there is.
    pub(super) fn all(self) -> Found {
        let mut found: Found = FindingCode::ALL
            .into_iter()
            .map(|code| (code, Vec::new()))
            .collect();
        for (id, worksheet) in &self.sheets.units {
            for finding in self.of_sheet(id, worksheet) {
                self.note(&mut found, id, finding);
            }
        }
        self.duplicates(&mut found);
        for (id, finding) in &self.sheets.findings {
            self.note(&mut found, id, finding.clone());
        }
        for (id, finding) in self.series.changed() {
            self.note(&mut found, id, finding.clone());
        }
        self.pools(&mut found);
        found
    }

    /// Why a check has nothing to look at.
    pub(super) fn unseen(self) -> BTreeMap<FindingCode, &'static str> {
        let mut unseen: BTreeMap<FindingCode, &'static str> = BY_ACTS
            .into_iter()
            .map(|code| (code, "a release does not show the acts of the night"))
            .collect();
        let stated = |published: &Published| published.attendees.is_some();
        if !self.snapshot.units.values().any(stated) {
            let why = "no attendance was published";
            unseen.extend(BY_ATTENDANCE.map(|code| (code, why)));
        }
        let why = "no rows of counties were published apart";
        unseen.insert(FindingCode::CountyRowDiffers, why);
        let why = "one attendance explains each pool; an earlier one is not known";
        unseen.insert(FindingCode::StalePoolShare, why);
        if self.series.steps.len() < 2 {
            let why = "there is no release before this one";
            unseen.insert(FindingCode::ChangedAfterPublication, why);
        }
        unseen
    }

    fn of_sheet(self, id: &UnitId, worksheet: &Worksheet) -> Vec<Finding> {
        let (Some(unit), Some(published)) = (self.roster.unit(id), self.snapshot.units.get(id))
        else {
            return Vec::new();
        };
        let mut found = findings(unit, self.rules, worksheet);
        if published.attendees.is_none() {
            found.retain(|finding| !BY_ATTENDANCE.contains(&finding.code));
        }
        let has = |code| found.iter().any(|finding| finding.code == code);
        if !has(FindingCode::EmptyRow) {
            found.extend(published_empty(&published.cells));
        }
        found
    }

    /// Sheets with the same counts.
    fn duplicates(self, found: &mut Found) {
        let mut rows: BTreeMap<(String, Kept), Vec<UnitId>> = BTreeMap::new();
        for (id, worksheet) in &self.sheets.units {
            let Prints { both, first, last } = Prints::of(worksheet);
            let prints = [(both, Kept::Both), (first, Kept::First), (last, Kept::Last)];
            for (print, kept) in prints {
                if let Some(print) = print {
                    rows.entry((print, kept)).or_default().push(id.clone());
                }
            }
        }
        for ((_, kept), units) in rows.into_iter().filter(|(_, units)| units.len() > 1) {
            for unit in &units {
                let partners = units.iter().filter(|partner| *partner != unit);
                let partners: Vec<UnitId> = partners.cloned().collect();
                let finding = match kept {
                    Kept::Both => Finding::duplicate_row(&partners),
                    Kept::First => Finding::duplicate_half(Column::First, &partners),
                    Kept::Last => Finding::duplicate_half(Column::Final, &partners),
                };
                self.note(found, unit, finding);
            }
        }
    }

    /// Pools all of whose sites are published.
    fn pools(self, found: &mut Found) {
        let mut sites: BTreeMap<&PoolId, (bool, Vec<&PublishedRow>)> = BTreeMap::new();
        for unit in self.roster.units() {
            if let Kind::Satellite { pool } = &unit.kind {
                let (whole, rows) = sites.entry(pool).or_insert_with(|| (true, Vec::new()));
                match self.snapshot.units.get(&unit.id) {
                    Some(published) => rows.push(&published.cells),
                    None => *whole = false,
                }
            }
        }
        for (id, (whole, rows)) in sites {
            let pool = self.rules.pool(id).filter(|_| whole);
            if let Some(finding) = pool.and_then(|pool| published_pool(pool, rows)) {
                let subject = Subject::Pool(id.clone());
                let tripped = found.entry(finding.code).or_default();
                tripped.push(Tripped { subject, finding });
            }
        }
    }

    /// Notes what a unit trips, each code once; a second half adds its words.
    fn note(self, found: &mut Found, id: &UnitId, finding: Finding) {
        let tripped = found.entry(finding.code).or_default();
        let subject = Subject::of(self.roster, id);
        match tripped
            .iter_mut()
            .find(|tripped| tripped.subject == subject)
        {
            Some(before) => {
                before.finding.cells.extend(finding.cells);
                before.finding.figures = format!("{}; {}", before.finding.figures, finding.figures);
            }
            None => tripped.push(Tripped { subject, finding }),
        }
    }
}

/// Which counts two sheets share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Both,
    First,
    Last,
}
