//! `tally recover`: going on after a majority of the nodes was lost for good.
//!
//! The order on the night: `list` says what a copy of the log has and what is known to be missing
//! (`tally backup restore` unpacks one and says the same; `rebuild` makes one of receipts where none
//! is left); `manifest` makes the version that names it, and the authority signs that; `start` gives it to
//! new, empty nodes; `retire` is shown to old nodes that come back; `refill` sends again what the
//! receipts and outboxes still hold.

mod desk;
mod list;
mod rebuild;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use note::SignedNote;
use serde::Serialize;

use super::administrator::Administrator;
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
pub(crate) use list::{HandedIn, Listed};

/// Go on from a copy of the log after a majority of the nodes was lost for good.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(list::List),
    Rebuild(rebuild::Rebuild),
    Manifest(desk::Manifest),
    Start(Start),
    Retire(Retire),
    Refill(Refill),
}

/// Start new, empty nodes with the recovered leaves and the version that names them.
#[derive(Debug, Args)]
#[command(after_help = "\
The bundle must hold the recovering version, signed by the authority. Every new node must be up. If
it breaks off, run it again: it goes on where it stopped.

Example:
  tally recover start --from copy --bundle bundle --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K \\
      --nodes 10.0.1.1:7100,10.0.1.2:7100,10.0.1.3:7100 --ca ca.crt --key admin-1.key")]
pub(crate) struct Start {
    /// The copy of the log that the recovering version names; without it, the first manifest alone.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    #[command(flatten)]
    administrator: Administrator,
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
log already gets its new receipt and nothing else. The old receipts stay as they are. Notes of an
outbox that never got a receipt (`*.note`) follow, byte for byte as well.

Example:
  tally recover refill --receipts outbox campaign-a --bundle bundle --out again")]
pub(crate) struct Refill {
    /// Receipts, or folders with receipts (`*.receipt`) and with notes that have none (`*.note`).
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
            Verb::Rebuild(rebuild) => rebuild.run(output),
            Verb::Manifest(manifest) => manifest.run(output),
            Verb::Start(start) => on_network(start.start(output)),
            Verb::Retire(retire) => on_network(retire.retire(output)),
            Verb::Refill(refill) => on_network(refill.refill(output)),
        }
    }
}

impl Start {
    async fn start(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let manifest = recovering_version(&opened)?.clone();
        let leaves = copy_of(self.from.as_deref(), &opened)?;
        let connections = self.network.connect()?;
        let key = self.administrator.key(output)?;
        let start = cluster::Start {
            connections: &connections,
            bundle: &opened.bundle,
            election: &opened.election,
            key: &key,
        };
        let clock = SystemClock::start();
        let starting = start.recover(&manifest, &leaves, &clock);
        starting.await.map_err(|error| {
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
        for (name, note) in self.notes(&opened, output)? {
            match again(&client, &note, &self.out).await? {
                None => refilled.sent = refilled.sent.saturating_add(1),
                Some(why) => refilled.not_sent.push(format!("{name}: {why}")),
            }
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

impl Refill {
    /// What is to be sent again, in order: what receipts prove to be lost, then what waits.
    fn notes(&self, opened: &Opened, output: Output) -> Outcome<Vec<(String, SignedNote)>> {
        let receipts = list::handed_in(&self.receipts, &opened.election, output)?;
        let mut notes: Vec<(String, SignedNote)> = receipts
            .values()
            .filter(|receipt| receipt.lost().is_some())
            .filter_map(|receipt| {
                // Derived totals are derived again; only what somebody signed is sent.
                let note = SignedNote::parse(receipt.entry()).ok()?;
                Some((format!("leaf {} of the old log", receipt.index()), note))
            })
            .collect();
        for (file, note) in list::waiting_notes(&self.receipts)? {
            notes.push((format!("`{}`", file.display()), note));
        }
        Ok(notes)
    }
}

/// Sends a note again and keeps its receipt; otherwise why there is none.
async fn again(client: &Client, note: &SignedNote, out: &Path) -> Outcome<Option<String>> {
    match client.submit_signed(note).await {
        Delivery::Receipted(again) => {
            let file = out.join(format!("{}.receipt", again.receipt.code()));
            std::fs::write(&file, again.receipt.to_bytes()).map_err(|error| {
                Failure::new(Exit::Failed, format!("cannot write `{}`", file.display()))
                    .because(&error)
            })?;
            Ok(None)
        }
        Delivery::Refused { refusal, .. } => Ok(Some(refusal.message)),
        Delivery::NotYet(_) => Ok(Some("no receipt in time; run this again".to_owned())),
    }
}

/// The leaves of a copy; without one, the first manifest alone, which every log begins with.
fn copy_of(from: Option<&Path>, opened: &Opened) -> Outcome<Vec<Vec<u8>>> {
    if let Some(folder) = from {
        return log::read_leaves(folder);
    }
    let genesis = opened.election.genesis();
    let mut manifests = opened.bundle.manifests.iter();
    let first = manifests.find(|bundled| bundled.note.text_hash() == *genesis);
    let first = first.ok_or_else(|| {
        Failure::new(Exit::Usage, "the bundle has no first manifest")
            .now("`tally election bundle DIR` fetches a whole one")
    })?;
    Ok(vec![first.note.bytes().to_vec()])
}
