//! No two roots for one size: among all that was cosigned, read, or put into a receipt.

use std::collections::BTreeMap;

use tests::history::What;

use super::{Invariant, Rest};

#[derive(Default)]
pub struct Roots {
    evaluations: u64,
}

impl Invariant for Roots {
    fn name(&self) -> &'static str {
        "I3 no two roots for one size"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        let mut roots: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let signed = rest.cluster.places.iter().flat_map(|place| {
            let signed = place.signed.lock().unwrap();
            signed.clone()
        });
        let promised = rest.promises.all.iter();
        let promised = promised.map(|promise| (promise.size, promise.root.as_bytes().to_vec()));
        let read = rest.seen.ops.iter().filter_map(|op| match &op.what {
            What::Read { size, root } => Some((*size, root.clone())),
            What::Write { .. } => None,
        });
        for (size, root) in signed.chain(promised).chain(read) {
            self.evaluations += 1;
            let known = roots.entry(size).or_insert_with(|| root.clone());
            if *known != root {
                return Err(format!("two roots over {size} leaves"));
            }
        }
        Ok(())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
