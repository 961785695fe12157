//! Going on from a log that was lost: an empty cluster takes over the leaves that were recovered,
//! under a new origin that the authority has signed.
//!
//! The recovered leaves are proposed again as they were, one by one, and each must become the leaf
//! that it was: the state is a function of the leaves, so replaying them gives the old tree. Then
//! comes the recovering version as leaf number `size`. Until that leaf is applied, the node signs
//! nothing and takes no note from anybody else. A start that broke off goes on where it stopped,
//! because a leaf that is there already is only compared.

use std::sync::Arc;

use ledger::{Command, LeafRef, Outcome};
use merkle::{LeafIndex, TreeSize, leaf_hash};
use proto::v1;
use receipt::{Bundle, Election, Fingerprint, Leaf, Manifest, Recovered};
use tonic::Status;

use crate::core::Core;
use crate::founding::Founders;
use crate::grpc::status;
use crate::intake;

/// What a checked request goes on with.
pub(crate) struct Succession {
    /// The nodes to begin with.
    pub(crate) members: Founders,
    /// The version that recovers the log.
    pub(crate) manifest: Manifest,
    bundle: Bundle,
    note: Vec<u8>,
    recovered: Recovered,
}

/// The chain of versions that a bundle holds, opened against what this node has pinned.
pub(crate) fn open(core: &Core, bundle: v1::Bundle) -> Result<(Bundle, Election), Status> {
    let bundle = proto::convert::bundle::from_wire(bundle)
        .ok_or_else(|| status::invalid("a manifest of the bundle is not a note"))?;
    let pinned = Fingerprint::of(core.whoami.genesis);
    let election = Election::open(&bundle, pinned).map_err(|error| {
        Status::permission_denied(format!(
            "the bundle is not of the election that this node has pinned: {error}"
        ))
    })?;
    Ok((bundle, election))
}

/// Holds a request against what this node has pinned: a version that recovers another log under
/// this node's own origin, signed by the authority of the version before it.
pub(crate) fn check(
    core: &Core,
    bundle: v1::Bundle,
    members: Vec<v1::Member>,
) -> Result<Succession, Status> {
    let (bundle, election) = open(core, bundle)?;
    let own = &core.whoami.origin;
    let found = election.versions().iter().find_map(|version| {
        let manifest = version.manifest();
        let recovered = manifest.recovered.clone()?;
        (manifest.origin == *own).then_some((version, recovered))
    });
    let Some((version, recovered)) = found else {
        return Err(Status::failed_precondition(format!(
            "no version of the bundle recovers a log under this node's origin `{own}`"
        )));
    };
    let manifest = version.manifest().clone();
    crate::membership::check_own_line(&core.whoami, &core.keys(), &manifest)
        .map_err(|error| Status::failed_precondition(error.to_string()))?;
    let note = bundle
        .manifests
        .iter()
        .find(|bundled| bundled.note.text_hash() == *version.hash())
        .map(|bundled| bundled.note.bytes().to_vec())
        .ok_or_else(|| status::invalid("the recovering version is not in the bundle"))?;
    Ok(Succession {
        members: Founders::of(&manifest, members)?,
        bundle,
        manifest,
        note,
        recovered,
    })
}

impl Succession {
    /// Takes the next recovered leaf to its place.
    pub(crate) async fn take(
        &self,
        core: &Arc<Core>,
        index: LeafIndex,
        entry: Vec<u8>,
    ) -> Result<(), Status> {
        if index.get() >= self.recovered.size.get() {
            return Err(status::invalid(
                "more leaves than the recovering version says",
            ));
        }
        let expected = leaf_hash(&entry);
        let other = |what: &str| {
            Status::failed_precondition(format!(
                "leaf {index} cannot be recovered as it was: {what}"
            ))
        };
        if let Some(found) = core.read(move |_, view| view.leaf(index)).await? {
            return if leaf_hash(&found) == expected {
                Ok(())
            } else {
                Err(other("another leaf stands there"))
            };
        }
        let (leaf, note) = Leaf::parse_entry(&entry)
            .map_err(|malformed| other(&format!("it is no leaf: {malformed}")))?;
        if note.is_none() {
            return Err(other("nothing before it derives it"));
        }
        let at = core.clock.millis();
        let command = match leaf.manifest() {
            Some(manifest) => Command::manifest(at, entry, self.files_of(manifest)),
            None => Command::note(at, entry),
        };
        let outcome = intake::record_first(core, command).await?;
        if let Outcome::Refused { refusal, .. } = &outcome {
            return Err(other(&refusal.to_string()));
        }
        let as_it_was = |leaf: LeafRef| leaf.index == index && leaf.hash == expected;
        if !outcome.leaf().is_some_and(as_it_was) {
            return Err(other("it became another leaf"));
        }
        wait_applied(core, index.size_with()).await;
        Ok(())
    }

    /// Ends the recovery with the version that names it. The log must be the one that it names.
    pub(crate) async fn finish(&self, core: &Arc<Core>) -> Result<Outcome, Status> {
        let at = core.clock.millis();
        let files = self.files_of(&self.manifest);
        let command = Command::manifest(at, self.note.clone(), files);
        Ok(intake::record_first(core, command).await?)
    }

    fn files_of(&self, manifest: &Manifest) -> Vec<Vec<u8>> {
        manifest
            .named_files()
            .iter()
            .filter_map(|hash| self.bundle.files.get(hash).cloned())
            .collect()
    }
}

/// Where another node leads, this one applies a moment later.
async fn wait_applied(core: &Core, size: TreeSize) {
    let mut applied = core.replica.applied_watch();
    let _ended = applied
        .wait_for(|applied| applied.tree_size >= size.get())
        .await;
}
