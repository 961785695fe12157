//! How RocksDB is set up, in one place, because it is where a node's memory and its durability are decided.
//!
//! A node at rest stays far below 200 MiB. What RocksDB may hold of it at most: one block cache for
//! both databases, the log's write buffers, the state's write buffers, and the open tables' readers,
//! whose indexes and filters live in the block cache.

use rocksdb::{BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, LogLevel, Options};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Blocks of both databases. A night's whole state (a few tens of megabytes) need not fit: leaves
/// and nodes are written once and rarely read again.
const BLOCK_CACHE: usize = 16 * MIB;
/// One write buffer of the log: about 30,000 entries of 500 bytes.
const LOG_BUFFER: usize = 16 * MIB;
/// The log's buffers while older ones are being written out. Twice the size is the usual peak.
const LOG_BUFFERS: i32 = 3;
/// The write buffers of all tables of the state together.
const STATE_BUFFERS: usize = 16 * MIB;
/// One table's write buffer; the sum above is reached first.
const STATE_BUFFER: usize = 8 * MIB;
/// Memory is taken in pieces of this size, so that a table with three rows costs little.
const ARENA_BLOCK: usize = 64 * KIB;
/// Write-ahead logs kept before the oldest buffer is written out, which bounds a restart's replay.
const WAL_TOTAL: u64 = 64 << 20;
/// Table files held open in each database.
const OPEN_FILES: i32 = 128;
/// RocksDB's own text log.
const INFO_LOG_BYTES: usize = MIB;
const INFO_LOG_FILES: usize = 3;

/// The caches that the two databases of a node share.
pub(crate) struct Memory {
    blocks: Cache,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            blocks: Cache::new_lru_cache(BLOCK_CACHE),
        }
    }

    /// The bytes the block cache holds now.
    pub(crate) fn cached_bytes(&self) -> usize {
        self.blocks.get_usage()
    }

    fn table(&self) -> BlockBasedOptions {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&self.blocks);
        // Counted in the cache, so that the cache's size is the bound.
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        table
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        Self {
            blocks: self.blocks.clone(),
        }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Memory")
            .field("cached_bytes", &self.cached_bytes())
            .finish()
    }
}

/// How the log database treats a write-ahead log that does not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Only a file cut inside its last record passes: anything else is examined first.
    Strict,
    /// The log ends at the first bad record: after a power cut in the middle of a write.
    CutAtDamage,
}

/// The log database: sequential keys, each written once, read back rarely, cut off in front.
pub(crate) fn log(memory: &Memory, create: bool, tail: Tail) -> Result<Options, rocksdb::Error> {
    let mut options = common(create);
    options.set_wal_recovery_mode(match tail {
        Tail::Strict => DBRecoveryMode::TolerateCorruptedTailRecords,
        Tail::CutAtDamage => DBRecoveryMode::PointInTime,
    });
    if tail == Tail::Strict {
        // A second net under the mark, for write-ahead logs that are missing altogether. It is not
        // among the typed options.
        options = options.get_options_from_string("track_and_verify_wals=true")?;
    }
    options.set_write_buffer_size(LOG_BUFFER);
    options.set_max_write_buffer_number(LOG_BUFFERS);
    // Entries are short-lived: compressing what is about to be cut off is wasted.
    options.set_compression_type(DBCompressionType::None);
    // Writing must not wait for compaction: a stalled log is a lost leadership.
    options.set_level_zero_slowdown_writes_trigger(64);
    options.set_level_zero_stop_writes_trigger(128);
    options.set_recycle_log_file_num(0);
    options.set_block_based_table_factory(&memory.table());
    Ok(options)
}

/// The state database: many small tables, point reads and short scans.
pub(crate) fn state(memory: &Memory, create: bool) -> Options {
    let mut options = common(create);
    // A suffix lost here is applied again from the log, so ending at the damage is right.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_db_write_buffer_size(STATE_BUFFERS);
    options.set_write_buffer_size(STATE_BUFFER);
    options.set_max_write_buffer_number(2);
    options.set_compression_type(DBCompressionType::Lz4);
    let mut table = memory.table();
    // Ten bits a key: one needless block read in a hundred for keys that are not there, and most
    // lookups of a new report are for keys that are not there yet.
    table.set_bloom_filter(10.0, false);
    options.set_block_based_table_factory(&table);
    options
}

fn common(create: bool) -> Options {
    let mut options = Options::default();
    options.create_if_missing(create);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    options.set_avoid_unnecessary_blocking_io(true);
    options.set_arena_block_size(ARENA_BLOCK);
    options.set_max_total_wal_size(WAL_TOTAL);
    options.set_max_open_files(OPEN_FILES);
    options.set_max_background_jobs(2);
    // Table files reach the disk as they are written, not in one burst that an fsync of the log waits for.
    options.set_bytes_per_sync(1 << 20);
    options.set_log_level(LogLevel::Warn);
    options.set_max_log_file_size(INFO_LOG_BYTES);
    options.set_keep_log_file_num(INFO_LOG_FILES);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}
