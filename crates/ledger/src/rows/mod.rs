//! The typed rows over [`Tables`]: how each table's keys and values are laid out, and the reads
//! that every act uses. Writing is [`Draft`](crate::draft::Draft)'s.
//!
//! ```text
//! table          key                               value
//! meta           name                              see the META_ constants
//! leaf           number                            the leaf's bytes
//! node           small level, number               hash
//! text           hash                              number
//! leaf_hash      hash                              number
//! key            name, 0x00, 4 bytes key id        KeyRow
//! signer_id      name, 0x00, 4 bytes, 16 bytes id  number
//! unit           unit id                           the unit's line
//! unit_sheet     unit id                           SheetRow
//! rival          unit id, 0x00, number             RivalRow
//!                unit id, 0x01, number             RivalRow, superseded
//!                unit id, 0x02, number             RivalRow, voided or stray
//! awaited        unit id, 0x00, hash               (empty)
//! attest         unit id, 0x00, name, 0x00, 4 bytes  number, option small slot
//! voucher        unit id, 0x00, hash               VoucherRow
//! manifest       number                            ManifestRow
//! activated      hash of a manifest's text         number
//! file           hash                              the file's bytes
//! county         county id                         the county's line
//! county_total   small basis, county id            see totals.rs
//! pool_total     small basis, pool id              see totals.rs
//! precincts_total  small basis, district id or none  see totals.rs
//! area_held      small area, id                    number
//! leaf_digest    number                            hash
//! side           name                              see the SIDE_ constants
//! refused        name, 0x00, 4 bytes, small slot   RefusedRow
//! refused_by     name, 0x00, 4 bytes               number
//! refused_count  code                              number
//! gate           0x02 | 0x01, county id | unit id  GateRow
//! dispute        unit id, 0x00, number             DisputeRow
//! count_again    unit id, 0x00, number             CountAgainRow
//! gone           unit id                           GoneRow
//! withdrawn      group id                          number
//! area_units     0x00, county id | 0x01, pool id   number
//! print          hash, unit id                     number
//! trail, moved                                     see history.rs
//! ```
//! Ids and names contain no byte below 0x20, so a unit's rows, and the keys of one name, are one
//! prefix. Superseded reports stand apart, for there may be any number of them, and none of them
//! is looked at again.

mod acts;
mod key;
mod sheet;
mod side;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use caucus::{County, CountyId, Rules, Scale, SubmissionId, Unit, UnitId};
use merkle::{Frontier, Hash, LeafHash, LeafIndex, TreeSize};
use note::SignedNote;
use receipt::{Leaf, Manifest};

use crate::changes::EMPTY_DIGEST;
use crate::codec::{Reader, What, Writer};
use crate::outcome::LeafRef;
use crate::tables::{Fault, Table, Tables};
use crate::view::Counts;

pub(crate) use acts::{
    CountAgainRow, DisputeRow, GateRow, GoneRow, area_units, area_units_key, counts_again, dispute,
    disputes, gate, gate_key, gone, open_dispute_of, print_key, unit_gates, with_print, withdrawn,
    withdrawn_groups,
};
pub(crate) use key::{
    Grant, KeyRef, KeyRow, Revocation, Signer, Tenure, Use, key, keys, keys_named,
};
pub(crate) use sheet::{
    HeadRow, RivalRow, SheetRow, VoucherRow, attests, encode_attest, head_of, head_that_is,
    is_awaited, rival, rivals, set_aside, sheet, superseded, voucher, worksheet_of,
};
pub(crate) use side::{
    RefusedRow, last_time, refused, refused_by, refused_count, refused_counts, refused_key,
    side_digest,
};

/// Text: the election's id.
pub(crate) const META_ELECTION: &[u8] = b"election";
/// Hash: the text of manifest version 1.
pub(crate) const META_GENESIS: &[u8] = b"genesis";
/// The tree's right edge, as `merkle` writes it.
pub(crate) const META_FRONTIER: &[u8] = b"frontier";
/// Hash: the rule file in force.
pub(crate) const META_RULES: &[u8] = b"rules";
/// The common denominator of what the counties' delegates are worth, as `caucus` writes it.
pub(crate) const META_SCALE: &[u8] = b"scale";
/// Number: the manifest version in force.
pub(crate) const META_VERSION: &[u8] = b"version";
/// Four numbers: units reported, verified, held, disputed.
pub(crate) const META_COUNTS: &[u8] = b"counts";
/// Number: the first closing leaf.
pub(crate) const META_CLOSED: &[u8] = b"closed";
/// Number: the latest time that came with a command.
pub(crate) const SIDE_TIME: &[u8] = b"time";
/// Hash: the side digest.
pub(crate) const SIDE_DIGEST: &[u8] = b"digest";

/// A leaf index. Layout: number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeafIndexRow(pub(crate) LeafIndex);

/// A manifest version in force. Layout: number index, hash of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ManifestRow {
    pub(crate) index: LeafIndex,
    pub(crate) text_hash: Hash,
}

pub(crate) fn number_key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// The prefix of a unit's rows in tables with several rows a unit.
pub(crate) fn unit_prefix(unit: &UnitId) -> Vec<u8> {
    let mut key = unit.as_str().as_bytes().to_vec();
    key.push(0);
    key
}

pub(crate) fn unit_number_key(unit: &UnitId, index: LeafIndex) -> Vec<u8> {
    let mut key = unit_prefix(unit);
    key.extend_from_slice(&index.get().to_be_bytes());
    key
}

/// The prefix of a unit's superseded reports.
pub(crate) fn superseded_prefix(unit: &UnitId) -> Vec<u8> {
    let mut key = unit.as_str().as_bytes().to_vec();
    key.push(1);
    key
}

pub(crate) fn superseded_key(unit: &UnitId, index: LeafIndex) -> Vec<u8> {
    let mut key = superseded_prefix(unit);
    key.extend_from_slice(&index.get().to_be_bytes());
    key
}

/// The prefix of what was set aside of a unit's records.
pub(crate) fn set_aside_prefix(unit: &UnitId) -> Vec<u8> {
    let mut key = unit.as_str().as_bytes().to_vec();
    key.push(2);
    key
}

pub(crate) fn set_aside_key(unit: &UnitId, index: LeafIndex) -> Vec<u8> {
    let mut key = set_aside_prefix(unit);
    key.extend_from_slice(&index.get().to_be_bytes());
    key
}

pub(crate) fn unit_hash_key(unit: &UnitId, hash: &Hash) -> Vec<u8> {
    let mut key = unit_prefix(unit);
    key.extend_from_slice(hash.as_bytes());
    key
}

pub(crate) fn unit_signer_key(unit: &UnitId, key: &KeyRef) -> Vec<u8> {
    let mut bytes = unit_prefix(unit);
    bytes.extend_from_slice(&key.to_key());
    bytes
}

pub(crate) fn signer_id_key(key: &KeyRef, id: &SubmissionId) -> Vec<u8> {
    let mut bytes = key.to_key();
    bytes.extend_from_slice(id.as_bytes());
    bytes
}

impl LeafIndexRow {
    pub(crate) fn encode(self) -> Vec<u8> {
        number_key(self.0.get())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, Reader::leaf_index).map(Self)
    }
}

impl ManifestRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.number(self.index.get()).hash(&self.text_hash);
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                index: reader.leaf_index()?,
                text_hash: reader.hash()?,
            })
        })
    }
}

impl Counts {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .number(self.reported)
            .number(self.verified)
            .number(self.held)
            .number(self.disputed);
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                reported: reader.number()?,
                verified: reader.number()?,
                held: reader.number()?,
                disputed: reader.number()?,
            })
        })
    }
}

/// Reads a row and decodes it.
pub(crate) fn row<T: Tables, V>(
    tables: &T,
    table: Table,
    key: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<V, What>,
) -> Result<Option<V>, Fault> {
    match tables.read(table, key)? {
        None => Ok(None),
        Some(bytes) => decode(&bytes)
            .map(Some)
            .map_err(|what| Fault::Corrupt { table, what }),
    }
}

/// Reads every row under a prefix and decodes each.
pub(crate) fn rows_under<T: Tables, V>(
    tables: &T,
    table: Table,
    prefix: &[u8],
    mut decode: impl FnMut(&[u8], &[u8]) -> Result<V, What>,
) -> Result<Vec<V>, Fault> {
    let mut found = Vec::new();
    let mut corrupt = None;
    tables.scan(table, prefix, &mut |key, value| {
        let rest = key.get(prefix.len()..).unwrap_or_default();
        match decode(rest, value) {
            Ok(decoded) => {
                found.push(decoded);
                ControlFlow::Continue(())
            }
            Err(what) => {
                corrupt = Some(what);
                ControlFlow::Break(())
            }
        }
    })?;
    match corrupt {
        Some(what) => Err(Fault::Corrupt { table, what }),
        None => Ok(found),
    }
}

fn decode_hash(bytes: &[u8]) -> Result<Hash, What> {
    Reader::whole(bytes, Reader::hash)
}

pub(crate) fn decode_number(bytes: &[u8]) -> Result<u64, What> {
    Reader::whole(bytes, Reader::number)
}

pub(crate) fn decode_text(bytes: &[u8]) -> Result<&str, What> {
    core::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8")
}

pub(crate) fn frontier<T: Tables>(tables: &T) -> Result<Frontier, Fault> {
    let found = row(tables, Table::Meta, META_FRONTIER, |bytes| {
        Frontier::from_bytes(bytes).map_err(|_| "the frontier does not fit its size")
    })?;
    Ok(found.unwrap_or_default())
}

pub(crate) fn election<T: Tables>(tables: &T) -> Result<Option<String>, Fault> {
    row(tables, Table::Meta, META_ELECTION, |bytes| {
        decode_text(bytes).map(String::from)
    })
}

pub(crate) fn genesis<T: Tables>(tables: &T) -> Result<Option<Hash>, Fault> {
    row(tables, Table::Meta, META_GENESIS, decode_hash)
}

pub(crate) fn version<T: Tables>(tables: &T) -> Result<Option<u64>, Fault> {
    row(tables, Table::Meta, META_VERSION, decode_number)
}

pub(crate) fn closed<T: Tables>(tables: &T) -> Result<Option<LeafIndex>, Fault> {
    Ok(row(tables, Table::Meta, META_CLOSED, LeafIndexRow::decode)?.map(|row| row.0))
}

pub(crate) fn counts<T: Tables>(tables: &T) -> Result<Counts, Fault> {
    Ok(row(tables, Table::Meta, META_COUNTS, Counts::decode)?.unwrap_or_default())
}

pub(crate) fn rules_hash<T: Tables>(tables: &T) -> Result<Option<Hash>, Fault> {
    row(tables, Table::Meta, META_RULES, decode_hash)
}

/// The rules in force; none before the first manifest.
pub(crate) fn rules<T: Tables>(tables: &T) -> Result<Option<Arc<Rules>>, Fault> {
    let Some(hash) = rules_hash(tables)? else {
        return Ok(None);
    };
    tables.rules(&hash)?.map(Some).ok_or(Fault::Corrupt {
        table: Table::File,
        what: "the rule file is missing",
    })
}

/// The scale of the counties of the first manifest; none before it.
pub(crate) fn scale<T: Tables>(tables: &T) -> Result<Option<Scale>, Fault> {
    row(tables, Table::Meta, META_SCALE, |bytes| {
        Scale::from_bytes(bytes).ok_or("the scale is no number")
    })
}

/// The counties of the roster, ascending.
pub(crate) fn counties<T: Tables>(tables: &T) -> Result<Vec<County>, Fault> {
    rows_under(tables, Table::County, &[], |_, line| {
        County::parse_line(decode_text(line)?).map_err(|_| "a county's line")
    })
}

pub(crate) fn file<T: Tables>(tables: &T, hash: &Hash) -> Result<Option<Vec<u8>>, Fault> {
    tables.read(Table::File, hash.as_bytes())
}

pub(crate) fn leaf<T: Tables>(tables: &T, index: LeafIndex) -> Result<Option<Vec<u8>>, Fault> {
    tables.read(Table::Leaf, &number_key(index.get()))
}

pub(crate) fn leaf_by_hash<T: Tables>(
    tables: &T,
    hash: &LeafHash,
) -> Result<Option<LeafIndex>, Fault> {
    Ok(row(
        tables,
        Table::LeafHash,
        hash.as_bytes(),
        LeafIndexRow::decode,
    )?
    .map(|row| row.0))
}

/// The leaves whose hashes begin with these bytes.
pub(crate) fn leaves_by_prefix<T: Tables>(
    tables: &T,
    prefix: &[u8],
) -> Result<Vec<LeafRef>, Fault> {
    rows_under(tables, Table::LeafHash, prefix, |rest, value| {
        let bytes = [prefix, rest].concat();
        let hash = Hash::from_slice(&bytes).ok_or("a leaf hash of other than 32 bytes")?;
        Ok(LeafRef {
            index: LeafIndexRow::decode(value)?.0,
            hash: LeafHash::from_hash(hash),
        })
    })
}

/// The leaf whose note has this text.
pub(crate) fn leaf_by_text<T: Tables>(tables: &T, text: &Hash) -> Result<Option<LeafRef>, Fault> {
    let Some(LeafIndexRow(index)) =
        row(tables, Table::Text, text.as_bytes(), LeafIndexRow::decode)?
    else {
        return Ok(None);
    };
    let hash = node(tables, 0, index.get())?.ok_or(Fault::Corrupt {
        table: Table::Node,
        what: "a leaf's own node is missing",
    })?;
    Ok(Some(LeafRef {
        index,
        hash: LeafHash::from_hash(hash),
    }))
}

pub(crate) fn node<T: Tables>(tables: &T, level: u8, index: u64) -> Result<Option<Hash>, Fault> {
    let mut key = Writer::new();
    key.small(level).number(index);
    row(tables, Table::Node, &key.finish(), decode_hash)
}

/// The leaf in which this signer used this id.
pub(crate) fn signer_id<T: Tables>(
    tables: &T,
    key: &KeyRef,
    id: &SubmissionId,
) -> Result<Option<LeafIndex>, Fault> {
    let key = signer_id_key(key, id);
    Ok(row(tables, Table::SignerId, &key, LeafIndexRow::decode)?.map(|row| row.0))
}

pub(crate) fn unit<T: Tables>(tables: &T, unit: &UnitId) -> Result<Option<Unit>, Fault> {
    row(tables, Table::Unit, unit.as_str().as_bytes(), decode_unit)
}

/// Whether a unit is on the roster in force or was on it before.
pub(crate) fn is_known<T: Tables>(tables: &T, id: &UnitId) -> Result<bool, Fault> {
    Ok(unit(tables, id)?.is_some() || gone(tables, id)?.is_some())
}

/// Whether the roster has this county.
pub(crate) fn has_county<T: Tables>(tables: &T, county: &CountyId) -> Result<bool, Fault> {
    let key = county.as_str().as_bytes();
    Ok(tables.read(Table::County, key)?.is_some())
}

pub(crate) fn decode_unit(bytes: &[u8]) -> Result<Unit, What> {
    Unit::parse_line(decode_text(bytes)?).map_err(|_| "a unit's line does not parse")
}

pub(crate) fn manifest<T: Tables>(tables: &T, version: u64) -> Result<Option<ManifestRow>, Fault> {
    row(
        tables,
        Table::Manifest,
        &number_key(version),
        ManifestRow::decode,
    )
}

/// Whether a manifest version was activated.
pub(crate) fn is_activated<T: Tables>(tables: &T, text: &Hash) -> Result<bool, Fault> {
    Ok(tables.read(Table::Activated, text.as_bytes())?.is_some())
}

/// Every manifest version and its row, ascending.
pub(crate) fn manifests<T: Tables>(tables: &T) -> Result<Vec<(u64, ManifestRow)>, Fault> {
    rows_under(tables, Table::Manifest, &[], |key, value| {
        Ok((decode_number(key)?, ManifestRow::decode(value)?))
    })
}

/// The manifest version in force; none before the first.
pub(crate) fn manifest_in_force<T: Tables>(tables: &T) -> Result<Option<Manifest>, Fault> {
    let Some(version) = version(tables)? else {
        return Ok(None);
    };
    let row = manifest(tables, version)?.ok_or(Fault::Corrupt {
        table: Table::Manifest,
        what: "the version in force is missing",
    })?;
    manifest_at_leaf(tables, row.index).map(Some)
}

/// The manifest that a leaf is.
pub(crate) fn manifest_at_leaf<T: Tables>(tables: &T, index: LeafIndex) -> Result<Manifest, Fault> {
    let Leaf::Manifest(manifest) = parsed_leaf(tables, index)? else {
        return Err(Fault::Corrupt {
            table: Table::Manifest,
            what: "its leaf is no manifest",
        });
    };
    Ok(*manifest)
}

/// The content of a leaf that a row points at.
pub(crate) fn parsed_leaf<T: Tables>(tables: &T, index: LeafIndex) -> Result<Leaf, Fault> {
    Ok(parsed_entry(tables, index)?.0)
}

/// The content of a leaf that a row points at and its note, which derived totals do not have.
pub(crate) fn parsed_entry<T: Tables>(
    tables: &T,
    index: LeafIndex,
) -> Result<(Leaf, Option<SignedNote>), Fault> {
    let bytes = leaf(tables, index)?.ok_or(Fault::Corrupt {
        table: Table::Leaf,
        what: "a leaf that a row names is missing",
    })?;
    Leaf::parse_entry(&bytes).map_err(|_| Fault::Corrupt {
        table: Table::Leaf,
        what: "a leaf does not parse",
    })
}

/// The leaf digest after the first `size` leaves; none beyond the tree.
pub(crate) fn leaf_digest<T: Tables>(tables: &T, size: TreeSize) -> Result<Option<Hash>, Fault> {
    match size.get().checked_sub(1) {
        None => Ok(Some(EMPTY_DIGEST)),
        Some(last) => row(tables, Table::LeafDigest, &number_key(last), decode_hash),
    }
}

/// The unit of a row whose key begins with it.
pub(crate) fn unit_of_key(key: &[u8]) -> Result<UnitId, What> {
    let unit = key.split(|byte| *byte <= 2).next().unwrap_or(key);
    UnitId::parse(decode_text(unit)?).map_err(|_| "a unit's id that is none")
}
