//! Conflicting reports of a unit are never silently replaced: each one recorded either stands, or
//! is what the standing one says that it supersedes, or is shown beside it.

use std::collections::BTreeSet;

use ledger::View;

use super::tally::fold;
use super::{Invariant, Rest};

#[derive(Default)]
pub struct Conflicts {
    evaluations: u64,
}

impl Invariant for Conflicts {
    fn name(&self) -> &'static str {
        "I9 conflicts are shown"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        let Some(state) = rest.states().into_iter().next() else {
            return Ok(());
        };
        let view = View::new(&*state);
        for (unit, (head, all)) in fold(&rest.leaves()) {
            let shown = view.unit(&unit).unwrap();
            let shown: BTreeSet<u64> = shown
                .iter()
                .flat_map(|unit| &unit.rivals)
                .map(|rival| rival.leaf.index.get())
                .collect();
            let mut chain = BTreeSet::from([head.hash]);
            let mut behind = head.supersedes;
            while let Some(hash) = behind {
                chain.insert(hash);
                let found = all.iter().find(|stands| stands.hash == hash);
                behind = found.and_then(|stands| stands.supersedes);
            }
            for stands in &all {
                self.evaluations += 1;
                if !chain.contains(&stands.hash) && !shown.contains(&stands.index) {
                    return Err(format!("unit {unit}: leaf {} is not shown", stands.index));
                }
            }
        }
        Ok(())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
