//! What stands for a unit: its head, the submissions beside it, attestations and vouchers.

use alloc::string::String;
use alloc::vec::Vec;

use caucus::{UnitId, Worksheet};
use merkle::{Hash, LeafHash, LeafIndex};
use receipt::Leaf;

use super::key::{KeyRef, Signer, read_slot, slot_number};
use super::{
    LeafIndexRow, parsed_leaf, row, rows_under, superseded_prefix, unit_hash_key, unit_number_key,
    unit_prefix,
};
use crate::codec::{Reader, What, Writer};
use crate::outcome::{Head, LeafRef};
use crate::tables::{Fault, Table, Tables};
use crate::view::RivalStanding;

/// The head of a unit. Layout: number index, hash, number seq, list of signers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeadRow {
    pub(crate) head: Head,
    pub(crate) signers: Vec<Signer>,
}

/// A voucher of the roll. Layout: small 0, or small 1 and number of the leaf that used it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VoucherRow {
    Unused,
    Used(LeafIndex),
}

/// What stands for a unit. Layout: option head, list of text codes, list of number witnesses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SheetRow {
    pub(crate) head: Option<HeadRow>,
    /// Why the unit is held, ascending.
    pub(crate) held_for: Vec<String>,
    /// Leaves of other hands that agree with the head, ascending.
    pub(crate) witnesses: Vec<LeafIndex>,
}

/// A submission beside the head. Layout: hash, small standing, list of signers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RivalRow {
    pub(crate) hash: LeafHash,
    pub(crate) standing: RivalStanding,
    pub(crate) signers: Vec<Signer>,
}

impl Head {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer
            .number(self.index.get())
            .fixed(self.hash.as_bytes())
            .number(self.seq);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        Ok(Self {
            index: reader.leaf_index()?,
            hash: reader.leaf_hash()?,
            seq: reader.number()?,
        })
    }
}

impl LeafRef {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.number(self.index.get()).fixed(self.hash.as_bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        Ok(Self {
            index: reader.leaf_index()?,
            hash: reader.leaf_hash()?,
        })
    }
}

impl SheetRow {
    /// The head as others are told of it.
    pub(crate) fn head(&self) -> Option<Head> {
        self.head.as_ref().map(|row| row.head)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.option(self.head.as_ref(), |writer, row| {
            row.head.write(writer);
            writer.list(row.signers.iter(), |writer, signer| signer.write(writer));
        });
        writer.list(self.held_for.iter(), |writer, code| {
            writer.text(code);
        });
        writer.list(self.witnesses.iter(), |writer, index| {
            writer.number(index.get());
        });
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                head: reader.option(|reader| {
                    Ok(HeadRow {
                        head: Head::read(reader)?,
                        signers: reader.list(Signer::read)?,
                    })
                })?,
                held_for: reader.list(Reader::string)?,
                witnesses: reader.list(Reader::leaf_index)?,
            })
        })
    }
}

impl VoucherRow {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Self::Unused => writer.small(0),
            Self::Used(index) => writer.small(1).number(index.get()),
        };
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| match reader.small()? {
            0 => Ok(Self::Unused),
            1 => reader.leaf_index().map(Self::Used),
            _ => Err("a voucher that is neither used nor unused"),
        })
    }
}

impl RivalRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .fixed(self.hash.as_bytes())
            .small(match self.standing {
                RivalStanding::Agrees => 0,
                RivalStanding::Differs => 1,
                RivalStanding::Superseded => 2,
            });
        writer.list(self.signers.iter(), |writer, signer| signer.write(writer));
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                hash: reader.leaf_hash()?,
                standing: match reader.small()? {
                    0 => RivalStanding::Agrees,
                    1 => RivalStanding::Differs,
                    2 => RivalStanding::Superseded,
                    _ => return Err("an unknown standing of a rival"),
                },
                signers: reader.list(Signer::read)?,
            })
        })
    }
}

pub(crate) fn sheet<T: Tables>(tables: &T, unit: &UnitId) -> Result<SheetRow, Fault> {
    let found = row(
        tables,
        Table::UnitSheet,
        unit.as_str().as_bytes(),
        SheetRow::decode,
    )?;
    Ok(found.unwrap_or_default())
}

/// The head that every answer about a unit carries.
pub(crate) fn head_of<T: Tables>(tables: &T, unit: Option<&UnitId>) -> Result<Option<Head>, Fault> {
    match unit {
        Some(unit) => Ok(sheet(tables, unit)?.head()),
        None => Ok(None),
    }
}

/// A unit's submissions that stand against the head, ascending by leaf: few, by
/// [`MAX_RIVALS`](crate::MAX_RIVALS).
pub(crate) fn rivals<T: Tables>(
    tables: &T,
    unit: &UnitId,
) -> Result<Vec<(LeafIndex, RivalRow)>, Fault> {
    beside(tables, &unit_prefix(unit))
}

/// A unit's submissions that the head's chain names and that arrived after it, ascending by leaf:
/// any number.
pub(crate) fn superseded<T: Tables>(
    tables: &T,
    unit: &UnitId,
) -> Result<Vec<(LeafIndex, RivalRow)>, Fault> {
    beside(tables, &superseded_prefix(unit))
}

fn beside<T: Tables>(tables: &T, prefix: &[u8]) -> Result<Vec<(LeafIndex, RivalRow)>, Fault> {
    rows_under(tables, Table::Rival, prefix, |key, value| {
        Ok((LeafIndexRow::decode(key)?.0, RivalRow::decode(value)?))
    })
}

/// The submission against the head that is this leaf.
pub(crate) fn rival<T: Tables>(
    tables: &T,
    unit: &UnitId,
    index: LeafIndex,
) -> Result<Option<RivalRow>, Fault> {
    row(
        tables,
        Table::Rival,
        &unit_number_key(unit, index),
        RivalRow::decode,
    )
}

/// The newest attestation of each signer of a unit.
pub(crate) fn attests<T: Tables>(
    tables: &T,
    unit: &UnitId,
) -> Result<Vec<(Signer, LeafIndex)>, Fault> {
    rows_under(tables, Table::Attest, &unit_prefix(unit), |key, value| {
        let key = KeyRef::from_key(key)?;
        Reader::whole(value, |reader| {
            let index = reader.leaf_index()?;
            Ok((
                Signer {
                    key,
                    slot: reader.option(read_slot)?,
                },
                index,
            ))
        })
    })
}

pub(crate) fn encode_attest(index: LeafIndex, signer: &Signer) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .number(index.get())
        .option(signer.slot, |writer, slot| {
            writer.small(slot_number(slot));
        });
    writer.finish()
}

/// The figures of the submission that a leaf is.
pub(crate) fn worksheet_of<T: Tables>(tables: &T, index: LeafIndex) -> Result<Worksheet, Fault> {
    let Leaf::Submission(submission) = parsed_leaf(tables, index)? else {
        let what = "a head or rival is no submission";
        return Err(Fault::Corrupt {
            table: Table::UnitSheet,
            what,
        });
    };
    Ok(submission.figures.worksheet)
}

/// Whether the head's chain names this leaf as a predecessor that has not arrived.
pub(crate) fn is_awaited<T: Tables>(
    tables: &T,
    unit: &UnitId,
    leaf: &LeafHash,
) -> Result<bool, Fault> {
    Ok(tables
        .read(Table::Awaited, &unit_hash_key(unit, leaf.as_hash()))?
        .is_some())
}

/// A voucher of the roll; none if the roll does not have it.
pub(crate) fn voucher<T: Tables>(
    tables: &T,
    unit: &UnitId,
    voucher: &Hash,
) -> Result<Option<VoucherRow>, Fault> {
    row(
        tables,
        Table::Voucher,
        &unit_hash_key(unit, voucher),
        VoucherRow::decode,
    )
}
