//! One state: tables of plain keys and values, written a batch at a time.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rocksdb::checkpoint::Checkpoint;
use rocksdb::{ColumnFamily, DB, DBRawIterator, Options, PrefixRange, ReadOptions, WriteBatch};

use super::REBUILD;
use crate::error::Error;
use crate::files;
use crate::options::{self, Memory};
use crate::stats::DatabaseStats;

/// RocksDB makes this table whether it is wanted or not.
const ALWAYS_THERE: &str = "default";

/// Changes to any number of tables that take place together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    table: &'static str,
    key: Vec<u8>,
    /// `None` takes the row away.
    value: Option<Vec<u8>>,
}

impl Batch {
    /// A batch with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the row of `key` in `table`. The last change of a key in a batch is the one that counts.
    pub fn put(&mut self, table: &'static str, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push(Change {
            table,
            key: key.into(),
            value: Some(value.into()),
        });
    }

    /// Takes the row of `key` out of `table`; that there is none is no error.
    pub fn delete(&mut self, table: &'static str, key: impl Into<Vec<u8>>) {
        self.changes.push(Change {
            table,
            key: key.into(),
            value: None,
        });
    }

    /// How many changes it makes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether it makes none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// What a scan shows each row to, key and value; it may break off.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// One file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFile {
    /// Its name inside the checkpoint's folder.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// One state, open. When it is dropped after another took its place, its files are deleted.
pub struct StateDb {
    database: DB,
    tables: Vec<&'static str>,
    /// INVARIANT: declared after `database`, so that the files go after RocksDB has let go of them.
    folder: Folder,
}

struct Folder {
    path: PathBuf,
    obsolete: AtomicBool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.obsolete.load(Ordering::Acquire) {
            // What cannot be removed now is removed at the next start.
            let _ = files::remove_tree(&self.path);
        }
    }
}

impl StateDb {
    pub(super) fn open(
        path: &Path,
        tables: &[&'static str],
        memory: &Memory,
        create: bool,
    ) -> Result<Self, Error> {
        let options = options::state(memory, create);
        let failed = |error| failed_to_open(path, error);
        if path.join("CURRENT").exists() {
            refuse_unknown_tables(path, tables, &options)?;
        }
        let families = tables.iter().map(|table| (*table, options.clone()));
        let database = DB::open_cf_with_opts(&options, path, families).map_err(failed)?;
        Ok(Self::of(database, path, tables))
    }

    /// As [`StateDb::open`] of a state that exists, without writing a byte into its folder.
    pub(super) fn open_for_reading(
        path: &Path,
        tables: &[&'static str],
        memory: &Memory,
    ) -> Result<Self, Error> {
        let options = options::state(memory, false);
        refuse_unknown_tables(path, tables, &options)?;
        let families = tables.iter().map(|table| (*table, options.clone()));
        let database = DB::open_cf_with_opts_for_read_only(&options, path, families, false)
            .map_err(|error| failed_to_open(path, error))?;
        Ok(Self::of(database, path, tables))
    }

    fn of(database: DB, path: &Path, tables: &[&'static str]) -> Self {
        let folder = Folder {
            path: path.to_owned(),
            obsolete: AtomicBool::new(false),
        };
        Self {
            database,
            tables: tables.to_vec(),
            folder,
        }
    }

    /// The row of `key` in `table`.
    pub fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let row = self.database.get_cf(self.family(table)?, key);
        row.map_err(|error| self.failed("read", error))
    }

    /// Shows every row of `table` whose key begins with `prefix`, in the order of the keys, until
    /// `visit` breaks off.
    pub fn scan(&self, table: &str, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), Error> {
        let reading = within(prefix);
        let iterator = self
            .database
            .raw_iterator_cf_opt(self.family(table)?, reading);
        self.walk(iterator, prefix, visit)
    }

    /// As [`StateDb::scan`], beginning with the first key that is not below `start`.
    pub fn scan_from(
        &self,
        table: &str,
        prefix: &[u8],
        start: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let reading = within(prefix);
        let iterator = self
            .database
            .raw_iterator_cf_opt(self.family(table)?, reading);
        self.walk(iterator, start.max(prefix), visit)
    }

    /// Carries out a batch: whole or, after a crash, absent. It survives the process at once and a
    /// power cut only after [`StateDb::sync_wal`]; the log brings back what is lost.
    pub fn write(&self, batch: &Batch) -> Result<(), Error> {
        let mut changes = WriteBatch::default();
        for Change { table, key, value } in &batch.changes {
            let family = self.family(table)?;
            match value {
                Some(value) => changes.put_cf(family, key, value),
                None => changes.delete_cf(family, key),
            }
        }
        self.database
            .write(changes)
            .map_err(|error| self.failed("write", error))
    }

    /// Makes every batch written so far survive a power cut.
    pub fn sync_wal(&self) -> Result<(), Error> {
        self.database
            .flush_wal(true)
            .map_err(|error| self.failed("fsync", error))
    }

    /// The state as it is now, for reading while batches go on.
    pub fn snapshot(&self) -> StateSnapshot<'_> {
        StateSnapshot {
            state: self,
            snapshot: self.database.snapshot(),
        }
    }

    /// Sizes for metrics.
    pub fn stats(&self) -> DatabaseStats {
        let families = self
            .tables
            .iter()
            .filter_map(|table| self.database.cf_handle(table));
        DatabaseStats::read(&self.database, families)
    }

    /// The folder it is in, for messages.
    pub fn path(&self) -> &Path {
        &self.folder.path
    }

    /// Reads every row once, so that what the disk has altered is found before anything is built on
    /// it. The rows do not push others out of the cache.
    pub(super) fn read_through(&self) -> Result<(), Error> {
        for table in &self.tables {
            let mut reading = ReadOptions::default();
            reading.fill_cache(false);
            let family = self.family(table)?;
            let iterator = self.database.raw_iterator_cf_opt(family, reading);
            self.walk(iterator, &[], &mut |_, _| ControlFlow::Continue(()))?;
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> Result<bool, Error> {
        let mut empty = true;
        for table in &self.tables {
            self.scan(table, &[], &mut |_, _| {
                empty = false;
                ControlFlow::Break(())
            })?;
        }
        Ok(empty)
    }

    pub(super) fn checkpoint(&self, path: &Path) -> Result<Vec<CheckpointFile>, Error> {
        Checkpoint::new(&self.database)
            .and_then(|checkpoint| checkpoint.create_checkpoint(path))
            .map_err(|error| self.failed("checkpoint", error))?;
        let mut listed = Vec::new();
        for file in files::list(path)? {
            let bytes = fs::metadata(&file)
                .map_err(|error| Error::file("measure", &file, error))?
                .len();
            if let Some(name) = file.file_name().and_then(|name| name.to_str()) {
                listed.push(CheckpointFile {
                    name: name.to_owned(),
                    bytes,
                });
            }
        }
        Ok(listed)
    }

    pub(super) fn delete_when_released(&self) {
        self.folder.obsolete.store(true, Ordering::Release);
    }

    fn walk(
        &self,
        mut iterator: DBRawIterator<'_>,
        start: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        iterator.seek(start);
        while let Some((key, value)) = iterator.item() {
            if visit(key, value).is_break() {
                break;
            }
            iterator.next();
        }
        // "No more" and "could not read on" look alike until the status is asked.
        iterator
            .status()
            .map_err(|error| self.failed("read", error))
    }

    fn family(&self, table: &str) -> Result<&ColumnFamily, Error> {
        self.database
            .cf_handle(table)
            .ok_or_else(|| Error::misuse(format!("the state has no table `{table}`")))
    }

    fn failed(&self, verb: &str, error: rocksdb::Error) -> Error {
        Error::database(&format!("{verb} state"), self.path(), REBUILD, error)
    }
}

fn failed_to_open(path: &Path, error: rocksdb::Error) -> Error {
    Error::database("open state", path, REBUILD, error)
}

fn refuse_unknown_tables(
    path: &Path,
    tables: &[&'static str],
    options: &Options,
) -> Result<(), Error> {
    let found = DB::list_cf(options, path).map_err(|error| failed_to_open(path, error))?;
    let unknown = found
        .iter()
        .find(|name| *name != ALWAYS_THERE && !tables.contains(&name.as_str()));
    match unknown {
        Some(unknown) => Err(Error::other_version(format!(
            "state `{}` has a table `{unknown}` unknown here",
            path.display()
        ))),
        None => Ok(()),
    }
}

impl std::fmt::Debug for StateDb {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StateDb")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

/// One state as it was at one moment. Holding one keeps old rows on disk, so let go of it soon.
pub struct StateSnapshot<'a> {
    state: &'a StateDb,
    snapshot: rocksdb::Snapshot<'a>,
}

impl StateSnapshot<'_> {
    /// The row of `key` in `table` at that moment.
    pub fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let row = self.snapshot.get_cf(self.state.family(table)?, key);
        row.map_err(|error| self.state.failed("read", error))
    }

    /// As [`StateDb::scan`], at that moment.
    pub fn scan(&self, table: &str, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), Error> {
        self.scan_from(table, prefix, prefix, visit)
    }

    /// As [`StateDb::scan_from`], at that moment.
    pub fn scan_from(
        &self,
        table: &str,
        prefix: &[u8],
        start: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let family = self.state.family(table)?;
        let iterator = self.snapshot.raw_iterator_cf_opt(family, within(prefix));
        self.state.walk(iterator, start.max(prefix), visit)
    }
}

impl std::fmt::Debug for StateSnapshot<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StateSnapshot")
            .field("state", self.state)
            .finish_non_exhaustive()
    }
}

fn within(prefix: &[u8]) -> ReadOptions {
    let mut reading = ReadOptions::default();
    if !prefix.is_empty() {
        reading.set_iterate_range(PrefixRange(prefix));
    }
    reading
}
