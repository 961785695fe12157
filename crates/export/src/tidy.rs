//! The tidy table: one figure a row, everything known about it beside it.
//!
//! ```text
//! election mode log_size   the contest, `live` or `rehearsal`, the log's size: in every row
//! level place name within  precinct, satellite, county, pool, district, state or national; its id and
//!                          name; the county or pool of a unit, the district of a county or pool
//! published standing marks findings      of a unit; several words with a space between them
//! seq leaf leaf_hash       of a unit: version of its sheet, place in the log, hash of the leaf
//! units reported verified  of an area: units of the roster, released ones, verified ones of these
//! basis group set figure   reported, recomputed or verified; the group; first, final, delegates or
//!                          sde, and without a group attendees or undecided; the number
//! ```
//!
//! A zero is written. A unit that is silent or withheld has one row, and that has no figure; so has
//! an area in which nothing was counted. The recomputed basis of a unit has delegates and sde only,
//! for its people are those reported; a unit counts on the verified basis when it stands so.

use caucus::{Basis, Kind};

use crate::Format;
use crate::areas::{Area, areas, rows};
use crate::facts::{Column, Expected, Fact, Place, decimal, joined, place_of};
use crate::fault::{Difference, ExportFault};
use crate::publication::{Figures, Publication, Set, UnitRow};

const HEADER: [&str; 21] = [
    "election",
    "mode",
    "log_size",
    "level",
    "place",
    "name",
    "within",
    "published",
    "standing",
    "marks",
    "findings",
    "seq",
    "leaf",
    "leaf_hash",
    "units",
    "reported",
    "verified",
    "basis",
    "group",
    "set",
    "figure",
];

/// The columns in front of the figure's.
type Prefix = [String; 17];

/// The table's bytes.
pub(crate) fn write(publication: &Publication) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(HEADER)?;
    for area in areas(publication) {
        area_rows(&mut table, publication, &area)?;
    }
    for (basis, rows) in &publication.national {
        for row in rows {
            let prefix = prefix(publication, "national", &row.part, |_| {});
            let (group, set) = (row.group.as_str(), Set::Delegates.as_str());
            let delegates = row.delegates.to_string();
            line(&mut table, &prefix, *basis, group, set, &delegates)?;
        }
    }
    for row in &publication.units {
        unit(&mut table, publication, row)?;
    }
    table
        .into_inner()
        .map_err(|error| error.into_error().into())
}

fn area_rows(
    table: &mut Table,
    publication: &Publication,
    area: &Area<'_>,
) -> Result<(), csv::Error> {
    let place = area.place;
    let prefix = prefix(publication, place.level(), place.id(), |prefix| {
        let [
            ..,
            name,
            within,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            units,
            reported,
            verified,
        ] = prefix;
        area.name.clone_into(name);
        *within = area.within.map(ToString::to_string).unwrap_or_default();
        *units = area.counts.units.to_string();
        *reported = area.counts.reported.to_string();
        *verified = area.counts.verified.to_string();
    });
    let mut written = false;
    for basis in Basis::ALL {
        for row in rows(publication, basis, place).unwrap_or_default() {
            let mut cell = |set: Set, figure: &str| {
                written = true;
                line(
                    table,
                    &prefix,
                    basis,
                    row.group.as_str(),
                    set.as_str(),
                    figure,
                )
            };
            cell(Set::First, &row.first.get().to_string())?;
            cell(Set::Final, &row.last.get().to_string())?;
            cell(Set::Delegates, &row.delegates.get().to_string())?;
            cell(Set::Sde, &row.sde.decimal(4))?;
        }
    }
    if written {
        Ok(())
    } else {
        bare(table, &prefix)
    }
}

type Table = csv::Writer<Vec<u8>>;

fn prefix(
    publication: &Publication,
    level: &str,
    place: &str,
    fill: impl FnOnce(&mut Prefix),
) -> Prefix {
    let mut prefix = Prefix::default();
    fill(&mut prefix);
    let [election, mode, log_size, at_level, at_place, ..] = &mut prefix;
    publication.election.as_str().clone_into(election);
    publication.mode.as_str().clone_into(mode);
    *log_size = publication.log.size.to_string();
    level.clone_into(at_level);
    place.clone_into(at_place);
    prefix
}

fn line(
    table: &mut Table,
    prefix: &Prefix,
    basis: Basis,
    group: &str,
    set: &str,
    figure: &str,
) -> Result<(), csv::Error> {
    let figure = [basis.as_str(), group, set, figure];
    table.write_record(prefix.iter().map(String::as_str).chain(figure))
}

/// A row that says where something stands, and no figure.
fn bare(table: &mut Table, prefix: &Prefix) -> Result<(), csv::Error> {
    table.write_record(prefix.iter().map(String::as_str).chain([""; 4]))
}

fn unit(table: &mut Table, publication: &Publication, row: &UnitRow) -> Result<(), csv::Error> {
    let unit = publication.roster.unit(&row.unit);
    let (level, of) = match unit.map(|unit| &unit.kind) {
        Some(Kind::Precinct { county, .. }) => ("precinct", county.as_str()),
        Some(Kind::Satellite { pool }) => ("satellite", pool.as_str()),
        None => ("", ""),
    };
    let prefix = prefix(publication, level, row.unit.as_str(), |prefix| {
        let [
            ..,
            name,
            within,
            published,
            standing,
            marks,
            findings,
            seq,
            leaf,
            hash,
            _,
            _,
            _,
        ] = prefix;
        *name = unit.map(|unit| unit.name.clone()).unwrap_or_default();
        of.clone_into(within);
        row.report.published().as_str().clone_into(published);
        row.standing.as_str().clone_into(standing);
        *marks = joined(&row.marks);
        *findings = joined(row.findings.iter().map(|code| code.as_str()));
        if let Some(head) = row.report.head() {
            *seq = head.seq.to_string();
            *leaf = head.leaf.to_string();
            *hash = head.hash.to_hex();
        }
    });
    match row.report.figures() {
        Some(figures) => unit_figures(table, publication, &prefix, figures),
        None => bare(table, &prefix),
    }
}

fn unit_figures(
    table: &mut Table,
    publication: &Publication,
    prefix: &Prefix,
    figures: &Figures,
) -> Result<(), csv::Error> {
    let Figures {
        worksheet,
        sde,
        recomputed,
        recomputed_sde,
    } = figures;
    let attendees = worksheet.attendees.to_string();
    line(table, prefix, Basis::Reported, "", "attendees", &attendees)?;
    let undecided = recomputed.undecided.to_string();
    line(
        table,
        prefix,
        Basis::Recomputed,
        "",
        "undecided",
        &undecided,
    )?;
    for group in publication.rules.groups() {
        let id = &group.id;
        let mut cell = |basis, set: Set, figure: &str| {
            line(table, prefix, basis, id.as_str(), set.as_str(), figure)
        };
        cell(
            Basis::Reported,
            Set::First,
            &worksheet.first.get(id).to_string(),
        )?;
        cell(
            Basis::Reported,
            Set::Final,
            &worksheet.last.get(id).to_string(),
        )?;
        cell(
            Basis::Reported,
            Set::Delegates,
            &worksheet.reported.get(id).to_string(),
        )?;
        cell(Basis::Reported, Set::Sde, &decimal(sde, id))?;
        let given = recomputed.by.get(id);
        cell(Basis::Recomputed, Set::Delegates, &given.to_string())?;
        cell(Basis::Recomputed, Set::Sde, &decimal(recomputed_sde, id))?;
    }
    Ok(())
}

/// Reads the table back and meets every cell with what was meant.
pub(crate) fn read(expected: &Expected<'_>, bytes: &[u8]) -> Result<(), ExportFault> {
    let unreadable = |error: csv::Error| ExportFault::unreadable(Format::CsvTidy, &error);
    let mut table = csv::Reader::from_reader(bytes);
    if table.headers().map_err(unreadable)? != HEADER.as_slice() {
        return Err(ExportFault::unreadable(
            Format::CsvTidy,
            "the header is another one",
        ));
    }
    let mut record = csv::StringRecord::new();
    while table.read_record(&mut record).map_err(unreadable)? {
        row(expected, &record)?;
    }
    Ok(())
}

/// The columns that a row states besides its figure, by their position.
const FACTS: [(usize, Fact); 13] = [
    (3, Fact::Level),
    (5, Fact::Name),
    (6, Fact::Within),
    (7, Fact::Published),
    (8, Fact::Standing),
    (9, Fact::Marks),
    (10, Fact::Findings),
    (11, Fact::Seq),
    (12, Fact::Leaf),
    (13, Fact::LeafHash),
    (14, Fact::Units),
    (15, Fact::Reported),
    (16, Fact::Verified),
];

fn row(expected: &Expected<'_>, record: &csv::StringRecord) -> Result<(), ExportFault> {
    let text = |position: usize| record.get(position).unwrap_or_default();
    for (position, fact) in [(0, Fact::Election), (1, Fact::Mode), (2, Fact::LogSize)] {
        expected.repeat(Place::Whole, Column::Fact(fact), text(position))?;
    }
    let stranger = |written: &str| {
        let written = written.to_owned();
        ExportFault::whole(Format::CsvTidy, Difference::Stranger { written })
    };
    let place = place_of(text(3), text(4)).ok_or_else(|| stranger(text(3)))?;
    let national = matches!(place, Place::National(_));
    for (position, fact) in FACTS {
        if !(text(position).is_empty() || national && fact == Fact::Level) {
            expected.repeat(place, Column::Fact(fact), text(position))?;
        }
    }
    let [basis, group, set, figure] = [17, 18, 19, 20].map(text);
    if basis.is_empty() && group.is_empty() && set.is_empty() && figure.is_empty() {
        return Ok(());
    }
    let column = match (basis, group, set) {
        ("reported", "", "attendees") => Column::Fact(Fact::Attendees),
        ("recomputed", "", "undecided") => Column::Fact(Fact::Undecided),
        _ => Column::Cell(
            Basis::parse(basis).ok_or_else(|| stranger(basis))?,
            Set::parse(set).ok_or_else(|| stranger(set))?,
            group,
        ),
    };
    expected.meet(place, column, figure)
}
