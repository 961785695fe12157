//! When a node of the log may cosign. A node is a witness of its own cluster: two contradictory
//! cosignatures by one honest key cannot exist, whatever restarts, snapshots and changes of leader
//! lie between them.

use merkle::{Hash, TreeSize};
use note::UnixSeconds;

use crate::LastSigned;

/// How far a node's clock may lead the other nodes' before it refuses to state a time: far more
/// than synchronised clocks ever differ, and little enough that a time once signed does not stand
/// in the way for long.
pub const MAX_LEAD_SECONDS: u64 = 60;

/// The tree head that a round wants cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// How many leaves.
    pub size: TreeSize,
    /// The root that the asking node computed over them.
    pub root: Hash,
}

/// Roots of the node's own tree, as far as its own disk holds the entries that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnRoots {
    /// At the size asked for; none while an entry below it is not applied, or not flushed by this
    /// node's own log writer.
    pub at_asked: Option<Hash>,
    /// At the size signed last; looked at only where that is below the size asked for.
    pub at_last: Option<Hash>,
}

/// What clocks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// This node's.
    pub own: UnixSeconds,
    /// The [`upper_median`] of the reachable nodes', this node's included.
    pub median: UnixSeconds,
}

/// The gate's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Keep `state` durably, then cosign its size and root at its time.
    Sign {
        /// What is signed now, and to be remembered before.
        state: LastSigned,
        /// Whether to raise an alarm beside it.
        clock: ClockMark,
    },
    /// The same tree head was signed before: sign again, at a time not earlier. Where the state is
    /// the one already kept, nothing needs writing.
    SignAgain {
        /// What is signed now, and to be remembered before.
        state: LastSigned,
        /// Whether to raise an alarm beside it.
        clock: ClockMark,
    },
    /// This node does not hold all entries below that size yet; ask again.
    NotYet,
    /// A larger tree was signed already; the asking node has to catch up first.
    Behind {
        /// The size signed last.
        signed: TreeSize,
    },
    /// The same leaves should have given the same root: this node or the asking one is wrong.
    /// Evidence is kept and this node stops cosigning until a person acts.
    Mismatch {
        /// This node's own root at the size asked for.
        own: Hash,
    },
    /// This node's own tree no longer begins with the tree it signed. It stops cosigning until a
    /// person acts.
    Rewrite {
        /// What it signed.
        signed: LastSigned,
        /// What its tree says at that size now.
        own: Hash,
    },
    /// This node's clock leads the others' too far to state a time. Nothing was decided about the
    /// tree.
    Clock {
        /// By how many seconds.
        ahead_seconds: u64,
    },
}

impl Decision {
    /// Whether the node must not cosign anything more until a person has looked.
    pub const fn stops(&self) -> bool {
        match self {
            Self::Mismatch { .. } | Self::Rewrite { .. } => true,
            Self::Sign { .. }
            | Self::SignAgain { .. }
            | Self::NotYet
            | Self::Behind { .. }
            | Self::Clock { .. } => false,
        }
    }
}

/// How the node's clock stands to the time it signed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMark {
    /// Not before it.
    Steady,
    /// Before it: the time signed last is stated again, and someone should look at the clock.
    WentBack {
        /// By how many seconds.
        seconds: u64,
    },
}

/// Decides whether a node cosigns what it is asked to, given what it signed last.
///
/// The order is that of harm: a wrong tree is told before a late one, and a clock is looked at
/// only for a tree that would be signed.
pub fn consider(
    last: Option<&LastSigned>,
    asked: &Asked,
    own: &OwnRoots,
    clocks: &Clocks,
) -> Decision {
    let Some(own_root) = own.at_asked else {
        return Decision::NotYet;
    };
    if own_root != asked.root {
        return Decision::Mismatch { own: own_root };
    }
    if let Some(last) = last {
        if asked.size < last.size {
            return Decision::Behind { signed: last.size };
        }
        let own_at_last = if asked.size == last.size {
            Some(own_root)
        } else {
            own.at_last
        };
        match own_at_last {
            // A tree that holds the larger size holds the smaller: wait until it can be shown.
            None => return Decision::NotYet,
            Some(own) if own != last.root => return Decision::Rewrite { signed: *last, own },
            Some(_) => {}
        }
    }
    let ahead_seconds = clocks.own.seconds_since(clocks.median);
    if ahead_seconds > MAX_LEAD_SECONDS {
        return Decision::Clock { ahead_seconds };
    }
    sign(last, asked, clocks.own)
}

/// The upper median: of an even number of clocks the later of the two in the middle. None without
/// any clock.
pub fn upper_median(clocks: &mut [UnixSeconds]) -> Option<UnixSeconds> {
    clocks.sort_unstable();
    clocks.get(clocks.len() >> 1).copied()
}

fn sign(last: Option<&LastSigned>, asked: &Asked, now: UnixSeconds) -> Decision {
    let earliest = last.map_or(UnixSeconds::new(0), |last| last.time);
    let state = LastSigned {
        size: asked.size,
        root: asked.root,
        time: now.max(earliest),
    };
    let clock = match earliest.seconds_since(now) {
        0 => ClockMark::Steady,
        seconds => ClockMark::WentBack { seconds },
    };
    match last {
        Some(last) if last.size == asked.size => Decision::SignAgain { state, clock },
        Some(_) | None => Decision::Sign { state, clock },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn root(name: &str) -> Hash {
        merkle::sha256(name.as_bytes())
    }

    fn signed(size: u64, name: &str, time: u64) -> LastSigned {
        LastSigned {
            size: TreeSize::new(size),
            root: root(name),
            time: UnixSeconds::new(time),
        }
    }

    /// One row: what was signed, what is asked, the own roots there and at the last size, own
    /// clock and median, the decision.
    struct Row {
        says: &'static str,
        last: Option<LastSigned>,
        asked: (u64, &'static str),
        at_asked: Option<&'static str>,
        at_last: Option<&'static str>,
        clocks: (u64, u64),
        decision: Decision,
    }

    fn check(rows: Vec<Row>) {
        for row in rows {
            let (size, asked) = row.asked;
            let decision = consider(
                row.last.as_ref(),
                &Asked {
                    size: TreeSize::new(size),
                    root: root(asked),
                },
                &OwnRoots {
                    at_asked: row.at_asked.map(root),
                    at_last: row.at_last.map(root),
                },
                &Clocks {
                    own: UnixSeconds::new(row.clocks.0),
                    median: UnixSeconds::new(row.clocks.1),
                },
            );
            assert_eq!(decision, row.decision, "{}", row.says);
        }
    }

    fn sign(size: u64, name: &str, time: u64) -> Decision {
        Decision::Sign {
            state: signed(size, name, time),
            clock: ClockMark::Steady,
        }
    }

    fn sign_again(size: u64, name: &str, time: u64) -> Decision {
        Decision::SignAgain {
            state: signed(size, name, time),
            clock: ClockMark::Steady,
        }
    }

    #[test]
    fn a_tree_is_signed_once_its_own_root_is_the_one_asked_for() {
        check(vec![
            Row {
                says: "nothing was signed before",
                last: None,
                asked: (5, "r5"),
                at_asked: Some("r5"),
                at_last: None,
                clocks: (NOW, NOW),
                decision: sign(5, "r5", NOW),
            },
            Row {
                says: "the tree grew from what was signed",
                last: Some(signed(3, "r3", NOW - 9)),
                asked: (5, "r5"),
                at_asked: Some("r5"),
                at_last: Some("r3"),
                clocks: (NOW, NOW),
                decision: sign(5, "r5", NOW),
            },
            Row {
                says: "the same head again, later",
                last: Some(signed(5, "r5", NOW - 9)),
                asked: (5, "r5"),
                at_asked: Some("r5"),
                at_last: None,
                clocks: (NOW, NOW),
                decision: sign_again(5, "r5", NOW),
            },
            Row {
                says: "the same head again in the same second",
                last: Some(signed(5, "r5", NOW)),
                asked: (5, "r5"),
                at_asked: Some("r5"),
                at_last: None,
                clocks: (NOW, NOW),
                decision: sign_again(5, "r5", NOW),
            },
        ]);
    }

    #[test]
    fn what_the_node_does_not_hold_is_not_signed_yet() {
        check(vec![
            Row {
                says: "the size asked for is not flushed",
                last: None,
                asked: (5, "r5"),
                at_asked: None,
                at_last: None,
                clocks: (NOW, NOW),
                decision: Decision::NotYet,
            },
            Row {
                says: "the size signed last cannot be shown",
                last: Some(signed(3, "r3", NOW)),
                asked: (5, "r5"),
                at_asked: Some("r5"),
                at_last: None,
                clocks: (NOW, NOW),
                decision: Decision::NotYet,
            },
        ]);
    }

    #[test]
    fn two_histories_are_never_signed() {
        let last = signed(5, "r5", NOW - 9);
        check(vec![
            Row {
                says: "another root than the node's own",
                last: None,
                asked: (5, "x5"),
                at_asked: Some("r5"),
                at_last: None,
                clocks: (NOW, NOW),
                decision: Decision::Mismatch { own: root("r5") },
            },
            Row {
                says: "another root at a size below the last: the tree matters more than the size",
                last: Some(last),
                asked: (3, "x3"),
                at_asked: Some("r3"),
                at_last: None,
                clocks: (NOW, NOW),
                decision: Decision::Mismatch { own: root("r3") },
            },
            Row {
                says: "a smaller tree than was signed",
                last: Some(last),
                asked: (3, "r3"),
                at_asked: Some("r3"),
                at_last: None,
                clocks: (NOW, NOW),
                decision: Decision::Behind {
                    signed: TreeSize::new(5),
                },
            },
            Row {
                says: "the own tree changed at the very size signed",
                last: Some(last),
                asked: (5, "x5"),
                at_asked: Some("x5"),
                at_last: None,
                clocks: (NOW, NOW),
                decision: Decision::Rewrite {
                    signed: last,
                    own: root("x5"),
                },
            },
            Row {
                says: "the own tree changed below the size asked for",
                last: Some(last),
                asked: (8, "x8"),
                at_asked: Some("x8"),
                at_last: Some("x5"),
                clocks: (NOW, NOW),
                decision: Decision::Rewrite {
                    signed: last,
                    own: root("x5"),
                },
            },
        ]);
    }

    /// The last signature was at NOW.
    #[test]
    fn a_clock_that_went_back_states_the_last_time_again_and_says_so() {
        let clock = ClockMark::WentBack { seconds: 30 };
        check(vec![
            Row {
                says: "a larger tree",
                last: Some(signed(3, "r3", NOW)),
                asked: (5, "r5"),
                at_asked: Some("r5"),
                at_last: Some("r3"),
                clocks: (NOW - 30, NOW - 30),
                decision: Decision::Sign {
                    state: signed(5, "r5", NOW),
                    clock,
                },
            },
            Row {
                says: "the same tree",
                last: Some(signed(3, "r3", NOW)),
                asked: (3, "r3"),
                at_asked: Some("r3"),
                at_last: None,
                clocks: (NOW - 30, NOW),
                decision: Decision::SignAgain {
                    state: signed(3, "r3", NOW),
                    clock,
                },
            },
        ]);
    }

    #[test]
    fn a_clock_that_leads_the_median_by_more_than_a_minute_states_no_time() {
        let row = |own, decision| Row {
            says: "own clock against the median",
            last: Some(signed(3, "r3", NOW - 500)),
            asked: (5, "r5"),
            at_asked: Some("r5"),
            at_last: Some("r3"),
            clocks: (own, NOW),
            decision,
        };
        check(vec![
            row(NOW + 60, sign(5, "r5", NOW + 60)),
            row(NOW + 61, Decision::Clock { ahead_seconds: 61 }),
            row(NOW - 400, sign(5, "r5", NOW - 400)),
            Row {
                says: "a wrong tree is told before a wrong clock",
                last: None,
                asked: (5, "x5"),
                at_asked: Some("r5"),
                at_last: None,
                clocks: (NOW + 61, NOW),
                decision: Decision::Mismatch { own: root("r5") },
            },
        ]);
    }

    #[test]
    fn only_a_wrong_tree_stops_the_node() {
        assert!(Decision::Mismatch { own: root("x") }.stops());
        assert!(
            Decision::Rewrite {
                signed: signed(1, "r", 0),
                own: root("x")
            }
            .stops()
        );
        assert!(!Decision::NotYet.stops());
        assert!(
            !Decision::Behind {
                signed: TreeSize::new(1)
            }
            .stops()
        );
        assert!(!Decision::Clock { ahead_seconds: 61 }.stops());
        assert!(!sign(1, "r", 0).stops());
        assert!(!sign_again(1, "r", 0).stops());
    }

    #[test]
    fn the_upper_median_of_an_even_number_is_the_later() {
        for (clocks, median) in [
            (vec![], None),
            (vec![7], Some(7)),
            (vec![9, 7], Some(9)),
            (vec![9, 7, 8], Some(8)),
            (vec![1, 4, 3, 2], Some(3)),
            (vec![0, 0, 900, 1, 1], Some(1)),
        ] {
            let mut clocks: Vec<_> = clocks.into_iter().map(UnixSeconds::new).collect();
            assert_eq!(upper_median(&mut clocks), median.map(UnixSeconds::new));
        }
    }
}
