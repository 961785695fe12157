//! What a node says about itself while it runs: its metrics and its log lines.
//!
//! [`Metrics`] is one struct, built once and handed down; the registry behind it is not visible.
//! [`logging`] starts the subscriber; [`fields`] lists the names that log fields may have.
//! There is no HTTP here and no policy: the node serves [`Metrics::encode`] on its operations
//! listener and decides what is worth saying.

pub mod fields;
mod kinds;
mod labels;
pub mod logging;
mod metrics;

pub use kinds::{Counter, CounterBy, Gauge, GaugeBy, NamedCounter, NamedGauge, Seconds, Timer};
pub use labels::{
    CertificateUse, CosignResult, ExportFormat, ForwardResult, Label, Lane, Level, RejectReason,
    Standing, SubmissionOutcome,
};
pub use metrics::{Metrics, MetricsError, Names};
