//! `tally completions`: scripts for shells.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::print;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tally completions bash > ~/.local/share/bash-completion/completions/tally")]
pub(crate) struct Completions {
    /// Which shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "tally", &mut script);
        let script = String::from_utf8(script)
            .map_err(|_| Failure::new(Exit::Failed, "the script is not text"))?;
        print(&script)?;
        Ok(Exit::Done)
    }
}
