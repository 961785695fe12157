//! `tally-witness`: cosigns an election's log from outside the cluster.

use std::process::ExitCode;

fn main() -> ExitCode {
    client::witness::run(std::env::args_os())
}
