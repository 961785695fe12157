//! openraft's own storage suite on both pairs of adapters: RocksDB and the simulated disk.
//!
//! The suite knows nothing of crashes; those are `tests/simulation.rs` and `store`'s own tests.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

use store::{BootId, DataDir, Identity, Incarnation, LogDb, LogOptions};

use crate::config::ReplicaConfig;
use crate::gate::{Gate, Progress};
use crate::log::LogStore;
use crate::machine::Machine;
use crate::mending::Mending;
use crate::rocks::{RocksLog, RocksState};
use crate::seams::{Bounds, Fact, Flushed, Log, Position, Record, State};
use crate::seeds::Seeds;
use crate::types::TypeConfig;

pub(crate) mod others;
#[path = "../tests/sim/mod.rs"]
pub(crate) mod sim;

use sim::disk::{SimDisk, SimLog, SimState};

/// A log that may begin anywhere, as some of the suite's do. Ours begin at 0, and at start-up one
/// that does not has lost its beginning; so here the missing beginning is purged first, and not
/// mentioned. A purge up to just there, which the log need not carry out, is mentioned from here.
struct BegunAnywhere<L>(L, Mutex<Option<Bytes>>);

const UNMENTIONED: &[u8] = b"the beginning that never was";

impl<L: Log> Log for BegunAnywhere<L> {
    fn bounds(&self) -> io::Result<Bounds> {
        let mut bounds = self.0.bounds()?;
        if bounds.purged.as_deref() == Some(UNMENTIONED) {
            bounds.purged.clone_from(&self.1.lock().unwrap());
        }
        Ok(bounds)
    }

    fn append(&self, records: Vec<Record>, done: Flushed) {
        let bounds = self.0.bounds().unwrap();
        let first = records.first().map_or(0, |record| record.position.index);
        if bounds.last.is_none() && bounds.purged.is_none() && first > 0 {
            let to = Position {
                index: first - 1,
                term: 0,
            };
            // Queued when first polled; the append comes after it in the queue.
            let purge = self.0.purge_to(to, Bytes::from_static(UNMENTIONED));
            let _ = purge.now_or_never();
        }
        self.0.append(records, done);
    }

    async fn truncate_after(&self, after: Option<u64>) -> io::Result<()> {
        self.0.truncate_after(after).await
    }

    async fn purge_to(&self, to: Position, label: Bytes) -> io::Result<()> {
        self.1.lock().unwrap().replace(label.clone());
        self.0.purge_to(to, label).await
    }

    async fn read(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<Record>> {
        self.0.read(range, max_bytes).await
    }

    async fn save(&self, fact: Fact, value: Bytes) -> io::Result<()> {
        self.0.save(fact, value).await
    }

    fn note(&self, fact: Fact, value: Bytes) {
        self.0.note(fact, value);
    }

    fn fact(&self, fact: Fact) -> io::Result<Option<Bytes>> {
        self.0.fact(fact)
    }

    fn torn(&self) -> bool {
        self.0.torn()
    }

    async fn mended(&self) -> io::Result<()> {
        self.0.mended().await
    }
}

type Stores<L, S> = (LogStore<BegunAnywhere<L>>, Machine<S>);

fn stores<L: Log, S: State>(log: L, state: S) -> Stores<L, S> {
    let gate = Arc::new(Gate::new(Progress::default(), None));
    let mending = Arc::new(Mending::new(false));
    let config = ReplicaConfig::new(0, 1);
    let machine = Machine::new(Arc::new(state), Arc::clone(&gate), &config);
    let log = Arc::new(BegunAnywhere(log, Mutex::default()));
    (
        LogStore::new(log, gate, mending, 1 << 20, config.observer),
        machine,
    )
}

struct Simulated;

impl StoreBuilder<TypeConfig, LogStore<BegunAnywhere<SimLog>>, Machine<SimState>, ()>
    for Simulated
{
    async fn build(
        &self,
    ) -> Result<((), LogStore<BegunAnywhere<SimLog>>, Machine<SimState>), StorageError<TypeConfig>>
    {
        let disk = SimDisk::new(1, 100..900);
        let (log, machine) = stores(disk.log(), disk.state());
        Ok(((), log, machine))
    }
}

struct Rocks;

impl StoreBuilder<TypeConfig, LogStore<BegunAnywhere<RocksLog>>, Machine<RocksState>, TempDir>
    for Rocks
{
    async fn build(
        &self,
    ) -> Result<
        (
            TempDir,
            LogStore<BegunAnywhere<RocksLog>>,
            Machine<RocksState>,
        ),
        StorageError<TypeConfig>,
    > {
        let folder = tempfile::tempdir().unwrap();
        let (log, state) = open(folder.path());
        let (log, machine) = stores(log, state);
        Ok((folder, log, machine))
    }
}

fn open(path: &Path) -> (RocksLog, RocksState) {
    let directory = DataDir::lock(path).unwrap();
    let identity = Identity {
        genesis: "A".repeat(43) + "=",
        origin: "tally.example/suite".to_owned(),
        ordinal: 0,
        incarnation: Incarnation::from_bytes([7; 16]),
    };
    directory.adopt(&identity).unwrap();
    let options = LogOptions {
        boot: BootId::current().unwrap(),
        observer: Arc::new(()),
    };
    let log = LogDb::open(&directory, &identity, options).unwrap();
    (
        RocksLog::new(Arc::new(log)),
        RocksState::open(&directory).unwrap(),
    )
}

#[tokio::test(start_paused = true)]
async fn the_suite_passes_on_the_simulated_disk() {
    let suite = Box::pin(Suite::test_all(Simulated));
    Seeds::new(1).scope(suite).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_suite_passes_on_rocksdb() {
    let suite = Box::pin(Suite::test_all(Rocks));
    Seeds::new(1).scope(suite).await.unwrap();
}
