//! A simulated disk: what was synced survives a crash, and of the rest a prefix.
//!
//! The log is written by one task, as the real one is by one thread: it takes all that is queued,
//! waits for a virtual fsync, and only then calls the `done`s. The state is written at once and
//! synced when asked, as the real one is: a crash takes the tail of its commits.

mod image;
mod log;
mod state;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use ledger::{Changes, Memory};
use replica::seams::{Fact, Position, Record};

use super::luck::Luck;
pub use image::SimImage;
pub use log::SimLog;
pub use state::SimState;

/// The contents of a log.
#[derive(Clone, Debug, Default)]
struct Contents {
    purged: Option<(Position, Bytes)>,
    records: BTreeMap<u64, Record>,
    facts: BTreeMap<Fact, Bytes>,
}

#[derive(Debug, Clone)]
enum Write {
    Append(Vec<Record>),
    Truncate(Option<u64>),
    Purge(Position, Bytes),
    Fact(Fact, Bytes),
}

impl Contents {
    fn take(&mut self, write: &Write) {
        match write {
            Write::Append(records) => {
                for record in records {
                    let index = record.position.index;
                    let next = self.last().map_or(0, |last| last.index + 1);
                    assert_eq!(index, next, "an append that leaves a gap or writes over");
                    self.records.insert(index, record.clone());
                }
            }
            Write::Truncate(after) => {
                let from = after.map_or(0, |after| after + 1);
                self.records.split_off(&from);
            }
            Write::Purge(to, label) => {
                self.records = self.records.split_off(&(to.index + 1));
                self.purged = Some((*to, label.clone()));
            }
            Write::Fact(fact, value) => {
                self.facts.insert(*fact, value.clone());
            }
        }
    }

    fn last(&self) -> Option<Position> {
        let last = self
            .records
            .last_key_value()
            .map(|(_, record)| record.position);
        last.or(self.purged.as_ref().map(|(position, _)| *position))
    }
}

/// The state's rows and its label.
#[derive(Clone, Debug, Default)]
struct Rows {
    memory: Memory,
    applied: Option<Bytes>,
}

impl Rows {
    fn take(&mut self, (changes, applied): &(Changes, Bytes)) {
        self.memory.absorb(changes.clone());
        self.applied = Some(applied.clone());
    }
}

#[derive(Debug)]
struct Platter {
    log: Contents,
    queued: Vec<Write>,
    state: Rows,
    unsynced: Vec<(Changes, Bytes)>,
    image: Option<SimImage>,
    torn: bool,
    installed: u64,
    /// Up to where the log had dropped its entries when the state was lost.
    lacking: Option<u64>,
    luck: Luck,
    fsync_micros: Range<u64>,
    /// Fsyncs take this many times as long.
    slowness: u64,
    /// Whether the next fsync fails, and all writes after it.
    failing: bool,
    /// Fsyncs that failed.
    failed: u64,
    /// Whether the directory on it was let into the cluster.
    admitted: bool,
    /// Writes that power cuts took or kept although nobody had been told of them.
    lost: u64,
    /// The highest entry that ever came onto the platter.
    wrote: Option<u64>,
    /// In which entry of the log each leaf was found.
    found: BTreeMap<u64, u64>,
    /// Fsyncs that took longer than they should.
    slow: u64,
}

impl Platter {
    fn take(&mut self, write: &Write) {
        self.log.take(write);
        if let Write::Append(records) = write {
            let last = records.last().map(|record| record.position.index);
            self.wrote = self.wrote.max(last);
        }
    }
}

/// The disk of one host; it stays when the host's processes are gone.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<Platter>>);

impl SimDisk {
    /// A disk whose fsync takes a time from `fsync_micros`, in microseconds.
    pub fn new(seed: u64, fsync_micros: Range<u64>) -> Self {
        Self(Arc::new(Mutex::new(Platter {
            log: Contents::default(),
            queued: Vec::new(),
            state: Rows::default(),
            unsynced: Vec::new(),
            image: None,
            torn: false,
            installed: 0,
            lacking: None,
            luck: Luck::new(seed),
            fsync_micros,
            slowness: 1,
            failing: false,
            failed: 0,
            admitted: false,
            lost: 0,
            wrote: None,
            found: BTreeMap::new(),
            slow: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    /// The power goes: of what was not synced a prefix is kept, of log and state each its own.
    pub fn lose_power(&self) {
        let mut platter = self.lock();
        let queued = std::mem::take(&mut platter.queued);
        let kept = platter.luck.below(queued.len() as u64 + 1);
        platter.lost += queued.len() as u64 - kept;
        for write in queued.iter().take(kept as usize) {
            platter.take(write);
        }
        let unsynced = std::mem::take(&mut platter.unsynced);
        let kept = platter.luck.below(unsynced.len() as u64 + 1);
        platter.lost += unsynced.len() as u64 - kept;
        platter.failing = false;
        // Which copy is the current one is known to the process alone.
        platter.image = None;
        for commit in unsynced.iter().take(kept as usize) {
            platter.state.take(commit);
        }
    }

    /// How many writes power cuts have taken, of log and state.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Makes every fsync take `times` as long as it would.
    pub fn slow(&self, times: u64) {
        self.lock().slowness = times.max(1);
    }

    /// The next fsync fails, and every write after it, until the power goes.
    pub fn fail(&self) {
        self.lock().failing = true;
    }

    /// How many fsyncs have failed.
    pub fn failures(&self) -> u64 {
        self.lock().failed
    }

    /// Everything is gone.
    pub fn wipe(&self) {
        let mut platter = self.lock();
        platter.log = Contents::default();
        platter.queued.clear();
        platter.state = Rows::default();
        platter.unsynced.clear();
        platter.image = None;
        platter.torn = false;
        platter.lacking = None;
        platter.admitted = false;
        platter.wrote = None;
        platter.found.clear();
    }

    /// The state is gone, as when it could not be read and was set aside; the log is as it was.
    pub fn lose_state(&self) {
        let mut platter = self.lock();
        platter.state = Rows::default();
        platter.unsynced.clear();
        platter.image = None;
        platter.lacking = platter.log.purged.as_ref().map(|(to, _)| to.index);
    }

    /// Whether the log has dropped its beginning.
    pub fn has_purged(&self) -> bool {
        self.lock().log.purged.is_some()
    }

    /// Whether the state was lost and its log alone cannot make it again.
    pub fn lacks_state(&self) -> bool {
        self.lock().lacking.is_some()
    }

    /// Notes that the directory on this disk takes part in the cluster.
    pub fn admit(&self) {
        self.lock().admitted = true;
    }

    /// Whether it does.
    pub fn is_admitted(&self) -> bool {
        self.lock().admitted
    }

    /// Whether the leaf at `index`, which is `note`, would be here after a power cut now that takes
    /// everything which was not flushed: in the state, or in an entry of the log.
    pub fn would_keep(&self, index: u64, note: &[u8]) -> bool {
        let mut platter = self.lock();
        let holds = |record: &Record| record.bytes.windows(note.len()).any(|part| part == note);
        // Where it was found before it mostly still is, and a log is long.
        let known = platter.found.get(&index);
        if known.is_some_and(|at| platter.log.records.get(at).is_some_and(holds)) {
            return true;
        }
        let view = ledger::View::new(&platter.state.memory);
        let leaf = view.leaf(merkle::LeafIndex::new(index)).unwrap();
        if leaf.as_deref() == Some(note) {
            return true;
        }
        let mut records = platter.log.records.iter().rev();
        let found = records.find(|(_, record)| holds(record)).map(|(at, _)| *at);
        platter.found.extend(found.map(|at| (index, at)));
        found.is_some()
    }

    /// A fact as a power cut would leave it, at least.
    pub fn kept_fact(&self, fact: Fact) -> Option<Bytes> {
        self.lock().log.facts.get(&fact).cloned()
    }

    /// The highest entry that ever came onto the platter, since it was empty.
    pub fn wrote(&self) -> Option<u64> {
        self.lock().wrote
    }

    /// How many fsyncs took longer than they should.
    pub fn slow_fsyncs(&self) -> u64 {
        self.lock().slow
    }

    /// A disk as this one would be after a power cut now that takes everything which was not
    /// flushed.
    pub fn bare(&self) -> Self {
        let platter = self.lock();
        Self(Arc::new(Mutex::new(Platter {
            log: platter.log.clone(),
            queued: Vec::new(),
            state: platter.state.clone(),
            unsynced: Vec::new(),
            image: None,
            torn: platter.torn,
            installed: 0,
            lacking: platter.lacking,
            luck: Luck::new(1),
            fsync_micros: platter.fsync_micros.clone(),
            slowness: 1,
            failing: false,
            failed: 0,
            admitted: platter.admitted,
            lost: 0,
            wrote: platter.wrote,
            found: BTreeMap::new(),
            slow: 0,
        })))
    }

    /// How many snapshots were installed.
    pub fn installed(&self) -> u64 {
        self.lock().installed
    }

    /// Makes the log look torn.
    pub fn tear(&self) {
        self.lock().torn = true;
    }

    /// Whether the log looks torn.
    pub fn is_torn(&self) -> bool {
        self.lock().torn
    }

    /// The last index that is on the platter without a gap.
    pub fn durable_index(&self) -> Option<u64> {
        self.lock().log.last().map(|last| last.index)
    }

    /// The tree size of what the state would have after a power cut at this moment, at least.
    pub fn synced_size(&self) -> u64 {
        let platter = self.lock();
        let size = ledger::View::new(&platter.state.memory).tree_size();
        size.unwrap().get()
    }

    /// Opens the log; its writer runs on the current host until the log is dropped.
    pub fn log(&self) -> SimLog {
        SimLog::open(self.clone())
    }

    /// Opens the state.
    pub fn state(&self) -> SimState {
        SimState::open(self.clone())
    }
}
