//! `tally revoke`: a key counts no longer.

use std::path::PathBuf;

use clap::Args;
use receipt::Leaf;
use receipt::leaf::{Earlier, KeyReference, Revoke as RevokeLeaf};

use super::acts::{Act, Why};
use super::enrol::read_verifier;
use super::failure::Outcome;
use super::on_network;
use super::output::Output;

/// Make a key count no longer; two registrars sign.
#[derive(Debug, Args)]
#[command(after_help = "\
What the key signed before stays in the log. With --doubt (a stolen key, not merely a lost one) the
figures it signed stop counting until people have looked at them.

Example:
  tally revoke --verifier P-0001.pub --reason 'key card stolen' --doubt \\
      --key registrar-1.key --key registrar-2.key")]
pub(crate) struct Revoke {
    /// A file with the public half of the key.
    #[arg(long, value_name = "FILE")]
    verifier: PathBuf,
    /// Earlier acts of the key are in doubt as well.
    #[arg(long)]
    doubt: bool,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

impl Revoke {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let key = read_verifier(&self.verifier)?;
        let earlier = if self.doubt {
            Earlier::Doubt
        } else {
            Earlier::Stand
        };
        let question = format!("Revoke {} (key id {})?", key.name(), key.id());
        let key = KeyReference {
            name: key.name().clone(),
            id: key.id(),
        };
        let reason = self.why.reason;
        on_network(self.act.carry(output, &question, |header| {
            Leaf::Revoke(RevokeLeaf {
                header,
                key,
                earlier,
                reason,
            })
        }))
    }
}
