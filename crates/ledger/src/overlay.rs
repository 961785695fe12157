//! Changes laid over tables, so that the later commands of a batch see the earlier ones before
//! anything is written.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use note::{SignatureLine, VerifierKey};

use crate::changes::{Changes, Row};
use crate::tables::{Fault, Table, Tables, Visit};

/// Tables with not yet written changes on top.
#[derive(Debug)]
pub struct Overlay<'a, T> {
    base: &'a T,
    rows: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
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
        let rows = self.rows.into_iter();
        Changes {
            rows: rows
                .map(|((table, key), value)| Row { table, key, value })
                .collect(),
        }
    }

    /// Lays one row on top.
    pub(crate) fn put(&mut self, table: Table, key: Vec<u8>, value: Option<Vec<u8>>) {
        match self.rows.entry((table, key)) {
            Entry::Vacant(vacant) => {
                vacant.insert(value);
            }
            Entry::Occupied(mut occupied) => {
                occupied.insert(value);
            }
        }
    }

    /// The rows laid on top, in ascending order of table and key.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (Table, &[u8], Option<&[u8]>)> {
        self.rows
            .iter()
            .map(|((table, key), value)| (*table, key.as_slice(), value.as_deref()))
    }
}

impl<T: Tables> Tables for Overlay<'_, T> {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        match self.rows.get(&(table, key.to_vec())) {
            Some(value) => Ok(value.clone()),
            None => self.base.read(table, key),
        }
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
        let mut laid = self
            .rows
            .range((table, prefix.to_vec())..)
            .take_while(|((of, key), _)| *of == table && key.starts_with(prefix))
            .map(|((_, key), value)| (key.as_slice(), value.as_deref()))
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
}
