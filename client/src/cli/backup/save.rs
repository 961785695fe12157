//! `tally backup save`: a backup over the public API; no node stops or does anything special.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use note::SignedCheckpoint;
use receipt::Election;

use super::Inside;
use crate::backup::{Facts, Inventory, WriteError, write};
use crate::cli::args::{Network, Trust};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::log::{archive, place};
use crate::cli::output::Output;
use crate::clock::{Clock as _, SystemClock};
use crate::log::source::Source;
use crate::log::verify::{Level, judge};

/// Save the log of a running cluster in one file.
#[derive(Debug, Args)]
#[command(after_help = "\
Every node is asked for its newest checkpoint; the log comes from the node that is furthest, and of
those from one whose checkpoint has the final level. What the checkpoint does not cover yet is not in
the backup. The file gets its name when it is on the disk and was read back.

Nothing secret is in it: keep copies with several people, away from the nodes.

Examples:
  tally backup save --out night.tar --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K
  tally backup save --out survivor.tar --nodes 10.0.0.2:7100    # from the one node that is left")]
pub(crate) struct Save {
    /// The file to write; it must not be there.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

impl Save {
    pub(super) async fn run(self, output: Output) -> Outcome {
        if self.out.exists() {
            return Err(failure(&WriteError::Exists(self.out.clone())));
        }
        let begun = Instant::now();
        let passing = place::Passing::new();
        let pin = place::pin(&self.trust, passing.path())?;
        let sources = place::sources(&[], &self.network)?;
        let (_, election) = place::bundle(&sources, pin).await?;
        let sources = furthest_first(sources, &election).await;
        let (kept, _) = archive::fill(passing.path(), &sources, pin).await?;
        // The bundle was fetched once more beside the leaves: it knows every version among them.
        let (_, election) =
            crate::log::packed::open(kept.folder(), Some(pin)).map_err(|error| {
                Failure::new(Exit::Invalid, "the log does not hold").because(&error)
            })?;
        let signed = kept
            .checkpoint()
            .ok_or_else(|| Failure::new(Exit::CannotVerify, "there is no checkpoint yet"))?;
        let endorsed = judge(signed, &election).map_err(|error| {
            Failure::new(Exit::Invalid, "its checkpoint does not hold").because(&error)
        })?;
        let facts = Facts {
            election: &election,
            checkpoint: signed.checkpoint(),
            endorsed: &endorsed,
            taken: SystemClock::start().unix(),
        };
        let inventory =
            write(passing.path(), &self.out, &facts).map_err(|error| failure(&error))?;
        self.say(output, &inventory, begun)
    }

    fn say(&self, output: Output, inventory: &Inventory, begun: Instant) -> Outcome {
        let inside = Inside::of(&self.out, inventory);
        output.say(&format!("in {} ms", begun.elapsed().as_millis()));
        output.result("tally.backup-saved/v1", &inside, || {
            format!(
                "{}\nsaved in `{}`; `tally backup verify` proves it without the cluster",
                inside.words(),
                self.out.display()
            )
        })?;
        Ok(Exit::Done)
    }
}

/// The sources with the largest checkpoint first, and of one size those of the final level.
/// Whoever gives none is asked last.
async fn furthest_first(sources: Vec<Source>, election: &Election) -> Vec<Source> {
    let mut ranked = Vec::with_capacity(sources.len());
    for source in sources {
        let checkpoint = source.checkpoint().await.ok().flatten();
        let judged = checkpoint.and_then(|bytes| {
            let signed = SignedCheckpoint::parse(&bytes).ok()?;
            let endorsed = judge(&signed, election).ok()?;
            Some((signed.checkpoint().size, endorsed.level == Level::Final))
        });
        ranked.push((judged, source));
    }
    ranked.sort_by(|(one, _), (other, _)| other.cmp(one));
    ranked.into_iter().map(|(_, source)| source).collect()
}

fn failure(error: &WriteError) -> Failure {
    let exit = match error {
        WriteError::Exists(_) => Exit::Usage,
        WriteError::Disk(_) | WriteError::Foreign(_) | WriteError::ReadBack(_) => Exit::Failed,
    };
    let now = match error {
        WriteError::Exists(_) => "a backup is never written over: give another name",
        WriteError::Disk(_) | WriteError::Foreign(_) | WriteError::ReadBack(_) => {
            "there is no backup of this name; save it again, on another disk if this one fails"
        }
    };
    Failure::new(exit, "the backup was not saved")
        .because(error)
        .now(now)
}
