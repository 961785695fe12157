//! What a link does to packets. Each direction between two parties is a link of its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How packets of one direction fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Nothing gets through.
    pub cut: bool,
    /// How long each packet takes.
    pub delay: Duration,
    /// Up to how much longer, drawn for each packet: they may overtake each other.
    pub jitter: Duration,
    /// Of a thousand packets, how many are lost.
    pub lost: u32,
    /// Of a thousand packets, how many come twice.
    pub doubled: u32,
    /// Bytes a second, where that is limited.
    pub rate: Option<u64>,
}

impl Link {
    /// As good as the machine allows.
    pub const PERFECT: Self = Self {
        cut: false,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        lost: 0,
        doubled: 0,
        rate: None,
    };
    /// No packet gets through.
    pub const CUT: Self = Self {
        cut: true,
        ..Self::PERFECT
    };

    /// Every packet takes `delay`.
    pub const fn slow(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::PERFECT
        }
    }

    /// Of a thousand packets `lost` are lost.
    pub const fn lossy(lost: u32) -> Self {
        Self {
            lost,
            ..Self::PERFECT
        }
    }
}

/// Packets over all links.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Handed over.
    pub carried: u64,
    /// Lost, on purpose.
    pub dropped: u64,
    /// Held back by a delay.
    pub delayed: u64,
    /// Sent twice.
    pub doubled: u64,
}

/// What is to happen to one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Lost,
    Arrives {
        after: Duration,
        twice: bool,
        /// Whether it keeps its place behind the packets before it.
        in_order: bool,
        rate: Option<u64>,
    },
}

/// All links of a network.
#[derive(Debug)]
pub(super) struct Links {
    nodes: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    set: BTreeMap<(u64, u64), Link>,
    luck: u64,
    count: Count,
}

impl Links {
    pub(super) fn new(nodes: u64, seed: u64) -> Self {
        let state = State {
            set: BTreeMap::new(),
            luck: seed | 1,
            count: Count::default(),
        };
        Self {
            nodes,
            state: Mutex::new(state),
        }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = u64> + use<> {
        1..=self.nodes
    }

    pub(super) fn set(&self, from: u64, to: u64, link: Link) {
        self.state().set.insert((from, to), link);
    }

    pub(super) fn heal(&self) {
        self.state().set.clear();
    }

    pub(super) fn count(&self) -> Count {
        self.state().count
    }

    /// Decides about a packet and counts it.
    pub(super) fn fate(&self, from: u64, to: u64) -> Fate {
        let mut state = self.state();
        let link = state.set.get(&(from, to)).copied();
        let link = link.unwrap_or(Link::PERFECT);
        if link.cut || state.below(1_000) < u64::from(link.lost) {
            state.count.dropped += 1;
            return Fate::Lost;
        }
        let jitter = u64::try_from(link.jitter.as_micros()).unwrap_or(u64::MAX);
        let after = link.delay + Duration::from_micros(state.below(jitter.saturating_add(1)));
        let twice = state.below(1_000) < u64::from(link.doubled);
        state.count.carried += 1;
        state.count.delayed += u64::from(!after.is_zero());
        state.count.doubled += u64::from(twice);
        Fate::Arrives {
            after,
            twice,
            in_order: link.jitter.is_zero(),
            rate: link.rate,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A number below `sides`, from the seed (xorshift64).
    fn below(&mut self, sides: u64) -> u64 {
        self.luck ^= self.luck << 13;
        self.luck ^= self.luck >> 7;
        self.luck ^= self.luck << 17;
        self.luck.checked_rem(sides).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRIVES: Fate = Fate::Arrives {
        after: Duration::ZERO,
        twice: false,
        in_order: true,
        rate: None,
    };

    #[test]
    fn a_cut_is_one_way_until_it_is_healed() {
        let links = Links::new(3, 1);
        links.set(1, 2, Link::CUT);
        assert_eq!(links.fate(1, 2), Fate::Lost);
        assert_eq!(links.fate(2, 1), ARRIVES);
        links.heal();
        assert_eq!(links.fate(1, 2), ARRIVES);
        let count = links.count();
        assert_eq!((count.carried, count.dropped), (2, 1));
    }

    #[test]
    fn as_many_are_lost_and_doubled_as_was_said() {
        let links = Links::new(3, 7);
        let link = Link {
            lost: 200,
            doubled: 100,
            ..Link::PERFECT
        };
        links.set(1, 2, link);
        for _ in 0..10_000 {
            links.fate(1, 2);
        }
        let count = links.count();
        assert!((1_800..2_200).contains(&count.dropped), "{count:?}");
        assert!((700..900).contains(&count.doubled), "{count:?}");
    }
}
