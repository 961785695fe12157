//! From the ledger to a publication: the facts as the state has them, and nothing decided.

use std::collections::{BTreeMap, BTreeSet};

use caucus::{
    Basis, FindingCode, GroupId, NationalDelegates, Reported, Roster, Rules, Sde, Totals,
};
use caucus::{Unit, Worksheet};
use ledger::{Deed, Fault, LeafChange, Marks, Release, Tables, UnitView, View};
use merkle::LeafIndex;
use receipt::leaf::{LeafKind, Scope};
use receipt::{ElectionKind, Manifest};

use crate::day::{Day, Moment};
use crate::feed::{ChangeKind, LoggedChange};
use crate::publication::{
    Figures, Head, Issuer, LogHead, Mark, Mode, NationalRow, Publication, Report, UnitRow,
};

/// What a publication says that no leaf does: who publishes, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Who publishes.
    pub issuer: Issuer,
    /// The day of the caucuses, by the calendar of the place.
    pub day: Day,
    /// When the publication is put together.
    pub generated: Moment,
    /// The program and its version.
    pub build: String,
}

impl Publication {
    /// What the publishers have released of the state that `view` shows; none before the first
    /// manifest.
    pub fn of<T: Tables>(view: &View<'_, T>, edition: Edition) -> Result<Option<Self>, Fault> {
        let size = view.tree_size()?;
        let (Some(manifest), Some(roster), Some(rules)) =
            (view.manifest_at(size)?, view.roster()?, view.rules()?)
        else {
            return Ok(None);
        };
        let mut results = BTreeMap::new();
        let mut national = BTreeMap::new();
        for basis in Basis::ALL {
            let Some(shown) = view.released_results(basis)? else {
                return Ok(None);
            };
            if let Some(delegates) = caucus::national(&rules, &shown.results) {
                national.insert(basis, national_rows(&rules, &delegates));
            }
            results.insert(basis, shown.results);
        }
        let worth = Worth {
            totals: view.totals(Basis::Reported)?,
            roster: &roster,
            rules: &rules,
        };
        let mut units = Vec::with_capacity(roster.unit_count());
        for unit in roster.units() {
            if let Some(recorded) = view.unit(&unit.id)? {
                units.push(worth.row(recorded));
            }
        }
        let Manifest {
            ref header,
            kind,
            rules: rules_hash,
            ..
        } = manifest;
        Ok(Some(Self {
            election: header.election.clone(),
            title: rules.title().to_owned(),
            mode: match kind {
                ElectionKind::Live => Mode::Live,
                ElectionKind::Rehearsal => Mode::Rehearsal,
            },
            issuer: edition.issuer,
            day: edition.day,
            generated: edition.generated,
            build: edition.build,
            rules_hash,
            log: LogHead {
                size,
                root: view.root()?,
            },
            units,
            results,
            national,
            roster,
            rules,
        }))
    }
}

/// Every group's delegates in every part that has seats, in the order of the rules.
fn national_rows(rules: &Rules, delegates: &NationalDelegates) -> Vec<NationalRow> {
    let districts = delegates.districts.iter();
    let mut parts: Vec<_> = districts
        .map(|(district, seats)| (district.to_string(), seats))
        .collect();
    parts.push(("at-large".to_owned(), &delegates.at_large));
    parts.push(("leaders".to_owned(), &delegates.leaders));
    let row = |(part, seats): (String, &caucus::Allocation)| {
        let groups = rules.groups().iter();
        let rows = groups.map(move |group| NationalRow {
            part: part.clone(),
            group: group.id.clone(),
            delegates: seats.of(&group.id),
        });
        rows.collect::<Vec<_>>()
    };
    parts.into_iter().flat_map(row).collect()
}

/// What a unit's delegates are worth depends on the sums of its pool.
struct Worth<'p> {
    totals: Totals,
    roster: &'p Roster,
    rules: &'p Rules,
}

impl Worth<'_> {
    fn row(&self, recorded: UnitView) -> UnitRow {
        let head = recorded.head.map(|head| Head {
            leaf: head.index,
            hash: head.hash,
            seq: head.seq,
        });
        let findings: BTreeSet<FindingCode> = recorded
            .findings
            .iter()
            .map(|found| found.finding.code)
            .collect();
        UnitRow {
            unit: recorded.unit.id.clone(),
            standing: recorded.standing,
            marks: marks(recorded.marks),
            findings,
            report: match (head, recorded.release) {
                (None, _) => Report::Silent,
                (Some(head), Release::Withheld) => Report::Withheld(head),
                (Some(head), Release::Released) => match self.figures(recorded) {
                    Some(figures) => Report::Released(head, Box::new(figures)),
                    None => Report::Withheld(head),
                },
            },
        }
    }

    fn figures(&self, recorded: UnitView) -> Option<Figures> {
        let (worksheet, recomputed) = (recorded.worksheet?, recorded.recomputed?);
        let unit = recorded.unit;
        let by_rules = Worksheet {
            reported: Reported::new(
                self.rules
                    .groups()
                    .iter()
                    .map(|group| (group.id.clone(), recomputed.by.get(&group.id)))
                    .collect(),
            ),
            ..worksheet.clone()
        };
        Some(Figures {
            sde: self.of(&unit, &worksheet),
            recomputed_sde: self.of(&unit, &by_rules),
            worksheet,
            recomputed,
        })
    }

    fn of(&self, unit: &Unit, sheet: &Worksheet) -> BTreeMap<GroupId, Sde> {
        caucus::unit_sdes(unit, sheet, &self.totals, self.roster, self.rules)
    }
}

fn marks(marks: Marks) -> BTreeSet<Mark> {
    let Marks {
        corrected,
        disputed,
        recanvassed,
        recounted,
        late,
    } = marks;
    [
        (corrected, Mark::Corrected),
        (disputed, Mark::Disputed),
        (recanvassed, Mark::Recanvassed),
        (recounted, Mark::Recounted),
        (late, Mark::Late),
    ]
    .into_iter()
    .filter(|(set, _)| set.is_set())
    .map(|(_, mark)| mark)
    .collect()
}

/// The feed's changes behind the leaves that the ledger lists. An act about a county or about
/// everything changed each unit of its scope.
pub fn logged(changes: &[LeafChange], roster: &Roster) -> Vec<LoggedChange> {
    let mut logged = Vec::new();
    for change in changes {
        let leaf = change.leaf.index;
        for unit in &change.units {
            let deeds = unit.deeds.iter().filter_map(|deed| kind_of(*deed));
            let kinds: BTreeSet<ChangeKind> = deeds
                .chain(moved(unit.before.standing, unit.after.standing))
                .collect();
            logged.extend(kinds.into_iter().map(|kind| LoggedChange {
                leaf,
                unit: unit.unit.clone(),
                kind,
            }));
        }
        logged.extend(gated(change, roster, leaf));
    }
    logged
}

/// What a publish or hold did to each unit of its scope.
fn gated(change: &LeafChange, roster: &Roster, leaf: LeafIndex) -> Vec<LoggedChange> {
    let kind = match change.kind {
        LeafKind::Publish => ChangeKind::Released,
        LeafKind::Hold => ChangeKind::Withheld,
        LeafKind::Manifest
        | LeafKind::Activate
        | LeafKind::Submission
        | LeafKind::Attest
        | LeafKind::Review
        | LeafKind::Void
        | LeafKind::Dispute
        | LeafKind::Answer
        | LeafKind::Recanvass
        | LeafKind::Recount
        | LeafKind::Enrol
        | LeafKind::Revoke
        | LeafKind::Roster
        | LeafKind::Close
        | LeafKind::Totals => return Vec::new(),
    };
    let within = |unit: &&Unit| match &change.scope {
        Some(Scope::All) => true,
        Some(Scope::County(of)) => match &unit.kind {
            caucus::Kind::Precinct { county, .. } => county == of,
            caucus::Kind::Satellite { .. } => false,
        },
        // The act about one unit is listed with the unit itself.
        Some(Scope::Unit(_)) | None => false,
    };
    let units = roster.units().filter(within);
    units
        .map(|unit| LoggedChange {
            leaf,
            unit: unit.id.clone(),
            kind,
        })
        .collect()
}

/// A standing that was reached.
fn moved(before: caucus::Standing, after: caucus::Standing) -> Option<ChangeKind> {
    use caucus::Standing;
    if before == after {
        return None;
    }
    match after {
        Standing::Silent => None,
        Standing::Received => Some(ChangeKind::Received),
        Standing::Verified => Some(ChangeKind::Verified),
        Standing::Held => Some(ChangeKind::Held),
    }
}

/// What a deed is in the feed; keys and questions of the desk are none of its business.
fn kind_of(deed: Deed) -> Option<ChangeKind> {
    match deed {
        Deed::Reported | Deed::Promoted => Some(ChangeKind::Report),
        Deed::Corrected => Some(ChangeKind::Correction),
        Deed::Rival => Some(ChangeKind::Rival),
        Deed::Taken => Some(ChangeKind::Take),
        Deed::Voided => Some(ChangeKind::Void),
        Deed::Disputed => Some(ChangeKind::Disputed),
        Deed::Answered => Some(ChangeKind::Answered),
        Deed::Recanvassed => Some(ChangeKind::Recanvassed),
        Deed::Recounted => Some(ChangeKind::Recounted),
        Deed::Adopted => Some(ChangeKind::Adopt),
        Deed::Released => Some(ChangeKind::Released),
        Deed::Withheld => Some(ChangeKind::Withheld),
        Deed::Added | Deed::Closed | Deed::Merged | Deed::Joined => Some(ChangeKind::Roster),
        Deed::Superseded
        | Deed::Stray
        | Deed::Attested
        | Deed::Accepted
        | Deed::Asked
        | Deed::HeldByReview
        | Deed::Enrolled
        | Deed::Revoked
        | Deed::Doubted
        | Deed::Compared => None,
    }
}
