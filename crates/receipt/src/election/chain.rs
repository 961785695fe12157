//! That manifest versions follow each other.
//!
//! Version 1 is the pinned one and signed by its own authority; every other version names the one
//! before it by hash and is signed by that one's authority. Two versions may follow the same one:
//! successors that wait for their activation, and versions lost with a majority of the nodes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use merkle::{Hash, LeafIndex};
use note::SignedNote;

use super::{Bundle, BundleError, BundledManifest};
use crate::code::ShortCode;
use crate::fingerprint::Fingerprint;
use crate::leaf::Leaf;
use crate::lines::Malformed;
use crate::manifest::{Manifest, NodeLine};

/// One verified version, without its files.
pub(super) struct Link {
    pub(super) manifest: Manifest,
    pub(super) hash: Hash,
    pub(super) leaf: Option<LeafIndex>,
    note: SignedNote,
}

/// The versions, ascending by number, version 1 first.
pub(super) fn verify(bundle: &Bundle, pinned: Fingerprint) -> Result<Vec<Link>, BundleError> {
    let mut links = bundle
        .manifests
        .iter()
        .map(Link::read)
        .collect::<Result<Vec<_>, BundleError>>()?;
    links.sort_by_key(|link| (link.manifest.version, link.hash));
    links.dedup_by_key(|link| link.hash);
    let first = match links.as_slice() {
        [first] if first.manifest.version == 1 => first,
        [first, second, ..] if first.manifest.version == 1 && second.manifest.version != 1 => first,
        [..] => return Err(BundleError::NoManifest),
    };
    if !pinned.matches(&first.hash) {
        let found = ShortCode::of(&first.hash);
        return Err(BundleError::NotPinned {
            found,
            pinned: pinned.code(),
        });
    }
    endorsed(&first.manifest, first)?;
    for link in links.iter().skip(1) {
        let before = predecessor(&links, link)?;
        follows(before, link, first).map_err(|what| link.does_not_follow(what))?;
        nodes_are_never_renamed(&links, link).map_err(|what| link.does_not_follow(what))?;
        endorsed(&before.manifest, link)?;
    }
    one_in_force_at_a_time(&links)?;
    Ok(links)
}

impl Link {
    fn read(bundled: &BundledManifest) -> Result<Self, BundleError> {
        let note = bundled.note.clone();
        let Leaf::Manifest(manifest) = Leaf::parse(&note).map_err(BundleError::Malformed)? else {
            return Err(BundleError::Malformed(Malformed::new(1, "not a manifest")));
        };
        let implied = match (&manifest.recovered, manifest.version) {
            // Leaf 0 is version 1, and nothing is accepted before it.
            (None, 1) => Some(LeafIndex::new(0)),
            (Some(recovered), _) => Some(LeafIndex::new(recovered.size.get())),
            (None, _) => None,
        };
        let link = Self {
            hash: note.text_hash(),
            leaf: implied.or(bundled.leaf),
            manifest: *manifest,
            note,
        };
        match bundled.leaf {
            Some(leaf) if link.leaf != Some(leaf) => {
                Err(link.does_not_follow(format!("leaf {leaf} is not its place")))
            }
            Some(_) | None => Ok(link),
        }
    }

    fn does_not_follow(&self, what: impl Into<String>) -> BundleError {
        BundleError::DoesNotFollow {
            version: self.manifest.version,
            what: what.into(),
        }
    }
}

fn endorsed(by: &Manifest, link: &Link) -> Result<(), BundleError> {
    let version = link.manifest.version;
    by.endorses(&link.note)
        .map_err(|why| BundleError::NotEndorsed { version, why })
}

fn predecessor<'l>(links: &'l [Link], link: &Link) -> Result<&'l Link, BundleError> {
    links
        .iter()
        .find(|other| Some(other.hash) == link.manifest.previous)
        .ok_or_else(|| link.does_not_follow("the version before it is not in the bundle"))
}

/// What a version may not change, and what it must.
fn follows(before: &Link, link: &Link, first: &Link) -> Result<(), &'static str> {
    let (old, new) = (&before.manifest, &link.manifest);
    if new.header.genesis != Some(first.hash) || new.header.election != old.header.election {
        return Err("it names another election");
    }
    if Some(new.version) != old.version.checked_add(1) {
        return Err("its number is not one more than that of the version before it");
    }
    if new.kind != old.kind {
        return Err("a rehearsal stays a rehearsal, the night the night");
    }
    match &new.recovered {
        None if new.origin != old.origin => {
            return Err("only a recovery changes the origin");
        }
        Some(recovered) if recovered.origin != old.origin => {
            return Err("it recovers another log than the one before it");
        }
        Some(_) | None => {}
    }
    if let (Some(leaf), Some(earlier)) = (link.leaf, before.leaf)
        && leaf <= earlier
    {
        return Err("its leaf is not behind the one of the version before it");
    }
    if link.leaf.is_some() && before.leaf.is_none() {
        return Err("it is in force and the version before it is not");
    }
    Ok(())
}

/// Ordinals and ids are never used again: wherever one stood before, with the same origin, it
/// stood for the same node with the same keys.
fn nodes_are_never_renamed(links: &[Link], link: &Link) -> Result<(), String> {
    let lines = |manifest: &'_ Manifest| -> Vec<NodeLine> {
        manifest
            .nodes
            .iter()
            .chain(&manifest.spares)
            .cloned()
            .collect()
    };
    let now = lines(&link.manifest);
    let mut ancestor = Some(link);
    while let Some(before) = ancestor.and_then(|child| predecessor(links, child).ok()) {
        for old in lines(&before.manifest) {
            let same_origin = before.manifest.origin == link.manifest.origin;
            let reused = now.iter().find(|new| {
                if same_origin {
                    (new.ordinal == old.ordinal || new.id == old.id) && **new != old
                } else {
                    new.log.public_bytes() == old.log.public_bytes()
                        || new.cosigner.public_bytes() == old.cosigner.public_bytes()
                }
            });
            if let Some(new) = reused {
                let version = before.manifest.version;
                return Err(format!(
                    "node {} ({}) was another in version {version}",
                    new.ordinal, new.id
                ));
            }
        }
        ancestor = Some(before);
    }
    Ok(())
}

/// In one log two versions cannot stand at one leaf, nor can two be in force that follow the same
/// one.
fn one_in_force_at_a_time(links: &[Link]) -> Result<(), BundleError> {
    let in_force = || links.iter().filter(|link| link.leaf.is_some());
    for (position, link) in in_force().enumerate() {
        let later = in_force().skip(position.saturating_add(1));
        for other in later.filter(|other| other.manifest.origin == link.manifest.origin) {
            if other.leaf == link.leaf {
                return Err(other.does_not_follow("another version stands at its leaf"));
            }
            if other.manifest.previous == link.manifest.previous {
                return Err(other.does_not_follow("another in force follows the same version"));
            }
        }
    }
    Ok(())
}
