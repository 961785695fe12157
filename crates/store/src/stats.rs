//! What a database says of itself, for metrics.

use rocksdb::{AsColumnFamilyRef, DB};

/// Sizes and health of one database, summed over its tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatabaseStats {
    /// Write buffers in memory, in bytes, those being written out included.
    pub memtable_bytes: u64,
    /// Memory of open table files outside the block cache, in bytes.
    pub table_reader_bytes: u64,
    /// The block cache, in bytes; shared by both databases of a node, so not to be added up.
    pub block_cache_bytes: u64,
    /// Live table files on disk, in bytes.
    pub table_file_bytes: u64,
    /// What compaction still has to rewrite, in bytes.
    pub pending_compaction_bytes: u64,
    /// Errors of RocksDB's background work since the start. Anything but 0 is a disk to look at.
    pub background_errors: u64,
}

impl DatabaseStats {
    pub(crate) fn read<'a, F>(database: &DB, families: impl Iterator<Item = &'a F>) -> Self
    where
        F: AsColumnFamilyRef + 'a,
    {
        use rocksdb::properties as names;
        let mut stats = Self::default();
        for family in families {
            let value = |name: &rocksdb::properties::PropName| {
                database
                    .property_int_value_cf(family, name)
                    .ok()
                    .flatten()
                    .unwrap_or(0)
            };
            let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
            add(
                &mut stats.memtable_bytes,
                value(names::CUR_SIZE_ALL_MEM_TABLES),
            );
            add(
                &mut stats.table_reader_bytes,
                value(names::ESTIMATE_TABLE_READERS_MEM),
            );
            add(
                &mut stats.table_file_bytes,
                value(names::LIVE_SST_FILES_SIZE),
            );
            add(
                &mut stats.pending_compaction_bytes,
                value(names::ESTIMATE_PENDING_COMPACTION_BYTES),
            );
            // The same number whichever table is asked.
            stats.background_errors = value(names::BACKGROUND_ERRORS);
            stats.block_cache_bytes = value(names::BLOCK_CACHE_USAGE);
        }
        stats
    }
}
