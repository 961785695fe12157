//! What a leaf did to the units, as rows: the trail of a unit and the feed of changes stand on them.
//!
//! ```text
//! trail     subject, 0x00, number    (empty)     the leaves about a unit, a county or everything
//! moved     number                   MovedRow    the units a leaf touched, before and after
//! ```
//! A subject is a unit's id, 0x01 and a county's id, or 0x02 alone: an act about a county or about
//! everything leaves one row, however many units it concerns.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use caucus::{Standing, UnitId};
use merkle::LeafIndex;
use receipt::leaf::Scope;

use crate::codec::{Reader, What, Writer};
use crate::outcome::Head;
use crate::rows;
use crate::tables::{Fault, Table, Tables};

/// Declares the deeds with their stable number and name.
macro_rules! deeds {
    ($($(#[$doc:meta])* $deed:ident = $id:literal, $name:literal;)*) => {
        /// What a leaf did to a unit. The numbers and names never change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Deed {
            $($(#[$doc])* $deed,)*
        }

        impl Deed {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$deed,)*];

            const fn number(self) -> u8 {
                match self { $(Self::$deed => $id,)* }
            }

            /// Its name, from a closed set.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$deed => $name,)* }
            }
        }
    };
}

deeds! {
    /// Its first head came.
    Reported = 1, "reported";
    /// A report took its head's place.
    Corrected = 2, "corrected";
    /// A report was recorded beside its head.
    Rival = 3, "rival";
    /// A predecessor in its head's own chain arrived late.
    Superseded = 4, "superseded";
    /// A note for it was recorded although it does not meet any more.
    Stray = 5, "stray";
    /// Its sheet was recorded a second time.
    Attested = 6, "attested";
    /// A reviewer settled findings of its head.
    Accepted = 7, "accepted";
    /// A reviewer made another record's figures its head.
    Taken = 8, "taken";
    /// A reviewer asked a question about its head.
    Asked = 9, "asked";
    /// A reviewer holds it.
    HeldByReview = 10, "held_by_review";
    /// Its head was taken away.
    Voided = 11, "voided";
    /// A report that stood beside a voided head became its head.
    Promoted = 12, "promoted";
    /// A campaign disputed its head.
    Disputed = 13, "disputed";
    /// A dispute was closed.
    Answered = 14, "answered";
    /// Its sheet was counted again by the party.
    Recanvassed = 15, "recanvassed";
    /// Its cards were counted again.
    Recounted = 16, "recounted";
    /// What was counted again became its head.
    Adopted = 17, "adopted";
    /// Its figures may be shown.
    Released = 18, "released";
    /// Its figures may not be shown.
    Withheld = 19, "withheld";
    /// A key was enrolled for it.
    Enrolled = 20, "enrolled";
    /// A key of it was revoked.
    Revoked = 21, "revoked";
    /// A key behind one of its records was stolen.
    Doubted = 22, "doubted";
    /// It came to the roster on the night.
    Added = 23, "added";
    /// It does not meet.
    Closed = 24, "closed";
    /// It meets together with another.
    Merged = 25, "merged";
    /// Another meets together with it.
    Joined = 26, "joined";
    /// Another unit's report with the same counts came or went.
    Compared = 27, "compared";
}

impl Deed {
    fn of_number(number: u8) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|deed| deed.number() == number)
    }
}

/// Where a unit is: what stands for it, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitState {
    /// Its head.
    pub head: Option<Head>,
    /// Its standing.
    pub standing: Standing,
}

/// What one leaf did to one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChange {
    /// The unit.
    pub unit: UnitId,
    /// What was done, in the order it was done.
    pub deeds: Vec<Deed>,
    /// Where the unit was before the leaf.
    pub before: UnitState,
    /// Where it is after it.
    pub after: UnitState,
}

/// What the leaf being applied has done so far, by unit.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    units: BTreeMap<UnitId, Move>,
    scope: Option<Scope>,
}

#[derive(Debug, Default)]
struct Move {
    deeds: Vec<Deed>,
    states: Option<(UnitState, UnitState)>,
}

impl Moves {
    /// Notes what is done to a unit.
    pub(crate) fn did(&mut self, unit: &UnitId, deed: Deed) {
        let entry = self.units.entry(unit.clone()).or_default();
        if !entry.deeds.contains(&deed) {
            entry.deeds.push(deed);
        }
    }

    /// Notes where a unit was and is. Of several steps the first before and the last after count.
    pub(crate) fn moved(&mut self, unit: &UnitId, before: UnitState, after: UnitState) {
        let entry = self.units.entry(unit.clone()).or_default();
        let first = entry.states.map_or(before, |(first, _)| first);
        entry.states = Some((first, after));
    }

    /// Notes that the leaf is about a county or about everything.
    pub(crate) fn about(&mut self, scope: Scope) {
        self.scope = Some(scope);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.units.is_empty() && self.scope.is_none()
    }

    /// The keys of the trail rows of the leaf at `index`.
    pub(crate) fn trail(&self, index: LeafIndex) -> Vec<Vec<u8>> {
        let units = self
            .units
            .keys()
            .map(|unit| rows::unit_number_key(unit, index));
        let scope = self.scope.iter().map(|scope| scope_key(scope, index));
        units.chain(scope).collect()
    }

    /// The units touched; `now` says where a unit is that the leaf has not moved.
    pub(crate) fn changes<E>(
        self,
        mut now: impl FnMut(&UnitId) -> Result<UnitState, E>,
    ) -> Result<Vec<UnitChange>, E> {
        let mut changes = Vec::with_capacity(self.units.len());
        for (unit, Move { deeds, states }) in self.units {
            let (before, after) = if let Some(states) = states {
                states
            } else {
                let state = now(&unit)?;
                (state, state)
            };
            changes.push(UnitChange {
                unit,
                deeds,
                before,
                after,
            });
        }
        Ok(changes)
    }
}

/// The prefix of the trail of a scope.
pub(crate) fn scope_prefix(scope: &Scope) -> Vec<u8> {
    match scope {
        Scope::All => alloc::vec![2, 0],
        Scope::County(county) => {
            let mut key = alloc::vec![1];
            key.extend_from_slice(county.as_str().as_bytes());
            key.push(0);
            key
        }
        Scope::Unit(unit) => rows::unit_prefix(unit),
    }
}

fn scope_key(scope: &Scope, index: LeafIndex) -> Vec<u8> {
    let mut key = scope_prefix(scope);
    key.extend_from_slice(&index.get().to_be_bytes());
    key
}

/// The leaves about a scope itself, ascending.
pub(crate) fn trail<T: Tables>(tables: &T, scope: &Scope) -> Result<Vec<LeafIndex>, Fault> {
    rows::rows_under(tables, Table::Trail, &scope_prefix(scope), |key, _| {
        Reader::whole(key, Reader::leaf_index)
    })
}

/// The units that a leaf touched, ascending by id.
pub(crate) fn changes_of<T: Tables>(
    tables: &T,
    index: LeafIndex,
) -> Result<Vec<UnitChange>, Fault> {
    let key = rows::number_key(index.get());
    Ok(rows::row(tables, Table::Moved, &key, decode)?.unwrap_or_default())
}

/// Layout: list of: text unit, list of small deeds, state before, state after; a state is an option
/// head and a small standing.
pub(crate) fn encode(changes: &[UnitChange]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.list(changes.iter(), |writer, change| {
        writer.text(change.unit.as_str());
        writer.list(change.deeds.iter(), |writer, deed| {
            writer.small(deed.number());
        });
        change.before.write(writer);
        change.after.write(writer);
    });
    writer.finish()
}

fn decode(bytes: &[u8]) -> Result<Vec<UnitChange>, What> {
    Reader::whole(bytes, |reader| {
        reader.list(|reader| {
            let unit = UnitId::parse(reader.text()?).map_err(|_| "a unit's id that is none")?;
            let deeds = reader
                .list(|reader| Deed::of_number(reader.small()?).ok_or("a deed that nobody does"))?;
            Ok(UnitChange {
                unit,
                deeds,
                before: UnitState::read(reader)?,
                after: UnitState::read(reader)?,
            })
        })
    })
}

impl UnitState {
    fn write(&self, writer: &mut Writer) {
        writer.option(self.head.as_ref(), |writer, head| head.write(writer));
        writer.small(match self.standing {
            Standing::Silent => 0,
            Standing::Received => 1,
            Standing::Verified => 2,
            Standing::Held => 3,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, What> {
        Ok(Self {
            head: reader.option(Head::read)?,
            standing: match reader.small()? {
                0 => Standing::Silent,
                1 => Standing::Received,
                2 => Standing::Verified,
                3 => Standing::Held,
                _ => return Err("an unknown standing"),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deed_has_a_number_and_a_name_of_its_own() {
        for deed in Deed::ALL {
            assert_eq!(Deed::of_number(deed.number()), Some(*deed));
        }
        let names: alloc::collections::BTreeSet<_> =
            Deed::ALL.iter().map(|deed| deed.as_str()).collect();
        assert_eq!(names.len(), Deed::ALL.len());
    }
}
