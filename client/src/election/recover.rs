//! The version that goes on from a lost log: made from the last version that the recovered leaves
//! contain, under a new origin, with new nodes. Pure: the authority signs its text elsewhere.

use merkle::{Frontier, leaf_hash, sha256};
use note::{Origin, UnixSeconds};
use receipt::{Effect, Election, Header, Leaf, Manifest, NodeLine, Recovered};

use super::draft::name_policies;
use crate::random::Random;

/// A recovering version with the two policy files that follow from its keys.
#[derive(Debug, Clone)]
pub struct Recovering {
    /// The version, unsigned.
    pub manifest: Manifest,
    /// Its policy files: receipt level, final level.
    pub policies: [String; 2],
}

/// Why there is no such version.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The leaves do not begin with this election's first manifest.
    #[error("the recovered leaves do not begin with the first manifest of this election")]
    OtherElection,
    /// The new origin is the old one, or another version's.
    #[error("`{0}` is the name of a log of this election already; a recovered log has a new one")]
    OldOrigin(Origin),
}

/// Makes the version that goes on from these leaves.
///
/// The version before it is the last manifest among the leaves. Versions of the bundle that were
/// in force behind them are named as lost.
pub fn recovering<L: AsRef<[u8]>>(
    election: &Election,
    leaves: &[L],
    origin: Origin,
    nodes: Vec<NodeLine>,
    random: &mut impl Random,
    now: UnixSeconds,
) -> Result<Recovering, RecoverError> {
    let mut frontier = Frontier::new();
    let mut last = None;
    for leaf in leaves {
        frontier.push(leaf_hash(leaf.as_ref()));
        if let Ok((Leaf::Manifest(manifest), _)) = Leaf::parse_entry(leaf.as_ref()) {
            last = Some(*manifest);
        }
    }
    let before = last
        .filter(|manifest| manifest.genesis() == *election.genesis())
        .ok_or(RecoverError::OtherElection)?;
    let used = |version: &receipt::Version| version.manifest().origin == origin;
    if election.versions().iter().any(used) {
        return Err(RecoverError::OldOrigin(origin));
    }
    let text = before.text();
    let size = frontier.size();
    let lost = |version: &&receipt::Version| {
        let behind = version.leaf().is_some_and(|leaf| leaf.get() >= size.get());
        behind && version.manifest().origin == before.origin
    };
    let mut lost: Vec<_> = election
        .versions()
        .iter()
        .filter(lost)
        .map(|version| *version.hash())
        .collect();
    lost.sort_by_key(note::b64::encode_hash);
    let mut manifest = Manifest {
        header: Header {
            genesis: Some(*election.genesis()),
            id: caucus::SubmissionId::from_bytes(random.id()),
            time: now,
            ..before.header.clone()
        },
        version: before.version.saturating_add(1),
        previous: Some(sha256(text.as_bytes())),
        effect: Effect::WithItsLeaf,
        recovered: Some(Recovered {
            origin: before.origin.clone(),
            size,
            root: frontier.root(),
        }),
        lost,
        origin,
        nodes,
        spares: Vec::new(),
        ..before
    };
    let policies = name_policies(&mut manifest);
    Ok(Recovering { manifest, policies })
}
