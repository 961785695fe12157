//! Carrying one note to the cluster until there is a receipt that verifies, or the time is over.
//!
//! Free of transport: [`Courier`] brings bytes to one node and brings its answer back, [`Clock`]
//! waits. The same bytes go out every time, to every node in turn, several at once when an answer
//! is slow; that is safe because a note that is a leaf already is answered with that leaf. Nothing
//! is kept here: the note is in the outbox before the first call (`outbox.rs`).

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{self, Either};
use futures::stream::{FuturesUnordered, StreamExt};
use merkle::sha256;

use crate::answer::{Answer, AnswerResult, Effect, Head, LeafRef, Refused, Trouble};
use crate::clock::Clock;

/// Brings a note to one node.
pub trait Courier: Sync {
    /// How many nodes there are to try.
    fn nodes(&self) -> usize;

    /// Gives the exact bytes of a note to the node at this place in the list and waits for the
    /// answer, at most `patience` beyond what the way there takes.
    fn carry(
        &self,
        node: usize,
        note: &[u8],
        patience: Duration,
    ) -> impl Future<Output = Result<Answer, Trouble>> + Send;
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// When to stop and say "not sent yet".
    pub budget: Duration,
    /// How long a node may wait for the cosignatures of one note.
    pub patience: Duration,
    /// An answer later than this makes the next node be asked as well.
    pub hedge: Duration,
    /// Pause after every node has been in trouble once; doubles up to `longest_pause`.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Schedule {
    /// For a person at a keyboard: twenty seconds.
    fn default() -> Schedule {
        Schedule {
            budget: Duration::from_secs(20),
            patience: Duration::from_secs(2),
            hedge: Duration::from_millis(700),
            first_pause: Duration::from_millis(20),
            longest_pause: Duration::from_millis(320),
        }
    }
}

/// How carrying a note ended.
#[derive(Debug)]
pub enum Delivery<T> {
    /// There is a receipt, and it verified.
    Receipted(Receipted<T>),
    /// A node refused the note and gave a reason.
    Refused {
        /// The reason.
        refusal: Refused,
        /// The record that stands for the unit instead.
        head: Option<Head>,
        /// Which node said so.
        node: usize,
    },
    /// The time is over without a receipt. The note may or may not be recorded.
    NotYet(NotYet),
}

/// Which nodes kept a client waiting lately, over all its notes. They are asked after the others for
/// a while: somebody who enters one report after the other should not wait for the same node again.
#[derive(Debug, Default)]
pub struct Standing {
    /// By their place in the list, when each kept somebody waiting last.
    slow: Mutex<BTreeMap<usize, Duration>>,
}

impl Standing {
    /// For how long a node is asked last.
    const LAST_FOR: Duration = Duration::from_secs(10);

    fn kept_waiting(&self, node: usize, now: Duration) {
        self.slow().insert(node, now);
    }

    fn answered(&self, node: usize) {
        self.slow().remove(&node);
    }

    fn is_slow(&self, node: usize, now: Duration) -> bool {
        let since = self.slow().get(&node).copied();
        since.is_some_and(|since| now < since.saturating_add(Self::LAST_FOR))
    }

    fn slow(&self) -> MutexGuard<'_, BTreeMap<usize, Duration>> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A verified receipt and what the node said beside it.
#[derive(Debug)]
pub struct Receipted<T> {
    /// What verification returned: the proof that it was done.
    pub receipt: T,
    /// The file.
    pub bytes: Vec<u8>,
    /// What recording did, as the node says.
    pub effect: Effect,
    /// Which leaf, as the node says; the receipt proves its own.
    pub leaf: LeafRef,
    /// The unit's head, as the node says.
    pub head: Option<Head>,
    /// Which node answered.
    pub node: usize,
    /// How many times the note was handed to a node.
    pub attempts: u32,
}

/// What is known when the time is over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotYet {
    /// A node says that the note is this leaf, without a receipt to prove it.
    pub recorded: Option<(Effect, LeafRef)>,
    /// The last trouble with each node, by its place in the list.
    pub troubles: BTreeMap<usize, Trouble>,
    /// How many times the note was handed to a node.
    pub attempts: u32,
}

/// Carries `note` until `verify` accepts a receipt, a node refuses it, or the budget is spent.
///
/// `verify` gets the bytes of a receipt and must check that it is for this very note; its error is
/// one sentence, kept as that node's trouble, and the next node is asked. Times in `standing` are
/// those of `clock`.
pub async fn deliver<C, K, V, T>(
    courier: &C,
    clock: &K,
    schedule: &Schedule,
    standing: &Standing,
    note: &[u8],
    verify: V,
) -> Delivery<T>
where
    C: Courier,
    K: Clock,
    V: Fn(&[u8]) -> Result<T, String>,
{
    let mut round = Round::new(note, courier.nodes());
    let deadline = clock.monotonic().saturating_add(schedule.budget);
    let mut in_flight = FuturesUnordered::new();
    let mut ask_at = clock.monotonic();
    while round.nodes > 0 {
        let now = clock.monotonic();
        if now >= deadline {
            break;
        }
        if now >= ask_at {
            for late in &round.busy {
                standing.kept_waiting(*late, now);
            }
            if let Some(node) = round.next(|node| standing.is_slow(node, now)) {
                in_flight.push(async move {
                    (node, courier.carry(node, note, schedule.patience).await)
                });
            }
            ask_at = now.saturating_add(schedule.hedge);
        }
        let pause = clock.sleep(ask_at.min(deadline).saturating_sub(now));
        if let Some((node, answer)) = answer_within(&mut in_flight, pause).await {
            if let Some(end) = round.take(node, answer, &verify) {
                standing.answered(node);
                return end;
            }
            standing.kept_waiting(node, clock.monotonic());
            ask_at = clock
                .monotonic()
                .saturating_add(round.pause(schedule, node));
        }
    }
    Delivery::NotYet(round.known)
}

/// The next answer of those under way, or nothing when the pause is over first.
async fn answer_within<F: Future>(
    in_flight: &mut FuturesUnordered<F>,
    pause: impl Future<Output = ()>,
) -> Option<F::Output> {
    if in_flight.is_empty() {
        pause.await;
        return None;
    }
    match future::select(in_flight.next(), std::pin::pin!(pause)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => None,
    }
}

/// Where a delivery stands: whom to ask next, what has been heard.
struct Round {
    nodes: usize,
    known: NotYet,
    /// Where the rotation stands. Notes start at different nodes, by their hash.
    turn: usize,
    busy: Vec<usize>,
    /// Fruitless answers since the last pause.
    fruitless: usize,
    cycles: u32,
    spread: [u8; 32],
}

impl Round {
    fn new(note: &[u8], nodes: usize) -> Round {
        let spread = *sha256(note).as_bytes();
        let turn = spread.first().copied().map_or(0, usize::from);
        Round {
            nodes,
            known: NotYet::default(),
            turn,
            busy: Vec::new(),
            fruitless: 0,
            cycles: 0,
            spread,
        }
    }

    /// The next node in turn that is not being asked already; those that are slow come last.
    fn next(&mut self, is_slow: impl Fn(usize) -> bool) -> Option<usize> {
        let turns = (0..self.nodes).map(|ahead| self.turn.wrapping_add(ahead));
        let free: Vec<_> = turns
            .filter_map(|turn| Some((turn, turn.checked_rem(self.nodes)?)))
            .filter(|(_, node)| !self.busy.contains(node))
            .collect();
        let quick = free.iter().find(|(_, node)| !is_slow(*node));
        let (turn, node) = *quick.or_else(|| free.first())?;
        self.turn = turn.wrapping_add(1);
        self.busy.push(node);
        self.known.attempts = self.known.attempts.saturating_add(1);
        Some(node)
    }

    /// Takes one answer in; `Some` when it ends the delivery.
    fn take<T>(
        &mut self,
        node: usize,
        answer: Result<Answer, Trouble>,
        verify: &impl Fn(&[u8]) -> Result<T, String>,
    ) -> Option<Delivery<T>> {
        self.busy.retain(|other| *other != node);
        let trouble = match answer {
            Err(trouble) => trouble,
            Ok(Answer {
                result:
                    AnswerResult::Receipted {
                        effect,
                        leaf,
                        receipt,
                    },
                head,
            }) => match verify(&receipt) {
                Ok(verified) => {
                    return Some(Delivery::Receipted(Receipted {
                        receipt: verified,
                        bytes: receipt,
                        effect,
                        leaf,
                        head,
                        node,
                        attempts: self.known.attempts,
                    }));
                }
                Err(why) => Trouble::Misbehaved(format!("its receipt does not verify: {why}")),
            },
            Ok(Answer {
                result: AnswerResult::Recorded { effect, leaf },
                ..
            }) => {
                // The first word on the effect is the telling one: later answers to the same
                // bytes can only say "already recorded".
                self.known.recorded.get_or_insert((effect, leaf));
                Trouble::Unavailable("recorded, not yet cosigned by a majority".to_owned())
            }
            Ok(Answer {
                result: AnswerResult::Refused(refusal),
                head,
            }) => {
                if self.known.recorded.is_none() {
                    return Some(Delivery::Refused {
                        refusal,
                        head,
                        node,
                    });
                }
                Trouble::Misbehaved(format!(
                    "refuses ({}) what another node has recorded",
                    refusal.code
                ))
            }
        };
        self.known.troubles.insert(node, trouble);
        None
    }

    /// How long to wait before asking again: nothing while there are nodes not asked since the
    /// last pause, then longer each time, and never less than a busy node asked for.
    fn pause(&mut self, schedule: &Schedule, node: usize) -> Duration {
        self.fruitless = self.fruitless.saturating_add(1);
        if self.fruitless < self.nodes {
            return Duration::ZERO;
        }
        self.fruitless = 0;
        let doubled = 2_u32.saturating_pow(self.cycles.min(16));
        let spread = self
            .spread
            .iter()
            .cycle()
            .nth(usize::try_from(self.cycles).unwrap_or(0))
            .copied();
        self.cycles = self.cycles.saturating_add(1);
        let pause = schedule
            .first_pause
            .saturating_mul(doubled)
            .min(schedule.longest_pause);
        // Between half and the whole of it, so that a thousand clients do not come back at once.
        let half = pause.checked_div(2).unwrap_or(pause);
        let share = half
            .saturating_mul(u32::from(spread.unwrap_or(0)))
            .checked_div(255);
        let pause = half.saturating_add(share.unwrap_or(half));
        match self.known.troubles.get(&node) {
            Some(Trouble::Busy(asked)) => pause.max(*asked),
            Some(
                Trouble::Unreachable(_)
                | Trouble::Unavailable(_)
                | Trouble::TimedOut
                | Trouble::Misbehaved(_),
            )
            | None => pause,
        }
    }
}

#[cfg(test)]
mod tests;
