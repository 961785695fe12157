//! `tally outbox`: what is kept, and what has become of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use note::SignedNote;
use receipt::Leaf;
use serde::Serialize;

use super::args::{Kept, Network, Patience, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{Output, warn};
use super::send::{self, Sent};
use super::{files, on_network, trust};
use crate::client::Client;
use crate::disk::Directory;
use crate::outbox::{Entry, Outbox, State};

/// Look at the notes that are kept, send what is not receipted yet, take copies.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Every note is kept before it is sent and stays after its receipt has come. Its state is one of
  waiting    no node has answered yet
  recorded   a node says it is recorded; the receipt is still to come
  receipted  the verified receipt lies beside it
  refused    a node refused it, with a reason")]
pub(crate) enum Verb {
    List(List),
    Send(Send),
    Export(Export),
}

/// List what is kept.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only entries whose name begins so: a unit, or a whole name.
    #[arg(default_value = "")]
    start: String,
    #[command(flatten)]
    kept: Kept,
}

/// Send everything that waits for a receipt, with the same bytes as before.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tally outbox send
  tally outbox send P-0001 --wait 120
  tally outbox send P-0001 --refused      # try a refused note once more")]
pub(crate) struct Send {
    /// Only entries whose name begins so: a unit, or a whole name.
    #[arg(default_value = "")]
    start: String,
    /// Also what a node refused before.
    #[arg(long)]
    refused: bool,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    kept: Kept,
}

/// Copy notes and receipts to a folder, to carry them elsewhere or to hand them in.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Where to.
    folder: PathBuf,
    /// Only entries whose name begins so: a unit, or a whole name.
    #[arg(default_value = "")]
    start: String,
    #[command(flatten)]
    kept: Kept,
}

#[derive(Serialize)]
struct Listed {
    entries: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    entry: String,
    act: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
}

#[derive(Serialize)]
struct AllSent {
    sent: Vec<Sent>,
}

#[derive(Serialize)]
struct Copied {
    files: Vec<String>,
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::List(list) => list.run(output),
            Verb::Send(send) => on_network(send.send(output)),
            Verb::Export(export) => export.run(output),
        }
    }
}

fn entries(outbox: &Outbox<Directory>, start: &str) -> Outcome<Vec<Entry>> {
    outbox
        .find(start)
        .map_err(|error| Failure::new(Exit::Failed, "cannot read the outbox").because(&error))
}

impl List {
    fn run(self, output: Output) -> Outcome {
        let outbox = self.kept.open()?;
        let entries: Vec<Row> = entries(&outbox, &self.start)?.iter().map(Row::of).collect();
        if entries.is_empty() {
            output.say(&format!(
                "nothing is kept in {}",
                outbox.disk().path().display()
            ));
        }
        let listed = Listed { entries };
        output.result("tally.outbox/v1", &listed, || {
            listed
                .entries
                .iter()
                .map(Row::words)
                .collect::<Vec<_>>()
                .join("\n")
        })?;
        Ok(Exit::Done)
    }
}

impl Row {
    fn of(entry: &Entry) -> Row {
        let leaf = SignedNote::parse(&entry.note)
            .ok()
            .and_then(|note| Leaf::parse(&note).ok());
        let (leaf_index, refusal) = match &entry.state {
            State::Waiting => (None, None),
            State::Recorded(recorded) => (Some(recorded.leaf_index), None),
            State::Refused(refused) => (refused.leaf_index, Some(refused.code.clone())),
            State::Receipted { receipt, .. } => {
                let index = receipt::UnverifiedReceipt::parse(receipt).ok();
                (index.map(|receipt| receipt.index().get()), None)
            }
        };
        Row {
            entry: entry.name.to_string(),
            act: leaf.map_or_else(|| "not a note".to_owned(), |leaf| leaf.kind().to_string()),
            state: entry.state.word(),
            leaf_index,
            refusal,
        }
    }

    fn words(&self) -> String {
        let leaf = self
            .leaf_index
            .map_or_else(String::new, |index| format!("leaf {index}"));
        let refusal = self.refusal.as_deref().unwrap_or_default();
        let line = format!(
            "{:<9}  {:<45} {:<11} {leaf}{refusal}",
            self.state, self.entry, self.act
        );
        line.trim_end().to_owned()
    }
}

impl Send {
    async fn send(self, output: Output) -> Outcome {
        let outbox = self.kept.open()?;
        let mut open = entries(&outbox, &self.start)?;
        open.retain(|entry| match &entry.state {
            State::Waiting | State::Recorded(_) => true,
            State::Refused(_) => self.refused,
            State::Receipted { .. } => false,
        });
        if open.is_empty() {
            output.say("nothing waits to be sent");
            output.result(
                "tally.outbox-sent/v1",
                &AllSent { sent: Vec::new() },
                String::new,
            )?;
            return Ok(Exit::Done);
        }
        let folder = outbox.disk().path();
        let (opened, connections) =
            trust::open_for_sending(output, &self.trust, &self.network, folder).await?;
        let connections = connections.ok_or_else(|| {
            Failure::new(Exit::Usage, "no nodes to send to")
                .now("give --nodes host:port,… or set TALLY_NODES")
        })?;
        let client = Client::new(connections, Arc::clone(&opened.election));
        let mut all = Vec::new();
        for entry in &open {
            let Ok(note) = SignedNote::parse(&entry.note) else {
                warn(&format!(
                    "`{}` is not a signed note and was left alone",
                    entry.name
                ));
                continue;
            };
            let sent = send::deliver(&outbox, &client, &entry.name, &note, self.patience).await?;
            output.say(&format!("{}: {}", entry.name, sent.words));
            all.push(sent);
        }
        let exit = worst(&all);
        let sent = AllSent { sent: all };
        output.result("tally.outbox-sent/v1", &sent, || {
            let line = |one: &Sent| format!("{}  {}", one.state, one.entry);
            sent.sent.iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
        Ok(exit)
    }
}

/// The end of a command that sent several notes: what is still to be done counts most.
fn worst(sent: &[Sent]) -> Exit {
    [Exit::NoAnswer, Exit::Refused, Exit::Conflict]
        .into_iter()
        .find(|exit| sent.iter().any(|one| one.exit == *exit))
        .unwrap_or(Exit::Done)
}

impl Export {
    fn run(self, output: Output) -> Outcome {
        let outbox = self.kept.open()?;
        files::make_folder(&self.folder)?;
        let mut copied = Copied { files: Vec::new() };
        for entry in entries(&outbox, &self.start)? {
            let (note, receipt) = outbox.files(&entry);
            for name in std::iter::once(note).chain(receipt) {
                copied
                    .files
                    .push(copy(outbox.disk().path(), &self.folder, &name)?);
            }
        }
        output.result("tally.files/v1", &copied, || copied.files.join("\n"))?;
        Ok(Exit::Done)
    }
}

fn copy(from: &Path, to: &Path, name: &str) -> Outcome<String> {
    let target = to.join(name);
    let bytes = files::read(&from.join(name))?;
    // A copy made before is the same or an older answer; only the bytes count.
    std::fs::write(&target, bytes).map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot write `{}`", target.display())).because(&error)
    })?;
    Ok(target.display().to_string())
}
