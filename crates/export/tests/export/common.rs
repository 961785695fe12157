//! Publications of generated and of small written nights.

use std::collections::{BTreeMap, BTreeSet};

use caucus::{
    Basis, ElectionId, FindingCode, Recomputed, Reported, Scale, Standing, Totals, UnitId,
    Worksheet, findings, recomputed, unit_sdes,
};
use export::{
    Day, Figures, Head, Issuer, LogHead, Mark, Mode, Moment, Publication, Report, UnitRow,
};
use merkle::{LeafHash, LeafIndex, TreeSize, sha256};
use testkit::Night;

/// Where a unit is in its night.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Silent,
    Withheld(Standing),
    Released(Standing),
}

impl Stage {
    const fn standing(self) -> Standing {
        match self {
            Self::Silent => Standing::Silent,
            Self::Withheld(standing) | Self::Released(standing) => standing,
        }
    }
}

/// Everything reported, verified and released.
pub(crate) fn whole(night: &Night) -> Publication {
    publication(night, |_| Stage::Released(Standing::Verified))
}

/// Some of everything.
pub(crate) fn mixed(night: &Night) -> Publication {
    publication(night, |position| match position % 7 {
        0 => Stage::Silent,
        1 => Stage::Withheld(Standing::Verified),
        2 => Stage::Released(Standing::Received),
        3 => Stage::Released(Standing::Held),
        _ => Stage::Released(Standing::Verified),
    })
}

/// A night of which each report, by its position, has come as far as `stage` says.
pub(crate) fn publication(night: &Night, stage: impl Fn(usize) -> Stage) -> Publication {
    let stages: BTreeMap<&UnitId, (usize, Stage)> = night
        .reports
        .iter()
        .enumerate()
        .map(|(position, report)| (&report.unit, (position, stage(position))))
        .collect();
    let sheets = sheets(night, &stages);
    let totals = totals(night, &stages, &sheets);
    let units = night.roster.units().map(|unit| {
        let (position, stage) = stages.get(&unit.id).copied().unwrap_or((0, Stage::Silent));
        let report = report(
            night,
            &totals,
            sheets.get(&unit.id),
            stage,
            &unit.id,
            position,
        );
        UnitRow {
            unit: unit.id.clone(),
            standing: stage.standing(),
            marks: marks(stage, position),
            findings: codes(night, &unit.id, stage),
            report,
        }
    });
    let units = units.collect();
    let scale = Scale::of(night.roster.counties());
    let results = totals.iter().map(|(basis, totals)| {
        let results = totals.results(*basis, night.roster.counties(), &night.rules, &scale);
        (*basis, results.unwrap())
    });
    let results: BTreeMap<Basis, _> = results.collect();
    Publication {
        election: ElectionId::parse("test-2030").unwrap(),
        title: "Test caucuses".to_owned(),
        mode: Mode::Rehearsal,
        issuer: Issuer {
            name: "Example State Party".to_owned(),
            abbreviation: "EX".to_owned(),
            state: "Example State".to_owned(),
        },
        day: Day::new(2030, 2, 3).unwrap(),
        generated: Moment::from_unix(1_896_405_300).unwrap(),
        build: "tally 0.0.0".to_owned(),
        rules_hash: sha256(night.rules.to_string().as_bytes()),
        log: LogHead {
            size: TreeSize::new(2411),
            root: sha256(b"root"),
        },
        roster: night.roster.clone(),
        rules: night.rules.clone(),
        units,
        results,
        national: BTreeMap::new(),
    }
}

struct Sheet<'a> {
    worksheet: &'a Worksheet,
    given: Recomputed,
    recomputed: Worksheet,
}

/// The released sheets, with what the rules make of them.
fn sheets<'a>(
    night: &'a Night,
    stages: &BTreeMap<&UnitId, (usize, Stage)>,
) -> BTreeMap<&'a UnitId, Sheet<'a>> {
    night
        .reports
        .iter()
        .filter(|report| matches!(stages[&report.unit].1, Stage::Released(_)))
        .map(|report| {
            let given = recomputed(&night.rules, night.unit(report), &report.worksheet);
            let by = given.by.iter().map(|(group, count)| (group.clone(), count));
            let recomputed_sheet = Worksheet {
                reported: by.collect::<Reported>(),
                ..report.worksheet.clone()
            };
            let sheet = Sheet {
                worksheet: &report.worksheet,
                given,
                recomputed: recomputed_sheet,
            };
            (&report.unit, sheet)
        })
        .collect()
}

fn totals(
    night: &Night,
    stages: &BTreeMap<&UnitId, (usize, Stage)>,
    sheets: &BTreeMap<&UnitId, Sheet<'_>>,
) -> BTreeMap<Basis, Totals> {
    let on = |basis| {
        let counted = sheets.iter().map(|(id, sheet)| {
            let unit = night.roster.unit(id).unwrap();
            (unit, sheet.worksheet, stages[*id].1.standing())
        });
        Totals::of(basis, &night.rules, &night.roster, counted).unwrap()
    };
    let mut totals: BTreeMap<Basis, Totals> = Basis::ALL.map(|basis| (basis, on(basis))).into();
    // A site is worth its share of the whole pool, whichever sites are added up.
    let whole = totals[&Basis::Reported].pools.clone();
    for (id, pool) in totals.values_mut().flat_map(|totals| &mut totals.pools) {
        pool.attendees = whole[id].attendees;
    }
    totals
}

fn report(
    night: &Night,
    totals: &BTreeMap<Basis, Totals>,
    sheet: Option<&Sheet<'_>>,
    stage: Stage,
    id: &UnitId,
    position: usize,
) -> Report {
    let head = Head {
        leaf: LeafIndex::new(u64::try_from(position).unwrap() + 1),
        hash: LeafHash::from_hash(sha256(id.as_str().as_bytes())),
        seq: u64::try_from(position % 3).unwrap() + 1,
    };
    match (stage, sheet) {
        (Stage::Silent, _) => Report::Silent,
        (Stage::Withheld(_), _) | (Stage::Released(_), None) => Report::Withheld(head),
        (Stage::Released(_), Some(sheet)) => {
            let unit = night.roster.unit(id).unwrap();
            let worth = |basis, worksheet| {
                unit_sdes(
                    unit,
                    worksheet,
                    &totals[&basis],
                    &night.roster,
                    &night.rules,
                )
            };
            let figures = Figures {
                worksheet: sheet.worksheet.clone(),
                sde: worth(Basis::Reported, sheet.worksheet),
                recomputed: sheet.given.clone(),
                recomputed_sde: worth(Basis::Recomputed, &sheet.recomputed),
            };
            Report::Released(head, Box::new(figures))
        }
    }
}

fn marks(stage: Stage, position: usize) -> BTreeSet<Mark> {
    if stage == Stage::Silent {
        return BTreeSet::new();
    }
    let all = Mark::ALL.into_iter().enumerate();
    all.filter(|(number, _)| position.is_multiple_of(11 + number))
        .map(|(_, mark)| mark)
        .collect()
}

fn codes(night: &Night, id: &UnitId, stage: Stage) -> BTreeSet<FindingCode> {
    let report = night.reports.iter().find(|report| report.unit == *id);
    match (report, stage) {
        (None, _) | (_, Stage::Silent) => BTreeSet::new(),
        (Some(report), Stage::Withheld(_) | Stage::Released(_)) => {
            let found = findings(night.unit(report), &night.rules, &report.worksheet);
            found.into_iter().map(|finding| finding.code).collect()
        }
    }
}
