//! What stands for a unit: its head, the submissions beside it, attestations and vouchers.

use alloc::vec::Vec;

use caucus::{FindingCode, Refusal, UnitId, Worksheet};
use merkle::{Hash, LeafHash, LeafIndex};
use receipt::Leaf;

use super::key::{KeyRef, Signer, read_slot, slot_number};
use super::{
    LeafIndexRow, parsed_leaf, row, rows_under, set_aside_prefix, superseded_prefix, unit_hash_key,
    unit_number_key, unit_prefix,
};
use crate::codec::{Reader, What, Writer};
use crate::intake::Stop;
use crate::outcome::{Head, LeafRef};
use crate::tables::{Fault, Table, Tables};
use crate::view::{HeadOrigin, RivalStanding};

/// The head of a unit. Layout: number index, hash, number seq, number figures, small origin, list of
/// signers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeadRow {
    pub(crate) head: Head,
    /// The leaf whose figures count: another than the head where a review took them.
    pub(crate) figures: LeafIndex,
    pub(crate) origin: HeadOrigin,
    /// Every hand behind the figures.
    pub(crate) signers: Vec<Signer>,
}

/// A voucher of the roll. Layout: small 0, or small 1 and number of the leaf that used it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VoucherRow {
    Unused,
    Used(LeafIndex),
}

/// What stands for a unit. Layout: option head, list of text codes, list of number witnesses, list of
/// (text code, number review), and four option numbers: accepted, asked, kept, changed after.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SheetRow {
    pub(crate) head: Option<HeadRow>,
    /// Why the unit is held, ascending.
    pub(crate) held_for: Vec<FindingCode>,
    /// Leaves of other hands that agree with the head, ascending.
    pub(crate) witnesses: Vec<LeafIndex>,
    /// The codes that reviews of this head have settled, each with the last review, ascending.
    pub(crate) settled: Vec<(FindingCode, LeafIndex)>,
    /// The last review whose settlements count.
    pub(crate) accepted: Option<LeafIndex>,
    /// The last question about this head.
    pub(crate) asked: Option<LeafIndex>,
    /// The last review that holds the unit.
    pub(crate) kept: Option<LeafIndex>,
    /// The leaf that last changed figures which the result pages had shown.
    pub(crate) changed_after: Option<LeafIndex>,
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

    /// The last review of this head that settled a code, if one did.
    pub(crate) fn settled_by(&self, code: FindingCode) -> Option<LeafIndex> {
        let mut settled = self.settled.iter();
        settled.find(|(of, _)| *of == code).map(|(_, by)| *by)
    }

    /// Settles a code by a review of this head.
    pub(crate) fn settle(&mut self, code: FindingCode, by: LeafIndex) {
        self.settled.retain(|(of, _)| *of != code);
        self.settled.push((code, by));
        self.settled.sort_unstable();
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.option(self.head.as_ref(), |writer, row| {
            row.head.write(writer);
            writer
                .number(row.figures.get())
                .small(match row.origin {
                    HeadOrigin::Submitted => 0,
                    HeadOrigin::Taken => 1,
                    HeadOrigin::Adopted => 2,
                })
                .list(row.signers.iter(), |writer, signer| signer.write(writer));
        });
        writer.list(self.held_for.iter(), |writer, code| {
            writer.text(code.as_str());
        });
        writer.list(self.witnesses.iter(), |writer, index| {
            writer.number(index.get());
        });
        writer.list(self.settled.iter(), |writer, (code, by)| {
            writer.text(code.as_str()).number(by.get());
        });
        for leaf in [self.accepted, self.asked, self.kept, self.changed_after] {
            writer.option(leaf, |writer, leaf| {
                writer.number(leaf.get());
            });
        }
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                head: reader.option(|reader| {
                    Ok(HeadRow {
                        head: Head::read(reader)?,
                        figures: reader.leaf_index()?,
                        origin: match reader.small()? {
                            0 => HeadOrigin::Submitted,
                            1 => HeadOrigin::Taken,
                            2 => HeadOrigin::Adopted,
                            _ => return Err("an unknown origin of a head"),
                        },
                        signers: reader.list(Signer::read)?,
                    })
                })?,
                held_for: reader.list(read_code)?,
                witnesses: reader.list(Reader::leaf_index)?,
                settled: reader.list(|reader| Ok((read_code(reader)?, reader.leaf_index()?)))?,
                accepted: reader.option(Reader::leaf_index)?,
                asked: reader.option(Reader::leaf_index)?,
                kept: reader.option(Reader::leaf_index)?,
                changed_after: reader.option(Reader::leaf_index)?,
            })
        })
    }
}

fn read_code(reader: &mut Reader<'_>) -> Result<FindingCode, What> {
    FindingCode::parse(reader.text()?).ok_or("a code that is none")
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
                RivalStanding::Voided => 3,
                RivalStanding::Stray => 4,
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
                    3 => RivalStanding::Voided,
                    4 => RivalStanding::Stray,
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

/// What stands for a unit whose head is this leaf; an act about another leaf is stale.
pub(crate) fn head_that_is<T: Tables>(
    tables: &T,
    unit: &UnitId,
    of: LeafHash,
) -> Result<(SheetRow, HeadRow), Stop> {
    let sheet = sheet(tables, unit)?;
    let head = sheet.head.clone().filter(|row| row.head.hash == of);
    let head = head.ok_or(Refusal::Stale)?;
    Ok((sheet, head))
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

/// A unit's records that stand neither for it nor against its head, ascending by leaf: heads that
/// were voided, and strays.
pub(crate) fn set_aside<T: Tables>(
    tables: &T,
    unit: &UnitId,
) -> Result<Vec<(LeafIndex, RivalRow)>, Fault> {
    beside(tables, &set_aside_prefix(unit))
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

/// The figures of the leaf that a head or a rival is: every cell is stated.
pub(crate) fn worksheet_of<T: Tables>(tables: &T, index: LeafIndex) -> Result<Worksheet, Fault> {
    let worksheet = match tables.leaf_at(index) {
        Some(leaf) => figures_of(&leaf),
        None => figures_of(&parsed_leaf(tables, index)?),
    };
    worksheet.ok_or(Fault::Corrupt {
        table: Table::UnitSheet,
        what: "a head or rival is a leaf without figures",
    })
}

fn figures_of(leaf: &Leaf) -> Option<Worksheet> {
    match leaf {
        Leaf::Submission(submission) => Some(submission.figures.worksheet.clone()),
        Leaf::Attest(attest) => attest.figures.as_worksheet(),
        Leaf::Recanvass(count) | Leaf::Recount(count) => Some(count.figures.worksheet.clone()),
        Leaf::Manifest(_)
        | Leaf::Activate(_)
        | Leaf::Review(_)
        | Leaf::Void(_)
        | Leaf::Dispute(_)
        | Leaf::Answer(_)
        | Leaf::Publish(_)
        | Leaf::Hold(_)
        | Leaf::Enrol(_)
        | Leaf::Revoke(_)
        | Leaf::Roster(_)
        | Leaf::Close(_)
        | Leaf::Totals(_) => None,
    }
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
