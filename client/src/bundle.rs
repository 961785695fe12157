//! The election bundle as a folder, on the wire, and fetched from a node.
//!
//! A bundle is a heap of files that name each other by hash, so names and order do not matter when
//! a folder is read. Written, the manifests are `manifest-<version>.note` and the files have the
//! names of their places in version 1; a later version's own files carry its number.
//!
//! Nothing here trusts anything: `receipt::Election::open` verifies the whole chain against the
//! pinned fingerprint.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use merkle::{Hash, LeafIndex, sha256};
use note::SignedNote;
use proto::v1;
use receipt::{Bundle, BundleError, BundledManifest, Election, Fingerprint, Leaf, Manifest};

use crate::connection::{self, Connections};

/// The largest file of a bundle that is read: the roll of the largest contest.
const LARGEST_FILE: u64 = 256 * 1024 * 1024;

/// Reads every file of a folder as part of a bundle.
pub fn read_folder(folder: &Path) -> io::Result<Bundle> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.is_file() && entry.metadata()?.len() <= LARGEST_FILE {
            files.push(std::fs::read(entry.path())?);
        }
    }
    Ok(Bundle::from_files(files))
}

/// Writes a bundle into a folder, which is made if it is missing.
pub fn write_folder(bundle: &Bundle, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut names: BTreeMap<Hash, String> = BTreeMap::new();
    for (note, manifest) in manifests(bundle) {
        std::fs::write(
            folder.join(format!("manifest-{}.note", manifest.version)),
            note.note.bytes(),
        )?;
        if let Some(receipt) = &note.receipt {
            let name = format!("manifest-{}.receipt", manifest.version);
            std::fs::write(folder.join(name), receipt)?;
        }
        for (place, hash) in places(&manifest) {
            names.entry(hash).or_insert_with(|| match manifest.version {
                1 => format!("{place}.txt"),
                version => format!("{place}-{version}.txt"),
            });
        }
    }
    for (hash, bytes) in &bundle.files {
        let name = names
            .get(hash)
            .cloned()
            .unwrap_or_else(|| format!("{}.txt", hash.to_hex()));
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

/// The manifests of a bundle, ascending by version. What is no manifest is left out.
fn manifests(bundle: &Bundle) -> Vec<(&BundledManifest, Manifest)> {
    let read = |bundled: &BundledManifest| match Leaf::parse(&bundled.note) {
        Ok(Leaf::Manifest(manifest)) => Some(*manifest),
        Ok(_) | Err(_) => None,
    };
    let mut found: Vec<_> = bundle
        .manifests
        .iter()
        .filter_map(|bundled| Some((bundled, read(bundled)?)))
        .collect();
    found.sort_by_key(|(_, manifest)| manifest.version);
    found
}

/// The files a manifest names, by what they are called in a folder.
fn places(manifest: &Manifest) -> [(&'static str, Hash); 5] {
    [
        ("roster", manifest.roster.hash),
        ("rules", manifest.rules),
        ("roll", manifest.roll.hash),
        ("policy.receipt", manifest.receipt_policy),
        ("policy.final", manifest.final_policy),
    ]
}

/// The bundle as it travels.
pub fn to_wire(bundle: &Bundle) -> v1::Bundle {
    let version = |bundled: &BundledManifest| v1::ManifestVersion {
        note: bundled.note.bytes().to_vec().into(),
        leaf_index: bundled.leaf.map(LeafIndex::get),
    };
    v1::Bundle {
        manifests: bundle.manifests.iter().map(version).collect(),
        files: bundle
            .files
            .values()
            .map(|file| file.clone().into())
            .collect(),
    }
}

/// A bundle as it was received; `None` if a manifest is not even a note.
pub fn from_wire(wire: v1::Bundle) -> Option<Bundle> {
    let version = |version: v1::ManifestVersion| {
        Some(BundledManifest {
            note: SignedNote::parse(&version.note).ok()?,
            leaf: version.leaf_index.map(LeafIndex::new),
            receipt: None,
        })
    };
    Some(Bundle {
        manifests: wire
            .manifests
            .into_iter()
            .map(version)
            .collect::<Option<_>>()?,
        files: wire
            .files
            .into_iter()
            .map(|file| (sha256(&file), file.to_vec()))
            .collect(),
    })
}

/// Why no bundle could be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No node answered.
    #[error("fetch the bundle")]
    NoAnswer(#[from] connection::Error),
    /// A node sent something that is no bundle.
    #[error("a node sent a manifest that is not a signed note")]
    Malformed,
    /// What a node sent is not the election that was pinned.
    #[error("the bundle that a node sent does not hold")]
    Untrusted(#[from] BundleError),
}

/// Fetches the bundle from whichever node answers and verifies it against the fingerprint.
pub async fn fetch(
    connections: &Connections,
    fingerprint: Fingerprint,
) -> Result<(Bundle, Election), FetchError> {
    let wire = connections
        .any(|channel| async move {
            connection::election_client(channel)
                .get_bundle(v1::GetBundleRequest {})
                .await
        })
        .await?;
    let bundle = from_wire(wire).ok_or(FetchError::Malformed)?;
    let election = Election::open(&bundle, fingerprint)?;
    Ok((bundle, election))
}
