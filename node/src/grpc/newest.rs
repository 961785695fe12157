//! The newest answer of one kind, made from the state once for all who ask for it at the same time.
//! Who asks right after one was made waits a moment for the next, so that making answers takes a
//! small part of one core however large the state, however fast it grows and however many ask.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// From the beginning of one to the next, at least: ten a second.
pub(crate) const PACE: Duration = Duration::from_millis(100);

/// The same, in times of what making the one before took.
const SHARE: u32 = 4;

/// The answer, if there was any.
#[derive(Debug)]
pub(crate) struct Newest<T> {
    made: Mutex<Option<Made<T>>>,
}

#[derive(Debug)]
struct Made<T> {
    /// When the next one may be made.
    next: Instant,
    /// Leaves of the tree that it was made from.
    size: u64,
    answer: Arc<T>,
}

impl<T> Newest<T> {
    /// An answer from a tree of at least `size` leaves: the one there is, the one that is being made
    /// for somebody else, or what `make` makes, with the size of the tree it saw.
    pub(crate) async fn get<E>(
        &self,
        size: u64,
        make: impl AsyncFnOnce() -> Result<(u64, T), E>,
    ) -> Result<Arc<T>, E> {
        // Whoever makes one holds this; who waits for it finds what was made.
        let mut made = self.made.lock().await;
        if let Some(made) = made.as_ref() {
            if made.size >= size {
                return Ok(Arc::clone(&made.answer));
            }
            sleep_until(made.next).await;
        }
        let begun = Instant::now();
        let (size, answer) = make().await?;
        let answer = Arc::new(answer);
        let pause = PACE.max(begun.elapsed().saturating_mul(SHARE));
        *made = Some(Made {
            next: begun.checked_add(pause).unwrap_or(begun),
            size,
            answer: Arc::clone(&answer),
        });
        Ok(answer)
    }
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        let made = Mutex::default();
        Self { made }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    /// A tree that grows, and how many answers were made from it.
    #[derive(Debug, Default)]
    struct Tree {
        size: Cell<u64>,
        made: Cell<u32>,
        newest: Newest<u64>,
    }

    impl Tree {
        /// An answer for whoever asks now, when making one takes this long.
        async fn get(&self, takes: Duration) -> u64 {
            let make = async || {
                let size = self.size.get();
                tokio::time::sleep(takes).await;
                self.made.set(self.made.get() + 1);
                Ok::<_, Infallible>((size, size))
            };
            let Ok(answer) = self.newest.get(self.size.get(), make).await;
            *answer
        }
    }

    const SHORT: Duration = Duration::from_millis(5);

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_together_share_one_answer() {
        let tree = Tree::default();
        tree.size.set(7);
        let all = (0..50).map(|_| tree.get(SHORT));
        let answers = futures::future::join_all(all).await;
        assert_eq!((answers, tree.made.get()), (vec![7; 50], 1));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_gets_an_answer_from_before_they_asked() {
        let (tree, begun) = (Tree::default(), Instant::now());
        for size in 1..=20 {
            tree.size.set(size);
            assert!(tree.get(SHORT).await >= size);
            // Nothing is made, and waited for, where nothing has changed.
            assert!(tree.get(SHORT).await >= size);
        }
        assert_eq!(tree.made.get(), 20);
        assert!(begun.elapsed() >= PACE * 19, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn making_answers_takes_a_small_part_of_the_time_however_long_one_takes() {
        let (tree, long, begun) = (Tree::default(), Duration::from_secs(1), Instant::now());
        for size in 1..=20 {
            tree.size.set(size);
            tree.get(long).await;
        }
        let least = long * SHARE * (tree.made.get() - 1);
        assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_for_who_saw_it_and_the_next_tries_again() {
        let newest: Newest<u64> = Newest::default();
        let failed = newest.get(1, async || Err("no"));
        assert_eq!(failed.await, Err("no"));
        let made = newest.get(1, async || Ok::<_, &str>((1, 5)));
        assert_eq!(made.await.map(|answer| *answer), Ok(5));
    }
}
