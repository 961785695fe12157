//! `tally`: everything a person or a script does from outside the cluster.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Whoever verifies a log reads leaves on all cores and drops them on one, over which the system's allocator
/// takes almost half as long again (`client/tests/figures.rs`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    client::cli::run(std::env::args_os())
}
