//! `tally recover list`: what a copy of a log has, and what others can show that it lacks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use merkle::{Frontier, LeafHash, leaf_hash};
use note::{SignedCheckpoint, SignedNote};
use receipt::{Election, Leaf, Receipt, ShortCode, UnverifiedReceipt};
use serde::Serialize;

use crate::cli::args::Trust;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::Output;
use crate::cli::{files, log, trust};
use crate::log::folder::CHECKPOINT;

/// Say what a copy of the log has, and what others show to be missing from it.
#[derive(Debug, Args)]
#[command(after_help = "\
A copy cannot tell what came after it. Receipts can: each names a leaf that a majority held. Another
copy can, if it is longer. A witness can: it keeps the size of the last tree that it cosigned. Hand in
every receipt there is, from outboxes, printed pages and campaigns.

Without --from the copy is the first manifest of the bundle alone: nothing else was saved.

Example:
  tally recover list --from copy --receipts outbox --log campaign-a --witness w1 --bundle bundle")]
pub(crate) struct List {
    /// A copy of the log.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    #[command(flatten)]
    handed_in: HandedIn,
    #[command(flatten)]
    trust: Trust,
}

/// What people bring who were not on the lost disks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Handed in")]
pub(crate) struct HandedIn {
    /// Receipts, or folders with receipts (`*.receipt`) and with notes that have none (`*.note`).
    #[arg(long, value_name = "PATH", num_args = 1..)]
    receipts: Vec<PathBuf>,
    /// Other copies of the log: of a node that survived, or of whoever archived it.
    #[arg(long = "log", value_name = "DIR", num_args = 1..)]
    logs: Vec<PathBuf>,
    /// What witnesses saw last: a witness's folder, or a file with a checkpoint.
    #[arg(long = "witness", value_name = "PATH", num_args = 1..)]
    witnesses: Vec<PathBuf>,
}

/// What a copy has and lacks.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    leaves: u64,
    root: String,
    receipts: usize,
    missing: Vec<Missing>,
    /// Notes in outboxes that never got a receipt and are not in the copy.
    waiting: Vec<Waiting>,
    /// The largest trees that others have seen.
    seen: Vec<Seen>,
    /// Leaves below the end of the largest tree of which nobody handed in anything.
    unaccounted: u64,
    /// A copy that goes on where this one ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    longer: Option<String>,
}

#[derive(Debug, Serialize)]
struct Missing {
    leaf_index: u64,
    code: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// What shows it.
    shown_by: &'static str,
}

#[derive(Debug, Serialize)]
struct Waiting {
    file: String,
    code: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

#[derive(Debug, Serialize)]
struct Seen {
    by: String,
    leaves: u64,
}

impl List {
    pub(super) fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let leaves = super::copy_of(self.from.as_deref(), &opened)?;
        let listed = self.handed_in.list(&leaves, &opened.election, output)?;
        output.result("tally.recover-listed/v1", &listed, || listed.words())?;
        Ok(Exit::Done)
    }
}

impl HandedIn {
    /// Holds everything that was handed in against a copy's leaves.
    pub(crate) fn list(
        &self,
        leaves: &[Vec<u8>],
        election: &Election,
        output: Output,
    ) -> Outcome<Listed> {
        let mut frontier = Frontier::new();
        for leaf in leaves {
            frontier.push(leaf_hash(leaf));
        }
        let size = frontier.size().get();
        let receipts = handed_in(&self.receipts, election, output)?;
        contradicts(leaves, &receipts)?;
        let mut missing = BTreeMap::new();
        let mut seen = Vec::new();
        for (index, receipt) in receipts.range(size..) {
            let found = missing_leaf(*index, receipt.entry(), receipt.leaf_hash(), "receipt");
            missing.insert(*index, found);
        }
        let stated = |receipt: &Receipt| receipt.checkpoint().checkpoint().size.get();
        if let Some(leaves) = receipts.values().map(stated).max() {
            let by = "receipts".to_owned();
            seen.push(Seen { by, leaves });
        }
        let mut longer: Option<(u64, String)> = None;
        for folder in &self.logs {
            let other = log::read_leaves(folder)?;
            same_beginning(leaves, &other, folder)?;
            let end = u64::try_from(other.len()).unwrap_or(u64::MAX);
            for (index, entry) in (0..).zip(&other).skip(leaves.len()) {
                missing
                    .entry(index)
                    .or_insert_with(|| missing_leaf(index, entry, leaf_hash(entry), "log"));
            }
            let by = folder.display().to_string();
            if end > longer.as_ref().map_or(size, |(end, _)| *end) {
                longer = Some((end, by.clone()));
            }
            seen.push(Seen { by, leaves: end });
        }
        for path in &self.witnesses {
            seen.extend(last_seen(path, election, output)?);
        }
        let highest = seen.iter().map(|seen| seen.leaves).max();
        let lost = highest.unwrap_or(size).saturating_sub(size);
        let known = u64::try_from(missing.len()).unwrap_or(u64::MAX);
        Ok(Listed {
            leaves: size,
            root: note::b64::encode_hash(&frontier.root()),
            receipts: receipts.len(),
            unaccounted: lost.saturating_sub(known),
            waiting: waiting(&self.receipts, leaves)?,
            missing: missing.into_values().collect(),
            seen,
            longer: longer.map(|(_, folder)| folder),
        })
    }
}

impl Listed {
    pub(crate) fn words(&self) -> String {
        let of = |unit: &Option<String>| {
            let unit = unit.as_deref().map(|unit| format!(" of {unit}"));
            unit.unwrap_or_default()
        };
        let mut lines = vec![
            format!("the copy has {} leaves, root {}", self.leaves, self.root),
            format!("{} receipts were handed in", self.receipts),
        ];
        for one in &self.seen {
            lines.push(format!("{} leaves were seen by {}", one.leaves, one.by));
        }
        for one in &self.missing {
            lines.push(format!(
                "missing: leaf {}, {}{}, code {} ({})",
                one.leaf_index,
                one.kind,
                of(&one.unit),
                one.code,
                one.shown_by
            ));
        }
        for one in &self.waiting {
            lines.push(format!(
                "never receipted: {}{}, code {}, in `{}`",
                one.kind,
                of(&one.unit),
                one.code,
                one.file
            ));
        }
        lines.push(match self.unaccounted {
            0 => "no further leaf is known to be missing".to_owned(),
            many => format!(
                "{many} more leaves existed and nobody handed in a receipt: ask the chairs of units that are silent"
            ),
        });
        if let Some(longer) = &self.longer {
            lines.push(format!(
                "`{longer}` is longer than the copy and begins with it: go on from that one if `tally log verify` accepts it"
            ));
        }
        lines.join("\n")
    }
}

fn missing_leaf(index: u64, entry: &[u8], hash: LeafHash, shown_by: &'static str) -> Missing {
    let leaf = Leaf::parse_entry(entry).ok().map(|(leaf, _)| leaf);
    Missing {
        leaf_index: index,
        code: ShortCode::of_leaf(&hash).to_string(),
        kind: leaf
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), |leaf| leaf.kind().to_string()),
        unit: leaf.and_then(|leaf| leaf.unit().map(ToString::to_string)),
        shown_by,
    }
}

/// Two copies of one log begin alike.
fn same_beginning(leaves: &[Vec<u8>], other: &[Vec<u8>], folder: &Path) -> Outcome<()> {
    match leaves.iter().zip(other).position(|(one, two)| one != two) {
        None => Ok(()),
        Some(index) => Err(Failure::new(
            Exit::Invalid,
            format!(
                "`{}` has another leaf {index} than the copy",
                folder.display()
            ),
        )
        .now("judge both with `tally log verify`, and keep both: two cosigned histories are evidence")),
    }
}

/// The size of the tree under a witness's last checkpoint, if a key of the election cosigned it.
fn last_seen(path: &Path, election: &Election, output: Output) -> Outcome<Option<Seen>> {
    let file = if path.is_dir() {
        path.join(CHECKPOINT)
    } else {
        path.to_owned()
    };
    let left_out = |why: &str| output.say(&format!("left out `{}`: {why}", file.display()));
    let signed = match SignedCheckpoint::parse(&files::read(&file)?) {
        Ok(signed) => signed,
        Err(error) => {
            left_out(&error.to_string());
            return Ok(None);
        }
    };
    let stated = signed.checkpoint();
    let Some(version) = election.in_force(&stated.origin, stated.size) else {
        left_out("it is not of a log of this election");
        return Ok(None);
    };
    let mut by = version.receipt_policy().evaluate(&signed).witnesses;
    if let Some(policy) = version.final_policy() {
        by.extend(policy.evaluate(&signed).witnesses);
    }
    let names: Vec<String> = by.into_keys().collect();
    if names.is_empty() {
        left_out("nobody whom the election names has cosigned it");
        return Ok(None);
    }
    Ok(Some(Seen {
        by: names.join(", "),
        leaves: stated.size.get(),
    }))
}

/// Notes in outboxes for which there is no receipt and which the copy does not have.
fn waiting(paths: &[PathBuf], leaves: &[Vec<u8>]) -> Outcome<Vec<Waiting>> {
    let mut found = Vec::new();
    for (file, note) in waiting_notes(paths)? {
        if leaves.iter().any(|leaf| leaf == note.bytes()) {
            continue;
        }
        let listed = missing_leaf(0, note.bytes(), note.leaf_hash(), "outbox");
        found.push(Waiting {
            file: file.display().to_string(),
            code: listed.code,
            kind: listed.kind,
            unit: listed.unit,
        });
    }
    Ok(found)
}

/// The notes of outboxes that have neither a receipt nor a refusal beside them.
pub(super) fn waiting_notes(paths: &[PathBuf]) -> Outcome<Vec<(PathBuf, SignedNote)>> {
    let mut found = Vec::new();
    for path in paths.iter().filter(|path| path.is_dir()) {
        for file in files_ending(path, "note")? {
            let answered = ["receipt", "refused"]
                .iter()
                .any(|ending| file.with_extension(ending).is_file());
            if answered {
                continue;
            }
            // What does not parse was never sent: the outbox keeps only signed notes.
            if let Ok(note) = SignedNote::parse(&files::read(&file)?) {
                found.push((file, note));
            }
        }
    }
    Ok(found)
}

/// Every receipt that was handed in and holds, by its place in its log. One that does not hold is
/// said and left out.
pub(super) fn handed_in(
    paths: &[PathBuf],
    election: &Election,
    output: Output,
) -> Outcome<BTreeMap<u64, Receipt>> {
    let mut receipts = BTreeMap::new();
    for path in paths {
        let listed = if path.is_dir() {
            files_ending(path, "receipt")?
        } else {
            vec![path.clone()]
        };
        for file in listed {
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
    }
    Ok(receipts)
}

fn files_ending(folder: &Path, ending: &str) -> Outcome<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("cannot read `{}`", folder.display())).because(&error)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|found| found == ending) {
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
