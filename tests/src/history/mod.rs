//! Whether what clients saw can have happened in one order: the log's.
//!
//! In general that question is hard. Here it is not, because the order can be seen: every note has
//! one place in the log, and every read says how many leaves it saw. The history is linearizable
//! exactly if no operation had returned before one was invoked that stands earlier in that order.
//! One pass over the log tells, in time n log n.
//!
//! A refusal says that the note was no leaf by then, and no more: another sending of the same note
//! may be recorded later. So a refused sending stands anywhere before the leaf.
//!
//! There are three answers. *Unknown* is one of them: a history whose log is not there, or ends
//! before what was acknowledged can be looked up, or in which nothing was shown to anybody, is not
//! called right.
//!
//! `tests.rs` holds this checker against one of another author, which searches.

use std::collections::{BTreeMap, BTreeSet};

/// One operation of one client, with its times on a clock that all clients share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Who.
    pub client: u64,
    /// When it was invoked.
    pub invoked: u64,
    /// When it returned; `None` where nobody knows what became of it.
    pub returned: Option<u64>,
    /// What it was.
    pub what: What,
}

/// What an operation was and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A note to be recorded. The same note may be written many times and is one leaf.
    Write {
        /// The note.
        id: u64,
        /// What became of it.
        written: Written,
    },
    /// The size of the tree, and its root.
    Read {
        /// Leaves.
        size: u64,
        /// The root over them.
        root: Vec<u8>,
    },
}

/// What became of a write, as its client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is this leaf.
    At(u64),
    /// It was refused: it was no leaf then, and by this sending it will never be one.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// The log as it ended.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The notes in order; `None` for a leaf that no client wrote.
    pub leaves: Vec<Option<u64>>,
    /// The root of every size from 0 on, where known.
    pub roots: Vec<Vec<u8>>,
}

/// The checker's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order, shown for so many operations.
    Ok(usize),
    /// There is none, and this is why.
    Violated(String),
    /// It cannot be told, and this is why.
    Unknown(String),
}

/// Checks `ops` against the log.
pub fn check(ops: &[Op], log: &Log) -> Verdict {
    let leaves = log.leaves.iter().zip(0..);
    let leaves: BTreeMap<u64, u64> = leaves
        .filter_map(|(id, leaf)| id.map(|id| (id, leaf)))
        .collect();
    if let Some(why) = undecided(ops) {
        return Verdict::Unknown(why);
    }
    let mut points = Vec::new();
    for op in ops {
        match place(op, log, &leaves) {
            Ok(point) => points.extend(point),
            Err(verdict) => return verdict,
        }
    }
    if let Some(twice) = repeated(&log.leaves) {
        return Verdict::Violated(format!("note {twice} is two leaves"));
    }
    let firsts = first_writes(&points);
    let unwritten = log
        .leaves
        .iter()
        .flatten()
        .find(|id| !firsts.contains_key(*id));
    if let Some(id) = unwritten {
        return Verdict::Violated(format!("note {id} is a leaf and nobody had sent it"));
    }
    ordered(points, &firsts)
}

/// Why nothing can be told from this history, if so.
fn undecided(ops: &[Op]) -> Option<String> {
    let shown = ops.iter().any(|op| match &op.what {
        What::Read { size, .. } => *size > 0,
        What::Write { written, .. } => matches!(written, Written::At(_)),
    });
    if !shown {
        return Some("nobody was shown a leaf".to_owned());
    }
    let backwards = ops
        .iter()
        .find(|op| op.returned.is_some_and(|returned| returned < op.invoked));
    backwards.map(|op| format!("the clock of client {} went back", op.client))
}

/// An operation's place in the order: after so many leaves, with what it needs.
struct Point {
    rank: u64,
    invoked: u64,
    returned: Option<u64>,
    writes: Option<u64>,
}

/// Where an operation stands in the log's order; nothing for one that left no trace.
fn place(op: &Op, log: &Log, leaves: &BTreeMap<u64, u64>) -> Result<Option<Point>, Verdict> {
    let size = u64::try_from(log.leaves.len()).unwrap_or(u64::MAX);
    let point = |rank, writes, returned| Point {
        rank,
        invoked: op.invoked,
        returned,
        writes,
    };
    match &op.what {
        What::Read { size: seen, root } => {
            if *seen > size {
                return Err(Verdict::Unknown(format!(
                    "a read saw {seen} leaves, and the log at hand has {size}"
                )));
            }
            match usize::try_from(*seen)
                .ok()
                .and_then(|seen| log.roots.get(seen))
            {
                Some(known) if known == root => {}
                Some(_) => {
                    return Err(Verdict::Violated(format!(
                        "a read saw another root over {seen} leaves"
                    )));
                }
                None => {
                    return Err(Verdict::Unknown(format!("no root is known at {seen}")));
                }
            }
            // After the leaf before, and before the one that follows.
            Ok(Some(point(seen.saturating_mul(2), None, op.returned)))
        }
        What::Write { id, written } => {
            let leaf = leaves.get(id).copied();
            match (written, leaf) {
                (Written::At(named), None) if *named >= size => Err(Verdict::Unknown(format!(
                    "note {id} is said to be leaf {named}, and the log at hand has {size}"
                ))),
                (Written::At(named), leaf) if leaf != Some(*named) => Err(Verdict::Violated(
                    format!("note {id} was acknowledged as leaf {named} and is {leaf:?}"),
                )),
                (Written::At(_) | Written::Unknown, Some(leaf)) => Ok(Some(point(
                    leaf.saturating_mul(2).saturating_add(1),
                    Some(*id),
                    op.returned,
                ))),
                // As early as its sender allows, so its answer binds nothing: but whatever shows
                // the leaf may not have returned before the note was sent and refused.
                (Written::Refused, Some(leaf)) => {
                    Ok(Some(point(leaf.saturating_mul(2), None, None)))
                }
                (Written::At(_) | Written::Refused | Written::Unknown, _) => Ok(None),
            }
        }
    }
}

fn repeated(leaves: &[Option<u64>]) -> Option<u64> {
    let mut seen = BTreeSet::new();
    leaves
        .iter()
        .flatten()
        .find(|id| !seen.insert(**id))
        .copied()
}

/// When each note was sent first.
fn first_writes(points: &[Point]) -> BTreeMap<u64, u64> {
    let mut firsts = BTreeMap::new();
    for point in points {
        if let Some(id) = point.writes {
            let first = firsts.entry(id).or_insert(point.invoked);
            *first = point.invoked.min(*first);
        }
    }
    firsts
}

/// No operation may have returned before one that stands earlier was invoked.
fn ordered(mut points: Vec<Point>, firsts: &BTreeMap<u64, u64>) -> Verdict {
    let count = points.len();
    points.sort_by_key(|point| point.rank);
    let mut latest = 0;
    let mut next = points.as_slice();
    while let Some(first) = next.first() {
        let many = next
            .iter()
            .take_while(|point| point.rank == first.rank)
            .count();
        let (class, rest) = next.split_at(many);
        next = rest;
        for point in class {
            // A note that was sent again stands where it was first recorded, so only its first
            // sending binds what comes later; each of its answers is bound by what came before.
            let begun = match point.writes {
                Some(id) => firsts.get(&id).copied().unwrap_or(point.invoked),
                None => point.invoked,
            };
            let earliest = if point.writes.is_some() {
                begun.max(latest)
            } else {
                latest
            };
            if point.returned.is_some_and(|returned| returned < earliest) {
                return Verdict::Violated(format!(
                    "what returned at {:?} stands behind what was invoked at {earliest} only",
                    point.returned
                ));
            }
        }
        let begun = class.iter().map(|point| match point.writes {
            Some(id) => firsts.get(&id).copied().unwrap_or(point.invoked),
            None => point.invoked,
        });
        latest = latest.max(begun.max().unwrap_or(0));
    }
    Verdict::Ok(count)
}

#[cfg(test)]
mod tests;
