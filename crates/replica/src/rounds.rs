//! One question to the other nodes for all who ask it at the same time, so that those who may ask
//! without limit (anybody who reads, any stranger whose key has to be looked for) cost the cluster
//! a bounded number of rounds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Between the beginnings of two rounds: fifty a second.
const PACE: Duration = Duration::from_millis(20);

/// The rounds of one question whose answers are of type `T`.
#[derive(Debug)]
pub struct Rounds<T> {
    /// How many have asked.
    asked: AtomicU64,
    last: Mutex<Option<Round<T>>>,
}

#[derive(Debug)]
struct Round<T> {
    /// It began after so many had asked, and its answer is for all of them.
    asked: u64,
    begun: Instant,
    answer: T,
}

impl<T: Clone> Rounds<T> {
    /// The answer of a round that begins after this call: of the next one, which `ask` makes if
    /// nobody else does.
    pub async fn join(&self, ask: impl AsyncFnOnce() -> T) -> T {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        // Held for a whole round: whoever waits here asked after that round had begun, or finds
        // its answer.
        let mut last = self.last.lock().await;
        if let Some(round) = last.as_ref() {
            if number < round.asked {
                return round.answer.clone();
            }
            sleep_until(round.begun + PACE).await;
        }
        let (asked, begun) = (self.asked.load(Ordering::SeqCst), Instant::now());
        let answer = ask().await;
        *last = Some(Round {
            asked,
            begun,
            answer: answer.clone(),
        });
        answer
    }
}

impl<T> Default for Rounds<T> {
    fn default() -> Self {
        Self {
            asked: AtomicU64::default(),
            last: Mutex::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How long a round takes.
    const TRIP: Duration = Duration::from_millis(5);

    #[derive(Debug, Default)]
    struct Peers {
        rounds: Rounds<Duration>,
        asked: Cell<u64>,
    }

    impl Peers {
        /// When the round began whose answer this is, and when it was asked for.
        async fn ask(&self, begun: Instant) -> (Duration, Duration) {
            let at = begun.elapsed();
            let round = async || {
                let began = begun.elapsed();
                self.asked.set(self.asked.get() + 1);
                tokio::time::sleep(TRIP).await;
                began
            };
            (self.rounds.join(round).await, at)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_gets_the_answer_of_a_round_that_began_before_they_asked() {
        let (peers, begun) = (Peers::default(), Instant::now());
        let all = (0..1_000).map(|n| {
            let peers = &peers;
            async move {
                tokio::time::sleep(Duration::from_micros(n * 997)).await;
                peers.ask(begun).await
            }
        });
        for (round, at) in futures::future::join_all(all).await {
            assert!(round >= at, "asked at {at:?}, round of {round:?}");
        }
        // A thousand asked within a second.
        assert!((49..=51).contains(&peers.asked.get()), "{peers:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_alone_does_not_wait() {
        let (peers, begun) = (Peers::default(), Instant::now());
        for _ in 0..10 {
            let (round, at) = peers.ask(begun).await;
            assert_eq!(round, at);
            tokio::time::sleep(PACE).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_that_is_given_up_leaves_the_others_to_make_their_own() {
        let (peers, begun) = (Peers::default(), Instant::now());
        let given_up = tokio::time::timeout(TRIP / 2, peers.ask(begun));
        let other = async {
            tokio::time::sleep(TRIP / 4).await;
            peers.ask(begun).await
        };
        let (given_up, (round, at)) = tokio::join!(given_up, other);
        assert!(given_up.is_err());
        assert!(round >= at);
    }
}
