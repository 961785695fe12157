//! The newest answer of one kind, made from the state once for all who ask for it at the same time.
//! Whoever does not need the very last leaf takes one of a moment before, so that making answers
//! takes a small part of one core however large the state, however fast it grows and however many ask.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// An answer is good for at least this many times what making it took.
const SHARE: u32 = 9;

/// What an answer must not be older than.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fresh {
    /// Made from a tree of at least this many leaves.
    Of(u64),
    /// The same, or made about this long ago.
    OfOrAbout(u64, Duration),
}

/// The answer, if there was any.
#[derive(Debug)]
pub(crate) struct Newest<T> {
    made: Mutex<Option<Made<T>>>,
}

#[derive(Debug)]
struct Made<T> {
    /// When its making began, and how long it took.
    begun: Instant,
    took: Duration,
    /// Leaves of the tree that it was made from.
    size: u64,
    answer: Arc<T>,
}

impl<T> Newest<T> {
    /// An answer as fresh as asked for: the one there is, the one that is being made for somebody
    /// else, or what `make` makes, with the size of the tree it saw.
    pub(crate) async fn get<E>(
        &self,
        fresh: Fresh,
        make: impl AsyncFnOnce() -> Result<(u64, T), E>,
    ) -> Result<Arc<T>, E> {
        // Whoever makes one holds this; who waits for it finds what was made.
        let mut made = self.made.lock().await;
        let begun = Instant::now();
        if let Some(made) = made.as_ref().filter(|made| made.is(fresh, begun)) {
            return Ok(Arc::clone(&made.answer));
        }
        let (size, answer) = make().await?;
        let answer = Arc::new(answer);
        *made = Some(Made {
            begun,
            took: begun.elapsed(),
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

impl<T> Made<T> {
    fn is(&self, fresh: Fresh, now: Instant) -> bool {
        match fresh {
            Fresh::Of(size) => self.size >= size,
            Fresh::OfOrAbout(size, age) => {
                let age = age.max(self.took.saturating_mul(SHARE));
                self.size >= size || now.saturating_duration_since(self.begun) < age
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    const AGE: Duration = Duration::from_millis(100);

    /// A tree that grows, and how many answers were made from it.
    #[derive(Debug, Default)]
    struct Tree {
        size: Cell<u64>,
        made: Cell<usize>,
        newest: Newest<u64>,
    }

    impl Tree {
        async fn get(&self, fresh: Fresh) -> u64 {
            let make = async || {
                let size = self.size.get();
                tokio::time::sleep(Duration::from_millis(5)).await;
                self.made.set(self.made.get() + 1);
                Ok::<_, Infallible>((size, size))
            };
            let Ok(answer) = self.newest.get(fresh, make).await;
            *answer
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_together_share_one_answer() {
        let tree = Tree::default();
        tree.size.set(7);
        let all = (0..50).map(|_| tree.get(Fresh::Of(7)));
        let answers = futures::future::join_all(all).await;
        assert_eq!((answers, tree.made.get()), (vec![7; 50], 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_is_made_again_for_whoever_needs_what_came_since() {
        let tree = Tree::default();
        tree.size.set(7);
        assert_eq!(tree.get(Fresh::Of(7)).await, 7);
        tree.size.set(8);
        assert_eq!(tree.get(Fresh::OfOrAbout(8, AGE)).await, 7);
        assert_eq!(tree.get(Fresh::Of(7)).await, 7);
        assert_eq!(tree.get(Fresh::Of(8)).await, 8);
        assert_eq!(tree.made.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_one_of_a_while_ago_gets_none_older() {
        let tree = Tree::default();
        for size in 0..20 {
            tree.size.set(size);
            tree.get(Fresh::OfOrAbout(size, AGE)).await;
            tokio::time::sleep(AGE / 4).await;
        }
        assert_eq!(tree.made.get(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn making_answers_takes_a_small_part_of_the_time_however_long_one_takes() {
        let newest: Newest<u64> = Newest::default();
        let (long, begun) = (Duration::from_secs(1), Instant::now());
        let made = Cell::new(0_u32);
        for size in 0..1_000 {
            let make = async || {
                made.set(made.get() + 1);
                tokio::time::sleep(long).await;
                Ok::<_, Infallible>((size, size))
            };
            let Ok(_answer) = newest.get(Fresh::OfOrAbout(size, AGE), make).await;
            tokio::time::sleep(AGE).await;
        }
        // The last of them is still good.
        let lives = begun.elapsed().div_duration_f64(long * SHARE);
        assert!(
            (lives..=lives + 1.0).contains(&f64::from(made.get())),
            "{made:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_for_who_saw_it_and_the_next_tries_again() {
        let newest: Newest<u64> = Newest::default();
        let failed = newest.get(Fresh::Of(1), async || Err("no"));
        assert_eq!(failed.await, Err("no"));
        let made = newest.get(Fresh::Of(1), async || Ok::<_, &str>((1, 5)));
        assert_eq!(made.await.map(|answer| *answer), Ok(5));
    }
}
