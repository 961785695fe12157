//! The state in memory: for tests, for replay, and for whoever audits the public log.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use crate::changes::{Changes, Row};
use crate::tables::{Fault, Table, Tables, Visit};

/// All tables in ordered maps. Two of them are equal when they hold the same rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    tables: BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Memory {
    /// The state before the first command.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes what a command changes.
    pub fn absorb(&mut self, changes: Changes) {
        for row in changes.rows {
            self.write(row);
        }
    }

    /// Writes one row.
    pub fn write(&mut self, row: Row) {
        let rows = self.tables.entry(row.table).or_default();
        match row.value {
            Some(value) => {
                rows.insert(row.key, value);
            }
            None => {
                rows.remove(&row.key);
            }
        }
    }

    /// The rows of one table, in ascending order of keys.
    pub fn rows(&self, table: Table) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.tables
            .get(&table)
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_slice(), value.as_slice()))
    }
}

impl Tables for Memory {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self
            .tables
            .get(&table)
            .and_then(|rows| rows.get(key))
            .cloned())
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
        let Some(rows) = self.tables.get(&table) else {
            return Ok(());
        };
        for (key, value) in rows.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded)) {
            if !key.starts_with(prefix) || visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}
