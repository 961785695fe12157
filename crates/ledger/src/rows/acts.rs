//! What acts leave behind besides heads: gates, disputes, counts made again, units that went.

use alloc::string::String;
use alloc::vec::Vec;

use caucus::{GroupId, Kind, Unit, UnitId};
use merkle::{Hash, LeafHash, LeafIndex};
use receipt::leaf::{Answered, Scope};

use super::key::KeyRef;
use super::{
    LeafIndexRow, decode_number, decode_text, decode_unit, row, rows_under, unit_number_key,
    unit_of_key, unit_prefix,
};
use crate::codec::{Reader, What, Writer};
use crate::tables::{Fault, Table, Tables};
use crate::view::{CountKind, Release};

/// The latest gate of one scope. Layout: small release, number leaf, option number shown until.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GateRow {
    pub(crate) release: Release,
    /// The act that set it.
    pub(crate) by: LeafIndex,
    /// The act that last took away what was shown; none if nothing ever was.
    pub(crate) shown_until: Option<LeafIndex>,
}

/// A dispute. Layout: hash, hash of the head, key of the observer, option answer (number leaf, small
/// upheld).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DisputeRow {
    pub(crate) hash: LeafHash,
    pub(crate) of: LeafHash,
    pub(crate) by: KeyRef,
    pub(crate) answer: Option<(LeafIndex, Answered)>,
}

/// A count made again. Layout: hash, small kind, small adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CountAgainRow {
    pub(crate) hash: LeafHash,
    pub(crate) kind: CountKind,
    pub(crate) adopted: Answered,
}

/// A unit that was on the roster and does not meet. Layout: text line, number leaf, option text into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GoneRow {
    pub(crate) line: String,
    /// The act that closed or merged it.
    pub(crate) by: LeafIndex,
    /// The unit it meets with, if it was merged.
    pub(crate) into: Option<UnitId>,
}

impl GateRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .small(match self.release {
                Release::Withheld => 0,
                Release::Released => 1,
            })
            .number(self.by.get())
            .option(self.shown_until, |writer, leaf| {
                writer.number(leaf.get());
            });
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                release: match reader.small()? {
                    0 => Release::Withheld,
                    1 => Release::Released,
                    _ => return Err("neither released nor withheld"),
                },
                by: reader.leaf_index()?,
                shown_until: reader.option(Reader::leaf_index)?,
            })
        })
    }
}

impl DisputeRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.fixed(self.hash.as_bytes()).fixed(self.of.as_bytes());
        self.by.write(&mut writer);
        writer.option(self.answer, |writer, (leaf, upheld)| {
            writer.number(leaf.get()).small(answered_number(upheld));
        });
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                hash: reader.leaf_hash()?,
                of: reader.leaf_hash()?,
                by: KeyRef::read(reader)?,
                answer: reader
                    .option(|reader| Ok((reader.leaf_index()?, read_answered(reader)?)))?,
            })
        })
    }
}

impl CountAgainRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .fixed(self.hash.as_bytes())
            .small(match self.kind {
                CountKind::Recanvass => 0,
                CountKind::Recount => 1,
            })
            .small(answered_number(self.adopted));
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                hash: reader.leaf_hash()?,
                kind: match reader.small()? {
                    0 => CountKind::Recanvass,
                    1 => CountKind::Recount,
                    _ => return Err("neither recanvass nor recount"),
                },
                adopted: read_answered(reader)?,
            })
        })
    }
}

impl GoneRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .text(&self.line)
            .number(self.by.get())
            .option(self.into.as_ref(), |writer, into| {
                writer.text(into.as_str());
            });
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                line: reader.string()?,
                by: reader.leaf_index()?,
                into: reader.option(|reader| {
                    UnitId::parse(reader.text()?).map_err(|_| "a unit's id that is none")
                })?,
            })
        })
    }

    /// The unit as it was.
    pub(crate) fn unit(&self) -> Result<Unit, Fault> {
        decode_unit(self.line.as_bytes()).map_err(|what| Fault::Corrupt {
            table: Table::Gone,
            what,
        })
    }
}

const fn answered_number(answered: Answered) -> u8 {
    match answered {
        Answered::No => 0,
        Answered::Yes => 1,
    }
}

fn read_answered(reader: &mut Reader<'_>) -> Result<Answered, What> {
    match reader.small()? {
        0 => Ok(Answered::No),
        1 => Ok(Answered::Yes),
        _ => Err("neither yes nor no"),
    }
}

/// The key of a scope's gate: 0x02 for everything, 0x01 and the county, or the unit.
pub(crate) fn gate_key(scope: &Scope) -> Vec<u8> {
    match scope {
        Scope::All => alloc::vec![2],
        Scope::County(county) => {
            let mut key = alloc::vec![1];
            key.extend_from_slice(county.as_str().as_bytes());
            key
        }
        Scope::Unit(unit) => unit.as_str().as_bytes().to_vec(),
    }
}

/// The latest gate of exactly this scope.
pub(crate) fn gate<T: Tables>(tables: &T, scope: &Scope) -> Result<Option<GateRow>, Fault> {
    row(tables, Table::Gate, &gate_key(scope), GateRow::decode)
}

/// All latest gates of single units, ascending.
pub(crate) fn unit_gates<T: Tables>(tables: &T) -> Result<Vec<(UnitId, GateRow)>, Fault> {
    let gates = rows_under(tables, Table::Gate, &[], |key, value| {
        // Counties and everything begin with bytes that no id contains.
        if key.first().is_some_and(|first| *first <= 2) {
            return Ok(None);
        }
        Ok(Some((unit_of_key(key)?, GateRow::decode(value)?)))
    })?;
    Ok(gates.into_iter().flatten().collect())
}

/// A unit's disputes, ascending by leaf.
pub(crate) fn disputes<T: Tables>(
    tables: &T,
    unit: &UnitId,
) -> Result<Vec<(LeafIndex, DisputeRow)>, Fault> {
    rows_under(tables, Table::Dispute, &unit_prefix(unit), |key, value| {
        Ok((LeafIndexRow::decode(key)?.0, DisputeRow::decode(value)?))
    })
}

/// The unit of a row of disputes, if that dispute is open.
pub(crate) fn open_dispute_of(key: &[u8], value: &[u8]) -> Result<Option<UnitId>, What> {
    if DisputeRow::decode(value)?.answer.is_some() {
        return Ok(None);
    }
    unit_of_key(key).map(Some)
}

/// The dispute of a unit that is this leaf.
pub(crate) fn dispute<T: Tables>(
    tables: &T,
    unit: &UnitId,
    index: LeafIndex,
) -> Result<Option<DisputeRow>, Fault> {
    let key = unit_number_key(unit, index);
    row(tables, Table::Dispute, &key, DisputeRow::decode)
}

/// What was counted again for a unit, ascending by leaf.
pub(crate) fn counts_again<T: Tables>(
    tables: &T,
    unit: &UnitId,
) -> Result<Vec<(LeafIndex, CountAgainRow)>, Fault> {
    let prefix = unit_prefix(unit);
    rows_under(tables, Table::CountAgain, &prefix, |key, value| {
        Ok((LeafIndexRow::decode(key)?.0, CountAgainRow::decode(value)?))
    })
}

/// A unit that was closed or merged.
pub(crate) fn gone<T: Tables>(tables: &T, unit: &UnitId) -> Result<Option<GoneRow>, Fault> {
    row(
        tables,
        Table::Gone,
        unit.as_str().as_bytes(),
        GoneRow::decode,
    )
}

/// The leaf that withdrew a group, if one did.
pub(crate) fn withdrawn<T: Tables>(
    tables: &T,
    group: &GroupId,
) -> Result<Option<LeafIndex>, Fault> {
    let key = group.as_str().as_bytes();
    Ok(row(tables, Table::Withdrawn, key, LeafIndexRow::decode)?.map(|row| row.0))
}

/// The groups that have withdrawn, ascending.
pub(crate) fn withdrawn_groups<T: Tables>(tables: &T) -> Result<Vec<(GroupId, LeafIndex)>, Fault> {
    rows_under(tables, Table::Withdrawn, &[], |key, value| {
        let group = GroupId::parse(decode_text(key)?).map_err(|_| "a group's id that is none")?;
        Ok((group, LeafIndexRow::decode(value)?.0))
    })
}

/// The key of the area to which a unit belongs: 0x00 and the county, or 0x01 and the pool.
pub(crate) fn area_units_key(kind: &Kind) -> Vec<u8> {
    let (number, id) = match kind {
        Kind::Precinct { county, .. } => (0, county.as_str()),
        Kind::Satellite { pool } => (1, pool.as_str()),
    };
    let mut key = alloc::vec![number];
    key.extend_from_slice(id.as_bytes());
    key
}

/// How many units of an area are on the roster in force, by the area's key.
pub(crate) fn area_units<T: Tables>(tables: &T, area: &[u8]) -> Result<u64, Fault> {
    Ok(row(tables, Table::AreaUnits, area, decode_number)?.unwrap_or(0))
}

pub(crate) fn print_key(print: &Hash, unit: &UnitId) -> Vec<u8> {
    let mut key = print.as_bytes().to_vec();
    key.extend_from_slice(unit.as_str().as_bytes());
    key
}

/// The units whose head has this print and the leaves of those heads, ascending by id: at most
/// `limit` of them.
pub(crate) fn with_print<T: Tables>(
    tables: &T,
    print: &Hash,
    limit: usize,
) -> Result<Vec<(UnitId, LeafIndex)>, Fault> {
    let mut found = Vec::new();
    let mut corrupt = None;
    tables.scan(Table::Print, print.as_bytes(), &mut |key, value| {
        let unit = key.get(Hash::LEN..).unwrap_or_default();
        match unit_of_key(unit).and_then(|unit| Ok((unit, LeafIndexRow::decode(value)?.0))) {
            Ok(row) => found.push(row),
            Err(what) => corrupt = Some(what),
        }
        if corrupt.is_some() || found.len() >= limit {
            core::ops::ControlFlow::Break(())
        } else {
            core::ops::ControlFlow::Continue(())
        }
    })?;
    match corrupt {
        None => Ok(found),
        Some(what) => Err(Fault::Corrupt {
            table: Table::Print,
            what,
        }),
    }
}
