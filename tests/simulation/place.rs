//! One node's host: what outlives its crashes, and what the run may look at.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use node::cosigner::Sealed;
use prost::Message as _;
use proto::raft;
use replica::Replica;
use replica::seams::Fact;
use replica::trace::Event;

use crate::sim::disk::{SimDisk, SimState};

/// A file of the cosigner's: whole or as it was, and on disk when written, as the real one is.
#[derive(Clone, Debug, Default)]
pub struct SimFile(Arc<Mutex<Option<String>>>);

impl SimFile {
    /// The file is gone.
    pub fn remove(&self) {
        *self.0.lock().unwrap() = None;
    }

    /// What it says.
    pub fn text(&self) -> Option<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Sealed for SimFile {
    fn read_sealed(&self) -> Result<Option<String>, store::Error> {
        Ok(self.text())
    }

    fn replace_sealed(&self, text: &str) -> Result<(), store::Error> {
        *self.0.lock().unwrap() = Some(text.to_owned());
        Ok(())
    }
}

/// What a node is told to do from outside.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Hand leadership to another.
    HandOver,
    /// Make a snapshot now.
    Snapshot,
}

/// A line of the trace: microseconds, node, its incarnation, and what happened.
pub type Line = (u64, u64, u64, Event);

/// What happened on all nodes, in order.
pub type Lines = Arc<Mutex<Vec<Line>>>;

/// What one node's host has. The disk and the files outlive the host's crashes.
#[derive(Clone)]
pub struct Place {
    /// The node.
    pub ordinal: u64,
    /// The disk.
    pub disk: SimDisk,
    /// What its cosigner has signed, and whether it stopped.
    pub memory: (SimFile, SimFile),
    /// The replica that runs on it now.
    pub running: Arc<Mutex<Option<Replica<SimState>>>>,
    /// How often it has started.
    pub starts: Arc<AtomicU64>,
    /// Why the node has ended by itself.
    pub ended: Arc<Mutex<Option<String>>>,
    /// Orders, and the bell for them.
    pub orders: Arc<(Mutex<Vec<Order>>, tokio::sync::Notify)>,
    /// Seconds by which its clock is wrong.
    pub skew: Arc<AtomicI64>,
    /// Tree heads whose cosignature left it, with the root's bytes.
    pub signed: Arc<Mutex<Vec<(u64, Vec<u8>)>>>,
    /// Times it was turned away because its disk is another than the one let in.
    pub turned_away: Arc<AtomicU64>,
    /// Times it fetched a snapshot, because its state was gone.
    pub fetched: Arc<AtomicU64>,
    /// Snapshots whose bytes were damaged on the way to another node.
    pub damaged: Arc<AtomicU64>,
    /// Whether the snapshots it sends are damaged now.
    pub damaging: Arc<AtomicU64>,
    /// Tree heads it was asked to cosign while its clock was wrong.
    pub skewed: Arc<AtomicU64>,
    /// Calls to other nodes that were lost or broke.
    pub broken: Arc<AtomicU64>,
    /// Times its disk was looked at when it said that something is on it.
    pub looked: Arc<AtomicU64>,
    /// What it said to be on its disk and was not, in words.
    pub unkept: Arc<Mutex<Vec<String>>>,
    /// The trace.
    pub lines: Lines,
}

impl Place {
    /// A new one on an empty disk.
    pub fn new(ordinal: u64, disk: SimDisk, lines: Lines) -> Self {
        Self {
            ordinal,
            disk,
            memory: Default::default(),
            running: Arc::default(),
            starts: Arc::default(),
            ended: Arc::default(),
            orders: Arc::default(),
            skew: Arc::default(),
            signed: Arc::default(),
            turned_away: Arc::default(),
            fetched: Arc::default(),
            damaged: Arc::default(),
            damaging: Arc::default(),
            skewed: Arc::default(),
            broken: Arc::default(),
            looked: Arc::default(),
            unkept: Arc::default(),
            lines,
        }
    }

    /// The replica, if one runs.
    pub fn replica(&self) -> Option<Replica<SimState>> {
        self.running.lock().unwrap().clone()
    }

    /// Gives an order.
    pub fn order(&self, order: Order) {
        self.orders.0.lock().unwrap().push(order);
        self.orders.1.notify_one();
    }

    /// Looks whether what the node says now is so on its disk, whatever happens to its power.
    pub fn look(&self, kept: bool, what: impl FnOnce() -> String) {
        self.looked.fetch_add(1, Ordering::Relaxed);
        if !kept {
            let what = format!(
                "at {} µs node {} {}, and a power cut would take it",
                now_micros(),
                self.ordinal,
                what()
            );
            self.unkept.lock().unwrap().push(what);
        }
    }

    /// The vote that is on the disk: term and node.
    fn kept_vote(&self) -> Option<(u64, u64)> {
        let vote = self.disk.kept_fact(Fact::Vote)?;
        let leader = raft::Vote::decode(vote).unwrap().leader?;
        Some((leader.term, leader.node))
    }

    /// The node's clock, in milliseconds.
    pub fn clock_ms(&self) -> u64 {
        let now = FIRST_MOMENT_MS as i64 + now_micros() as i64 / 1_000;
        (now + self.skew.load(Ordering::Relaxed) * 1_000) as u64
    }
}

/// When every simulation begins, by its clocks.
const FIRST_MOMENT_MS: u64 = 1_580_776_200_000;

/// Virtual microseconds since the run began, on whichever host this is called.
pub fn now_micros() -> u64 {
    turmoil::sim_elapsed().map_or(0, |elapsed| elapsed.as_micros() as u64)
}

/// Writes the trace of one incarnation, and looks at the disk where an event says what is on it.
pub struct Tracer {
    /// Of which node.
    pub place: Place,
    /// In which incarnation.
    pub incarnation: u64,
}

impl replica::Observer for Tracer {
    fn applied(&self, _entries: usize, _took: std::time::Duration) {}

    fn happened(&self, event: &Event) {
        let place = &self.place;
        if let Event::Flushed { index, .. } = *event {
            place.look(place.disk.wrote() >= Some(index), || {
                format!("says that its log is flushed up to {index}")
            });
        }
        if let Event::Voted { term, node, .. } = *event {
            place.look(place.kept_vote() >= Some((term, node)), || {
                format!("says that its vote for {node} in term {term} is flushed")
            });
        }
        let line = (now_micros(), place.ordinal, self.incarnation, *event);
        place.lines.lock().unwrap().push(line);
    }
}
