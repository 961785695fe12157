//! The rules. Each is a sentence; the first line that breaks one is named with it.

use std::collections::{BTreeMap, BTreeSet};

use super::line::Line;

/// A rule that a trace breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {found} (node {}, incarnation {}, at {} µs, `{}`)", .line.node, .line.incarnation, .line.at, .line.event)]
pub struct Broken {
    /// The rule.
    pub rule: &'static str,
    /// What was found instead.
    pub found: String,
    /// The line.
    pub line: Box<Line>,
}

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Lines.
    pub lines: u64,
    /// Times a rule was applied.
    pub evaluations: u64,
    /// Lines by event.
    pub events: BTreeMap<String, u64>,
}

/// What is known of one node.
#[derive(Clone, Debug, Default)]
struct Node {
    incarnation: u64,
    /// The term and the node of its highest vote, across its incarnations.
    vote: Option<(u64, u64)>,
    last: Option<u64>,
    flushed: Option<u64>,
    /// What it has said to be committed, in this incarnation: a node that starts applies what it
    /// had noted before, and says nothing of it.
    committed: Option<u64>,
    /// What it may not drop: said to be committed at any time.
    bound: Option<u64>,
    applied: Option<u64>,
    size: u64,
    snapshot: Option<u64>,
    purged: Option<u64>,
    cosigned: u64,
}

/// Checks lines one after the other.
#[derive(Debug)]
pub struct Checker {
    majority: usize,
    nodes: BTreeMap<u64, Node>,
    /// Who voted, by term and node.
    votes: BTreeMap<(u64, u64), BTreeSet<u64>>,
    /// The term in which each index was committed.
    committed: BTreeMap<u64, u64>,
    /// Tree size after each applied index.
    sizes: BTreeMap<u64, u64>,
    /// Root of each cosigned size.
    roots: BTreeMap<u64, u64>,
    checked: Checked,
}

impl Checker {
    /// For `voters` voting nodes.
    pub fn new(voters: usize) -> Self {
        Self {
            majority: voters / 2 + 1,
            nodes: BTreeMap::new(),
            votes: BTreeMap::new(),
            committed: BTreeMap::new(),
            sizes: BTreeMap::new(),
            roots: BTreeMap::new(),
            checked: Checked::default(),
        }
    }

    /// What was checked so far.
    pub fn checked(&self) -> Checked {
        self.checked.clone()
    }

    /// Takes the next line.
    pub fn take(&mut self, line: &Line) -> Result<(), Broken> {
        self.checked.lines += 1;
        *self.checked.events.entry(line.event.clone()).or_default() += 1;
        let mut node = self.nodes.remove(&line.node).unwrap_or_default();
        let taken = self.event(line, &mut node);
        self.nodes.insert(line.node, node);
        taken
    }

    fn hold(
        &mut self,
        line: &Line,
        rule: &'static str,
        holds: bool,
        found: impl FnOnce() -> String,
    ) -> Result<(), Broken> {
        self.checked.evaluations += 1;
        if holds {
            return Ok(());
        }
        Err(Broken {
            rule,
            found: found(),
            line: Box::new(line.clone()),
        })
    }

    fn event(&mut self, line: &Line, node: &mut Node) -> Result<(), Broken> {
        let index = line.number("index");
        let term = line.number("term").unwrap_or_default();
        match line.event.as_str() {
            "started" => self.started(line, node),
            "voted" => self.voted(line, node, term),
            "leads" => self.leads(line, term),
            "appended" => {
                node.last = node.last.max(index);
                Ok(())
            }
            "flushed" => {
                node.flushed = node.flushed.max(index);
                let last = node.last;
                self.hold(line, "what is flushed was appended", index <= last, || {
                    format!("{last:?} is the last")
                })
            }
            "truncated" => {
                let committed = node.bound;
                node.last = node.last.min(index);
                node.flushed = node.flushed.min(index);
                self.hold(
                    line,
                    "what is committed is not dropped",
                    committed.is_none() || index >= committed,
                    || format!("{committed:?} is committed"),
                )
            }
            "purged" => {
                let snapshot = node.snapshot;
                node.purged = node.purged.max(index);
                self.hold(line, "purged ≤ snapshot", index <= snapshot, || {
                    format!("{snapshot:?} is the snapshot")
                })
            }
            "committed" => self.committed(line, node, index, term),
            "applied" => self.applied(line, node, index),
            "answered" => self.answered(line, node, index),
            "snapshot" => {
                let applied = node.applied;
                node.snapshot = node.snapshot.max(index);
                self.hold(line, "snapshot ≤ applied", index <= applied, || {
                    format!("{applied:?} is applied")
                })
            }
            "installed" => self.installed(line, node, index),
            "cosigned" => self.cosigned(line, node),
            other => self.hold(line, "an event is one of those known", false, || {
                format!("`{other}`")
            }),
        }
    }

    fn started(&mut self, line: &Line, node: &mut Node) -> Result<(), Broken> {
        let (applied, last) = (line.number("applied"), line.number("last"));
        let has = applied.max(last);
        let flushed = node.flushed.max(node.snapshot);
        let (before, now) = (node.incarnation, line.incarnation);
        self.hold(line, "incarnations ascend", now > before, || {
            format!("incarnation {before} was before")
        })?;
        self.hold(
            line,
            "a node comes back with what it had flushed",
            has >= flushed,
            || format!("{flushed:?} was flushed, {has:?} is there"),
        )?;
        *node = Node {
            incarnation: now,
            vote: node.vote,
            last: has,
            flushed: has,
            committed: None,
            bound: node.bound.max(applied),
            applied,
            size: 0,
            snapshot: applied.max(node.snapshot),
            purged: node.purged,
            cosigned: node.cosigned,
        };
        Ok(())
    }

    /// Leadership is ordered by term and then by node, and a vote only rises in that order. So a
    /// node may vote twice in a term, for a higher node the second time.
    fn voted(&mut self, line: &Line, node: &mut Node, term: u64) -> Result<(), Broken> {
        let vote = (term, line.number("for").unwrap_or_default());
        let before = node.vote;
        node.vote = before.max(Some(vote));
        self.hold(line, "a vote never falls", Some(vote) >= before, || {
            format!("{before:?} was before")
        })?;
        // That another leads is learnt, not voted for.
        if line.number("committed") != Some(1) {
            self.votes.entry(vote).or_default().insert(line.node);
        }
        Ok(())
    }

    fn leads(&mut self, line: &Line, term: u64) -> Result<(), Broken> {
        let votes = self.votes.get(&(term, line.node));
        let votes = votes.map_or(0, BTreeSet::len);
        let majority = self.majority;
        self.hold(
            line,
            "whoever leads has a majority's votes",
            votes >= majority,
            || format!("{votes} of at least {majority} voted for it in term {term}"),
        )
    }

    fn committed(
        &mut self,
        line: &Line,
        node: &mut Node,
        index: Option<u64>,
        term: u64,
    ) -> Result<(), Broken> {
        let before = node.committed;
        node.committed = node.committed.max(index);
        node.bound = node.bound.max(index);
        if let Some(index) = index {
            let known = *self.committed.entry(index).or_insert(term);
            self.hold(
                line,
                "an index is committed in one term",
                known == term,
                || format!("{index} is committed in terms {known} and {term}"),
            )?;
        }
        self.hold(line, "committed never falls", index >= before, || {
            format!("{before:?} was before")
        })
    }

    fn applied(&mut self, line: &Line, node: &mut Node, index: Option<u64>) -> Result<(), Broken> {
        let (before, committed) = (node.applied, node.committed);
        let size = line.number("size").unwrap_or_default();
        let size_before = node.size;
        node.applied = index;
        node.size = size;
        self.hold(line, "applied never falls", index > before, || {
            format!("{before:?} was before")
        })?;
        self.hold(line, "the tree never shrinks", size >= size_before, || {
            format!("{size_before} leaves were before")
        })?;
        let told = committed.is_some();
        self.hold(
            line,
            "applied ≤ committed",
            !told || index <= committed,
            || format!("{committed:?} is committed"),
        )?;
        self.hold(line, "committed ≤ last", committed <= node.last, || {
            format!("{committed:?} is committed, {:?} is the last", node.last)
        })?;
        self.same_size(line, index, size)
    }

    fn same_size(&mut self, line: &Line, index: Option<u64>, size: u64) -> Result<(), Broken> {
        let Some(index) = index else {
            return Ok(());
        };
        let known = *self.sizes.entry(index).or_insert(size);
        self.hold(
            line,
            "the tree has one size after an entry",
            known == size,
            || format!("{known} leaves elsewhere, {size} here"),
        )
    }

    /// Whoever is told of an outcome has it on a majority's disks.
    fn answered(&mut self, line: &Line, node: &Node, index: Option<u64>) -> Result<(), Broken> {
        let applied = node.applied;
        self.hold(line, "answered ≤ applied", index <= applied, || {
            format!("{applied:?} is applied")
        })?;
        let others = self.nodes.values().chain([node]);
        let have = others.filter(|node| node.flushed.max(node.snapshot) >= index);
        let have = have.count();
        let majority = self.majority;
        self.hold(
            line,
            "an answer follows a flush on a majority",
            have >= majority,
            || format!("{have} of at least {majority} have {index:?}"),
        )
    }

    fn installed(
        &mut self,
        line: &Line,
        node: &mut Node,
        index: Option<u64>,
    ) -> Result<(), Broken> {
        let before = node.applied;
        let size = line.number("size").unwrap_or_default();
        node.applied = index;
        node.size = size;
        for position in [
            &mut node.last,
            &mut node.flushed,
            &mut node.committed,
            &mut node.bound,
            &mut node.snapshot,
        ] {
            *position = (*position).max(index);
        }
        self.hold(
            line,
            "a snapshot only goes forward",
            index >= before,
            || format!("{before:?} was applied"),
        )?;
        self.same_size(line, index, size)
    }

    fn cosigned(&mut self, line: &Line, node: &mut Node) -> Result<(), Broken> {
        let size = line.number("size").unwrap_or_default();
        let root = line.number("root").unwrap_or_default();
        let durable = line.number("durable").unwrap_or_default();
        let before = node.cosigned;
        node.cosigned = before.max(size);
        let known = *self.roots.entry(size).or_insert(root);
        self.hold(line, "one root for a size", known == root, || {
            format!("{known:x} and {root:x} for {size} leaves")
        })?;
        self.hold(line, "a node signs no smaller tree", size >= before, || {
            format!("it had signed {before}")
        })?;
        self.hold(
            line,
            "a node signs what its own disk holds",
            durable >= size,
            || format!("it holds {durable}"),
        )
    }
}
