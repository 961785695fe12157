//! Time as an argument: what the clock says, and waiting.

use std::future::Future;
use std::time::Duration;

use note::UnixSeconds;

/// A clock and a way to wait by it. Simulations hand in their own.
pub trait Clock: Sync {
    /// The time of day, for the claim in a note. Nothing is decided by it.
    fn unix(&self) -> UnixSeconds;

    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The machine's clock. Waits through tokio, whose time a simulation may hold.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: tokio::time::Instant,
}

impl SystemClock {
    /// A clock that counts from now.
    pub fn start() -> SystemClock {
        SystemClock {
            started: tokio::time::Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the client's one reading of the machine's time; everything else is handed a Clock"
    )]
    fn unix(&self) -> UnixSeconds {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        UnixSeconds::new(since.map_or(0, |duration| duration.as_secs()))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
