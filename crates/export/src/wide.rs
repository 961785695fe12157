//! The wide table: one unit a row, for a spreadsheet.
//!
//! The first columns say what the unit is and where it stands, as in the tidy table; then come
//! `attendees` and `undecided`, and for each group of the rules six columns, headed by the group's id:
//!
//! ```text
//! <group> first | final | delegates | sde | recomputed delegates | recomputed sde
//! ```
//!
//! A zero is written; a unit that is silent or withheld has empty cells from `attendees` on. Areas
//! are not in it: a sum that a spreadsheet makes of its own rows cannot be mixed up with them.

use caucus::{Basis, GroupId, Kind};

use crate::Format;
use crate::facts::{Column, Expected, Fact, Place, decimal, joined};
use crate::fault::{Difference, ExportFault};
use crate::publication::{Figures, Publication, Set, UnitRow};

const HEADER: [&str; 16] = [
    "election",
    "mode",
    "log_size",
    "unit",
    "level",
    "name",
    "within",
    "published",
    "standing",
    "marks",
    "findings",
    "seq",
    "leaf",
    "leaf_hash",
    "attendees",
    "undecided",
];

/// The table's bytes.
pub(crate) fn write(publication: &Publication) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    for column in HEADER {
        table.write_field(column)?;
    }
    for group in publication.rules.groups() {
        for column in [
            "first",
            "final",
            "delegates",
            "sde",
            "recomputed delegates",
            "recomputed sde",
        ] {
            table.write_field(format!("{} {column}", group.id))?;
        }
    }
    table.write_record(None::<&[u8]>)?;
    for row in &publication.units {
        for text in facts(publication, row) {
            table.write_field(text)?;
        }
        for group in publication.rules.groups() {
            for text in cells(row.report.figures(), &group.id) {
                table.write_field(text)?;
            }
        }
        table.write_record(None::<&[u8]>)?;
    }
    table
        .into_inner()
        .map_err(|error| error.into_error().into())
}

fn facts(publication: &Publication, row: &UnitRow) -> [String; 16] {
    let unit = publication.roster.unit(&row.unit);
    let (level, within) = match unit.map(|unit| &unit.kind) {
        Some(Kind::Precinct { county, .. }) => ("precinct", county.to_string()),
        Some(Kind::Satellite { pool }) => ("satellite", pool.to_string()),
        None => ("", String::new()),
    };
    let head = row.report.head();
    let figures = row.report.figures();
    [
        publication.election.to_string(),
        publication.mode.to_string(),
        publication.log.size.to_string(),
        row.unit.to_string(),
        level.to_owned(),
        unit.map(|unit| unit.name.clone()).unwrap_or_default(),
        within,
        row.report.published().to_string(),
        row.standing.to_string(),
        joined(&row.marks),
        joined(row.findings.iter().map(|code| code.as_str())),
        head.map(|head| head.seq.to_string()).unwrap_or_default(),
        head.map(|head| head.leaf.to_string()).unwrap_or_default(),
        head.map(|head| head.hash.to_hex()).unwrap_or_default(),
        figures
            .map(|figures| figures.worksheet.attendees.to_string())
            .unwrap_or_default(),
        figures
            .map(|figures| figures.recomputed.undecided.to_string())
            .unwrap_or_default(),
    ]
}

fn cells(figures: Option<&Figures>, group: &GroupId) -> [String; 6] {
    let Some(Figures {
        worksheet,
        sde,
        recomputed,
        recomputed_sde,
    }) = figures
    else {
        return Default::default();
    };
    let given = recomputed.by.get(group);
    [
        worksheet.first.get(group).to_string(),
        worksheet.last.get(group).to_string(),
        worksheet.reported.get(group).to_string(),
        decimal(sde, group),
        given.to_string(),
        decimal(recomputed_sde, group),
    ]
}

/// Reads the table back and meets every cell with what was meant. What a column holds is taken from
/// its heading, as a reader outside would.
pub(crate) fn read(expected: &Expected<'_>, bytes: &[u8]) -> Result<(), ExportFault> {
    let unreadable = |error: csv::Error| ExportFault::unreadable(Format::CsvWide, &error);
    let mut table = csv::Reader::from_reader(bytes);
    let header = table.headers().map_err(unreadable)?.clone();
    let columns = header.iter().map(heading).collect::<Result<Vec<_>, _>>()?;
    let mut record = csv::StringRecord::new();
    while table.read_record(&mut record).map_err(unreadable)? {
        let unit = columns
            .iter()
            .zip(&record)
            .find(|(heading, _)| **heading == Heading::Unit);
        let place = Place::Unit(unit.map_or("", |(_, text)| text));
        for (heading, text) in columns
            .iter()
            .zip(&record)
            .filter(|(_, text)| !text.is_empty())
        {
            match heading {
                Heading::Unit => {}
                Heading::Whole(fact) => {
                    expected.repeat(Place::Whole, Column::Fact(*fact), text)?;
                }
                Heading::Of(column) => expected.meet(place, *column, text)?,
            }
        }
    }
    Ok(())
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heading<'a> {
    Whole(Fact),
    Unit,
    Of(Column<'a>),
}

fn heading(text: &str) -> Result<Heading<'_>, ExportFault> {
    let (group, figure) = text.split_once(' ').unwrap_or(("", text));
    let figure = match figure.strip_prefix("recomputed ") {
        Some(figure) => (Basis::Recomputed, Set::parse(figure)),
        None => (Basis::Reported, Set::parse(figure)),
    };
    match (text, Fact::parse(text), figure) {
        ("unit", _, _) => Ok(Heading::Unit),
        (_, Some(fact @ (Fact::Election | Fact::Mode | Fact::LogSize)), _) => {
            Ok(Heading::Whole(fact))
        }
        (_, Some(fact), _) => Ok(Heading::Of(Column::Fact(fact))),
        (_, None, (basis, Some(set))) => Ok(Heading::Of(Column::Cell(basis, set, group))),
        (_, None, (_, None)) => {
            let written = text.to_owned();
            Err(ExportFault::whole(
                Format::CsvWide,
                Difference::Stranger { written },
            ))
        }
    }
}
