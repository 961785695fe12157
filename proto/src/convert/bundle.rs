//! The election bundle. Nothing is verified by travelling: `receipt::Election::open` does that.

use merkle::{LeafIndex, sha256};
use note::SignedNote;
use receipt::{Bundle, BundledManifest};

use crate::v1;

/// The bundle as it travels. Receipts of manifests stay behind: whoever wants one asks for it.
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
