//! Writes and default reads are linearizable, by the checker of `tests::history`.

use ledger::View;
use merkle::TreeSize;
use tests::history::{Log, Verdict, check};

use super::{Invariant, Rest};

#[derive(Default)]
pub struct Linear {
    evaluations: u64,
}

impl Invariant for Linear {
    fn name(&self) -> &'static str {
        "I4 the history is linearizable"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        if !rest.at_rest {
            return Ok(());
        }
        let Some(state) = rest.states().into_iter().next() else {
            return Err("unknown: no node is up".to_owned());
        };
        let view = View::new(&*state);
        let leaves: Vec<_> = rest
            .leaves()
            .iter()
            .map(|leaf| rest.stage.numbers.get(leaf).map(|number| *number as u64))
            .collect();
        let size = leaves.len() as u64;
        let root = |size| {
            let root = view.root_at(TreeSize::new(size)).unwrap();
            root.map(|root| root.as_bytes().to_vec())
        };
        let roots = (0..=size).map(|size| root(size).unwrap_or_default());
        let log = Log {
            roots: roots.collect(),
            leaves,
        };
        self.evaluations += rest.seen.ops.len() as u64;
        match check(&rest.seen.ops, &log) {
            Verdict::Ok(_) => Ok(()),
            Verdict::Violated(why) => Err(why),
            Verdict::Unknown(why) => Err(format!("unknown: {why}")),
        }
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
