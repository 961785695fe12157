//! What a replica did, event by event, for whoever checks a run afterwards.
//!
//! A node tells its [`Observer`](crate::Observer) in the order in which things happened here. One
//! event is one line of JSON with whole numbers only:
//!
//! ```text
//! {"at":1042,"node":2,"incarnation":3,"event":"flushed","index":17,"term":4}
//! ```
//! `at` is microseconds on a clock that all nodes of the run share; without one, lines of different
//! nodes cannot be put in order. The rules that lines must keep are in `tests/src/trace`.

use std::fmt::Write as _;

use merkle::{Hash, TreeSize};

/// Something a replica did. Indexes and terms are those of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It started on what its disk held: applied and synced up to `applied`, its log up to `last`.
    Started {
        /// The last applied entry.
        applied: Option<u64>,
        /// The last entry of the log.
        last: Option<u64>,
    },
    /// A vote is on its disk: for `node` in `term`, or, once `committed`, that `node` leads.
    Voted {
        /// The term.
        term: u64,
        /// For whom.
        node: u64,
        /// Whether a majority is known to have voted so.
        committed: bool,
    },
    /// Entries up to `index` were handed to the log.
    Appended {
        /// The last of them.
        index: u64,
        /// Its term.
        term: u64,
    },
    /// The log is on disk up to `index`.
    Flushed {
        /// The last entry.
        index: u64,
        /// Its term.
        term: u64,
    },
    /// Entries above `index` were dropped, or all.
    Truncated {
        /// The last that stayed.
        index: Option<u64>,
    },
    /// Entries up to `index` were dropped because a snapshot covers them.
    Purged {
        /// The last that went.
        index: u64,
    },
    /// It knows that entries up to `index` are committed.
    Committed {
        /// The last of them.
        index: u64,
        /// Its term.
        term: u64,
    },
    /// Entries up to `index` are in its state.
    Applied {
        /// The last of them.
        index: u64,
        /// Leaves in the tree after it.
        size: u64,
    },
    /// Those who proposed entries up to `index` here have been answered.
    Answered {
        /// The last of them.
        index: u64,
    },
    /// A snapshot that covers the log up to `index` was made here.
    Snapshot {
        /// The last entry it covers.
        index: u64,
    },
    /// A received snapshot has taken the place of the state.
    Installed {
        /// The last entry it covers.
        index: u64,
        /// Leaves in its tree.
        size: u64,
    },
    /// It leads.
    Leads {
        /// In this term.
        term: u64,
    },
    /// It gave its cosignature, with `durable` leaves on its own disk.
    Cosigned {
        /// For a tree of this size.
        size: u64,
        /// The first eight bytes of its root.
        root: u64,
        /// Leaves that its own disk holds in full.
        durable: u64,
    },
}

impl Event {
    /// That a tree of `size` leaves with this root is cosigned, with `durable` of them on disk.
    pub fn cosigned(size: TreeSize, root: &Hash, durable: TreeSize) -> Self {
        let first = root.as_bytes().first_chunk().copied();
        Self::Cosigned {
            size: size.get(),
            root: first.map_or(0, u64::from_be_bytes),
            durable: durable.get(),
        }
    }

    /// What the line calls it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Voted { .. } => "voted",
            Self::Appended { .. } => "appended",
            Self::Flushed { .. } => "flushed",
            Self::Truncated { .. } => "truncated",
            Self::Purged { .. } => "purged",
            Self::Committed { .. } => "committed",
            Self::Applied { .. } => "applied",
            Self::Answered { .. } => "answered",
            Self::Snapshot { .. } => "snapshot",
            Self::Installed { .. } => "installed",
            Self::Leads { .. } => "leads",
            Self::Cosigned { .. } => "cosigned",
        }
    }

    /// Its numbers, by their names in the line; what there is not is left out.
    fn numbers(&self) -> Vec<(&'static str, u64)> {
        let optional = |name, number: Option<u64>| number.map(|number| (name, number));
        match *self {
            Self::Started { applied, last } => {
                [optional("applied", applied), optional("last", last)]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Self::Voted {
                term,
                node,
                committed,
            } => vec![
                ("term", term),
                ("for", node),
                ("committed", u64::from(committed)),
            ],
            Self::Appended { index, term }
            | Self::Flushed { index, term }
            | Self::Committed { index, term } => vec![("index", index), ("term", term)],
            Self::Truncated { index } => optional("index", index).into_iter().collect(),
            Self::Purged { index } | Self::Answered { index } | Self::Snapshot { index } => {
                vec![("index", index)]
            }
            Self::Applied { index, size } | Self::Installed { index, size } => {
                vec![("index", index), ("size", size)]
            }
            Self::Leads { term } => vec![("term", term)],
            Self::Cosigned {
                size,
                root,
                durable,
            } => vec![("size", size), ("root", root), ("durable", durable)],
        }
    }

    /// The line, without its end.
    pub fn line(&self, at: u64, node: u64, incarnation: u64) -> String {
        let name = self.name();
        let mut line =
            format!(r#"{{"at":{at},"node":{node},"incarnation":{incarnation},"event":"{name}""#);
        for (name, number) in self.numbers() {
            // Writing to a string does not fail.
            let _ = write!(line, r#","{name}":{number}"#);
        }
        line.push('}');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn a_line_names_what_there_is() {
        let flushed = Event::Flushed { index: 17, term: 4 };
        assert_eq!(
            flushed.line(1_042, 2, 3),
            r#"{"at":1042,"node":2,"incarnation":3,"event":"flushed","index":17,"term":4}"#
        );
        let emptied = Event::Truncated { index: None };
        assert_eq!(
            emptied.line(0, 1, 1),
            r#"{"at":0,"node":1,"incarnation":1,"event":"truncated"}"#
        );
    }
}
