//! Which report stands for a unit is what a plain fold over the log says: fifty lines that share
//! nothing with the ledger but the notes' grammar.

use std::collections::BTreeMap;

use caucus::UnitId;
use ledger::View;
use merkle::{LeafHash, leaf_hash};
use receipt::Leaf;

use super::{Invariant, Rest};

/// The head of a unit, by the fold.
#[derive(Clone, Debug)]
pub struct Stands {
    /// Its leaf's hash.
    pub hash: LeafHash,
    /// Its place.
    pub index: u64,
    /// Its number in its chain.
    pub seq: u64,
    /// What it says that it supersedes.
    pub supersedes: Option<LeafHash>,
}

/// All submissions of a log by unit in the log's order, and the one that stands.
pub fn fold(leaves: &[Vec<u8>]) -> BTreeMap<UnitId, (Stands, Vec<Stands>)> {
    let mut units: BTreeMap<UnitId, (Stands, Vec<Stands>)> = BTreeMap::new();
    for (bytes, index) in leaves.iter().zip(0..) {
        let Ok((Leaf::Submission(submission), _)) = Leaf::parse_entry(bytes) else {
            continue;
        };
        let arrived = Stands {
            hash: leaf_hash(bytes),
            index,
            seq: submission.seq,
            supersedes: submission.supersedes,
        };
        match units.get_mut(&submission.unit) {
            None => {
                let first = (arrived.clone(), vec![arrived]);
                units.insert(submission.unit.clone(), first);
            }
            Some((head, all)) => {
                // The next in the chain takes the head; everything else is beside it.
                if arrived.supersedes == Some(head.hash) && arrived.seq == head.seq + 1 {
                    *head = arrived.clone();
                }
                all.push(arrived);
            }
        }
    }
    units
}

#[derive(Default)]
pub struct Tally {
    evaluations: u64,
}

impl Invariant for Tally {
    fn name(&self) -> &'static str {
        "I7 the tally is the fold of the log"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        let units = fold(&rest.leaves());
        let Some(state) = rest.states().into_iter().next() else {
            return Ok(());
        };
        let view = View::new(&*state);
        for (unit, (head, _)) in &units {
            self.evaluations += 1;
            let there = view.head(unit).unwrap();
            if there.map(|there| there.index.get()) != Some(head.index) {
                return Err(format!(
                    "unit {unit}: leaf {} stands by the fold, {there:?} in the ledger",
                    head.index
                ));
            }
        }
        let reported = view.counts().unwrap().reported;
        if reported != units.len() as u64 {
            return Err(format!(
                "{} units by the fold, {reported} in the ledger",
                units.len()
            ));
        }
        Ok(())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
