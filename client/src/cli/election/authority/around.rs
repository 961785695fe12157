//! What lies around a manifest: the files it names and the versions before it, from the folders that
//! are carried with it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use merkle::Hash;
use note::SignedNote;
use receipt::{Bundle, BundledManifest, Election, Fingerprint, Leaf, Manifest};

use super::folder_of;
use crate::bundle;
use crate::cli::election::ceremony::not_drafted;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::election;

/// What lies around a manifest: its files, and the versions before it.
pub(super) struct Around {
    bundle: Bundle,
}

impl Around {
    /// What lies in the folders of these manifests, and the versions in these bundles.
    pub(super) fn read(manifests: &[PathBuf], bundles: &[PathBuf]) -> Outcome<Around> {
        let mut all = Bundle::default();
        let beside: BTreeSet<&Path> = manifests.iter().map(|file| folder_of(file)).collect();
        let bundles = bundles.iter().map(PathBuf::as_path);
        for (folder, is_bundle) in beside
            .into_iter()
            .map(|folder| (folder, false))
            .chain(bundles.map(|folder| (folder, true)))
        {
            let read = bundle::read_folder(folder).map_err(|error| {
                Failure::new(Exit::Usage, format!("cannot read `{}`", folder.display()))
                    .because(&error)
            })?;
            all.files.extend(read.files);
            if is_bundle {
                all.manifests.extend(read.manifests);
            }
        }
        Ok(Around { bundle: all })
    }

    /// The version before this one, found by the hash that this one names.
    pub(super) fn before(&self, manifest: &Manifest) -> Outcome<Option<Manifest>> {
        let Some(previous) = manifest.previous else {
            return Ok(None);
        };
        self.bundle
            .manifests
            .iter()
            .filter(|bundled| bundled.note.text_hash() == previous)
            .find_map(|bundled| Leaf::parse(&bundled.note).ok()?.manifest().cloned())
            .or_else(|| self.unsigned(&previous))
            .map(Some)
            .ok_or_else(|| {
                Failure::new(
                    Exit::CannotVerify,
                    format!(
                        "the version before manifest {} is not at hand",
                        manifest.version
                    ),
                )
                .now("give the folder that it lies in with --bundle DIR")
            })
    }

    /// A version whose signatures are still being collected: its text lies there as a file.
    fn unsigned(&self, hash: &Hash) -> Option<Manifest> {
        let text = std::str::from_utf8(self.bundle.files.get(hash)?).ok()?;
        Leaf::parse_text(text).ok()?.manifest().cloned()
    }

    /// The files that a manifest names lie here, and are those.
    pub(super) fn check_files(&self, manifest: &Manifest) -> Outcome<()> {
        election::check_files(manifest, &self.bundle.files).map_err(|error| {
            not_drafted(&error).now("the manifest and its files are carried together, unchanged")
        })
    }

    /// Puts a version among those that are there, in place of any half-signed copy of it.
    pub(super) fn add(&mut self, note: &SignedNote) -> Outcome<()> {
        let hash = note.text_hash();
        self.bundle
            .manifests
            .retain(|bundled| bundled.note.text_hash() != hash);
        self.bundle.manifests.push(BundledManifest {
            note: note.clone(),
            leaf: None,
            receipt: None,
        });
        self.open()
    }

    /// Opens what is there as every verifier opens it.
    fn open(&self) -> Outcome<()> {
        let first = self.bundle.manifests.iter().find(|bundled| {
            matches!(Leaf::parse(&bundled.note), Ok(Leaf::Manifest(manifest)) if manifest.version == 1)
        });
        let genesis = first
            .map(|bundled| bundled.note.text_hash())
            .ok_or_else(|| {
                Failure::new(Exit::CannotVerify, "version 1 is not at hand")
                    .now("give the folder of the bundle with --bundle DIR")
            })?;
        Election::open(&self.bundle, Fingerprint::of(genesis))
            .map(|_| ())
            .map_err(|error| {
                Failure::new(Exit::Invalid, "the signed manifest does not hold").because(&error)
            })
    }

    /// The bundle for everyone else.
    pub(super) fn into_bundle(mut self) -> Outcome<Bundle> {
        self.open()?;
        // Texts of versions and other things that lay in the folders are no part of a bundle.
        let named: Vec<Hash> = self
            .bundle
            .manifests
            .iter()
            .filter_map(|bundled| Leaf::parse(&bundled.note).ok()?.manifest().cloned())
            .flat_map(|manifest| {
                [
                    manifest.receipt_policy,
                    manifest.final_policy,
                    manifest.roll.hash,
                    manifest.roster.hash,
                    manifest.rules,
                ]
            })
            .collect();
        self.bundle.files.retain(|hash, _| named.contains(hash));
        Ok(self.bundle)
    }
}
