//! `tally log archive`: the log and its bundle as a folder.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::place;
use crate::cli::args::{Network, Trust};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::Output;
use crate::log::archive::{Archive as Kept, Followed};
use crate::log::folder::Folder;
use crate::log::source::Source;

/// Write the log and its bundle into a folder, or continue one.
#[derive(Debug, Args)]
#[command(after_help = "\
The folder has the newest checkpoint, the tree and the leaves as c2sp.org/tlog-tiles lays them out,
and the election bundle with a receipt for every manifest. Any web server can serve it as it is, and
`tally log verify --from DIR` needs nothing else, also when the cluster is gone.

Run again, it fetches what is new; cut short, it goes on. A log that is not the one in the folder is
never written over it: both signed checkpoints are kept in DIR/evidence, and the command ends
with 10. It ends with 11 while there is no checkpoint yet.

Examples:
  tally log archive night-log --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K
  tally log archive copy --from http://mirror.example/night-log")]
pub(crate) struct Archive {
    /// The folder.
    folder: PathBuf,
    /// A web server that has the log's files; without it the nodes are asked.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Archived {
    folder: String,
    leaves: u64,
    new: u64,
    root: String,
}

impl Archive {
    pub(super) async fn run(self, output: Output) -> Outcome {
        let pin = place::pin(&self.trust, &self.folder)?;
        let addresses: Vec<String> = self.from.into_iter().collect();
        let sources = place::sources(&addresses, &self.network)?;
        let (kept, from) = fill(&self.folder, &sources, pin).await?;
        let leaves = kept.tree().size();
        let root = kept.tree().root_at(leaves);
        let archived = Archived {
            folder: self.folder.display().to_string(),
            leaves: leaves.get(),
            new: leaves.get().saturating_sub(from),
            root: root.map(|root| root.to_hex()).unwrap_or_default(),
        };
        output.result("tally.log-archived/v1", &archived, || {
            format!(
                "{} leaves in `{}`, {} of them new",
                archived.leaves, archived.folder, archived.new
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Continues the folder from the first source that answers. Answers with how many leaves there were
/// before as well.
pub(in crate::cli) async fn fill(
    path: &Path,
    sources: &[Source],
    pin: receipt::Fingerprint,
) -> Outcome<(Kept, u64)> {
    let folder = Folder::at(path);
    let (bundle, election) = place::bundle(sources, pin).await?;
    let mut kept = Kept::open(folder.clone()).map_err(|error| {
        Failure::new(Exit::Invalid, format!("`{}` is damaged", path.display()))
            .because(&error)
            .now("archive into an empty folder")
    })?;
    let before = kept.tree().size().get();
    let mut failure = Failure::new(Exit::NoAnswer, "nobody gives the log");
    for source in sources {
        match kept.follow(source, &election).await {
            Ok(Followed::Grown { .. } | Followed::Same { .. }) => {
                kept.write_bundle(&bundle, &election)
                    .map_err(|error| place::failure(&folder, &source.name(), &error))?;
                return Ok((kept, before));
            }
            Ok(Followed::Nothing) => {
                failure.exit = Exit::CannotVerify;
                failure = failure.why(format!("{}: no checkpoint yet", source.name()));
            }
            Err(error) => {
                let this = place::failure(&folder, &source.name(), &error);
                if this.exit != Exit::NoAnswer {
                    return Err(this);
                }
                failure = failure.why(format!("{}: {error}", source.name()));
            }
        }
    }
    Err(failure)
}
