//! Exactly once: whatever is sent again is one leaf, and every answer to it names that leaf.

use std::collections::BTreeMap;

use tests::history::{What, Written};

use super::{Invariant, Rest};

#[derive(Default)]
pub struct Once {
    evaluations: u64,
}

impl Invariant for Once {
    fn name(&self) -> &'static str {
        "I6 a note is one leaf"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        let mut named = BTreeMap::new();
        for op in &rest.seen.ops {
            if let What::Write {
                id,
                written: Written::At(leaf),
            } = op.what
            {
                self.evaluations += 1;
                if *named.entry(id).or_insert(leaf) != leaf {
                    return Err(format!("note {id} was acknowledged as two leaves"));
                }
            }
        }
        if let Some((number, why)) = rest.seen.refused.first() {
            return Err(format!("note {number}, which is valid, was refused: {why}"));
        }
        let leaves = rest.leaves();
        let different: std::collections::BTreeSet<_> = leaves.iter().collect();
        self.evaluations += 1;
        if different.len() != leaves.len() {
            return Err(format!(
                "{} leaves, {} different ones",
                leaves.len(),
                different.len()
            ));
        }
        if rest.at_rest && leaves.len() != rest.stage.notes.len() {
            return Err(format!(
                "{} leaves of {} notes",
                leaves.len(),
                rest.stage.notes.len()
            ));
        }
        Ok(())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
