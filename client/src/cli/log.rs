//! `tally log`: the public log, fetched and recomputed without trusting a node.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ledger::View;
use note::SignedCheckpoint;
use receipt::Election;
use serde::Serialize;

use super::args::{Network, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::trust::Opened;
use super::{files, on_network, trust};
use crate::answer::Trouble;
use crate::audit;
use crate::connection::Connections;

/// Fetch the log, or recompute the whole night from its leaves.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Verify(Verify),
    Fetch(Fetch),
}

/// Recompute everything from the leaves alone: every signature, every rule, every total.
#[derive(Debug, Args)]
#[command(after_help = "\
The leaves are fetched from a node (or read from a folder that `tally log fetch` made), applied by
the same rules as on the nodes, and the root that comes out is compared with a checkpoint that a
majority of the nodes has cosigned.

Ends with 0 if everything follows, 10 if it does not, 11 if there is no checkpoint to compare with.

Example:
  tally log verify --bundle bundle --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K")]
pub(crate) struct Verify {
    /// A folder made by `tally log fetch`; without it the nodes are asked.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

/// Fetch every leaf and the newest checkpoint into a folder.
#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// The folder; it must be empty or not exist yet.
    folder: PathBuf,
    #[command(flatten)]
    network: Network,
}

/// What a log says.
struct Fetched {
    entries: Vec<Vec<u8>>,
    checkpoint: Vec<u8>,
}

#[derive(Serialize)]
struct Verified {
    holds: bool,
    leaves: u64,
    root: String,
    checkpoint_size: u64,
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

#[derive(Serialize)]
struct Wrote {
    leaves: usize,
    folder: String,
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::Verify(verify) => on_network(verify.verify(output)),
            Verb::Fetch(fetch) => on_network(fetch.fetch(output)),
        }
    }
}

impl Verify {
    async fn verify(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let fetched = match &self.from {
            Some(folder) => Fetched::read(folder)?,
            None => Fetched::from_nodes(&self.network.connect()?).await?,
        };
        let (verified, exit) = judge(&opened, &fetched)?;
        output.result("tally.log-verified/v1", &verified, || verified.words())?;
        Ok(exit)
    }
}

impl Fetch {
    async fn fetch(self, output: Output) -> Outcome {
        let fetched = Fetched::from_nodes(&self.network.connect()?).await?;
        fetched.write(&self.folder)?;
        let wrote = Wrote {
            leaves: fetched.entries.len(),
            folder: self.folder.display().to_string(),
        };
        output.result("tally.log-fetched/v1", &wrote, || {
            format!(
                "{} leaves and a checkpoint in {}",
                wrote.leaves, wrote.folder
            )
        })?;
        Ok(Exit::Done)
    }
}

impl Fetched {
    /// From the first node that gives its whole log.
    async fn from_nodes(connections: &Connections) -> Outcome<Fetched> {
        let mut failure = Failure::new(Exit::NoAnswer, "no node gives its log");
        for (node, address) in connections.addresses().enumerate() {
            match Self::from_node(connections, node).await {
                Ok(fetched) => return Ok(fetched),
                Err(trouble) => failure = failure.why(format!("{address}: {trouble}")),
            }
        }
        Err(failure)
    }

    async fn from_node(connections: &Connections, node: usize) -> Result<Fetched, Trouble> {
        // The checkpoint first, so that the entries reach at least as far.
        let (checkpoint, _, _) = audit::fetch_checkpoint(connections, node).await?;
        let entries = audit::fetch_log(connections, node).await?;
        Ok(Fetched {
            entries,
            checkpoint,
        })
    }

    fn read(folder: &Path) -> Outcome<Fetched> {
        let mut entries = Vec::new();
        while folder.join(leaf_file(entries.len())).exists() {
            entries.push(files::read(&folder.join(leaf_file(entries.len())))?);
        }
        Ok(Fetched {
            entries,
            checkpoint: files::read(&folder.join(CHECKPOINT))?,
        })
    }

    fn write(&self, folder: &Path) -> Outcome<()> {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot make `{}`", folder.display()))
                .because(&error)
        })?;
        files::write_new(&folder.join(CHECKPOINT), &self.checkpoint)?;
        for (index, entry) in self.entries.iter().enumerate() {
            files::write_new(&folder.join(leaf_file(index)), entry)?;
        }
        Ok(())
    }
}

/// The leaves of a fetched log, in order.
pub(crate) fn read_leaves(folder: &Path) -> Outcome<Vec<Vec<u8>>> {
    Ok(Fetched::read(folder)?.entries)
}

/// The newest checkpoint of a fetched log.
const CHECKPOINT: &str = "checkpoint";

/// The file of a leaf in a fetched log.
fn leaf_file(index: usize) -> String {
    format!("leaf-{index:06}.note")
}

/// Recomputes the state and compares it with the checkpoint.
fn judge(opened: &Opened, fetched: &Fetched) -> Outcome<(Verified, Exit)> {
    let memory = audit::recompute(&opened.bundle, &fetched.entries).map_err(|error| {
        Failure::new(Exit::Invalid, "the log does not follow from its own rules")
            .because(&error)
            .now("keep this log and the receipts you hold; they prove what was changed")
    })?;
    let view = View::new(&memory);
    let recomputed = Recomputed::read(&view).map_err(|fault| {
        Failure::new(Exit::Failed, "cannot read the recomputed state").because(&fault)
    })?;
    let mut verified = Verified {
        holds: true,
        leaves: recomputed.leaves,
        root: recomputed.root.to_hex(),
        checkpoint_size: 0,
        units_reported: recomputed.reported,
        units_held: recomputed.held,
        statewide: recomputed.statewide,
        sentences: vec![format!(
            "\u{2713} All {} leaves follow by the rules; every signature in them verifies.",
            recomputed.leaves
        )],
    };
    let exit = compare(&opened.election, &fetched.checkpoint, &view, &mut verified);
    Ok((verified, exit))
}

/// Compares the recomputed tree with what a majority of the nodes has cosigned.
fn compare(
    election: &Election,
    checkpoint: &[u8],
    view: &View<'_, ledger::Memory>,
    verified: &mut Verified,
) -> Exit {
    let Ok(signed) = SignedCheckpoint::parse(checkpoint) else {
        verified
            .sentences
            .push("\u{2013} There is no checkpoint to compare with yet.".to_owned());
        return Exit::CannotVerify;
    };
    let stated = signed.checkpoint();
    verified.checkpoint_size = stated.size.get();
    let satisfied = election
        .in_force(&stated.origin, stated.size)
        .is_some_and(|version| version.receipt_policy().satisfied(&signed));
    if !satisfied {
        verified.holds = false;
        let text =
            "\u{2717} The checkpoint is not cosigned by a majority of this election's nodes.";
        verified.sentences.push(text.to_owned());
        return Exit::Invalid;
    }
    let own = view.root_at(stated.size).ok().flatten();
    verified.holds = own == Some(stated.root);
    let (sentence, exit) = if verified.holds {
        let text = format!(
            "\u{2713} Their root at {} leaves is the one a majority of the nodes has cosigned.",
            stated.size
        );
        (text, Exit::Done)
    } else {
        let text = format!(
            "\u{2717} Their root at {} leaves is not the one that a majority of the nodes has cosigned.",
            stated.size
        );
        (text, Exit::Invalid)
    };
    verified.sentences.push(sentence);
    exit
}

/// What a replay leads to, for showing.
struct Recomputed {
    leaves: u64,
    root: merkle::Hash,
    reported: u64,
    held: u64,
    statewide: Vec<Row>,
}

impl Recomputed {
    fn read(view: &View<'_, ledger::Memory>) -> Result<Recomputed, ledger::Fault> {
        let counts = view.counts()?;
        let rows = view
            .results(caucus::Basis::Reported)?
            .map(|results| results.statewide)
            .unwrap_or_default();
        let row = |row: &caucus::ResultRow| Row {
            group: row.group.to_string(),
            first_alignment: row.first.get(),
            final_alignment: row.last.get(),
            delegates: row.delegates.get(),
            sde: row.sde.decimal(4),
        };
        Ok(Recomputed {
            leaves: view.tree_size()?.get(),
            root: view.root()?,
            reported: counts.reported,
            held: counts.held,
            statewide: rows.iter().map(row).collect(),
        })
    }
}

impl Verified {
    fn words(&self) -> String {
        let mut table = super::results::plain();
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
            "{}\nroot {}\n{} units reported, {} held\n{}",
            self.sentences.join("\n"),
            self.root,
            self.units_reported,
            self.units_held,
            super::results::text_of(&table),
        )
    }
}
