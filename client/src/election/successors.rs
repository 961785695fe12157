//! The versions that the authority signs before the night, one for each replacement that may be
//! needed: each node by each spare, and behind each of those each replacement once more.
//!
//! A successor says nothing else than which node goes and which spare comes, so that whatever
//! leaves have changed in the meantime persists.

use caucus::SubmissionId;
use note::UnixSeconds;
use receipt::{Effect, Manifest, NodeId, NodeLine};

use super::draft::{Before, check_text, genesis, name_policies};
use super::make::Error;
use crate::random::Random;

/// One version that waits for its activation.
#[derive(Debug, Clone)]
pub struct Successor {
    /// Which node goes and which spare comes, in order.
    pub swaps: Vec<(NodeId, NodeId)>,
    /// What it says.
    pub content: Manifest,
    /// Its policy file of receipt level.
    pub receipt_policy: String,
    /// Its policy file of final level.
    pub final_policy: String,
}

impl Successor {
    /// What its files are called: the version, then who goes and who comes.
    pub fn name(&self) -> String {
        let swaps = self.swaps.iter().map(|(out, by)| format!("-{out}-by-{by}"));
        std::iter::once(self.content.version.to_string())
            .chain(swaps)
            .collect()
    }
}

/// Every successor of a version, `deep` replacements in a row; the order is that of the ordinals.
pub fn successors(
    before: Before<'_>,
    deep: u8,
    random: &mut impl Random,
    now: UnixSeconds,
) -> Result<Vec<Successor>, Error> {
    let mut all = Vec::new();
    follow(before, &[], deep, random, now, &mut all)?;
    Ok(all)
}

fn follow(
    before: Before<'_>,
    swaps: &[(NodeId, NodeId)],
    deep: u8,
    random: &mut impl Random,
    now: UnixSeconds,
    all: &mut Vec<Successor>,
) -> Result<(), Error> {
    let Some(deeper) = deep.checked_sub(1) else {
        return Ok(());
    };
    let genesis = genesis(&before);
    for out in &before.manifest.nodes {
        for by in &before.manifest.spares {
            let mut content = replaced(before.manifest, out, by);
            content.header.genesis = Some(genesis);
            content.header.id = SubmissionId::from_bytes(random.id());
            content.header.time = now;
            content.version = before.manifest.version.saturating_add(1);
            content.previous = Some(before.hash);
            content.effect = Effect::OnceActivated;
            let [receipt_policy, final_policy] = name_policies(&mut content);
            check_text(&content)?;
            let swaps = [swaps, &[(out.id.clone(), by.id.clone())]].concat();
            let next = Before {
                manifest: &content,
                hash: merkle::sha256(content.text().as_bytes()),
            };
            all.push(Successor {
                swaps: swaps.clone(),
                content: content.clone(),
                receipt_policy,
                final_policy,
            });
            follow(next, &swaps, deeper, random, now, all)?;
        }
    }
    Ok(())
}

/// The manifest with one node gone for good and one spare in its stead.
fn replaced(manifest: &Manifest, out: &NodeLine, by: &NodeLine) -> Manifest {
    let mut content = manifest.clone();
    content.recovered = None;
    content.lost = Vec::new();
    content.nodes.retain(|node| node != out);
    content.nodes.push(by.clone());
    content.nodes.sort_by_key(|node| node.ordinal);
    content.spares.retain(|spare| spare != by);
    content
}
