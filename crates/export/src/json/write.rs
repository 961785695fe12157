//! From a publication to the document.
#![expect(clippy::struct_field_names, reason = "the names are the format's")]

use std::collections::BTreeMap;

use caucus::{Basis, GroupId, Kind, ResultRow, Rules};
use serde::Serialize;

use super::SCHEMA;
use crate::areas::{Area, areas, rows};
use crate::facts::{decimal, exact};
use crate::number::Decimal;
use crate::publication::{Figures, Head, Publication, UnitRow};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    election: &'a str,
    title: &'a str,
    issuer: &'a str,
    mode: &'static str,
    day: String,
    generated: String,
    build: &'a str,
    rules_hash: String,
    log: Log,
    groups: Vec<Group<'a>>,
    areas: Vec<AreaRow<'a>>,
    national: BTreeMap<&'static str, Vec<National<'a>>>,
    units: Vec<Unit<'a>>,
}

#[derive(Serialize)]
struct Log {
    size: u64,
    root: String,
}

#[derive(Serialize)]
struct Group<'a> {
    group: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct AreaRow<'a> {
    level: &'static str,
    place: &'a str,
    name: &'a str,
    within: Option<&'a str>,
    units: u64,
    reported: u64,
    verified: u64,
    held: u64,
    withheld: u64,
    percent_reporting: Decimal,
    percent_verified: Decimal,
    results: BTreeMap<&'static str, Vec<Row<'a>>>,
}

#[derive(Serialize)]
struct Row<'a> {
    group: &'a str,
    first: u64,
    #[serde(rename = "final")]
    last: u64,
    delegates: u64,
    sde: Decimal,
    sde_exact: String,
}

#[derive(Serialize)]
struct National<'a> {
    part: &'a str,
    group: &'a str,
    delegates: u64,
}

/// One unit of the document, and of the feed.
#[derive(Serialize)]
pub(crate) struct Unit<'a> {
    unit: &'a str,
    level: &'static str,
    name: &'a str,
    within: &'a str,
    published: &'static str,
    standing: &'static str,
    marks: Vec<&'static str>,
    findings: Vec<&'static str>,
    head: Option<HeadRow>,
    figures: Option<UnitFigures<'a>>,
}

#[derive(Serialize)]
struct HeadRow {
    seq: u64,
    leaf: u64,
    leaf_hash: String,
}

#[derive(Serialize)]
struct UnitFigures<'a> {
    attendees: u64,
    undecided: u64,
    groups: Vec<GroupRow<'a>>,
}

#[derive(Serialize)]
struct GroupRow<'a> {
    group: &'a str,
    first: u64,
    #[serde(rename = "final")]
    last: u64,
    delegates: u64,
    sde: Decimal,
    sde_exact: String,
    recomputed: RecomputedRow,
}

#[derive(Serialize)]
struct RecomputedRow {
    delegates: u64,
    sde: Decimal,
    sde_exact: String,
}

/// The document's bytes.
pub(crate) fn write(publication: &Publication) -> Result<Vec<u8>, serde_json::Error> {
    let groups = publication.rules.groups().iter();
    let areas = areas(publication);
    let national = publication.national.iter().map(|(basis, rows)| {
        let rows = rows.iter().map(|row| National {
            part: &row.part,
            group: row.group.as_str(),
            delegates: row.delegates.get(),
        });
        (basis.as_str(), rows.collect())
    });
    let document = Document {
        schema: SCHEMA,
        election: publication.election.as_str(),
        title: &publication.title,
        issuer: &publication.issuer.name,
        mode: publication.mode.as_str(),
        day: publication.day.to_string(),
        generated: publication.generated.to_string(),
        build: &publication.build,
        rules_hash: publication.rules_hash.to_hex(),
        log: Log {
            size: publication.log.size.get(),
            root: publication.log.root.to_hex(),
        },
        groups: groups
            .map(|group| Group {
                group: group.id.as_str(),
                name: &group.name,
            })
            .collect(),
        areas: areas
            .iter()
            .map(|area| area_row(publication, area))
            .collect(),
        national: national.collect(),
        units: publication
            .units
            .iter()
            .map(|row| unit(publication, row))
            .collect(),
    };
    serde_json::to_vec(&document)
}

fn area_row<'a>(publication: &'a Publication, area: &Area<'a>) -> AreaRow<'a> {
    let counts = area.counts;
    let results = Basis::ALL.into_iter().filter_map(|basis| {
        let rows = rows(publication, basis, area.place)?;
        Some((basis.as_str(), rows.iter().map(row).collect()))
    });
    AreaRow {
        level: area.place.level(),
        place: area.place.id(),
        name: area.name,
        within: area.within.map(caucus::DistrictId::as_str),
        units: counts.units,
        reported: counts.reported,
        verified: counts.verified,
        held: counts.held,
        withheld: counts.withheld,
        percent_reporting: Decimal(counts.percent_reporting()),
        percent_verified: Decimal(counts.percent_verified()),
        results: results.collect(),
    }
}

fn row(row: &ResultRow) -> Row<'_> {
    Row {
        group: row.group.as_str(),
        first: row.first.get(),
        last: row.last.get(),
        delegates: row.delegates.get(),
        sde: Decimal(row.sde.decimal(4)),
        sde_exact: row.sde.exact(),
    }
}

/// A unit as the document says it.
pub(crate) fn unit<'a>(publication: &'a Publication, row: &'a UnitRow) -> Unit<'a> {
    let unit = publication.roster.unit(&row.unit);
    let (level, within) = match unit.map(|unit| &unit.kind) {
        Some(Kind::Precinct { county, .. }) => ("precinct", county.as_str()),
        Some(Kind::Satellite { pool }) => ("satellite", pool.as_str()),
        None => ("", ""),
    };
    Unit {
        unit: row.unit.as_str(),
        level,
        name: unit.map_or("", |unit| &unit.name),
        within,
        published: row.report.published().as_str(),
        standing: row.standing.as_str(),
        marks: row.marks.iter().map(|mark| mark.as_str()).collect(),
        findings: row.findings.iter().map(|code| code.as_str()).collect(),
        head: row.report.head().map(head_row),
        figures: row
            .report
            .figures()
            .map(|figures| unit_figures(&publication.rules, figures)),
    }
}

fn head_row(head: &Head) -> HeadRow {
    HeadRow {
        seq: head.seq,
        leaf: head.leaf.get(),
        leaf_hash: head.hash.to_hex(),
    }
}

fn unit_figures<'a>(rules: &'a Rules, figures: &Figures) -> UnitFigures<'a> {
    let groups = rules.groups().iter();
    UnitFigures {
        attendees: figures.worksheet.attendees.get(),
        undecided: figures.recomputed.undecided.get(),
        groups: groups.map(|group| group_row(figures, &group.id)).collect(),
    }
}

fn group_row<'a>(figures: &Figures, group: &'a GroupId) -> GroupRow<'a> {
    let Figures {
        worksheet,
        sde,
        recomputed,
        recomputed_sde,
    } = figures;
    GroupRow {
        group: group.as_str(),
        first: worksheet.first.get(group).get(),
        last: worksheet.last.get(group).get(),
        delegates: worksheet.reported.get(group).get(),
        sde: Decimal(decimal(sde, group)),
        sde_exact: exact(sde, group),
        recomputed: RecomputedRow {
            delegates: recomputed.by.get(group).get(),
            sde: Decimal(decimal(recomputed_sde, group)),
            sde_exact: exact(recomputed_sde, group),
        },
    }
}
