//! The policies that follow from a manifest.
//!
//! Quorums count the `node` lines of the version in force, never consensus's voters: receipt level
//! is a majority of them, final level the strong quorum and one outside witness.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::{Group, Needed, Policy, PolicyLog, PolicyWitness, Quorum};
use crate::manifest::Manifest;

const NODES: &str = "nodes";
const OUTSIDE: &str = "outside";
const FINAL: &str = "final";

impl Policy {
    /// Receipt level: a majority of the nodes.
    pub fn receipt_for(manifest: &Manifest) -> Self {
        let nodes = nodes(manifest, manifest.receipt_quorum());
        Self::of(manifest, [nodes].into(), NODES)
    }

    /// Final level: floor((n + f) / 2) + 1 of the nodes and one outside witness. None where the
    /// manifest names no outside witness, for then no checkpoint can reach it.
    pub fn final_for(manifest: &Manifest) -> Option<Self> {
        if manifest.witnesses.is_empty() {
            return None;
        }
        let witnesses = manifest
            .witnesses
            .iter()
            .map(|witness| witness.id.to_string());
        let outside = Group {
            name: OUTSIDE.to_string(),
            needed: Needed::Any,
            members: witnesses.collect(),
        };
        let both = Group {
            name: FINAL.to_string(),
            needed: Needed::All,
            members: [NODES.to_string(), OUTSIDE.to_string()].into(),
        };
        let nodes = nodes(manifest, manifest.final_quorum());
        Some(Self::of(manifest, [nodes, outside, both].into(), FINAL))
    }

    /// The file whose hash stands behind `policy final`.
    ///
    /// A policy that nothing can meet cannot be written in this format: a group needs members. So
    /// where there is no outside witness the file names the keys and the nodes' group and leaves
    /// the `quorum` line away, which every reader refuses, and says why in a comment.
    pub fn final_file(manifest: &Manifest) -> String {
        if let Some(policy) = Self::final_for(manifest) {
            return policy.to_string();
        }
        let nodes = nodes(manifest, manifest.final_quorum());
        let open = Self::of(manifest, Vec::new(), NODES);
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = open.write_keys(&mut text);
        let _ = write!(text, "{nodes}");
        text.push_str("# no outside witness is named, so nothing reaches final level\n");
        text
    }

    fn of(manifest: &Manifest, groups: Vec<Group>, quorum: &str) -> Self {
        let nodes = manifest.nodes.iter().map(|node| (&node.id, &node.cosigner));
        let outside = manifest
            .witnesses
            .iter()
            .map(|witness| (&witness.id, &witness.key));
        let logs = manifest.nodes.iter().map(|node| node.log.clone());
        Self {
            logs: logs.map(|key| PolicyLog { key, url: None }).collect(),
            witnesses: nodes
                .chain(outside)
                .map(|(id, key)| PolicyWitness {
                    name: id.to_string(),
                    key: key.clone(),
                    url: None,
                })
                .collect(),
            groups,
            quorum: Quorum::Named(quorum.to_string()),
        }
    }
}

fn nodes(manifest: &Manifest, count: usize) -> Group {
    Group {
        name: NODES.to_string(),
        needed: Needed::Count(count),
        members: manifest
            .nodes
            .iter()
            .map(|node| node.id.to_string())
            .collect(),
    }
}
