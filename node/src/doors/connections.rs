//! The connections of one port. Their number is bounded; where it is reached, the one that has
//! done nothing for the longest time makes room, and where all of them are at work, the newcomer
//! is turned away. A sweep closes those that send no call, or do not take their answer.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;

use crate::admission::sources::Source;

/// How a port treats its connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Connections at the same time.
    pub(crate) most: usize,
    /// Of one source.
    pub(crate) most_of_source: usize,
    /// How long a connection may take to its first call: the handshake, the headers.
    pub(crate) first_call: Duration,
    /// How long it may rest after a call.
    pub(crate) rest: Duration,
}

/// One port's connections.
#[derive(Debug)]
pub(crate) struct Connections {
    rules: Rules,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<Connection>>,
    of_source: HashMap<Source, usize>,
}

/// One connection, from its acceptance to its end.
#[derive(Debug)]
pub(crate) struct Connection {
    id: u64,
    source: Source,
    work: Mutex<Work>,
    closing: AtomicBool,
    waker: AtomicWaker,
}

/// What a connection is doing.
#[derive(Debug)]
struct Work {
    /// Since when nothing is under way.
    quiet_since: Instant,
    /// Whether it ever did anything.
    called: bool,
    next: u64,
    /// Calls under way, each with the moment at which it must have ended, if there is one.
    calls: BTreeMap<u64, Option<Instant>>,
}

/// A connection's entry in its port's list; it leaves the list when this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

/// A call under way; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Call {
    connection: Arc<Connection>,
    id: u64,
}

/// All connections are at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("as many connections as allowed are at work")]
pub(crate) struct Full;

impl Connections {
    pub(crate) fn new(rules: Rules) -> Arc<Self> {
        Arc::new(Self {
            rules,
            open: Mutex::default(),
        })
    }

    /// Takes a connection in, at the cost of one that rests where there are too many.
    pub(crate) fn admit(self: &Arc<Self>, from: SocketAddr, now: Instant) -> Result<Entry, Full> {
        let source = Source::new(from);
        let mut open = self.open();
        let of_source = open.of_source.get(&source).copied().unwrap_or_default();
        if of_source >= self.rules.most_of_source {
            open.close_idlest(Some(source))?;
        } else if open.connections.len() >= self.rules.most {
            open.close_idlest(None)?;
        }
        let id = open.next;
        open.next = open.next.wrapping_add(1);
        let connection = Arc::new(Connection {
            id,
            source,
            work: Mutex::new(Work {
                quiet_since: now,
                called: false,
                next: 0,
                calls: BTreeMap::new(),
            }),
            closing: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        open.connections.insert(id, Arc::clone(&connection));
        let count = open.of_source.entry(source).or_default();
        *count = count.saturating_add(1);
        drop(open);
        Ok(Entry {
            connections: Arc::clone(self),
            connection,
        })
    }

    /// Connections now.
    pub(crate) fn count(&self) -> usize {
        self.open().connections.len()
    }

    /// Closes what has rested for too long and what does not take its answers.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut open = self.open();
        let late: Vec<u64> = open
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_late(&self.rules, now))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            open.close(id);
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Closes the connection that has done nothing for the longest time; of one source, where it
    /// is the source that has too many.
    fn close_idlest(&mut self, of: Option<Source>) -> Result<(), Full> {
        let resting = self
            .connections
            .values()
            .filter(|connection| of.is_none_or(|source| connection.source == source))
            .filter_map(|connection| Some((connection.quiet_since()?, connection.id)));
        let (_, id) = resting.min().ok_or(Full)?;
        self.close(id);
        Ok(())
    }

    /// It counts no longer from here on; its own task finds out and lets it go.
    fn close(&mut self, id: u64) {
        let Some(connection) = self.connections.remove(&id) else {
            return;
        };
        if let Some(count) = self.of_source.get_mut(&connection.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_source.remove(&connection.source);
            }
        }
        connection.closing.store(true, Ordering::Release);
        connection.waker.wake();
    }
}

impl Connection {
    /// A call begins; `deadline` is when its answer must have been taken.
    pub(crate) fn call(self: &Arc<Self>, deadline: Option<Instant>) -> Call {
        let mut work = self.work();
        let id = work.next;
        work.next = work.next.wrapping_add(1);
        work.called = true;
        work.calls.insert(id, deadline);
        drop(work);
        Call {
            connection: Arc::clone(self),
            id,
        }
    }

    /// Whether it is to end.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Who is to be woken when it is to end.
    pub(crate) fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }

    fn quiet_since(&self) -> Option<Instant> {
        let work = self.work();
        work.calls.is_empty().then_some(work.quiet_since)
    }

    fn is_late(&self, rules: &Rules, now: Instant) -> bool {
        let work = self.work();
        let quiet = now.saturating_duration_since(work.quiet_since);
        if work.calls.is_empty() {
            quiet
                >= if work.called {
                    rules.rest
                } else {
                    rules.first_call
                }
        } else {
            let mut deadlines = work.calls.values().flatten();
            deadlines.any(|deadline| *deadline <= now)
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(crate) const fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.open().close(self.connection.id);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut work = self.connection.work();
        work.calls.remove(&self.id);
        if work.calls.is_empty() {
            work.quiet_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        most: 3,
        most_of_source: 2,
        first_call: Duration::from_secs(10),
        rest: Duration::from_secs(100),
    };

    fn from(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 1))
    }

    fn closing(entries: &[&Entry]) -> Vec<bool> {
        let closing = entries.iter().map(|entry| entry.connection().is_closing());
        closing.collect()
    }

    #[test]
    fn the_one_that_rested_longest_makes_room() {
        let (connections, now) = (Connections::new(RULES), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        let second = connections.admit(from(2), at(2)).unwrap();
        let first = connections.admit(from(1), at(1)).unwrap();
        let third = connections.admit(from(3), at(3)).unwrap();
        let fourth = connections.admit(from(4), at(4)).unwrap();
        let all = [&first, &second, &third, &fourth];
        assert_eq!(closing(&all), [true, false, false, false]);
        assert_eq!(connections.count(), 3);
    }

    #[test]
    fn a_connection_at_work_is_not_given_up_and_a_newcomer_is_turned_away() {
        let (connections, now) = (Connections::new(RULES), Instant::now());
        let entries: Vec<Entry> = (1..=3)
            .map(|last| connections.admit(from(last), now).unwrap())
            .collect();
        let mut calls: Vec<Call> = entries
            .iter()
            .map(|entry| entry.connection().call(None))
            .collect();
        assert_eq!(connections.admit(from(9), now).unwrap_err(), Full);
        drop(calls.remove(1));
        let _newcomer = connections.admit(from(9), now).unwrap();
        let all: Vec<&Entry> = entries.iter().collect();
        assert_eq!(closing(&all), [false, true, false]);
    }

    #[test]
    fn a_source_with_too_many_gives_up_its_own() {
        let (connections, now) = (Connections::new(RULES), Instant::now());
        let other = connections.admit(from(2), now).unwrap();
        let at = |seconds| now + Duration::from_secs(seconds);
        let first = connections.admit(from(1), at(1)).unwrap();
        let second = connections.admit(from(1), at(2)).unwrap();
        let third = connections.admit(from(1), at(3)).unwrap();
        let all = [&other, &first, &second, &third];
        assert_eq!(closing(&all), [false, true, false, false]);
    }

    #[test]
    fn what_sends_no_call_rests_too_long_or_does_not_take_its_answer_is_swept_away() {
        let (connections, now) = (Connections::new(RULES), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        let silent = connections.admit(from(1), now).unwrap();
        let rested = connections.admit(from(2), now).unwrap();
        drop(rested.connection().call(None));
        let stalled = connections.admit(from(3), now).unwrap();
        let _call = stalled.connection().call(Some(at(50)));
        let _stream = stalled.connection().call(None);
        let all = [&silent, &rested, &stalled];
        for (seconds, expected) in [
            (9, [false, false, false]),
            (11, [true, false, false]),
            (51, [true, false, true]),
            (102, [true, true, true]),
        ] {
            connections.sweep(at(seconds));
            assert_eq!(closing(&all), expected, "after {seconds} s");
        }
        assert_eq!(connections.count(), 0);
    }

    #[test]
    fn a_connection_that_ends_leaves_the_list() {
        let (connections, now) = (Connections::new(RULES), Instant::now());
        drop(connections.admit(from(1), now).unwrap());
        assert_eq!(connections.count(), 0);
        assert!(connections.open().of_source.is_empty());
    }
}
