//! The election bundle as a folder, on the wire, and fetched from a node.
//!
//! A bundle is a heap of files that name each other by hash, so names and order do not matter when
//! a folder is read. Written, the manifests are `manifest-<version>.note` (with their code behind
//! it, where two have one number) and the files have the
//! names of their places in version 1; a later version's own files carry its number.
//!
//! Nothing here trusts anything: `receipt::Election::open` verifies the whole chain against the
//! pinned fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use merkle::{Hash, leaf_hash};
pub use proto::convert::bundle::{from_wire, to_wire};
use proto::v1;
use receipt::{
    Bundle, BundleError, BundledManifest, Election, Fingerprint, Leaf, Manifest, ShortCode,
    UnverifiedReceipt,
};

use crate::connection::{self, Connections};

/// The largest file of a bundle that is read: the roll of the largest contest.
pub(crate) const LARGEST_FILE: u64 = 256 * 1024 * 1024;

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
    let mut taken = BTreeSet::new();
    for (note, manifest) in manifests(bundle) {
        // Successors that wait, and a version that was lost, share their number with another.
        let shared =
            (!taken.insert(manifest.version)).then(|| ShortCode::of(&note.note.text_hash()));
        let name = match &shared {
            None => format!("manifest-{}", manifest.version),
            Some(code) => format!("manifest-{}-{code}", manifest.version),
        };
        std::fs::write(folder.join(format!("{name}.note")), note.note.bytes())?;
        if let Some(receipt) = &note.receipt {
            std::fs::write(folder.join(format!("{name}.receipt")), receipt)?;
        }
        for (place, hash) in places(&manifest) {
            names.entry(hash).or_insert_with(|| match &shared {
                None => file_name(place, manifest.version),
                Some(code) => format!("{place}-{}-{code}.txt", manifest.version),
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

/// What a file is called that this version is the first to name.
pub(crate) fn file_name(place: &str, version: u64) -> String {
    match version {
        1 => format!("{place}.txt"),
        later => format!("{place}-{later}.txt"),
    }
}

/// The files a manifest names, by what they are called in a folder.
pub(crate) fn places(manifest: &Manifest) -> [(&'static str, Hash); 5] {
    [
        ("roster", manifest.roster.hash),
        ("rules", manifest.rules),
        ("roll", manifest.roll.hash),
        ("policy.receipt", manifest.receipt_policy),
        ("policy.final", manifest.final_policy),
    ]
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

/// The same for whoever keeps it as files: with it come the receipts of its later versions, as far as they
/// have any.
pub async fn fetch_to_keep(
    connections: &Connections,
    fingerprint: Fingerprint,
) -> Result<(Bundle, Election), FetchError> {
    let (mut bundle, election) = fetch(connections, fingerprint).await?;
    for bundled in &mut bundle.manifests {
        bundled.receipt = receipt_of(connections, bundled, &election).await;
    }
    Ok((bundle, election))
}

/// The receipt of a later version: it shows whoever has the files alone at which leaf the version stands,
/// without which it is not in force. A version that has none yet gets it with the next fetch.
async fn receipt_of(
    connections: &Connections,
    bundled: &BundledManifest,
    election: &Election,
) -> Option<Vec<u8>> {
    let leaf = bundled.leaf.filter(|leaf| leaf.get() > 0)?;
    let note = bundled.note.bytes();
    let hash = leaf_hash(note).as_bytes().to_vec().into();
    let asked = v1::get_receipt_request::Leaf::LeafHash(hash);
    let answer = connections.receipt(asked, v1::Level::Receipt).await.ok()?;
    let v1::get_receipt_response::Result::Receipt(bytes) = answer else {
        return None;
    };
    let receipt = UnverifiedReceipt::parse(&bytes).ok()?;
    receipt.verify(election).receipt()?;
    (receipt.index() == leaf && receipt.entry() == note).then(|| bytes.to_vec())
}
