//! `tally backup restore`: a proven backup becomes the copy from which `tally recover` goes on.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{Inside, open, prove};
use crate::backup::Keep;
use crate::cli::args::Trust;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::files;
use crate::cli::log;
use crate::cli::output::Output;
use crate::cli::recover::{HandedIn, Listed};

/// Prove a backup, unpack it, and list what is known to have come after it.
#[derive(Debug, Args)]
#[command(after_help = "\
The folder is a copy of the log for `tally recover manifest` and `start`, which go on from it under a
new origin in the same chain of manifests. What came after the backup is not in it: hand in the
receipts and outboxes of the chairs, copies of the log that survived on a node or with a campaign, and
what the witnesses saw last. `tally recover list` lists it again when more was handed in.

Example:
  tally backup restore night.tar --out copy --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K \\
      --receipts outboxes --log campaign-archive --witness witness-folder")]
pub(crate) struct Restore {
    /// The file.
    file: PathBuf,
    /// The folder to unpack into; it must not be there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    handed_in: HandedIn,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Restored {
    folder: String,
    backup: Inside,
    #[serde(flatten)]
    after: Listed,
}

impl Restore {
    pub(super) fn run(self, output: Output) -> Outcome {
        files::must_be_new(&self.out)?;
        let restored = self.restore(output);
        if restored.is_err() {
            // What was not proven is not left lying around as if it were.
            let _ = std::fs::remove_dir_all(&self.out);
        }
        let restored = restored?;
        output.result("tally.backup-restored/v1", &restored, || {
            format!(
                "{}\nunpacked into `{}`\n{}\nnext: `tally recover manifest --from {}`",
                restored.backup.words(),
                restored.folder,
                restored.after.words(),
                restored.folder,
            )
        })?;
        Ok(Exit::Done)
    }

    fn restore(&self, output: Output) -> Outcome<Restored> {
        let inventory = open(&self.file, Keep::Durably(&self.out))?;
        let judged = prove(&self.file, &inventory, &self.out, &self.trust)?;
        let leaves = log::read_leaves(&self.out)?;
        let after = self.handed_in.list(&leaves, &judged.election, output)?;
        Ok(Restored {
            folder: self.out.display().to_string(),
            backup: Inside::of(&self.file, &inventory),
            after,
        })
    }
}
