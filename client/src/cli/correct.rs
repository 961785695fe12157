//! `tally correct`: new figures in place of those that stand, both kept for good.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::acts::Carried;
use super::desk::{Desk, Signing};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::{head, on_network, send};

/// Report new figures in place of those that stand for a unit.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is overwritten: the correction is one more report that names the one it corrects, and both
stay in the log. What stands now is fetched first, and the cells that change are shown.

Example:
  tally correct sheet.toml --key chairs/P-0001.key")]
pub(crate) struct Correct {
    /// The whole sheet with its new figures, as TOML or JSON; `-` reads standard input.
    sheet: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

/// The answer when there is nothing to correct.
#[derive(Serialize)]
struct Unchanged {
    unit: String,
    leaf_index: u64,
    effect: &'static str,
}

impl Correct {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.correct(output))
    }

    async fn correct(self, output: Output) -> Outcome {
        let mut desk = Desk::open(output, self.signing, Some(&self.sheet), None).await?;
        let worksheet = desk.worksheet()?;
        let Some(connections) = &desk.office.connections else {
            return Err(
                Failure::new(Exit::Usage, "a correction needs to know what it corrects")
                    .why("no nodes were given")
                    .now("give --nodes host:port,… or set TALLY_NODES"),
            );
        };
        let rules = desk.office.election.latest().rules();
        let standing = head::find_some(connections, &desk.unit.id, rules).await?;
        let changes = head::changes(&standing.worksheet, &worksheet);
        if changes.is_empty() {
            let same = Unchanged {
                unit: desk.unit.id.to_string(),
                leaf_index: standing.leaf_index,
                effect: "unchanged",
            };
            output.result("tally.unchanged/v1", &same, || {
                "These are the very figures that stand; nothing was sent.".to_owned()
            })?;
            return Ok(Exit::Done);
        }
        output.say(&format!("corrects leaf {}:", standing.leaf_index));
        output.say(&format!("  {}", changes.join("\n  ")));
        let seq = standing.seq.saturating_add(1);
        match desk.report(seq, Some(standing.hash), &worksheet).await? {
            Carried::Sent(sent) => send::tell(output, &sent),
            Carried::Ended(exit) => Ok(exit),
        }
    }
}
