//! The bundle that lies in an archive, each of its files held against the log beside it, so that of
//! a damaged one the file is named and not only the version.

use std::collections::{BTreeMap, BTreeSet};

use merkle::{Hash, sha256};
use note::SignedNote;
use receipt::{Bundle, Election, Fingerprint, Leaf, Manifest, UnverifiedReceipt};

use super::folder::{BUNDLE, FileError, Folder};
use super::hashes::Hashes;
use super::verify::{VerifyError, judge, read_tree};
use crate::bundle;

/// Opens the bundle of an archive. Without a fingerprint it is the one that the bundle gives itself,
/// which proves nothing about whose election it is.
pub fn open(
    folder: &Folder,
    fingerprint: Option<Fingerprint>,
) -> Result<(Bundle, Election), VerifyError> {
    let signed = folder.checkpoint()?.ok_or(VerifyError::NoCheckpoint)?;
    let stated = signed.checkpoint();
    let tree = read_tree(folder, stated.size, &stated.root)?;
    let files = read(folder)?;
    let manifests = manifests(&files)?;
    let receipts = receipts(&files, &manifests, &tree)?;
    let known: BTreeSet<Hash> = manifests
        .values()
        .flat_map(|(_, manifest)| bundle::places(manifest))
        .map(|(_, hash)| hash)
        .collect();
    for (name, bytes) in &files {
        let other = !name.ends_with(NOTE) && !name.ends_with(RECEIPT);
        if other && !known.contains(&sha256(bytes)) {
            let what = "no manifest names a file with this content";
            return Err(wrong(name, what).into());
        }
    }
    let first = manifests
        .get(&1)
        .ok_or_else(|| wrong("manifest-1.note", "there is no first manifest"))?;
    let pin = fingerprint.unwrap_or_else(|| Fingerprint::of(first.0.text_hash()));
    let bundle = Bundle::from_files(files.into_values());
    let election = Election::open(&bundle, pin)?;
    for (name, receipt) in &receipts {
        judge(receipt.checkpoint(), &election)
            .map_err(|error| wrong(name, format!("its checkpoint does not hold: {error}")))?;
    }
    Ok((bundle, election))
}

/// How the names of manifests end.
const NOTE: &str = ".note";

/// How the names of their receipts end.
const RECEIPT: &str = ".receipt";

/// Every file by its name.
fn read(folder: &Folder) -> Result<BTreeMap<String, Vec<u8>>, FileError> {
    let unreadable = |source| FileError::Unreadable {
        file: BUNDLE.to_owned(),
        source,
    };
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder.bundle()).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let bytes = std::fs::read(entry.path()).map_err(unreadable)?;
        files.insert(name, bytes);
    }
    Ok(files)
}

/// The manifests by their version.
fn manifests(
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<u64, (SignedNote, Manifest)>, FileError> {
    let mut found = BTreeMap::new();
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(NOTE)) {
        let note = SignedNote::parse_within(bytes, note::Limits::MANIFEST)
            .map_err(|error| wrong(name, error.to_string()))?;
        let Ok(Leaf::Manifest(manifest)) = Leaf::parse(&note) else {
            return Err(wrong(name, "it is no manifest"));
        };
        found.insert(manifest.version, (note, *manifest));
    }
    Ok(found)
}

/// The receipts of manifests, each of a leaf of the tree and of the manifest beside it.
fn receipts(
    files: &BTreeMap<String, Vec<u8>>,
    manifests: &BTreeMap<u64, (SignedNote, Manifest)>,
    tree: &Hashes,
) -> Result<Vec<(String, UnverifiedReceipt)>, FileError> {
    let mut found = Vec::new();
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(RECEIPT)) {
        let receipt =
            UnverifiedReceipt::parse(bytes).map_err(|error| wrong(name, error.to_string()))?;
        let stated = receipt.checkpoint().checkpoint();
        let of_this_log = tree.leaf(receipt.index().get()) == Some(*receipt.leaf_hash().as_hash())
            && tree.root_at(stated.size) == Some(stated.root)
            && receipt
                .proof()
                .verify(
                    receipt.index(),
                    stated.size,
                    receipt.leaf_hash(),
                    &stated.root,
                )
                .is_ok();
        if !of_this_log {
            return Err(wrong(name, "it is no receipt of a leaf of this log"));
        }
        let note = name.replace(RECEIPT, NOTE);
        if files.get(&note).map(Vec::as_slice) != Some(receipt.entry()) {
            let what = format!("it is not leaf {} of the log", receipt.index());
            return Err(wrong(&note, what));
        }
        found.push((name.clone(), receipt));
    }
    // The first version is leaf 0 with or without a receipt.
    let first = manifests
        .get(&1)
        .map(|(note, _)| *note.leaf_hash().as_hash());
    if first.is_some() && first != tree.leaf(0) {
        return Err(wrong("manifest-1.note", "it is not leaf 0 of the log"));
    }
    Ok(found)
}

fn wrong(name: &str, what: impl Into<String>) -> FileError {
    FileError::wrong(format!("{BUNDLE}/{name}"), what)
}
