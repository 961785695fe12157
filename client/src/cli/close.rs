//! `tally close`: reports from here on are marked late.

use clap::Args;
use receipt::Leaf;
use receipt::leaf::Close as CloseLeaf;

use super::acts::{Act, Why};
use super::failure::Outcome;
use super::on_network;
use super::output::Output;

/// Mark reports from here on as late; two publishers sign.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is shut: late reports are recorded and counted, and say that they are late.

Example:
  tally close --reason 'all sites have reported' --key publisher-1.key --key publisher-2.key")]
pub(crate) struct Close {
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

impl Close {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let reason = self.why.reason;
        on_network(
            self.act
                .carry(output, "Mark all further reports as late?", |header| {
                    Leaf::Close(CloseLeaf { header, reason })
                }),
        )
    }
}
