//! The log's RocksDB: its two tables, reading, and putting operations into a batch. No threads, no rules.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rocksdb::{ColumnFamily, DB, ReadOptions, WriteBatch};

use super::{Entry, Purged, codec};
use crate::error::{Error, REPLACE_NODE};
use crate::options::{self, Memory, Tail};
use crate::stats::DatabaseStats;

const ENTRIES: &str = "entries";
const META: &str = "meta";
const PURGED: &[u8] = b"purged";
const OWNER: &[u8] = b"owner";
const CALLERS: u8 = b'm';

/// The open database.
pub(super) struct Disk {
    database: DB,
    path: PathBuf,
}

/// How far a read of consecutive entries came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// To the end of the range.
    Whole,
    /// To the limit of bytes.
    Limited,
    /// To an index that is not there.
    Missing(u64),
}

impl Extent {
    pub(super) fn is_whole(self) -> bool {
        self == Self::Whole
    }

    pub(super) fn missing(self) -> Option<u64> {
        match self {
            Self::Missing(index) => Some(index),
            Self::Whole | Self::Limited => None,
        }
    }
}

impl Disk {
    pub(super) fn open(
        path: &Path,
        memory: &Memory,
        create: bool,
        tail: Tail,
    ) -> Result<Self, rocksdb::Error> {
        let options = options::log(memory, create, tail)?;
        let database = DB::open_cf_with_opts(
            &options,
            path,
            [(ENTRIES, options.clone()), (META, options.clone())],
        )?;
        Ok(Self {
            database,
            path: path.to_owned(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The database's count of changes, which never goes back unless changes were lost.
    pub(super) fn sequence(&self) -> u64 {
        self.database.latest_sequence_number()
    }

    pub(super) fn entry(&self, index: u64) -> Result<Option<Entry>, Error> {
        let value = self
            .database
            .get_pinned_cf(self.family(ENTRIES)?, codec::key(index))
            .map_err(|error| Error::database("read", &self.path, REPLACE_NODE, error))?;
        let Some(value) = value else { return Ok(None) };
        codec::decode(index, &value)
            .map(Some)
            .ok_or_else(|| self.bad_entry(index))
    }

    /// The entries of `range` up to the first that is missing, or until `max_bytes` of payload.
    pub(super) fn entries(
        &self,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Result<(Vec<Entry>, Extent), Error> {
        let mut entries = Vec::new();
        let mut used = 0_usize;
        let mut expected = range.start;
        let mut extent = Extent::Whole;
        self.visit(range.clone(), |entry| {
            if entry.index != expected {
                extent = Extent::Missing(expected);
                return false;
            }
            used = used.saturating_add(entry.payload.len());
            if used > max_bytes && !entries.is_empty() {
                extent = Extent::Limited;
                return false;
            }
            expected = expected.saturating_add(1);
            entries.push(entry);
            true
        })?;
        if extent.is_whole() && expected < range.end {
            extent = Extent::Missing(expected);
        }
        Ok((entries, extent))
    }

    /// Every entry there is, in order, each checked against its own checksum.
    pub(super) fn visit(
        &self,
        range: Range<u64>,
        mut visit: impl FnMut(Entry) -> bool,
    ) -> Result<(), Error> {
        let mut reading = ReadOptions::default();
        reading.set_iterate_range(codec::key(range.start).to_vec()..codec::key(range.end).to_vec());
        reading.set_verify_checksums(true);
        reading.fill_cache(false);
        let mut iterator = self
            .database
            .raw_iterator_cf_opt(self.family(ENTRIES)?, reading);
        iterator.seek_to_first();
        while let Some((key, value)) = iterator.item() {
            let Some(index) = codec::index(key) else {
                return Err(self.damaged("a key that is not an index"));
            };
            let entry = codec::decode(index, value).ok_or_else(|| self.bad_entry(index))?;
            if !visit(entry) {
                break;
            }
            iterator.next();
        }
        // An iterator that met a bad block says "no more" just as at the end: only the status tells.
        iterator
            .status()
            .map_err(|error| Error::database("read", &self.path, REPLACE_NODE, error))
    }

    /// The caller's values, all of them: there are few.
    pub(super) fn metas(&self) -> Result<BTreeMap<String, Bytes>, Error> {
        let mut metas = BTreeMap::new();
        let mut iterator = self.database.raw_iterator_cf(self.family(META)?);
        iterator.seek([CALLERS]);
        while let Some((key, value)) = iterator.item() {
            let Some(name) = key.strip_prefix(&[CALLERS]) else {
                break;
            };
            let Ok(name) = std::str::from_utf8(name) else {
                return Err(self.damaged("a name that is not text"));
            };
            metas.insert(name.to_owned(), Bytes::copy_from_slice(value));
            iterator.next();
        }
        iterator
            .status()
            .map_err(|error| Error::database("read", &self.path, REPLACE_NODE, error))?;
        Ok(metas)
    }

    pub(super) fn purged(&self) -> Result<Option<Purged>, Error> {
        let Some(value) = self.meta_row(PURGED)? else {
            return Ok(None);
        };
        let purged = codec::decode_purged(&value);
        purged
            .map(Some)
            .ok_or_else(|| self.damaged("an unreadable purged position"))
    }

    /// The text of the identity the database was made for.
    pub(super) fn owner(&self) -> Result<Option<Vec<u8>>, Error> {
        self.meta_row(OWNER)
    }

    pub(super) fn put_owner(&self, text: &str) -> Result<(), Error> {
        let mut batch = WriteBatch::default();
        batch.put_cf(self.family(META)?, OWNER, text);
        self.write(batch, true)
            .map_err(|error| Error::database("write", &self.path, REPLACE_NODE, error))
    }

    pub(super) fn add_entry(
        &self,
        batch: &mut WriteBatch,
        entry: &Entry,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Error> {
        codec::encode(entry, scratch);
        batch.put_cf(self.family(ENTRIES)?, codec::key(entry.index), &scratch);
        Ok(())
    }

    pub(super) fn add_meta(
        &self,
        batch: &mut WriteBatch,
        key: &str,
        value: &[u8],
    ) -> Result<(), Error> {
        let mut row = vec![CALLERS];
        row.extend_from_slice(key.as_bytes());
        batch.put_cf(self.family(META)?, row, value);
        Ok(())
    }

    pub(super) fn add_removal(
        &self,
        batch: &mut WriteBatch,
        range: Range<u64>,
    ) -> Result<(), Error> {
        if !range.is_empty() {
            let (start, end) = (codec::key(range.start), codec::key(range.end));
            batch.delete_range_cf(self.family(ENTRIES)?, start, end);
        }
        Ok(())
    }

    pub(super) fn add_purged(&self, batch: &mut WriteBatch, purged: &Purged) -> Result<(), Error> {
        batch.put_cf(self.family(META)?, PURGED, codec::encode_purged(purged));
        Ok(())
    }

    pub(super) fn write(&self, batch: WriteBatch, sync: bool) -> Result<(), rocksdb::Error> {
        let mut writing = rocksdb::WriteOptions::default();
        writing.set_sync(sync);
        self.database.write_opt(batch, &writing)
    }

    /// Gives back the files that hold nothing but purged entries. Only room is at stake, so a failure
    /// is left to the next compaction.
    pub(super) fn release_files(&self, range: Range<u64>) {
        if let Ok(family) = self.family(ENTRIES)
            && let Some(last) = range.end.checked_sub(1)
            && !range.is_empty()
        {
            // RocksDB takes both ends as part of the range here, unlike in a range deletion: with the
            // end itself it would drop a file whose last entry is the first that must stay.
            let (first, last) = (codec::key(range.start), codec::key(last));
            let _ = self.database.delete_file_in_range_cf(family, first, last);
        }
    }

    pub(super) fn stats(&self) -> DatabaseStats {
        DatabaseStats::read(
            &self.database,
            [ENTRIES, META]
                .iter()
                .filter_map(|name| self.database.cf_handle(name)),
        )
    }

    pub(super) fn missing_entry(&self, index: u64) -> Error {
        self.damaged(&format!("entry {index} is missing"))
    }

    pub(super) fn damaged(&self, what: &str) -> Error {
        Error::damaged(
            format!("log `{}` is damaged: {what}", self.path.display()),
            REPLACE_NODE,
        )
    }

    /// Moves every entry into table files below the first level, which only a long night would do.
    #[cfg(test)]
    pub(super) fn compact(&self) {
        let family = self.family(ENTRIES).unwrap();
        self.database.flush_cf(family).unwrap();
        self.database
            .compact_range_cf(family, None::<&[u8]>, None::<&[u8]>);
    }

    fn bad_entry(&self, index: u64) -> Error {
        self.damaged(&format!("entry {index} does not match its checksum"))
    }

    fn meta_row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.database
            .get_cf(self.family(META)?, key)
            .map_err(|error| Error::database("read", &self.path, REPLACE_NODE, error))
    }

    fn family(&self, name: &str) -> Result<&ColumnFamily, Error> {
        self.database
            .cf_handle(name)
            .ok_or_else(|| self.damaged(&format!("table `{name}` is missing")))
    }
}
