//! Automation in Rust, run as `cargo xtask <task>`. It holds the tree to what its documents say and writes
//! what is generated; it is no part of any node or client.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use xtask::{dashboards, tidy};

const USAGE: &str = "\
usage: cargo xtask <task>

  tidy               compare the crates' arrows and the house rules with crates/README.md
  codegen            write proto/src/gen from the .proto files
  dashboard-rules D  write every expression of the dashboards into D as rules, for promtool to parse";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["tidy"] => {
            let problems = tidy::problems(&xtask::root())?;
            if !problems.is_empty() {
                bail!("the tree is not tidy:\n  {}", problems.join("\n  "));
            }
            Ok(())
        }
        ["codegen"] => {
            let shell = xshell::Shell::new()?;
            shell.change_dir(xtask::root());
            let _regenerate = shell.push_env("UPDATE_GEN", "1");
            xshell::cmd!(shell, "cargo test --quiet --package proto --test generated")
                .run()
                .context("generate proto/src/gen")
        }
        ["dashboard-rules", folder] => {
            dashboards::write_rules(&xtask::root(), &PathBuf::from(folder))
        }
        _ => bail!("{USAGE}"),
    }
}
