//! Units whose heads have the same counts: rows of prints, moved with every head, so that a report
//! that was typed under the wrong precinct is noticed when the second one arrives.
//!
//! A unit's partners are the other units in its rows. Of a large group only the first
//! [`MOST_PARTNERS`] are looked at, so that a hall full of equal sheets costs no more than a pair:
//! each that arrives sees the others and is held, and the last one left is let go.

use alloc::string::String;
use alloc::vec::Vec;

use caucus::{Prints, UnitId, Worksheet};
use merkle::{Hash, LeafIndex};

use crate::draft::Draft;
use crate::rows::{self, LeafIndexRow};
use crate::tables::{Fault, Table, Tables};

/// How many partners of a unit are looked at. In 2020 no sheet had more than one.
pub(crate) const MOST_PARTNERS: usize = 8;

/// A sheet's prints, as rows have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hashed {
    /// Both alignments: the unit is held.
    pub(crate) both: Option<Hash>,
    pub(crate) first: Option<Hash>,
    pub(crate) last: Option<Hash>,
}

impl Hashed {
    pub(crate) fn of(worksheet: &Worksheet) -> Self {
        let Prints { both, first, last } = Prints::of(worksheet);
        let hash = |print: Option<String>| print.map(|print| merkle::sha256(print.as_bytes()));
        Self {
            both: hash(both),
            first: hash(first),
            last: hash(last),
        }
    }

    fn all(self) -> impl Iterator<Item = Hash> {
        [self.both, self.first, self.last].into_iter().flatten()
    }
}

/// Moves a unit's rows from the old head's prints to those of the new head, which is the leaf `head`.
pub(crate) fn replace<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &UnitId,
    before: Option<Hashed>,
    after: Option<(Hashed, LeafIndex)>,
) {
    for print in before.into_iter().flat_map(Hashed::all) {
        draft.delete(Table::Print, rows::print_key(&print, unit));
    }
    if let Some((after, head)) = after {
        for print in after.all() {
            let key = rows::print_key(&print, unit);
            draft.put(Table::Print, key, LeafIndexRow(head).encode());
        }
    }
}

/// The other units with this print and the leaves of their heads, ascending by id.
pub(crate) fn partners<T: Tables>(
    tables: &T,
    unit: &UnitId,
    print: Option<Hash>,
) -> Result<Vec<(UnitId, LeafIndex)>, Fault> {
    let Some(print) = print else {
        return Ok(Vec::new());
    };
    // One more than is wanted: the unit itself may be among them.
    let mut found = rows::with_print(tables, &print, MOST_PARTNERS.saturating_add(1))?;
    found.retain(|(partner, _)| partner != unit);
    found.truncate(MOST_PARTNERS);
    Ok(found)
}
