//! What the public API shows of the state: the ledger's values as messages, each made from one
//! consistent view. Nothing here talks to anybody or remembers anything.

pub(crate) mod outlook;
pub(crate) mod rows;
pub(crate) mod snapshot;
pub(crate) mod trace;
pub(crate) mod unit;

/// What may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// What the publishers have released.
    Released,
    /// Everything recorded. It is no secret, the log shows every leaf; it is not the result.
    Everything,
}

/// Decimals of a state delegate equivalent, as the party published them.
pub(crate) const PLACES: u8 = 4;
