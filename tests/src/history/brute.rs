//! The same question answered the slow way: every order that the times allow is tried, on a model
//! that does what one faultless node would. It shares no rule with the checker above, only its
//! types, and is there to be compared with it on small histories.

use super::{Log, Op, What, Written};

/// Whether there is an order in which a single node would have given these answers and ended with
/// this log. The root over a prefix is what `root` makes of it.
pub fn linearizable(ops: &[Op], log: &Log, root: &dyn Fn(&[u64]) -> Vec<u8>) -> bool {
    let Some(end) = log.leaves.iter().copied().collect::<Option<Vec<u64>>>() else {
        return false;
    };
    let mut search = Search {
        ops,
        end,
        root,
        done: vec![false; ops.len()],
        model: Vec::new(),
    };
    search.any()
}

struct Search<'a> {
    ops: &'a [Op],
    end: Vec<u64>,
    root: &'a dyn Fn(&[u64]) -> Vec<u8>,
    done: Vec<bool>,
    model: Vec<u64>,
}

impl Search<'_> {
    fn any(&mut self) -> bool {
        if self.settled() && self.model == self.end {
            return true;
        }
        for next in 0..self.ops.len() {
            if self.may_come(next) {
                let before = self.model.clone();
                if self.step(next) {
                    self.mark(next, true);
                    if self.any() {
                        return true;
                    }
                    self.mark(next, false);
                }
                self.model = before;
            }
        }
        false
    }

    /// Whether every operation that gave an answer has taken place.
    fn settled(&self) -> bool {
        let mut ops = self.ops.iter().zip(&self.done);
        ops.all(|(op, done)| *done || op.returned.is_none())
    }

    /// Whether nothing that is still to come had returned before this one was invoked.
    fn may_come(&self, next: usize) -> bool {
        let Some(op) = self.ops.get(next) else {
            return false;
        };
        if self.done.get(next) == Some(&true) {
            return false;
        }
        let mut others = self.ops.iter().zip(&self.done);
        !others.any(|(other, done)| {
            !done && other.returned.is_some_and(|returned| returned < op.invoked)
        })
    }

    fn mark(&mut self, at: usize, done: bool) {
        if let Some(mark) = self.done.get_mut(at) {
            *mark = done;
        }
    }

    /// Does one operation on the model; false when a faultless node would have said otherwise.
    fn step(&mut self, next: usize) -> bool {
        let Some(op) = self.ops.get(next) else {
            return false;
        };
        match &op.what {
            What::Read { size, root } => {
                u64::try_from(self.model.len()) == Ok(*size) && *root == (self.root)(&self.model)
            }
            What::Write {
                written: Written::Refused,
                id,
            } => !self.end.contains(id),
            What::Write { id, written } => {
                let known = self.model.iter().position(|known| known == id);
                let leaf = known.unwrap_or_else(|| {
                    self.model.push(*id);
                    self.model.len().saturating_sub(1)
                });
                match written {
                    Written::At(named) => u64::try_from(leaf) == Ok(*named),
                    Written::Unknown | Written::Refused => true,
                }
            }
        }
    }
}
