//! `tally recover`: going on after a majority of the nodes was lost for good.
//!
//! The order on the night: `list` says what a copy of the log has and what is known to be missing;
//! `manifest` makes the version that names it, and the authority signs that; `start` gives it to
//! new, empty nodes; `retire` is shown to old nodes that come back; `refill` sends again what the
//! receipts and outboxes still hold.

mod desk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use merkle::{Frontier, leaf_hash};
use note::SignedNote;
use receipt::{Election, Receipt, UnverifiedReceipt};
use serde::Serialize;

use super::args::{Network, Patience, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::trust::Opened;
use super::{files, log, on_network, trust};
use crate::Client;
use crate::clock::SystemClock;
use crate::cluster;
use crate::retry::Delivery;

/// Go on from a copy of the log after a majority of the nodes was lost for good.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(List),
    Manifest(desk::Manifest),
    Start(Start),
    Retire(Retire),
    Refill(Refill),
}

/// Say what a copy of the log has, and what receipts show to be missing from it.
#[derive(Debug, Args)]
#[command(after_help = "\
A copy cannot tell what came after it. Receipts can: each names a leaf that a majority held. Hand in
every receipt there is, from outboxes, printed pages and campaigns.

Example:
  tally recover list --from copy --receipts outbox --bundle bundle")]
pub(crate) struct List {
    /// A copy of the log.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Receipts, or folders with receipts (`*.receipt`).
    #[arg(long, value_name = "PATH", num_args = 1..)]
    receipts: Vec<PathBuf>,
    #[command(flatten)]
    trust: Trust,
}

/// Start new, empty nodes with the recovered leaves and the version that names them.
#[derive(Debug, Args)]
#[command(after_help = "\
The bundle must hold the recovering version, signed by the authority. Every new node must be up. If
it breaks off, run it again: it goes on where it stopped.

Example:
  tally recover start --from copy --bundle bundle --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K \\
      --nodes 10.0.1.1:7100,10.0.1.2:7100,10.0.1.3:7100 --ca ca.crt")]
pub(crate) struct Start {
    /// The copy of the log that the recovering version names.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

/// Show old nodes that their log goes on elsewhere: they sign and accept nothing more.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tally recover retire --bundle bundle --nodes 10.0.0.3:7100 --ca ca.crt")]
pub(crate) struct Retire {
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

/// Send again what receipts prove to be lost, in the order in which it was recorded.
#[derive(Debug, Args)]
#[command(after_help = "\
The notes go in byte for byte as they were signed, before intake opens for new ones; what is in the
log already gets its new receipt and nothing else. The old receipts stay as they are.

Example:
  tally recover refill --receipts outbox campaign-a --bundle bundle --out again")]
pub(crate) struct Refill {
    /// Receipts, or folders with receipts (`*.receipt`).
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    receipts: Vec<PathBuf>,
    /// Folder for the new receipts.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Listed {
    leaves: u64,
    root: String,
    receipts: usize,
    missing: Vec<Missing>,
    /// Leaves below the highest one missing of which nobody handed in a receipt.
    unaccounted: u64,
}

#[derive(Serialize)]
struct Missing {
    leaf_index: u64,
    code: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

#[derive(Serialize)]
struct Started {
    origin: String,
    leaves: usize,
    nodes: usize,
}

#[derive(Serialize)]
struct Retired {
    retired: Vec<String>,
    not_reached: Vec<String>,
}

#[derive(Serialize)]
struct Refilled {
    sent: usize,
    not_sent: Vec<String>,
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::List(list) => list.run(output),
            Verb::Manifest(manifest) => manifest.run(output),
            Verb::Start(start) => on_network(start.start(output)),
            Verb::Retire(retire) => on_network(retire.retire(output)),
            Verb::Refill(refill) => on_network(refill.refill(output)),
        }
    }
}

impl List {
    fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let leaves = log::read_leaves(&self.from)?;
        let mut frontier = Frontier::new();
        for leaf in &leaves {
            frontier.push(leaf_hash(leaf));
        }
        let size = frontier.size().get();
        let receipts = handed_in(&self.receipts, &opened.election, output)?;
        let known = receipts.len();
        contradicts(&leaves, &receipts)?;
        let missing: Vec<Missing> = receipts
            .iter()
            .filter(|(index, _)| **index >= size)
            .map(|(index, receipt)| Missing {
                leaf_index: *index,
                code: receipt.code().to_string(),
                kind: receipt.leaf().kind().to_string(),
                unit: receipt.leaf().unit().map(ToString::to_string),
            })
            .collect();
        let highest = receipts
            .values()
            .map(|receipt| receipt.checkpoint().checkpoint().size.get())
            .max();
        let lost = highest.unwrap_or(size).saturating_sub(size);
        let listed = Listed {
            leaves: size,
            root: note::b64::encode_hash(&frontier.root()),
            receipts: known,
            unaccounted: lost.saturating_sub(u64::try_from(missing.len()).unwrap_or(u64::MAX)),
            missing,
        };
        output.result("tally.recover-listed/v1", &listed, || listed.words())?;
        Ok(Exit::Done)
    }
}

impl Listed {
    fn words(&self) -> String {
        let mut lines = vec![
            format!("the copy has {} leaves, root {}", self.leaves, self.root),
            format!("{} receipts were handed in", self.receipts),
        ];
        for one in &self.missing {
            let unit = one.unit.as_deref().map(|unit| format!(" of {unit}"));
            lines.push(format!(
                "missing: leaf {}, {}{}, code {}",
                one.leaf_index,
                one.kind,
                unit.unwrap_or_default(),
                one.code
            ));
        }
        lines.push(match self.unaccounted {
            0 => "no further leaf is known to be missing".to_owned(),
            many => format!(
                "{many} more leaves existed and nobody handed in a receipt: ask the chairs of units that are silent"
            ),
        });
        lines.join("\n")
    }
}

impl Start {
    async fn start(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let manifest = recovering_version(&opened)?.clone();
        let leaves = log::read_leaves(&self.from)?;
        let connections = self.network.connect()?;
        cluster::recover(
            &connections,
            &opened.bundle,
            &manifest,
            &leaves,
            &SystemClock::start(),
        )
        .await
        .map_err(|error| {
            Failure::new(Exit::Unhealthy, "the log was not recovered")
                .because(&error)
                .now("mend what it says and run this again; it goes on where it stopped")
        })?;
        let started = Started {
            origin: manifest.origin.to_string(),
            leaves: leaves.len(),
            nodes: manifest.nodes.len(),
        };
        output.result("tally.recovered/v1", &started, || {
            format!(
                "{} goes on from {} leaves on {} nodes; send again what was lost with `tally recover refill`",
                started.origin, started.leaves, started.nodes
            )
        })?;
        Ok(Exit::Done)
    }
}

/// The newest version that recovers a log.
fn recovering_version(opened: &Opened) -> Outcome<&receipt::Manifest> {
    let versions = opened.election.versions().iter().rev();
    let mut recovering = versions.map(receipt::Version::manifest);
    recovering
        .find(|manifest| manifest.recovered.is_some())
        .ok_or_else(|| {
            Failure::new(Exit::Usage, "the bundle has no version that recovers a log").now(
                "`tally recover manifest` makes its text; put it, signed by the authority, into the bundle's folder",
            )
        })
}

impl Retire {
    async fn retire(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        recovering_version(&opened)?;
        let connections = self.network.connect()?;
        let mut retired = Retired {
            retired: Vec::new(),
            not_reached: Vec::new(),
        };
        for (address, answer) in cluster::retire(&connections, &opened.bundle).await {
            match answer {
                Ok(()) => retired.retired.push(address.to_string()),
                Err(trouble) => retired.not_reached.push(format!("{address}: {trouble}")),
            }
        }
        let exit = if retired.not_reached.is_empty() {
            Exit::Done
        } else {
            Exit::NoAnswer
        };
        output.result("tally.retired/v1", &retired, || {
            let done = retired
                .retired
                .iter()
                .map(|node| format!("{node} signs and accepts nothing more"));
            let open = retired
                .not_reached
                .iter()
                .map(|node| format!("not reached: {node}"));
            done.chain(open).collect::<Vec<_>>().join("\n")
        })?;
        Ok(exit)
    }
}

impl Refill {
    async fn refill(self, output: Output) -> Outcome {
        files::make_folder(&self.out)?;
        let (opened, connections) =
            trust::open_for_sending(output, &self.trust, &self.network, &self.out).await?;
        let connections = connections.ok_or_else(|| {
            Failure::new(Exit::Usage, "no nodes to send to").now("give --nodes and --ca")
        })?;
        let client = Client::new(connections, Arc::clone(&opened.election))
            .with_schedule(self.patience.schedule());
        let mut refilled = Refilled {
            sent: 0,
            not_sent: Vec::new(),
        };
        let receipts = handed_in(&self.receipts, &opened.election, output)?;
        for receipt in receipts.values().filter(|one| one.lost().is_some()) {
            // Derived totals are derived again; only what somebody signed is sent.
            let Ok(note) = SignedNote::parse(receipt.entry()) else {
                continue;
            };
            let why = match client.submit_signed(&note).await {
                Delivery::Receipted(again) => {
                    let file = self.out.join(format!("{}.receipt", receipt.code()));
                    std::fs::write(&file, again.receipt.to_bytes()).map_err(|error| {
                        Failure::new(Exit::Failed, format!("cannot write `{}`", file.display()))
                            .because(&error)
                    })?;
                    refilled.sent = refilled.sent.saturating_add(1);
                    continue;
                }
                Delivery::Refused { refusal, .. } => refusal.message,
                Delivery::NotYet(_) => "no receipt in time; run this again".to_owned(),
            };
            refilled
                .not_sent
                .push(format!("leaf {} of the old log: {why}", receipt.index()));
        }
        let exit = if refilled.not_sent.is_empty() {
            Exit::Done
        } else {
            Exit::Refused
        };
        output.result("tally.refilled/v1", &refilled, || {
            let sent = format!("{} notes are in the log again", refilled.sent);
            std::iter::once(sent)
                .chain(refilled.not_sent.iter().cloned())
                .collect::<Vec<_>>()
                .join("\n")
        })?;
        Ok(exit)
    }
}

/// Every receipt that was handed in and holds, by its place in its log. One that does not hold is
/// said and left out.
fn handed_in(
    paths: &[PathBuf],
    election: &Election,
    output: Output,
) -> Outcome<BTreeMap<u64, Receipt>> {
    let mut receipts = BTreeMap::new();
    for file in paths
        .iter()
        .map(|path| receipt_files(path))
        .collect::<Outcome<Vec<_>>>()?
        .concat()
    {
        let held = UnverifiedReceipt::parse(&files::read(&file)?)
            .map_err(|error| error.to_string())
            .and_then(|receipt| {
                let verification = receipt.verify(election);
                let held = verification.receipt().cloned();
                held.ok_or_else(|| verification.summary())
            });
        match held {
            Ok(receipt) => {
                receipts.insert(receipt.index().get(), receipt);
            }
            Err(why) => output.say(&format!("left out `{}`: {why}", file.display())),
        }
    }
    Ok(receipts)
}

fn receipt_files(path: &Path) -> Outcome<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("cannot read `{}`", path.display())).because(&error)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|ending| ending == "receipt") {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

/// A receipt below the copy's end must be of the leaf that the copy has there.
fn contradicts(leaves: &[Vec<u8>], receipts: &BTreeMap<u64, Receipt>) -> Outcome<()> {
    for (index, receipt) in receipts {
        let place = usize::try_from(*index).unwrap_or(usize::MAX);
        if leaves
            .get(place)
            .is_some_and(|leaf| leaf_hash(leaf) != receipt.leaf_hash())
        {
            return Err(Failure::new(
                Exit::Invalid,
                format!("the copy has another leaf {index} than a receipt proves"),
            )
            .why(format!("the receipt's code is {}", receipt.code()))
            .now("this copy is not of that log, or was changed: take another one"));
        }
    }
    Ok(())
}
