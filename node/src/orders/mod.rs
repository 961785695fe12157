//! An administrator's orders: whether one is to be obeyed, and what the manifest lets it do.
//!
//! ```text
//!   note ─► read ─► authority.rs   genesis, time, key of an administrator in force, not seen before
//!               └─► rules.rs       voters follow the manifest's node lines; who left stays away
//! ```
//! Carrying it out is `grpc::cluster`'s. Nothing is recorded in the log but the change itself.

pub(crate) mod authority;
pub(crate) mod rules;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use note::UnixSeconds;
use proto::v1;

/// Why an order is not obeyed: a stable code, what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Disobeyed {
    pub(crate) code: &'static str,
    pub(crate) what: String,
    pub(crate) advice: &'static str,
}

impl Disobeyed {
    pub(crate) fn new(code: &'static str, what: impl Into<String>, advice: &'static str) -> Self {
        Self {
            code,
            what: what.into(),
            advice,
        }
    }
}

impl From<Disobeyed> for v1::Refusal {
    fn from(why: Disobeyed) -> Self {
        Self {
            code: why.code.to_owned(),
            message: why.what,
            advice: why.advice.to_owned(),
            ..Self::default()
        }
    }
}

/// Orders seen by this process, until they run out anyway.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    orders: Mutex<BTreeMap<[u8; 32], UnixSeconds>>,
}

impl Seen {
    /// Takes note of an order, by the hash of its text; whether it is new.
    pub(crate) fn first_time(&self, text: [u8; 32], until: UnixSeconds, now: UnixSeconds) -> bool {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.retain(|_, until| *until >= now);
        orders.insert(text, until).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_new_once_and_forgotten_when_it_has_run_out() {
        let at = UnixSeconds::new;
        let seen = Seen::default();
        assert!(seen.first_time([1; 32], at(10), at(5)));
        assert!(!seen.first_time([1; 32], at(10), at(10)));
        assert!(seen.first_time([2; 32], at(20), at(11)));
        assert_eq!(seen.orders.lock().unwrap().len(), 1);
    }
}
