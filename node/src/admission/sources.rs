//! What a node remembers of where calls come from: how many each source has in progress, how many
//! strangers' notes it sent lately, and whether what it sent was authentic. A source is an address,
//! not a person: a venue or a proxy with many chairs behind it is one.
//!
//! The memory is bounded and may forget: the limits in total hold without it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;

/// Sources remembered. Each takes about a hundred bytes.
const REMEMBERED: usize = 4_096;

/// Failed signatures after which a source's notes go with the strangers'. A chair whose program
/// is broken gets this many tries before its neighbours behind the same address notice.
const FAILURES: u32 = 3;

/// For how long they do, from the last failure on.
const SUSPECT: Duration = Duration::from_mins(1);

/// For how long a source counts as one with chairs behind it, from the last authentic note on.
const TRUSTED: Duration = Duration::from_hours(1);

/// Strangers' notes of one source.
pub(crate) const SOURCE_PACE: Pace = Pace {
    interval: Duration::from_millis(50),
    burst: Duration::from_secs(2),
};

/// Strangers' notes of all sources together.
pub(crate) const TOTAL_PACE: Pace = Pace {
    interval: Duration::from_millis(5),
    burst: Duration::from_secs(1),
};

/// Where a call comes from: an IPv4 address, or the network of an IPv6 address, for whoever has
/// one address of a network has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// A call whose connection does not say where it comes from counts as this machine's own.
    pub(crate) const UNKNOWN: Self = Self(IpAddr::V6(Ipv6Addr::LOCALHOST));

    /// The source of a connection.
    pub(crate) fn new(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V6(address) if address != Ipv6Addr::LOCALHOST => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            address @ (IpAddr::V4(_) | IpAddr::V6(_)) => Self(address),
        }
    }

    /// The source of a call.
    pub(crate) fn of(extensions: &tonic::Extensions) -> Self {
        extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(Self::UNKNOWN, |info| Self::new(info.0))
    }
}

/// What a source may have in progress at the same time, of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Notes that name a key in force.
    Credentialled,
    /// All other notes.
    Stranger,
    /// Reads.
    Read,
    /// Streams of results.
    Watcher,
}

/// A long-run rate with room for a burst.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Between two of them.
    pub(crate) interval: Duration,
    /// How far they may be ahead of that.
    pub(crate) burst: Duration,
}

/// When the next call would be due if all came evenly; calls may be ahead of that by the burst.
#[derive(Debug, Clone, Copy, Default)]
struct Due(Option<Instant>);

impl Due {
    fn pass(&mut self, pace: Pace, now: Instant) -> bool {
        let due = self.0.filter(|due| *due > now).unwrap_or(now);
        if due.saturating_duration_since(now) >= pace.burst {
            return false;
        }
        self.0 = due.checked_add(pace.interval);
        true
    }

    fn is_past(self, now: Instant) -> bool {
        self.0.is_none_or(|due| due <= now)
    }
}

#[derive(Debug, Default)]
struct Known {
    /// Calls in progress, in the order of [`Kind`].
    in_progress: [usize; 4],
    paced: Due,
    failures: u32,
    failed: Option<Instant>,
    authentic: Option<Instant>,
}

impl Known {
    fn is_suspect(&self, now: Instant) -> bool {
        self.failures >= FAILURES && within(self.failed, SUSPECT, now)
    }

    fn is_idle(&self) -> bool {
        self.in_progress == [0; 4]
    }

    /// Whether forgetting it would change what is let in.
    fn matters(&self, now: Instant) -> bool {
        !self.is_idle()
            || within(self.failed, SUSPECT, now)
            || within(self.authentic, TRUSTED, now)
            || !self.paced.is_past(now)
    }
}

fn within(moment: Option<Instant>, span: Duration, now: Instant) -> bool {
    moment.is_some_and(|moment| now.saturating_duration_since(moment) < span)
}

/// All sources.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    known: HashMap<Source, Known>,
    paced: Due,
}

/// One of a source's calls in progress; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    sources: Arc<Sources>,
    source: Source,
    kind: Kind,
}

impl Sources {
    /// Takes one of the `most` calls of a kind that a source may have in progress.
    pub(crate) fn share(
        self: &Arc<Self>,
        source: Source,
        kind: Kind,
        most: usize,
    ) -> Option<Share> {
        let mut memory = self.memory();
        let count = memory.of(source).count(kind);
        if *count >= most {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Share {
            sources: Arc::clone(self),
            source,
            kind,
        })
    }

    /// Whether something of this source is in time, for the source and for all together.
    pub(crate) fn in_time(
        &self,
        source: Source,
        of_source: Pace,
        of_all: Pace,
        now: Instant,
    ) -> bool {
        let mut memory = self.memory();
        // A source that is too fast takes nothing of what all have together.
        memory.of(source).paced.pass(of_source, now) && memory.paced.pass(of_all, now)
    }

    /// Whether its signatures failed lately.
    pub(crate) fn is_suspect(&self, source: Source, now: Instant) -> bool {
        let memory = self.memory();
        let known = memory.known.get(&source);
        known.is_some_and(|known| known.is_suspect(now))
    }

    /// Whether an authentic note came from it lately.
    pub(crate) fn is_trusted(&self, source: Source, now: Instant) -> bool {
        let memory = self.memory();
        let known = memory.known.get(&source);
        known.is_some_and(|known| within(known.authentic, TRUSTED, now))
    }

    /// A note from it was not what it claimed to be.
    pub(crate) fn failed(&self, source: Source, now: Instant) {
        let mut memory = self.memory();
        let known = memory.of(source);
        if !within(known.failed, SUSPECT, now) {
            known.failures = 0;
        }
        known.failures = known.failures.saturating_add(1);
        known.failed = Some(now);
    }

    /// A note from it was authentic.
    pub(crate) fn authentic(&self, source: Source, now: Instant) {
        self.memory().of(source).authentic = Some(now);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn of(&mut self, source: Source) -> &mut Known {
        if self.known.len() >= REMEMBERED && !self.known.contains_key(&source) {
            let now = Instant::now();
            self.known.retain(|_, known| known.matters(now));
            if self.known.len() >= REMEMBERED {
                // More sources than can be remembered: those that do nothing now are forgotten.
                self.known.retain(|_, known| !known.is_idle());
            }
        }
        self.known.entry(source).or_default()
    }
}

impl Known {
    const fn count(&mut self, kind: Kind) -> &mut usize {
        let [credentialled, stranger, read, watcher] = &mut self.in_progress;
        match kind {
            Kind::Credentialled => credentialled,
            Kind::Stranger => stranger,
            Kind::Read => read,
            Kind::Watcher => watcher,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut memory = self.sources.memory();
        if let Some(known) = memory.known.get_mut(&self.source) {
            let count = known.count(self.kind);
            *count = count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Source {
        Source::new(SocketAddr::from(([192, 0, 2, last], 1)))
    }

    #[test]
    fn a_network_of_ipv6_is_one_source_and_a_mapped_address_is_its_ipv4_one() {
        let of = |text: &str| Source::new(text.parse().unwrap());
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::ffff:2]:2"));
        assert_ne!(of("[2001:db8::1]:1"), of("[2001:db8:0:1::1]:1"));
        assert_eq!(of("[::ffff:192.0.2.1]:1"), source(1));
    }

    #[test]
    fn the_third_failure_makes_a_source_suspect_until_a_minute_has_passed() {
        let (sources, now) = (Sources::default(), Instant::now());
        for n in 0..FAILURES {
            assert!(!sources.is_suspect(source(1), now), "after {n}");
            sources.failed(source(1), now);
        }
        assert!(sources.is_suspect(source(1), now));
        assert!(!sources.is_suspect(source(2), now));
        assert!(!sources.is_suspect(source(1), now + SUSPECT));
        // An old failure does not count with a new one.
        sources.failed(source(1), now + SUSPECT);
        assert!(!sources.is_suspect(source(1), now + SUSPECT));
    }

    #[test]
    fn a_source_has_its_burst_and_then_its_pace() {
        let (sources, now) = (Sources::default(), Instant::now());
        let passed =
            (0..1_000).filter(|_| sources.in_time(source(1), SOURCE_PACE, TOTAL_PACE, now));
        assert_eq!(passed.count(), 40);
        assert!(sources.in_time(source(2), SOURCE_PACE, TOTAL_PACE, now));
        let later = now + SOURCE_PACE.interval;
        assert!(sources.in_time(source(1), SOURCE_PACE, TOTAL_PACE, later));
        assert!(!sources.in_time(source(1), SOURCE_PACE, TOTAL_PACE, later));
    }

    #[test]
    fn all_sources_together_have_a_pace_too() {
        let (sources, now) = (Sources::default(), Instant::now());
        let passed = (0..=255).filter(|last| {
            (0..40).any(|_| sources.in_time(source(*last), SOURCE_PACE, TOTAL_PACE, now))
        });
        assert_eq!(passed.count(), 200);
    }

    #[test]
    fn a_share_is_free_again_when_its_call_ends() {
        let sources = Arc::new(Sources::default());
        let first = sources.share(source(1), Kind::Read, 1).unwrap();
        assert!(sources.share(source(1), Kind::Read, 1).is_none());
        assert!(sources.share(source(1), Kind::Watcher, 1).is_some());
        assert!(sources.share(source(2), Kind::Read, 1).is_some());
        drop(first);
        assert!(sources.share(source(1), Kind::Read, 1).is_some());
    }

    /// However many sources there are, the memory stays as large as it is said to be, and calls
    /// in progress are not forgotten.
    #[test]
    fn the_memory_is_bounded() {
        let (sources, now) = (Arc::new(Sources::default()), Instant::now());
        let held = sources.share(source(1), Kind::Read, 1).unwrap();
        for n in 0..3 * u32::try_from(REMEMBERED).unwrap() {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + n);
            sources.failed(Source::new(SocketAddr::from((address, 1))), now);
            assert!(sources.memory().known.len() <= REMEMBERED);
        }
        assert!(sources.share(source(1), Kind::Read, 1).is_none());
        drop(held);
    }
}
