//! Whether files say what was published, and are refused when they do not.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod changed;
mod common;
mod feed;
mod formats;
mod golden;
mod nist;
