//! Keys: who may sign as what, and whether they still may.

use alloc::string::String;
use alloc::vec::Vec;

use caucus::{Slot, UnitId};
use merkle::LeafIndex;
use note::{KeyId, KeyName, VerifierKey};
use receipt::leaf::{Place, Role};

use super::{decode_text, row, rows_under};
use crate::codec::{Reader, What, Writer};
use crate::tables::{Fault, Table, Tables};

/// A key by its name and id, as in a signature line. In rows: 4 bytes, text name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyRef {
    pub(crate) id: KeyId,
    pub(crate) name: KeyName,
}

/// Whether a key still may sign in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tenure {
    /// It may.
    Active,
    /// A chair's key after the spare was used: what it signs is recorded as a rival.
    Suspended,
    /// It was taken out by a manifest version or replaced: it may no longer.
    Ended,
}

/// A place that a key holds or held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) place: Place,
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

/// What a revocation says about what the key signed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// It stands.
    Stands,
    /// The key was stolen, says this leaf: nothing that it signed counts any more.
    Doubted(LeafIndex),
}

/// A known key. Layout: text vkey, option revocation (small 0, or small 1 and number), list of grants, each: small place kind, then unit text and small slot or small role; small tenure;
/// small use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRow {
    pub(crate) vkey: String,
    pub(crate) revoked: Option<Revocation>,
    pub(crate) grants: Vec<Grant>,
}

/// One who signed a recorded submission, and as what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Signer {
    pub(crate) key: KeyRef,
    /// The slot, for a chair's or secretary's key.
    pub(crate) slot: Option<Slot>,
}

impl KeyRef {
    pub(crate) fn of(key: &VerifierKey) -> Self {
        Self {
            id: key.id(),
            name: key.name().clone(),
        }
    }

    pub(crate) fn to_key(&self) -> Vec<u8> {
        let mut key = name_prefix(self.name.as_str());
        key.extend_from_slice(self.id.as_bytes());
        key
    }

    pub(super) fn from_key(key: &[u8]) -> Result<Self, What> {
        let (name, id) = key.split_last_chunk().ok_or("a key without its id")?;
        let name = name
            .strip_suffix(&[0])
            .ok_or("a key's name without its end")?;
        let name = KeyName::parse(decode_text(name)?).map_err(|_| "a key's name that is none")?;
        Ok(Self {
            id: KeyId::from_bytes(*id),
            name,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.fixed(self.id.as_bytes()).text(self.name.as_str());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        let id = KeyId::from_bytes(reader.fixed()?);
        let name = KeyName::parse(reader.text()?).map_err(|_| "a key's name that is none")?;
        Ok(Self { id, name })
    }
}

pub(super) const fn slot_number(slot: Slot) -> u8 {
    match slot {
        Slot::A => 0,
        Slot::B => 1,
        Slot::S => 2,
    }
}

pub(super) fn read_slot(reader: &mut Reader<'_>) -> Result<Slot, What> {
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
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            tenure: Tenure::Active,
            use_so_far: Use::Unused,
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        match &self.place {
            Place::Slot { unit, slot } => {
                writer
                    .small(0)
                    .text(unit.as_str())
                    .small(slot_number(*slot));
            }
            Place::Role(role) => {
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

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        let place = match reader.small()? {
            0 => Place::Slot {
                unit: read_unit_id(reader)?,
                slot: read_slot(reader)?,
            },
            1 => Place::Role(read_role(reader)?),
            _ => return Err("an unknown place"),
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
        Ok(Self {
            place,
            tenure,
            use_so_far,
        })
    }
}

fn read_unit_id(reader: &mut Reader<'_>) -> Result<UnitId, What> {
    UnitId::parse(reader.text()?).map_err(|_| "a unit's id that is none")
}

impl KeyRow {
    pub(crate) fn new(vkey: String) -> Self {
        Self {
            vkey,
            revoked: None,
            grants: Vec::new(),
        }
    }

    /// Whether the key may sign anything now.
    pub(crate) fn is_in_force(&self) -> bool {
        self.revoked.is_none()
            && self
                .grants
                .iter()
                .any(|grant| grant.tenure != Tenure::Ended)
    }

    /// The grant for a place, if the key ever had it.
    pub(crate) fn grant(&self, place: &Place) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.place == *place)
    }

    /// Puts the key into a place, or back into it.
    pub(crate) fn put_in(&mut self, place: Place) {
        match self.grants.iter_mut().find(|grant| grant.place == place) {
            Some(grant) => grant.tenure = Tenure::Active,
            None => self.grants.push(Grant::new(place)),
        }
    }

    /// Whether the key may sign in this place now.
    pub(crate) fn is_active(&self, place: &Place) -> bool {
        self.revoked.is_none()
            && self
                .grant(place)
                .is_some_and(|grant| grant.tenure == Tenure::Active)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.text(&self.vkey);
        writer.option(self.revoked, |writer, revocation| {
            match revocation {
                Revocation::Stands => writer.small(0),
                Revocation::Doubted(by) => writer.small(1).number(by.get()),
            };
        });
        writer.list(self.grants.iter(), |writer, grant| grant.write(writer));
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, What> {
        Reader::whole(bytes, |reader| {
            Ok(Self {
                vkey: reader.string()?,
                revoked: reader.option(|reader| match reader.small()? {
                    0 => Ok(Revocation::Stands),
                    1 => reader.leaf_index().map(Revocation::Doubted),
                    _ => Err("neither stand nor doubt"),
                })?,
                grants: reader.list(Grant::read)?,
            })
        })
    }
}

impl Signer {
    pub(super) fn write(&self, writer: &mut Writer) {
        self.key.write(writer);
        writer.option(self.slot, |writer, slot| {
            writer.small(slot_number(slot));
        });
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        Ok(Self {
            key: KeyRef::read(reader)?,
            slot: reader.option(read_slot)?,
        })
    }
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

/// The prefix of all keys of one name.
fn name_prefix(name: &str) -> Vec<u8> {
    let mut key = name.as_bytes().to_vec();
    key.push(0);
    key
}
