//! No acknowledged submission is lost: it is in every node's log, at the place that was named.

use ledger::View;
use merkle::LeafIndex;
use tests::history::{What, Written};

use super::{Invariant, Rest};

#[derive(Default)]
pub struct Acknowledged {
    evaluations: u64,
}

impl Invariant for Acknowledged {
    fn name(&self) -> &'static str {
        "I1 no acknowledged submission is lost"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        if !rest.at_rest {
            return Ok(());
        }
        for state in rest.states() {
            let view = View::new(&*state);
            for op in &rest.seen.ops {
                let What::Write {
                    id,
                    written: Written::At(leaf),
                } = &op.what
                else {
                    continue;
                };
                self.evaluations += 1;
                let there = view.leaf(LeafIndex::new(*leaf)).unwrap();
                if there.as_deref() != Some(rest.stage.notes[*id as usize].bytes()) {
                    return Err(format!("note {id}, acknowledged as leaf {leaf}"));
                }
            }
        }
        Ok(())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
