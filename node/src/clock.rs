//! The node's clock: the only place that asks the machine what time it is. Everything else is told.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledger::UnixMillis;
use note::UnixSeconds;

/// Tells the time of day. Tests hand in one they move by hand.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Since the Unix epoch.
    fn since_epoch(&self) -> Duration;

    /// Whole seconds, as cosignatures state them.
    fn seconds(&self) -> UnixSeconds {
        UnixSeconds::new(self.since_epoch().as_secs())
    }

    /// Milliseconds, as commands carry them.
    fn millis(&self) -> UnixMillis {
        UnixMillis::new(u64::try_from(self.since_epoch().as_millis()).unwrap_or(u64::MAX))
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock that others ask"
    )]
    fn since_epoch(&self) -> Duration {
        // A clock before 1970 is a broken clock; it reads as the epoch, and the skew check of the
        // cosigning gate speaks up.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }
}
