//! Changes laid over tables, so that the later commands of a batch see the earlier ones before
//! anything is written.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Bound, ControlFlow};

use caucus::Rules;
use merkle::{Hash, LeafIndex};
use note::{KeyError, SignatureLine, VerifierKey};
use receipt::Leaf;

use crate::changes::{Changes, Row};
use crate::tables::{self, Fault, Table, Tables, Visit};

/// Tables with not yet written changes on top.
#[derive(Debug)]
pub struct Overlay<'a, T> {
    base: &'a T,
    rows: BTreeMap<Table, Laid>,
}

/// The rows laid over one table.
type Laid = BTreeMap<Vec<u8>, LaidRow>;

#[derive(Debug)]
struct LaidRow {
    /// None where the row is deleted.
    value: Option<Vec<u8>>,
    /// Written since the last [`Overlay::seal`].
    fresh: bool,
}

impl<'a, T: Tables> Overlay<'a, T> {
    /// An overlay that changes nothing yet.
    pub fn new(base: &'a T) -> Self {
        Self {
            base,
            rows: BTreeMap::new(),
        }
    }

    /// Lays a command's changes on top.
    pub fn absorb(&mut self, changes: Changes) {
        for row in changes.rows {
            self.put(row.table, row.key, row.value);
        }
    }

    /// Everything laid on top since the overlay was made, each key once.
    pub fn into_changes(self) -> Changes {
        let rows = self.rows.into_iter().flat_map(|(table, rows)| {
            rows.into_iter().map(move |(key, row)| Row {
                table,
                key,
                value: row.value,
            })
        });
        Changes {
            rows: rows.collect(),
        }
    }

    /// Lays one row on top.
    pub(crate) fn put(&mut self, table: Table, key: Vec<u8>, value: Option<Vec<u8>>) {
        let row = LaidRow { value, fresh: true };
        self.rows.entry(table).or_default().insert(key, row);
    }

    /// The rows laid on top since the last [`Overlay::seal`], in ascending order of table and key.
    pub(crate) fn fresh(&self) -> impl Iterator<Item = (Table, &[u8], Option<&[u8]>)> {
        self.rows.iter().flat_map(|(table, rows)| {
            let fresh = rows.iter().filter(|(_, row)| row.fresh);
            fresh.map(|(key, row)| (*table, key.as_slice(), row.value.as_deref()))
        })
    }

    /// What is laid on top so far is no longer fresh.
    pub(crate) fn seal(&mut self) {
        for row in self.rows.values_mut().flat_map(BTreeMap::values_mut) {
            row.fresh = false;
        }
    }

    /// What is laid over a row, if anything is.
    fn laid(&self, table: Table, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        Some(&self.rows.get(&table)?.get(key)?.value)
    }
}

impl<T: Tables> Tables for Overlay<'_, T> {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        match self.laid(table, key) {
            Some(value) => Ok(value.clone()),
            None => self.base.read(table, key),
        }
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
        let mut laid = self
            .rows
            .get(&table)
            .into_iter()
            .flat_map(|rows| rows.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded)))
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, row)| (key.as_slice(), row.value.as_deref()))
            .peekable();
        let mut flow = ControlFlow::Continue(());
        self.base.scan(table, prefix, &mut |key, value| {
            while let Some((over, new)) = laid.next_if(|(over, _)| *over < key) {
                if let Some(new) = new {
                    flow = visit(over, new);
                    if flow.is_break() {
                        return flow;
                    }
                }
            }
            flow = match laid.next_if(|(over, _)| *over == key) {
                Some((_, Some(new))) => visit(key, new),
                Some((_, None)) => ControlFlow::Continue(()),
                None => visit(key, value),
            };
            flow
        })?;
        if flow.is_break() {
            return Ok(());
        }
        for (key, value) in laid {
            if let Some(value) = value
                && visit(key, value).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    fn accepts(&self, key: &VerifierKey, text: &str, line: &SignatureLine) -> bool {
        self.base.accepts(key, text, line)
    }

    fn rules(&self, hash: &Hash) -> Result<Option<Arc<Rules>>, Fault> {
        match self.laid(Table::File, hash.as_bytes()) {
            Some(laid) => laid.as_deref().map(tables::read_rules).transpose(),
            None => self.base.rules(hash),
        }
    }

    fn sound_key(&self, vkey: &str) -> Result<VerifierKey, KeyError> {
        self.base.sound_key(vkey)
    }

    fn leaf_at(&self, index: LeafIndex) -> Option<Arc<Leaf>> {
        self.base.leaf_at(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use proptest::prelude::*;

    fn rows() -> impl Strategy<Value = Changes> {
        let key = prop::collection::vec(0_u8..3, 0..3);
        let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..2));
        let table = prop::sample::select(vec![Table::Unit, Table::Rival]);
        let row = (table, key, value).prop_map(|(table, key, value)| Row { table, key, value });
        prop::collection::vec(row, 0..12).prop_map(|rows| Changes { rows })
    }

    /// What a scan shows, stopped after so many rows.
    fn scanned<T: Tables>(tables: &T, prefix: &[u8], stop_after: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut seen = Vec::new();
        tables
            .scan(Table::Unit, prefix, &mut |key, value| {
                seen.push((key.to_vec(), value.to_vec()));
                if seen.len() >= stop_after {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .unwrap();
        seen
    }

    proptest! {
        /// Reading and scanning through an overlay shows what writing its changes would show.
        #[test]
        fn an_overlay_shows_what_absorbing_would(
            below in rows(),
            above in rows(),
            prefix in prop::collection::vec(0_u8..3, 0..3),
            stop_after in 1_usize..8,
        ) {
            let mut base = Memory::new();
            base.absorb(below);
            let mut written = base.clone();
            written.absorb(above.clone());
            let mut overlay = Overlay::new(&base);
            overlay.absorb(above);
            prop_assert_eq!(
                scanned(&overlay, &prefix, stop_after),
                scanned(&written, &prefix, stop_after)
            );
            prop_assert_eq!(
                overlay.read(Table::Unit, &prefix).unwrap(),
                written.read(Table::Unit, &prefix).unwrap()
            );
            let changes = overlay.into_changes();
            base.absorb(changes);
            prop_assert_eq!(base.rows(Table::Unit).collect::<Vec<_>>(), written.rows(Table::Unit).collect::<Vec<_>>());
        }
    }
}
