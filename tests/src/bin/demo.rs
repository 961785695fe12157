//! `./ops/demo`: a whole caucus night on this machine, and what came of it.

use std::process::ExitCode;

use clap::Parser;
use tests::demo::{self, Options};

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let options = Options::parse();
    let ended = tokio::select! {
        ended = demo::run(&options) => ended,
        // The nodes and the folder go when the night is dropped.
        _ = tokio::signal::ctrl_c() => return ExitCode::from(130),
    };
    match ended {
        Ok(summary) => {
            if options.json {
                anstream::println!("{}", summary.to_json());
            } else {
                anstream::println!("{summary}");
            }
            if summary.holds() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
