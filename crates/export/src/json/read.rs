//! From the document back to single facts. Its types are the reader's own, so that a name the
//! writer got wrong is not wrong twice in the same way.
#![expect(clippy::struct_field_names, reason = "the names are the format's")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use caucus::Basis;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::SCHEMA;
use crate::Format;
use crate::facts::{Column, Expected, Fact, Place, place_of};
use crate::fault::{Difference, ExportFault};
use crate::publication::Set;

type Text<'a> = Cow<'a, str>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    schema: Text<'a>,
    election: Text<'a>,
    title: Text<'a>,
    issuer: Text<'a>,
    mode: Text<'a>,
    day: Text<'a>,
    generated: Text<'a>,
    build: Text<'a>,
    rules_hash: Text<'a>,
    log: Log<'a>,
    groups: Vec<Named<'a>>,
    areas: Vec<Area<'a>>,
    national: BTreeMap<Text<'a>, Vec<National<'a>>>,
    units: Vec<Unit<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Log<'a> {
    size: u64,
    root: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named<'a> {
    group: Text<'a>,
    name: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Area<'a> {
    level: Text<'a>,
    place: Text<'a>,
    name: Text<'a>,
    within: Option<Text<'a>>,
    units: u64,
    reported: u64,
    verified: u64,
    held: u64,
    withheld: u64,
    #[serde(borrow)]
    percent_reporting: &'a RawValue,
    percent_verified: &'a RawValue,
    results: BTreeMap<Text<'a>, Vec<Row<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    group: Text<'a>,
    first: u64,
    #[serde(rename = "final")]
    last: u64,
    delegates: u64,
    #[serde(borrow)]
    sde: &'a RawValue,
    sde_exact: Text<'a>,
    recomputed: Option<Recomputed<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recomputed<'a> {
    delegates: u64,
    #[serde(borrow)]
    sde: &'a RawValue,
    sde_exact: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct National<'a> {
    part: Text<'a>,
    group: Text<'a>,
    delegates: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unit<'a> {
    unit: Text<'a>,
    level: Text<'a>,
    name: Text<'a>,
    within: Text<'a>,
    published: Text<'a>,
    standing: Text<'a>,
    marks: Vec<Text<'a>>,
    findings: Vec<Text<'a>>,
    head: Option<Head<'a>>,
    #[serde(borrow)]
    figures: Option<Figures<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head<'a> {
    seq: u64,
    leaf: u64,
    leaf_hash: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures<'a> {
    attendees: u64,
    undecided: u64,
    #[serde(borrow)]
    groups: Vec<Row<'a>>,
}

/// Reads the document back and meets every fact with what was meant.
pub(crate) fn read(expected: &Expected<'_>, bytes: &[u8]) -> Result<(), ExportFault> {
    let document: Document<'_> = serde_json::from_slice(bytes)
        .map_err(|error| ExportFault::unreadable(Format::Json, &error))?;
    let meet = Meet(expected);
    if document.schema != SCHEMA {
        return Err(stranger(&document.schema));
    }
    let whole = [
        (Fact::Election, &document.election),
        (Fact::Title, &document.title),
        (Fact::Issuer, &document.issuer),
        (Fact::Mode, &document.mode),
        (Fact::Day, &document.day),
        (Fact::Generated, &document.generated),
        (Fact::Build, &document.build),
        (Fact::RulesHash, &document.rules_hash),
        (Fact::LogRoot, &document.log.root),
    ];
    for (fact, text) in whole {
        meet.fact(Place::Whole, fact, text)?;
    }
    meet.count(Place::Whole, Fact::LogSize, document.log.size)?;
    for group in &document.groups {
        meet.fact(Place::Group(&group.group), Fact::Name, &group.name)?;
    }
    for area in &document.areas {
        meet.area(area)?;
    }
    for (word, rows) in &document.national {
        let basis = basis(word)?;
        for row in rows {
            let column = Column::Cell(basis, Set::Delegates, &row.group);
            expected.meet(
                Place::National(&row.part),
                column,
                &row.delegates.to_string(),
            )?;
        }
    }
    document.units.iter().try_for_each(|unit| meet.unit(unit))
}

fn basis(word: &str) -> Result<Basis, ExportFault> {
    Basis::parse(word).ok_or_else(|| stranger(word))
}

fn stranger(written: &str) -> ExportFault {
    let written = written.to_owned();
    ExportFault::whole(Format::Json, Difference::Stranger { written })
}

struct Meet<'e, 'a>(&'e Expected<'a>);

impl Meet<'_, '_> {
    fn fact(&self, place: Place<'_>, fact: Fact, text: &str) -> Result<(), ExportFault> {
        self.0.meet(place, Column::Fact(fact), text)
    }

    fn count(&self, place: Place<'_>, fact: Fact, count: u64) -> Result<(), ExportFault> {
        self.fact(place, fact, &count.to_string())
    }

    /// Words of a list; an empty one states nothing.
    fn words(&self, place: Place<'_>, fact: Fact, words: &[Text<'_>]) -> Result<(), ExportFault> {
        if words.is_empty() {
            return Ok(());
        }
        self.fact(place, fact, &words.join(" "))
    }

    fn area(&self, area: &Area<'_>) -> Result<(), ExportFault> {
        let place = place_of(&area.level, &area.place).ok_or_else(|| stranger(&area.level))?;
        self.fact(place, Fact::Level, &area.level)?;
        self.fact(place, Fact::Name, &area.name)?;
        if let Some(district) = &area.within {
            self.fact(place, Fact::Within, district)?;
        }
        self.count(place, Fact::Units, area.units)?;
        self.count(place, Fact::Reported, area.reported)?;
        self.count(place, Fact::Verified, area.verified)?;
        self.count(place, Fact::Held, area.held)?;
        self.count(place, Fact::Withheld, area.withheld)?;
        self.fact(place, Fact::PercentReporting, area.percent_reporting.get())?;
        self.fact(place, Fact::PercentVerified, area.percent_verified.get())?;
        for (word, rows) in &area.results {
            let basis = basis(word)?;
            rows.iter()
                .try_for_each(|row| self.row(place, basis, row))?;
        }
        Ok(())
    }

    fn unit(&self, unit: &Unit<'_>) -> Result<(), ExportFault> {
        let place = Place::Unit(&unit.unit);
        self.fact(place, Fact::Level, &unit.level)?;
        self.fact(place, Fact::Name, &unit.name)?;
        self.fact(place, Fact::Within, &unit.within)?;
        self.fact(place, Fact::Published, &unit.published)?;
        self.fact(place, Fact::Standing, &unit.standing)?;
        self.words(place, Fact::Marks, &unit.marks)?;
        self.words(place, Fact::Findings, &unit.findings)?;
        if let Some(head) = &unit.head {
            self.count(place, Fact::Seq, head.seq)?;
            self.count(place, Fact::Leaf, head.leaf)?;
            self.fact(place, Fact::LeafHash, &head.leaf_hash)?;
        }
        let Some(figures) = &unit.figures else {
            return Ok(());
        };
        self.count(place, Fact::Attendees, figures.attendees)?;
        self.count(place, Fact::Undecided, figures.undecided)?;
        figures
            .groups
            .iter()
            .try_for_each(|row| self.row(place, Basis::Reported, row))
    }

    fn row(&self, place: Place<'_>, basis: Basis, row: &Row<'_>) -> Result<(), ExportFault> {
        let group = row.group.as_ref();
        let meet =
            |basis, set, text: &str| self.0.meet(place, Column::Cell(basis, set, group), text);
        meet(basis, Set::First, &row.first.to_string())?;
        meet(basis, Set::Final, &row.last.to_string())?;
        meet(basis, Set::Delegates, &row.delegates.to_string())?;
        meet(basis, Set::Sde, row.sde.get())?;
        self.0
            .meet(place, Column::Exact(basis, group), &row.sde_exact)?;
        let Some(recomputed) = &row.recomputed else {
            return Ok(());
        };
        meet(
            Basis::Recomputed,
            Set::Delegates,
            &recomputed.delegates.to_string(),
        )?;
        meet(Basis::Recomputed, Set::Sde, recomputed.sde.get())?;
        let fraction = Column::Exact(Basis::Recomputed, group);
        self.0.meet(place, fraction, &recomputed.sde_exact)
    }
}
