//! A simulated disk: what was synced survives a crash, and of the rest a prefix.
//!
//! The log is written by one task, as the real one is by one thread: it takes all that is queued,
//! waits for a virtual fsync, and only then calls the `done`s. The state is written at once and
//! synced when asked, as the real one is: a crash takes the tail of its commits.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use ledger::{Changes, Fault, Memory, Row, Table, Tables};
use replica::seams::{
    Bounds, Fact, Flushed, Image, ImageFile, Incoming, Log, Position, Record, State,
};

/// A small generator of its own, so that the disk's luck repeats with its seed.
#[derive(Debug)]
pub struct Luck(u64);

impl Luck {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

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
        platter.admitted = false;
        platter.wrote = None;
        platter.found.clear();
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
        let contents = self.lock().log.clone();
        let shared = Arc::new(Shared {
            disk: self.clone(),
            view: Mutex::new(contents),
            waiting: Mutex::new(VecDeque::new()),
            work: Notify::new(),
        });
        let writer = tokio::spawn(Arc::clone(&shared).write());
        SimLog { shared, writer }
    }

    /// Opens the state.
    pub fn state(&self) -> SimState {
        SimState {
            view: Mutex::new(self.lock().state.clone()),
            disk: self.clone(),
        }
    }
}

struct Shared {
    disk: SimDisk,
    /// What is readable: everything that was queued.
    view: Mutex<Contents>,
    waiting: Mutex<VecDeque<(Write, Flushed)>>,
    work: Notify,
}

impl Shared {
    async fn write(self: Arc<Self>) {
        loop {
            self.work.notified().await;
            loop {
                let group: Vec<_> = self.waiting.lock().unwrap().drain(..).collect();
                if group.is_empty() {
                    break;
                }
                let fsync = {
                    let mut platter = self.disk.lock();
                    platter
                        .queued
                        .extend(group.iter().map(|(write, _)| write.clone()));
                    let Range { start, end } = platter.fsync_micros;
                    let fsync = start + platter.luck.below(end.saturating_sub(start));
                    platter.slow += u64::from(platter.slowness > 1);
                    fsync * platter.slowness
                };
                tokio::time::sleep(Duration::from_micros(fsync)).await;
                let fails = {
                    let mut platter = self.disk.lock();
                    platter.failed += u64::from(platter.failing);
                    platter.failing
                };
                if fails {
                    for (_, done) in group {
                        done(Err(io::Error::other("the disk failed")));
                    }
                    continue;
                }
                {
                    let mut platter = self.disk.lock();
                    let queued = std::mem::take(&mut platter.queued);
                    for write in &queued {
                        platter.take(write);
                    }
                }
                for (_, done) in group {
                    done(Ok(()));
                }
            }
        }
    }

    fn queue(&self, write: Write, done: Flushed) {
        self.view.lock().unwrap().take(&write);
        self.waiting.lock().unwrap().push_back((write, done));
        self.work.notify_one();
    }

    async fn written(&self, write: Write) -> io::Result<()> {
        let (told, ended) = oneshot::channel();
        let done = Box::new(move |result| {
            let _ = told.send(result);
        });
        self.queue(write, done);
        ended.await.map_err(io::Error::other)?
    }
}

/// An open log.
pub struct SimLog {
    shared: Arc<Shared>,
    writer: tokio::task::JoinHandle<()>,
}

impl Drop for SimLog {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

impl Log for SimLog {
    fn bounds(&self) -> io::Result<Bounds> {
        let view = self.shared.view.lock().unwrap();
        Ok(Bounds {
            purged: view.purged.as_ref().map(|(_, label)| label.clone()),
            last: view
                .records
                .last_key_value()
                .map(|(_, record)| record.position),
        })
    }

    fn append(&self, records: Vec<Record>, done: Flushed) {
        self.shared.queue(Write::Append(records), done);
    }

    async fn truncate_after(&self, after: Option<u64>) -> io::Result<()> {
        self.shared.written(Write::Truncate(after)).await
    }

    async fn purge_to(&self, to: Position, label: Bytes) -> io::Result<()> {
        self.shared.written(Write::Purge(to, label)).await
    }

    async fn read(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<Record>> {
        let view = self.shared.view.lock().unwrap();
        let mut bytes = 0;
        let mut records = Vec::new();
        for (_, record) in view.records.range(range) {
            if bytes >= max_bytes && !records.is_empty() {
                break;
            }
            bytes += record.bytes.len();
            records.push(record.clone());
        }
        Ok(records)
    }

    async fn save(&self, fact: Fact, value: Bytes) -> io::Result<()> {
        self.shared.written(Write::Fact(fact, value)).await
    }

    fn note(&self, fact: Fact, value: Bytes) {
        self.shared
            .queue(Write::Fact(fact, value), Box::new(|_| {}));
    }

    fn fact(&self, fact: Fact) -> io::Result<Option<Bytes>> {
        Ok(self.shared.view.lock().unwrap().facts.get(&fact).cloned())
    }

    fn torn(&self) -> bool {
        self.shared.disk.is_torn()
    }

    async fn mended(&self) -> io::Result<()> {
        self.shared.disk.lock().torn = false;
        Ok(())
    }
}

/// An open state.
pub struct SimState {
    view: Mutex<Rows>,
    disk: SimDisk,
}

impl SimState {
    /// All its rows.
    pub fn rows(&self) -> Memory {
        self.view.lock().unwrap().memory.clone()
    }
}

impl Tables for SimState {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.view.lock().unwrap().memory.read(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        self.view.lock().unwrap().memory.scan(table, prefix, visit)
    }
}

impl State for SimState {
    type Image = SimImage;
    type Incoming = SimIncoming;

    fn applied(&self) -> io::Result<Option<Bytes>> {
        Ok(self.view.lock().unwrap().applied.clone())
    }

    fn commit(&self, changes: Changes, applied: Bytes) -> io::Result<()> {
        let commit = (changes, applied);
        self.view.lock().unwrap().take(&commit);
        self.disk.lock().unsynced.push(commit);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut platter = self.disk.lock();
        let unsynced = std::mem::take(&mut platter.unsynced);
        for commit in &unsynced {
            platter.state.take(commit);
        }
        Ok(())
    }

    fn freeze(&self) -> io::Result<SimImage> {
        // A database is flushed when it is copied, and the log may be purged for that.
        self.sync()?;
        let view = self.view.lock().unwrap();
        let image = SimImage::of(&view);
        self.disk.lock().image = Some(image.clone());
        Ok(image)
    }

    fn image(&self) -> io::Result<Option<SimImage>> {
        Ok(self.disk.lock().image.clone())
    }

    fn receive(&self) -> io::Result<SimIncoming> {
        Ok(SimIncoming { files: Vec::new() })
    }

    fn install(&self, image: SimImage) -> io::Result<()> {
        let rows = image.rows()?;
        let mut platter = self.disk.lock();
        platter.unsynced.clear();
        platter.state = rows.clone();
        platter.image = Some(image);
        platter.installed += 1;
        *self.view.lock().unwrap() = rows;
        Ok(())
    }
}

/// A copy of a state: one file a table, and its label.
#[derive(Clone, Debug)]
pub struct SimImage {
    applied: Option<Bytes>,
    files: Arc<BTreeMap<String, Bytes>>,
}

impl SimImage {
    fn of(rows: &Rows) -> Self {
        let applied = rows.applied.clone();
        let mut files = BTreeMap::new();
        for table in Table::ALL {
            let mut bytes = Vec::new();
            if forgotten(*table) {
                continue;
            }
            for (key, value) in rows.memory.rows(*table) {
                for part in [key, value] {
                    bytes.extend((part.len() as u32).to_be_bytes());
                    bytes.extend(part);
                }
            }
            files.insert(table.name().to_owned(), Bytes::from(bytes));
        }
        files.extend(applied.clone().map(|label| ("applied".to_owned(), label)));
        Self {
            applied,
            files: Arc::new(files),
        }
    }

    fn rows(&self) -> io::Result<Rows> {
        let mut memory = Memory::new();
        for table in Table::ALL {
            let mut bytes = self.files.get(table.name()).cloned().unwrap_or_default();
            let mut rows = Vec::new();
            while !bytes.is_empty() {
                let (key, value) = (part(&mut bytes)?, part(&mut bytes)?);
                let (table, value) = (*table, Some(value));
                rows.push(Row { table, key, value });
            }
            memory.absorb(Changes { rows });
        }
        Ok(Rows {
            memory,
            applied: self.applied.clone(),
        })
    }
}

/// Whether a copy leaves out the texts that are leaves already: a defect on purpose.
fn forgotten(table: Table) -> bool {
    table == Table::Text
        && std::env::var("TALLY_MUTANT").is_ok_and(|name| name == "dedupe-not-in-snapshot")
}

fn part(bytes: &mut Bytes) -> io::Result<Vec<u8>> {
    let short = || io::Error::new(io::ErrorKind::UnexpectedEof, "a row cut short");
    let length = bytes.first_chunk::<4>().ok_or_else(short)?;
    let end = 4 + u32::from_be_bytes(*length) as usize;
    if bytes.len() < end {
        return Err(short());
    }
    Ok(bytes.split_to(end)[4..].to_vec())
}

impl Image for SimImage {
    fn applied(&self) -> Option<Bytes> {
        self.applied.clone()
    }

    fn files(&self) -> io::Result<Vec<ImageFile>> {
        let file = |(name, bytes): (&String, &Bytes)| ImageFile {
            name: name.clone(),
            bytes: bytes.len() as u64,
        };
        Ok(self.files.iter().map(file).collect())
    }

    fn read(&self, name: &str, offset: u64, length: usize) -> io::Result<Bytes> {
        let file = self.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        let start = (offset as usize).min(file.len());
        let end = (start + length).min(file.len());
        Ok(file.slice(start..end))
    }
}

/// A copy that is coming in.
#[derive(Debug)]
pub struct SimIncoming {
    files: Vec<(String, Vec<u8>)>,
}

impl Incoming for SimIncoming {
    type Image = SimImage;

    fn create(&mut self, name: &str) -> io::Result<()> {
        self.files.push((name.to_owned(), Vec::new()));
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        let (_, file) = self.files.last_mut().ok_or(io::ErrorKind::NotFound)?;
        file.extend(chunk);
        Ok(())
    }

    fn finish(self, applied: Bytes) -> io::Result<SimImage> {
        let files: BTreeMap<_, _> = self
            .files
            .into_iter()
            .map(|(name, bytes)| (name, Bytes::from(bytes)))
            .collect();
        if files.get("applied") != Some(&applied) {
            return Err(io::Error::other("a state at another position"));
        }
        let image = SimImage {
            applied: Some(applied),
            files: Arc::new(files),
        };
        image.rows()?;
        Ok(image)
    }
}
