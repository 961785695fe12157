//! `tally`: everything a person or a script does from outside the cluster.

use std::process::ExitCode;

fn main() -> ExitCode {
    client::cli::run(std::env::args_os())
}
