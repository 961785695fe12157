//! Every receipt that was ever believed verifies at the end, too, and its root is the final log's
//! at that size.

use client::check_receipt;
use merkle::TreeSize;

use super::{Invariant, Rest};

#[derive(Default)]
pub struct Receipts {
    evaluations: u64,
}

impl Invariant for Receipts {
    fn name(&self) -> &'static str {
        "I2 every receipt verifies"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        let states = rest.states();
        let mut looked = std::collections::BTreeSet::new();
        for promise in &rest.promises.all {
            if !looked.insert((promise.number, promise.size)) {
                continue;
            }
            self.evaluations += 1;
            let note = &rest.stage.notes[promise.number];
            let receipt = check_receipt(&rest.stage.election, note, &promise.bytes)?;
            if receipt.index().get() != promise.leaf {
                return Err(format!("note {} has two places", promise.number));
            }
            if !rest.at_rest {
                continue;
            }
            for state in &states {
                let view = ledger::View::new(&**state);
                let root = view.root_at(TreeSize::new(promise.size)).unwrap();
                if root != Some(promise.root) {
                    return Err(format!("the log has {root:?} at size {}", promise.size));
                }
            }
        }
        if rest.at_rest && rest.seen.receipted.len() != rest.stage.notes.len() {
            return Err(format!(
                "{} of {} notes have a receipt; refused: {:?}",
                rest.seen.receipted.len(),
                rest.stage.notes.len(),
                rest.seen.refused.first()
            ));
        }
        Ok(())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
