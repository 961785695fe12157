//! What can be asked of the demo.

use std::path::PathBuf;

use clap::Parser;

/// Units of the night in its quick form.
pub(super) const QUICK_UNITS: u64 = 240;

/// A whole caucus night on this machine: three nodes, signed reports, receipts, and the leader killed on
/// the way.
#[derive(Debug, Parser)]
#[command(
    name = "demo",
    after_help = "\
examples:
  ./ops/demo                       a generated night of 1,765 units
  ./ops/demo --json                the same, one line of JSON
  ./ops/demo --feed DIR            the real releases of February 2020 in DIR
  ./ops/demo --keep                leave the cluster up and say how to use it"
)]
pub struct Options {
    /// Print one line of JSON instead of the summary
    #[arg(long)]
    pub json: bool,
    /// A night of 240 units
    #[arg(long, conflicts_with = "feed")]
    pub quick: bool,
    /// Replay the releases in this folder (precincts.csv, counties.csv, snapshots/) instead of a generated night
    #[arg(long, value_name = "DIR")]
    pub feed: Option<PathBuf>,
    /// Leave the cluster up, and print its addresses and commands to try
    #[arg(long)]
    pub keep: bool,
    /// How many nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(3..=5))]
    pub nodes: u64,
    /// The same seed makes the same night, keys and ids
    #[arg(long, default_value_t = 2020)]
    pub seed: u64,
    /// How many chairs report at the same time
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub chairs: u16,
}

impl Options {
    /// Tells a person at the screen what is going on; results go to standard output, talk does not.
    pub(super) fn say(&self, sentence: &str) {
        if !self.json {
            anstream::eprintln!("{sentence}");
        }
    }
}
