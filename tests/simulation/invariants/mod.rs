//! What must hold, one file each: some are looked at while a run goes on, all when it is at rest.

mod acknowledged;
mod conflicts;
mod flushed;
mod identical;
mod linear;
mod once;
mod order;
mod receipts;
mod roots;
mod tally;

use crate::chairs::Seen;
use crate::cluster::Cluster;
use crate::place::Line;
use crate::promises::Promises;
use crate::sim::disk::SimState;
use crate::stage::Stage;

/// Something that must hold.
pub trait Invariant {
    /// Its number in the test plan, and what it says.
    fn name(&self) -> &'static str;

    /// Looks at the cluster while it runs.
    fn watch(&mut self, _cluster: &Cluster) -> Result<(), String> {
        Ok(())
    }

    /// Looks at everything when the run is over.
    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String>;

    /// How often it was evaluated.
    fn evaluations(&self) -> u64;
}

/// A run that is over.
pub struct Rest<'a> {
    /// The election.
    pub stage: &'a Stage,
    /// The nodes.
    pub cluster: &'a Cluster,
    /// What clients saw.
    pub seen: &'a Seen,
    /// What they were promised.
    pub promises: &'a Promises,
    /// What the nodes did.
    pub lines: &'a [Line],
    /// Whether the cluster came to rest; if not, the nodes need not agree.
    pub at_rest: bool,
}

impl Rest<'_> {
    /// The states of all nodes that are up.
    pub fn states(&self) -> Vec<std::sync::Arc<SimState>> {
        let up = self.cluster.up().into_iter();
        up.filter_map(|node| self.cluster.place(node).replica())
            .map(|replica| std::sync::Arc::clone(replica.state()))
            .collect()
    }

    /// The leaves of a node that is up.
    pub fn leaves(&self) -> Vec<Vec<u8>> {
        let Some(state) = self.states().into_iter().next() else {
            return Vec::new();
        };
        let view = ledger::View::new(&*state);
        let size = view.tree_size().unwrap().get();
        let leaf = |index| view.leaf(merkle::LeafIndex::new(index)).unwrap().unwrap();
        (0..size).map(leaf).collect()
    }
}

/// All of them.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(acknowledged::Acknowledged::default()),
        Box::new(receipts::Receipts::default()),
        Box::new(flushed::Flushed::default()),
        Box::new(roots::Roots::default()),
        Box::new(linear::Linear::default()),
        Box::new(identical::Identical::default()),
        Box::new(once::Once::default()),
        Box::new(tally::Tally::default()),
        Box::new(order::Order::default()),
        Box::new(conflicts::Conflicts::default()),
    ]
}
