//! `tally activate`: lets a successor manifest in.

use std::path::PathBuf;

use clap::Args;
use note::SignedNote;
use receipt::Leaf;
use receipt::leaf::Activate as ActivateLeaf;

use super::acts::{Act, Why};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::{files, on_network};

/// Let a successor manifest, signed before the night, into the log; two admins sign.
#[derive(Debug, Args)]
#[command(after_help = "\
A successor names the nodes that go on when a majority is lost. It was signed by the authority and
lies ready; without this act no node accepts it.

Example:
  tally activate successor.note --reason 'site A is lost' --key admin-1.key --key admin-2.key")]
pub(crate) struct Activate {
    /// The successor manifest's note.
    manifest: PathBuf,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

impl Activate {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.activate(output))
    }

    async fn activate(self, output: Output) -> Outcome {
        let wrong = || {
            Failure::new(
                Exit::Usage,
                format!("`{}` is no successor manifest", self.manifest.display()),
            )
            .now("give the note that the authority signed, with its line `successor`")
        };
        let note = SignedNote::parse(&files::read(&self.manifest)?)
            .map_err(|error| wrong().because(&error))?;
        let leaf = Leaf::parse(&note).map_err(|error| wrong().because(&error))?;
        let manifest = leaf
            .manifest()
            .filter(|manifest| manifest.effect == receipt::Effect::OnceActivated)
            .ok_or_else(wrong)?;
        let office = self.act.open(output).await?;
        if !leaf.is_of(office.election.id(), office.election.genesis()) {
            return Err(wrong().why("it is of another election"));
        }
        output.say(&format!(
            "successor: manifest {} of {}, {} nodes",
            manifest.version,
            manifest.header.election,
            manifest.nodes.len()
        ));
        let (hash, reason) = (note.text_hash(), self.why.reason);
        office
            .carry("Sign and send this?", |header| {
                Leaf::Activate(ActivateLeaf {
                    header,
                    manifest: hash,
                    reason,
                })
            })
            .await
    }
}
