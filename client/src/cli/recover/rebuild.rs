//! `tally recover rebuild`: no copy of the log is left. Each receipt has its leaf's bytes, the
//! leaf's place and a cosigned root; where the receipts have no gap from the first leaf on, the log
//! is there again, and a root that a majority cosigned says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use merkle::{EntryBundle, Tile, TreeSize, leaf_hash};
use note::SignedCheckpoint;
use receipt::Receipt;
use serde::Serialize;

use super::list::handed_in;
use crate::cli::args::Trust;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::files;
use crate::cli::output::Output;
use crate::cli::trust;
use crate::log::archive::Archive;
use crate::log::folder::{CHECKPOINT, Folder};
use crate::log::hashes::Hashes;

/// Put a copy of the log together from receipts, when no other copy is left.
#[derive(Debug, Args)]
#[command(after_help = "\
The copy ends before the first leaf of which nobody handed in a receipt; leaves behind the gap go in
again with `tally recover refill`. With no receipt of the first report there is nothing to put
together: then leave --from away in what follows, and everything is sent again.

Example:
  tally recover rebuild --receipts outboxes campaign-a --bundle bundle --out copy")]
pub(crate) struct Rebuild {
    /// Receipts, or folders with receipts (`*.receipt`).
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    receipts: Vec<PathBuf>,
    /// The folder for the copy; it must not be there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Rebuilt {
    folder: String,
    origin: String,
    leaves: u64,
    root: String,
    /// Leaves behind the copy's end that receipts hold.
    behind: usize,
    /// Leaves of which nobody handed in a receipt, below the end of the largest tree.
    gaps: Vec<u64>,
}

/// At most so many gaps are named; a longer list helps nobody.
const MOST_GAPS: usize = 1_000;

impl Rebuild {
    pub(super) fn run(self, output: Output) -> Outcome {
        files::must_be_new(&self.out)?;
        let opened = trust::open_folder(&self.trust)?;
        let first = super::copy_of(None, &opened)?;
        let receipts = handed_in(&self.receipts, &opened.election, output)?;
        let receipts = of_newest_log(receipts)?;
        let mut entries: BTreeMap<u64, &[u8]> = receipts
            .iter()
            .map(|(index, receipt)| (*index, receipt.entry()))
            .collect();
        for entry in &first {
            entries.entry(0).or_insert(entry);
        }
        let together: Vec<&[u8]> = (0..)
            .zip(&entries)
            .take_while(|(place, (index, _))| place == *index)
            .map(|(_, (_, entry))| *entry)
            .collect();
        let Some((signed, tree)) = longest(&together, &receipts)? else {
            return Err(
                Failure::new(Exit::CannotVerify, "no part of the log can be put together")
                    .why("no cosigned tree has all its leaves among the receipts")
                    .now(
                        "hand in more receipts, or go on without --from: everything is sent again",
                    ),
            );
        };
        let write = |error: &dyn std::error::Error| {
            Failure::new(
                Exit::Failed,
                format!("cannot write `{}`", self.out.display()),
            )
            .because(error)
        };
        write_log(&self.out, &together, &tree, &signed).map_err(|error| write(&error))?;
        let archive = Archive::open(Folder::at(&self.out)).map_err(|error| write(&error))?;
        archive
            .write_bundle(&opened.bundle, &opened.election)
            .map_err(|error| write(&error))?;
        let size = tree.size().get();
        let rebuilt = Rebuilt {
            folder: self.out.display().to_string(),
            origin: signed.checkpoint().origin.to_string(),
            leaves: size,
            root: signed.checkpoint().root.to_hex(),
            behind: entries.range(size..).count(),
            gaps: gaps(&entries, &receipts),
        };
        output.result("tally.recover-rebuilt/v1", &rebuilt, || rebuilt.words())?;
        Ok(Exit::Done)
    }
}

impl Rebuilt {
    fn words(&self) -> String {
        let mut lines = vec![format!(
            "{} leaves of `{}` are in `{}` again, root {}: a majority cosigned it",
            self.leaves, self.origin, self.folder, self.root
        )];
        if self.behind > 0 {
            lines.push(format!(
                "{} leaves behind them are held by receipts: `tally recover refill` sends them again",
                self.behind
            ));
        }
        for leaf in &self.gaps {
            lines.push(format!("nobody handed in leaf {leaf}"));
        }
        lines.join("\n")
    }
}

/// The receipts of the log that the largest tree is of: an election that was recovered before has
/// receipts of two.
fn of_newest_log(receipts: BTreeMap<u64, Receipt>) -> Outcome<BTreeMap<u64, Receipt>> {
    let stated = |receipt: &Receipt| receipt.checkpoint().checkpoint().size;
    let newest = receipts
        .values()
        .max_by_key(|receipt| stated(receipt))
        .map(|receipt| receipt.checkpoint().checkpoint().origin.clone())
        .ok_or_else(|| {
            Failure::new(Exit::CannotVerify, "no receipt holds")
                .now("check the bundle; it must be of the election that the receipts are of")
        })?;
    let mut receipts = receipts;
    receipts.retain(|_, receipt| receipt.checkpoint().checkpoint().origin == newest);
    Ok(receipts)
}

/// The largest cosigned tree whose leaves are all there.
fn longest(
    together: &[&[u8]],
    receipts: &BTreeMap<u64, Receipt>,
) -> Outcome<Option<(SignedCheckpoint, Hashes)>> {
    let have = u64::try_from(together.len()).unwrap_or(u64::MAX);
    let best = receipts
        .values()
        .map(Receipt::checkpoint)
        .filter(|signed| signed.checkpoint().size.get() <= have)
        .max_by_key(|signed| signed.checkpoint().size);
    let Some(signed) = best else {
        return Ok(None);
    };
    let stated = signed.checkpoint();
    let size = usize::try_from(stated.size.get()).unwrap_or(usize::MAX);
    let mut tree = Hashes::new();
    for entry in together.iter().take(size) {
        tree.push(leaf_hash(entry));
    }
    if tree.root_at(stated.size) != Some(stated.root) {
        return Err(Failure::new(
            Exit::Invalid,
            "the receipts' leaves do not lead to the root that they prove",
        )
        .now("two receipts contradict each other: keep all of them as evidence"));
    }
    Ok(Some((signed.clone(), tree)))
}

fn write_log(
    path: &Path,
    leaves: &[&[u8]],
    tree: &Hashes,
    signed: &SignedCheckpoint,
) -> std::io::Result<()> {
    let folder = Folder::at(path);
    let size: TreeSize = tree.size();
    for bundle in EntryBundle::all_of(size) {
        let range = bundle.leaves();
        let place = |leaf: u64| usize::try_from(leaf).unwrap_or(usize::MAX);
        let entries = leaves
            .get(place(range.start)..place(range.end))
            .unwrap_or_default();
        let bytes = EntryBundle::encode(entries.iter().copied())
            .ok_or_else(|| std::io::Error::other("a leaf that is too long"))?;
        folder.write(&bundle.path(), &bytes)?;
    }
    for tile in Tile::all_of(size) {
        let hashes = tree.tile(&tile).unwrap_or_default();
        folder.write(&tile.path(), &Tile::encode(hashes))?;
    }
    folder.write(CHECKPOINT, &signed.to_bytes())
}

/// The leaves of which nobody handed in a receipt.
fn gaps(entries: &BTreeMap<u64, &[u8]>, receipts: &BTreeMap<u64, Receipt>) -> Vec<u64> {
    let stated = |receipt: &Receipt| receipt.checkpoint().checkpoint().size.get();
    let end = receipts.values().map(stated).max().unwrap_or(0);
    (0..end)
        .filter(|index| !entries.contains_key(index))
        .take(MOST_GAPS)
        .collect()
}
