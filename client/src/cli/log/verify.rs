//! `tally log verify`: everything recomputed from tiles and bundle alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use receipt::{Bundle, Election};
use serde::Serialize;

use super::{archive, place};
use crate::cli::args::{Network, Trust};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::Output;
use crate::cli::{results, trust};
use crate::log::folder::{FileError, Folder};
use crate::log::packed;
use crate::log::verify::{Level, Verified, VerifyError, verify};

/// Recompute everything from the leaves alone: every signature, every rule, every total.
#[derive(Debug, Args)]
#[command(after_help = "\
The leaves are read from a folder that `tally log archive` made, from a web server that has such a
folder, or from the nodes. They are held against the tree that a majority of the nodes has cosigned,
and applied by the same rules as on the nodes. What does not hold is named with its file.

The bundle is the one in the folder; with --bundle it is another. Give the fingerprint as it was
published before the night: without it the bundle is believed as it is.

Ends with 0 if everything follows, 10 if it does not, 11 if something is missing to judge it by.

Examples:
  tally log verify --from night-log --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K
  tally log verify --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K")]
pub(crate) struct Verify {
    /// A folder or a web server with an archived log; without it the nodes are asked.
    #[arg(long, value_name = "DIR|URL")]
    from: Option<String>,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

/// The verdict, for people and programs.
#[derive(Serialize)]
pub(in crate::cli) struct Shown {
    holds: bool,
    leaves: u64,
    root: String,
    checkpoint_size: u64,
    level: &'static str,
    signers: Vec<String>,
    manifest: u64,
    pinned: bool,
    units_reported: u64,
    units_held: u64,
    statewide: Vec<Row>,
    sentences: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    group: String,
    first_alignment: u64,
    final_alignment: u64,
    delegates: u64,
    sde: String,
}

impl Verify {
    pub(super) async fn run(self, output: Output) -> Outcome {
        let web = |from: &str| from.starts_with("http://") || from.starts_with("https://");
        let folder = self.from.as_deref().filter(|from| !web(from));
        let shown = match folder {
            Some(folder) => judge(Path::new(folder), &self.trust)?.shown(&self.trust),
            None => self.of_network().await?,
        };
        output.result("tally.log-verified/v1", &shown, || shown.words())?;
        Ok(Exit::Done)
    }

    async fn of_network(&self) -> Outcome<Shown> {
        let passing = place::Passing::new();
        let pin = place::pin(&self.trust, passing.path())?;
        let addresses: Vec<String> = self.from.iter().cloned().collect();
        let sources = place::sources(&addresses, &self.network)?;
        archive::fill(passing.path(), &sources, pin).await?;
        Ok(judge(passing.path(), &self.trust)?.shown(&self.trust))
    }
}

/// A folder that holds, and the election it was judged by.
pub(in crate::cli) struct Judged {
    pub(in crate::cli) verified: Verified,
    pub(in crate::cli) election: Arc<Election>,
}

impl Judged {
    /// The verdict, for people and programs.
    pub(in crate::cli) fn shown(&self, trust: &Trust) -> Shown {
        Shown::of(&self.verified, trust.fingerprint.is_some())
    }
}

/// Judges an archived log by the bundle given, or by the one in the folder.
pub(in crate::cli) fn judge(path: &Path, trust: &Trust) -> Outcome<Judged> {
    let folder = Folder::at(path);
    let (bundle, election) = election_of(&folder, trust)?;
    let verified = verify(&folder, &bundle, &election).map_err(|error| refusal(path, &error))?;
    Ok(Judged { verified, election })
}

fn election_of(folder: &Folder, trust: &Trust) -> Outcome<(Bundle, Arc<Election>)> {
    if trust.bundle.is_some() {
        let opened = trust::open_folder(trust)?;
        return Ok((opened.bundle, opened.election));
    }
    let (bundle, election) =
        packed::open(folder, trust.fingerprint).map_err(|error| refusal(folder.path(), &error))?;
    Ok((bundle, Arc::new(election)))
}

/// What does not hold, and how the command ends.
fn refusal(path: &Path, error: &VerifyError) -> Failure {
    let place: PathBuf = path.to_owned();
    let invalid = format!("the log in `{}` does not hold", place.display());
    let open = format!("the log in `{}` cannot be judged", place.display());
    match error {
        VerifyError::File(FileError::Unreadable { .. }) => {
            Failure::new(Exit::CannotVerify, open).because(error)
        }
        VerifyError::NoCheckpoint => Failure::new(Exit::CannotVerify, open)
            .because(error)
            .now("there is one as soon as a majority of the nodes has cosigned; try again"),
        VerifyError::NewerBundle => Failure::new(Exit::CannotVerify, open)
            .because(error)
            .now("`tally election bundle DIR` fetches the newest"),
        VerifyError::File(FileError::Wrong { .. })
        | VerifyError::Rules { .. }
        | VerifyError::Bundle(_) => Failure::new(Exit::Invalid, invalid)
            .because(error)
            .now("keep this log and the receipts you hold; they prove what was changed"),
        VerifyError::Fault(_) | VerifyError::Stopped => {
            Failure::new(Exit::Failed, open).because(error)
        }
    }
}

impl Shown {
    fn of(verified: &Verified, pinned: bool) -> Shown {
        let by = match verified.level {
            Level::Receipt => "a majority of the nodes",
            Level::Final => "a final quorum of nodes and outside witnesses",
        };
        let mut sentences = vec![
            format!(
                "\u{2713} All {} leaves follow by the rules; every signature in them verifies.",
                verified.size
            ),
            format!(
                "\u{2713} Their root is the one that {by} has cosigned, as of manifest {}.",
                verified.manifest
            ),
        ];
        if !pinned {
            sentences.push(
                "\u{2013} No fingerprint was given: whether this is the election you mean was not \
                 checked."
                    .to_owned(),
            );
        }
        let row = |row: &caucus::ResultRow| Row {
            group: row.group.to_string(),
            first_alignment: row.first.get(),
            final_alignment: row.last.get(),
            delegates: row.delegates.get(),
            sde: row.sde.decimal(4),
        };
        Shown {
            holds: true,
            leaves: verified.size.get(),
            root: verified.root.to_hex(),
            checkpoint_size: verified.size.get(),
            level: verified.level.word(),
            signers: verified
                .signers
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
            manifest: verified.manifest,
            pinned,
            units_reported: verified.reported,
            units_held: verified.held,
            statewide: verified.statewide.iter().map(row).collect(),
            sentences,
        }
    }

    pub(in crate::cli) fn words(&self) -> String {
        let mut table = results::plain();
        table.set_header([
            "group",
            "first alignment",
            "final alignment",
            "state delegate equivalents",
        ]);
        for row in &self.statewide {
            table.add_row([
                row.group.clone(),
                row.first_alignment.to_string(),
                row.final_alignment.to_string(),
                row.sde.clone(),
            ]);
        }
        format!(
            "{}\nroot {}\ncosigned by {}\n{} units reported, {} held\n{}",
            self.sentences.join("\n"),
            self.root,
            self.signers.join(", "),
            self.units_reported,
            self.units_held,
            results::text_of(&table),
        )
    }
}
