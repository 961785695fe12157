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
//! awaited        unit id, 0x00, hash               (empty)
//! attest         unit id, 0x00, name, 0x00, 4 bytes  number, option small slot
//! voucher        unit id, 0x00, hash               option number
//! manifest       number                            ManifestRow
//! activated      hash of a manifest's text         number
//! file           hash                              the file's bytes
//! county         county id                         the county's line
//! county_total   county id                         see totals.rs
//! pool_total     pool id                           see totals.rs
//! leaf_digest    number                            hash
//! side           name                              see the SIDE_ constants
//! refused        name, 0x00, 4 bytes, small slot   RefusedRow
//! refused_by     name, 0x00, 4 bytes               number
//! refused_count  code                              number
//! ```
//! Ids and names contain no zero byte, so a unit's rows, and the keys of one name, are one prefix.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use caucus::{Rules, Slot, SubmissionId, Unit, UnitId, Worksheet};
use merkle::{Frontier, Hash, LeafHash, LeafIndex, TreeSize};
use note::{KeyId, KeyName, VerifierKey};
use receipt::leaf::{Earlier, Leaf, Role};
use receipt::Manifest;

use crate::changes::EMPTY_DIGEST;
use crate::codec::{Reader, What, Writer};
use crate::command::UnixMillis;
use crate::outcome::{Head, LeafRef};
use crate::tables::{Fault, Table, Tables};
use crate::view::{Counts, RivalStanding};

/// Text: the election's id.
pub(crate) const META_ELECTION: &[u8] = b"election";
/// Hash: the text of manifest version 1.
pub(crate) const META_GENESIS: &[u8] = b"genesis";
/// The tree's right edge, as `merkle` writes it.
pub(crate) const META_FRONTIER: &[u8] = b"frontier";
/// Hash: the rule file in force.
pub(crate) const META_RULES: &[u8] = b"rules";
/// Number: the manifest version in force.
pub(crate) const META_VERSION: &[u8] = b"version";
/// Three numbers: units reported, verified, held.
pub(crate) const META_COUNTS: &[u8] = b"counts";
/// Number: the first closing leaf.
pub(crate) const META_CLOSED: &[u8] = b"closed";
/// Number: the latest time that came with a command.
pub(crate) const SIDE_TIME: &[u8] = b"time";
/// Hash: the side digest.
pub(crate) const SIDE_DIGEST: &[u8] = b"digest";

/// A key by its name and id, as in a signature line. In rows: 4 bytes, text name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyRef {
    pub(crate) id: KeyId,
    pub(crate) name: KeyName,
}

/// What one key may sign as.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Office {
    /// A chair's or a secretary's key of one unit.
    Unit(UnitId, Slot),
    /// A key of a person at headquarters, an observer, or the authority.
    Role(Role),
}

/// Whether a key still may sign in an office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tenure {
    /// It may.
    Active,
    /// A chair's key after the spare was used: what it signs is recorded as a rival.
    Suspended,
    /// It was taken out by a manifest version or replaced: it may no longer.
    Ended,
}

/// An office a key holds or held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) office: Office,
    pub(crate) tenure: Tenure,
    /// Whether a leaf was recorded under this grant: the first one of a spare suspends its chair's.
    pub(crate) use_so_far: Use,
}

/// Whether a grant was ever used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Unused,
    Used,
}

/// A known key. Layout: text vkey, option small earlier (0 stand, 1 doubt) if revoked, list of
/// grants, each: small office kind, then unit text and small slot or small role; small tenure;
/// small use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRow {
    pub(crate) vkey: String,
    pub(crate) revoked: Option<Earlier>,
    pub(crate) grants: Vec<Grant>,
}

/// One who signed a recorded submission, and as what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Signer {
    pub(crate) key: KeyRef,
    /// The slot, for a chair's or secretary's key.
    pub(crate) slot: Option<Slot>,
}

/// The head of a unit. Layout: number index, hash, number seq, list of signers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeadRow {
    pub(crate) head: Head,
    pub(crate) signers: Vec<Signer>,
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

/// A leaf index. Layout: number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeafIndexRow(pub(crate) LeafIndex);

/// A manifest version in force. Layout: number index, hash of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ManifestRow {
    pub(crate) index: LeafIndex,
    pub(crate) text_hash: Hash,
}

/// An authentic note that was refused. Layout: number time, text code, bytes note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedRow {
    pub(crate) at: UnixMillis,
    pub(crate) code: String,
    pub(crate) note: Vec<u8>,
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

/// The prefix of all keys of one name.
fn name_prefix(name: &str) -> Vec<u8> {
    let mut key = name.as_bytes().to_vec();
    key.push(0);
    key
}

impl KeyRef {
    pub(crate) fn of(key: &VerifierKey) -> Self {
        Self { id: key.id(), name: key.name().clone() }
    }

    pub(crate) fn to_key(&self) -> Vec<u8> {
        let mut key = name_prefix(self.name.as_str());
        key.extend_from_slice(self.id.as_bytes());
        key
    }

    fn from_key(key: &[u8]) -> Result<Self, What> {
        let (name, id) = key.split_last_chunk().ok_or("a key without its id")?;
        let name = name.strip_suffix(&[0]).ok_or("a key's name without its end")?;
        let name = KeyName::parse(decode_text(name)?).map_err(|_| "a key's name that is none")?;
        Ok(Self { id: KeyId::from_bytes(*id), name })
    }

    fn write(&self, writer: &mut Writer) {
        writer.fixed(self.id.as_bytes()).text(self.name.as_str());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        let id = KeyId::from_bytes(reader.fixed()?);
        let name = KeyName::parse(reader.text()?).map_err(|_| "a key's name that is none")?;
        Ok(Self { id, name })
    }
}

const fn slot_number(slot: Slot) -> u8 {
    match slot {
        Slot::A => 0,
        Slot::B => 1,
        Slot::S => 2,
    }
}

fn read_slot(reader: &mut Reader<'_>) -> Result<Slot, What> {
    match reader.small()? {
        0 => Ok(Slot::A),
        1 => Ok(Slot::B),
        2 => Ok(Slot::S),
        _ => Err("an unknown slot"),
    }
}

const fn role_number(role: Role) -> u8 {
    match role {
        Role::Authority => 0,
        Role::Registrar => 1,
        Role::Operator => 2,
        Role::Reviewer => 3,
        Role::Publisher => 4,
        Role::Admin => 5,
        Role::Observer => 6,
    }
}

fn read_role(reader: &mut Reader<'_>) -> Result<Role, What> {
    match reader.small()? {
        0 => Ok(Role::Authority),
        1 => Ok(Role::Registrar),
        2 => Ok(Role::Operator),
        3 => Ok(Role::Reviewer),
        4 => Ok(Role::Publisher),
        5 => Ok(Role::Admin),
        6 => Ok(Role::Observer),
        _ => Err("an unknown role"),
    }
}

impl Grant {
    pub(crate) fn new(office: Office) -> Self {
        Self { office, tenure: Tenure::Active, use_so_far: Use::Unused }
    }

    fn write(&self, writer: &mut Writer) {
        match &self.office {
            Office::Unit(unit, slot) => {
                writer.small(0).text(unit.as_str()).small(slot_number(*slot));
            }
            Office::Role(role) => {
                writer.small(1).small(role_number(*role));
            }
        }
        writer.small(match self.tenure {
            Tenure::Active => 0,
            Tenure::Suspended => 1,
            Tenure::Ended => 2,
        });
        writer.small(match self.use_so_far {
            Use::Unused => 0,
            Use::Used => 1,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        let office = match reader.small()? {
            0 => Office::Unit(read_unit_id(reader)?, read_slot(reader)?),
            1 => Office::Role(read_role(reader)?),
            _ => return Err("an unknown office"),
        };
        let tenure = match reader.small()? {
            0 => Tenure::Active,
            1 => Tenure::Suspended,
            2 => Tenure::Ended,
            _ => return Err("an unknown tenure"),
        };
        let use_so_far = match reader.small()? {
            0 => Use::Unused,
            1 => Use::Used,
            _ => return Err("neither used nor unused"),
        };
        Ok(Self { office, tenure, use_so_far })
    }
}

fn read_unit_id(reader: &mut Reader<'_>) -> Result<UnitId, What> {
    UnitId::parse(reader.text()?).map_err(|_| "a unit's id that is none")
}

impl KeyRow {
    pub(crate) fn new(vkey: String) -> Self {
        Self { vkey, revoked: None, grants: Vec::new() }
    }

    /// The grant for an office, if the key ever had it.
    pub(crate) fn grant(&self, office: &Office) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.office == *office)
    }

    /// Puts the key into an office, or back into it.
    pub(crate) fn grant_office(&mut self, office: Office) {
        match self.grants.iter_mut().find(|grant| grant.office == office) {
            Some(grant) => grant.tenure = Tenure::Active,
            None => self.grants.push(Grant::new(office)),
        }
    }

    /// Whether the key may sign in this office now.
    pub(crate) fn is_active(&self, office: &Office) -> bool {
        self.revoked.is_none()
            && self.grant(office).is_some_and(|grant| grant.tenure == Tenure::Active)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.text(&self.vkey);
        writer.option(self.revoked, |writer, earlier| {
            writer.small(match earlier {
                Earlier::Stand => 0,
                Earlier::Doubt => 1,
            });
        });
        writer.list(self.grants.iter(), |writer, grant| grant.write(writer));
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                vkey: reader.string()?,
                revoked: reader.option(|reader| match reader.small()? {
                    0 => Ok(Earlier::Stand),
                    1 => Ok(Earlier::Doubt),
                    _ => Err("neither stand nor doubt"),
                })?,
                grants: reader.list(Grant::read)?,
            })
        })
    }
}

impl Signer {
    fn write(&self, writer: &mut Writer) {
        self.key.write(writer);
        writer.option(self.slot, |writer, slot| {
            writer.small(slot_number(slot));
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        Ok(Self { key: KeyRef::read(reader)?, slot: reader.option(read_slot)? })
    }
}

impl Head {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.number(self.index.get()).fixed(self.hash.as_bytes()).number(self.seq);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        Ok(Self { index: reader.leaf_index()?, hash: reader.leaf_hash()?, seq: reader.number()? })
    }
}

impl LeafRef {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.number(self.index.get()).fixed(self.hash.as_bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        Ok(Self { index: reader.leaf_index()?, hash: reader.leaf_hash()? })
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
                    Ok(HeadRow { head: Head::read(reader)?, signers: reader.list(Signer::read)? })
                })?,
                held_for: reader.list(Reader::string)?,
                witnesses: reader.list(Reader::leaf_index)?,
            })
        })
    }
}

impl RivalRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.fixed(self.hash.as_bytes()).small(match self.standing {
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
            Ok(Self { index: reader.leaf_index()?, text_hash: reader.hash()? })
        })
    }
}

impl RefusedRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.number(self.at.get()).text(&self.code).bytes(&self.note);
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                at: UnixMillis::new(reader.number()?),
                code: reader.string()?,
                note: reader.bytes()?.to_vec(),
            })
        })
    }
}

impl Counts {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.number(self.reported).number(self.verified).number(self.held);
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                reported: reader.number()?,
                verified: reader.number()?,
                held: reader.number()?,
            })
        })
    }
}

/// Reads a row and decodes it.
fn row<T: Tables, V>(
    tables: &T,
    table: Table,
    key: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<V, What>,
) -> Result<Option<V>, Fault> {
    match tables.read(table, key)? {
        None => Ok(None),
        Some(bytes) => decode(&bytes).map(Some).map_err(|what| Fault::Corrupt { table, what }),
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

fn decode_number(bytes: &[u8]) -> Result<u64, What> {
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
    row(tables, Table::Meta, META_ELECTION, |bytes| decode_text(bytes).map(String::from))
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
pub(crate) fn rules<T: Tables>(tables: &T) -> Result<Option<Rules>, Fault> {
    let Some(hash) = rules_hash(tables)? else {
        return Ok(None);
    };
    let found = row(tables, Table::File, hash.as_bytes(), |bytes| {
        Rules::parse(decode_text(bytes)?).map_err(|_| "the rule file does not parse")
    })?;
    found.map(Some).ok_or(Fault::Corrupt { table: Table::File, what: "the rule file is missing" })
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
    Ok(row(tables, Table::LeafHash, hash.as_bytes(), LeafIndexRow::decode)?.map(|row| row.0))
}

/// The leaf whose note has this text.
pub(crate) fn leaf_by_text<T: Tables>(tables: &T, text: &Hash) -> Result<Option<LeafRef>, Fault> {
    let Some(LeafIndexRow(index)) =
        row(tables, Table::Text, text.as_bytes(), LeafIndexRow::decode)?
    else {
        return Ok(None);
    };
    let hash = node(tables, 0, index.get())?
        .ok_or(Fault::Corrupt { table: Table::Node, what: "a leaf's own node is missing" })?;
    Ok(Some(LeafRef { index, hash: LeafHash::from_hash(hash) }))
}

pub(crate) fn node<T: Tables>(tables: &T, level: u8, index: u64) -> Result<Option<Hash>, Fault> {
    let mut key = Writer::new();
    key.small(level).number(index);
    row(tables, Table::Node, &key.finish(), decode_hash)
}

pub(crate) fn key<T: Tables>(tables: &T, key: &KeyRef) -> Result<Option<KeyRow>, Fault> {
    row(tables, Table::Key, &key.to_key(), KeyRow::decode)
}

/// The keys of one name: those that were ever enrolled for one slot of one unit.
pub(crate) fn keys_named<T: Tables>(
    tables: &T,
    name: &str,
) -> Result<Vec<(KeyRef, KeyRow)>, Fault> {
    let prefix = name_prefix(name);
    rows_under(tables, Table::Key, &prefix, |rest, value| {
        let key = [prefix.as_slice(), rest].concat();
        Ok((KeyRef::from_key(&key)?, KeyRow::decode(value)?))
    })
}

/// Every known key.
pub(crate) fn keys<T: Tables>(tables: &T) -> Result<Vec<(KeyRef, KeyRow)>, Fault> {
    rows_under(tables, Table::Key, &[], |key, value| {
        Ok((KeyRef::from_key(key)?, KeyRow::decode(value)?))
    })
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

pub(crate) fn decode_unit(bytes: &[u8]) -> Result<Unit, What> {
    Unit::parse_line(decode_text(bytes)?).map_err(|_| "a unit's line does not parse")
}

pub(crate) fn sheet<T: Tables>(tables: &T, unit: &UnitId) -> Result<SheetRow, Fault> {
    let found = row(tables, Table::UnitSheet, unit.as_str().as_bytes(), SheetRow::decode)?;
    Ok(found.unwrap_or_default())
}

/// A unit's submissions beside the head, ascending by leaf.
pub(crate) fn rivals<T: Tables>(
    tables: &T,
    unit: &UnitId,
) -> Result<Vec<(LeafIndex, RivalRow)>, Fault> {
    rows_under(tables, Table::Rival, &unit_prefix(unit), |key, value| {
        Ok((LeafIndexRow::decode(key)?.0, RivalRow::decode(value)?))
    })
}

/// The submission beside the head that is this leaf.
pub(crate) fn rival<T: Tables>(
    tables: &T,
    unit: &UnitId,
    index: LeafIndex,
) -> Result<Option<RivalRow>, Fault> {
    row(tables, Table::Rival, &unit_number_key(unit, index), RivalRow::decode)
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
            Ok((Signer { key, slot: reader.option(read_slot)? }, index))
        })
    })
}

pub(crate) fn encode_attest(index: LeafIndex, signer: &Signer) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.number(index.get()).option(signer.slot, |writer, slot| {
        writer.small(slot_number(slot));
    });
    writer.finish()
}

/// The figures of the submission that a leaf is.
pub(crate) fn worksheet_of<T: Tables>(tables: &T, index: LeafIndex) -> Result<Worksheet, Fault> {
    let Leaf::Submission(submission) = parsed_leaf(tables, index)? else {
        let what = "a head or rival is no submission";
        return Err(Fault::Corrupt { table: Table::UnitSheet, what });
    };
    Ok(submission.figures.worksheet)
}

/// Whether the head's chain names this leaf as a predecessor that has not arrived.
pub(crate) fn is_awaited<T: Tables>(
    tables: &T,
    unit: &UnitId,
    leaf: &LeafHash,
) -> Result<bool, Fault> {
    Ok(tables.read(Table::Awaited, &unit_hash_key(unit, leaf.as_hash()))?.is_some())
}

/// A voucher of the roll: `None` if the roll does not have it, else the leaf that used it.
pub(crate) fn voucher<T: Tables>(
    tables: &T,
    unit: &UnitId,
    voucher: &Hash,
) -> Result<Option<Option<LeafIndex>>, Fault> {
    row(tables, Table::Voucher, &unit_hash_key(unit, voucher), |bytes| {
        Reader::whole(bytes, |reader| reader.option(Reader::leaf_index))
    })
}

pub(crate) fn encode_voucher(used: Option<LeafIndex>) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.option(used, |writer, index| {
        writer.number(index.get());
    });
    writer.finish()
}

pub(crate) fn manifest<T: Tables>(tables: &T, version: u64) -> Result<Option<ManifestRow>, Fault> {
    row(tables, Table::Manifest, &number_key(version), ManifestRow::decode)
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
    let row = manifest(tables, version)?
        .ok_or(Fault::Corrupt { table: Table::Manifest, what: "the version in force is missing" })?;
    manifest_at_leaf(tables, row.index).map(Some)
}

/// The manifest that a leaf is.
pub(crate) fn manifest_at_leaf<T: Tables>(
    tables: &T,
    index: LeafIndex,
) -> Result<Manifest, Fault> {
    let Leaf::Manifest(manifest) = parsed_leaf(tables, index)? else {
        return Err(Fault::Corrupt { table: Table::Manifest, what: "its leaf is no manifest" });
    };
    Ok(*manifest)
}

/// The content of a leaf that a row points at.
pub(crate) fn parsed_leaf<T: Tables>(tables: &T, index: LeafIndex) -> Result<Leaf, Fault> {
    let bytes = leaf(tables, index)?
        .ok_or(Fault::Corrupt { table: Table::Leaf, what: "a leaf that a row names is missing" })?;
    let (leaf, _) = Leaf::parse_entry(&bytes)
        .map_err(|_| Fault::Corrupt { table: Table::Leaf, what: "a leaf does not parse" })?;
    Ok(leaf)
}

/// The leaf digest after the first `size` leaves; none beyond the tree.
pub(crate) fn leaf_digest<T: Tables>(tables: &T, size: TreeSize) -> Result<Option<Hash>, Fault> {
    match size.get().checked_sub(1) {
        None => Ok(Some(EMPTY_DIGEST)),
        Some(last) => row(tables, Table::LeafDigest, &number_key(last), decode_hash),
    }
}

pub(crate) fn side_digest<T: Tables>(tables: &T) -> Result<Hash, Fault> {
    Ok(row(tables, Table::Side, SIDE_DIGEST, decode_hash)?.unwrap_or(EMPTY_DIGEST))
}

pub(crate) fn last_time<T: Tables>(tables: &T) -> Result<UnixMillis, Fault> {
    let found = row(tables, Table::Side, SIDE_TIME, decode_number)?;
    Ok(UnixMillis::new(found.unwrap_or(0)))
}

/// How many authentic notes of a key were refused.
pub(crate) fn refused_by<T: Tables>(tables: &T, key: &KeyRef) -> Result<u64, Fault> {
    Ok(row(tables, Table::RefusedBy, &key.to_key(), decode_number)?.unwrap_or(0))
}

pub(crate) fn refused_key(key: &KeyRef, slot: u8) -> Vec<u8> {
    let mut bytes = key.to_key();
    bytes.push(slot);
    bytes
}

/// A refused note of a key.
pub(crate) fn refused<T: Tables>(
    tables: &T,
    key: &KeyRef,
    slot: u8,
) -> Result<Option<RefusedRow>, Fault> {
    row(tables, Table::Refused, &refused_key(key, slot), RefusedRow::decode)
}

/// How many authentic notes met this refusal.
pub(crate) fn refused_count<T: Tables>(tables: &T, code: &str) -> Result<u64, Fault> {
    Ok(row(tables, Table::RefusedCount, code.as_bytes(), decode_number)?.unwrap_or(0))
}

/// How many authentic notes met each refusal, ascending by code.
pub(crate) fn refused_counts<T: Tables>(tables: &T) -> Result<Vec<(String, u64)>, Fault> {
    rows_under(tables, Table::RefusedCount, &[], |code, value| {
        Ok((String::from(decode_text(code)?), decode_number(value)?))
    })
}

/// The unit of a row whose key begins with it.
pub(crate) fn unit_of_key(key: &[u8]) -> Result<UnitId, What> {
    let unit = key.split(|byte| *byte == 0).next().unwrap_or(key);
    UnitId::parse(decode_text(unit)?).map_err(|_| "a unit's id that is none")
}
