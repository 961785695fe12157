//! All nodes have the same state, byte for byte: tallies, tree, the texts known, digests. And the
//! ledger's own invariants hold in each.

use std::collections::BTreeMap;

use ledger::View;
use replica::seams::State as _;

use super::{Invariant, Rest};
use crate::cluster::Cluster;

/// Root and digest of the side state after each applied entry, by the first node seen there.
#[derive(Default)]
pub struct Identical {
    evaluations: u64,
    known: BTreeMap<u64, (merkle::Hash, merkle::Hash)>,
    /// Where each node was when it was looked at last.
    seen: BTreeMap<u64, u64>,
}

impl Invariant for Identical {
    fn name(&self) -> &'static str {
        "I5 states are identical"
    }

    fn watch(&mut self, cluster: &Cluster) -> Result<(), String> {
        for node in cluster.up() {
            let Some(replica) = cluster.place(node).replica() else {
                continue;
            };
            let Some(index) = replica.applied_watch().borrow().log_index else {
                continue;
            };
            if self.seen.insert(node, index) == Some(index) {
                continue;
            }
            let view = View::new(&**replica.state());
            let digest = (view.root().unwrap(), view.side_digest().unwrap());
            self.evaluations += 1;
            let known = *self.known.entry(index).or_insert(digest);
            if known != digest {
                return Err(format!("node {node} differs after entry {index}"));
            }
        }
        Ok(())
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        if !rest.at_rest {
            return Ok(());
        }
        let states = rest.states();
        let Some(first) = states.first() else {
            return Err("no node is up".to_owned());
        };
        let (rows, label) = (first.rows(), first.applied().unwrap());
        for state in &states {
            self.evaluations += 1;
            if state.rows() != rows || state.applied().unwrap() != label {
                return Err("two nodes at one position have different rows".to_owned());
            }
        }
        ledger::check(&rows).map_err(|broken| broken.to_string())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
