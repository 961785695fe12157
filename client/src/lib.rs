//! Those outside the cluster: chairs, auditors, administrators.

pub mod answer;
pub mod certificate;
pub mod clock;
pub mod connection;
pub mod disk;
pub mod outbox;
pub mod random;
pub mod retry;
pub mod sheet;
