//! The checkpoints of many nodes and witnesses held against one tree.
//!
//! The monitor's memory is an archive: it is continued from whichever node is ahead, and every other
//! checkpoint is compared with the tree over its leaves. Two checkpoints that are both of that tree
//! are consistent with each other, so nobody's proof is asked for; and as the archive stays, a
//! rewrite between two runs is seen as well as one between two nodes.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use caucus::{CountyId, Kind, UnitId};
use merkle::{Hash, TreeSize, sha256};
use note::{Origin, SignedCheckpoint, UnixSeconds};
use receipt::{Bundle, Election, Leaf, LeafKind};

use super::archive::{Archive, ArchiveError, Followed, Fork, write_evidence_of};
use super::folder::{CHECKPOINT, FileError};
use super::source::{Source, Web};
use super::state::bundle_of;
use super::verify::judge;
use crate::answer::Trouble;

/// While the caucuses are open a checkpoint's newest cosignature is at most this old.
pub const FRESH_SECONDS: u64 = 60;

/// What is looked at.
#[derive(Debug)]
pub struct Watched {
    /// Nodes, or web servers with a log's files.
    pub sources: Vec<Source>,
    /// Witnesses, by the address before `/<hex of the origin's hash>/checkpoint`.
    pub witnesses: Vec<Web>,
    /// Whose new leaves are told.
    pub interest: Interest,
}

/// Whose new leaves are told: of these units, or of every unit when there are none.
#[derive(Debug, Default)]
pub struct Interest {
    /// Units.
    pub units: BTreeSet<UnitId>,
    /// Counties, for all their precincts.
    pub counties: BTreeSet<CountyId>,
}

/// Something to tell.
#[derive(Debug)]
pub enum Event {
    /// A new leaf.
    Entry {
        /// Its index.
        index: u64,
        /// What it is.
        kind: LeafKind,
        /// The unit it is about, if it is about one.
        unit: Option<UnitId>,
    },
    /// A source or a witness shows a checkpoint of the one log.
    Agrees {
        /// Which.
        source: String,
        /// How many leaves it covers.
        size: TreeSize,
    },
    /// A source shows nothing newer although the caucuses are open.
    Stale {
        /// Which.
        source: String,
        /// How many leaves its checkpoint covers.
        size: TreeSize,
        /// How old its newest cosignature is.
        age_seconds: u64,
    },
    /// A witness has seen more than any node shows.
    Withheld {
        /// Which witness.
        source: String,
        /// How many leaves it has seen.
        size: TreeSize,
    },
    /// Two checkpoints, both signed, are not of one log.
    Forked {
        /// Who showed the second.
        source: String,
        /// How many leaves the first and the second cover.
        sizes: (TreeSize, TreeSize),
        /// The file with both.
        evidence: PathBuf,
    },
    /// A source gives no answer that can be used.
    Trouble {
        /// Which.
        source: String,
        /// What is wrong.
        what: String,
    },
}

/// Why watching cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// A file of the archive is damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// The archive cannot be written.
    #[error("write the archive")]
    Disk(#[from] io::Error),
}

/// The watch over one log.
#[derive(Debug)]
pub struct Monitor {
    archive: Archive,
    bundle: Bundle,
    election: Election,
    watched: Watched,
    night: Night,
}

/// Whether the log says that the night is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Night {
    Running,
    Closed,
}

impl Monitor {
    /// A watch that goes on from what is in the archive.
    pub fn open(
        archive: Archive,
        bundle: Bundle,
        election: Election,
        watched: Watched,
    ) -> Result<Self, FileError> {
        let mut monitor = Self {
            archive,
            bundle,
            election,
            watched,
            night: Night::Running,
        };
        monitor.read_from(TreeSize::new(0))?;
        Ok(monitor)
    }

    /// Asks everyone once. `now` is the time by which checkpoints are called stale.
    pub async fn poll(&mut self, now: UnixSeconds) -> Result<Vec<Event>, MonitorError> {
        let mut events = Vec::new();
        for source in self.watched.sources.clone() {
            self.poll_source(&source, now, &mut events).await?;
        }
        for witness in self.watched.witnesses.clone() {
            self.poll_witness(&witness, &mut events).await?;
        }
        Ok(events)
    }

    /// The archive as far as it has grown.
    pub const fn archive(&self) -> &Archive {
        &self.archive
    }

    async fn poll_source(
        &mut self,
        source: &Source,
        now: UnixSeconds,
        events: &mut Vec<Event>,
    ) -> Result<(), MonitorError> {
        let name = source.name();
        let size = match self.archive.follow(source, &self.election).await {
            Ok(Followed::Grown { from }) => {
                if let Err(error) = self.archive.write_bundle(&self.bundle, &self.election) {
                    return self.told(name, error, events);
                }
                events.extend(self.read_from(from)?);
                self.archive.tree().size()
            }
            Ok(Followed::Same { size }) => size,
            Ok(Followed::Nothing) => {
                let what = "it has published no checkpoint".to_owned();
                events.push(Event::Trouble { source: name, what });
                return Ok(());
            }
            Err(error) => return self.told(name, error, events),
        };
        self.tell_age(source, size, now, events).await;
        Ok(())
    }

    /// Says that a source agrees, or that it agrees with something old.
    async fn tell_age(
        &self,
        source: &Source,
        size: TreeSize,
        now: UnixSeconds,
        events: &mut Vec<Event>,
    ) {
        let name = source.name();
        let bytes = source.checkpoint().await.ok().flatten();
        let signed = bytes.and_then(|bytes| SignedCheckpoint::parse(&bytes).ok());
        let endorsed = signed.and_then(|signed| judge(&signed, &self.election).ok());
        let newest = endorsed.and_then(|it| it.signers.into_iter().map(|(_, at)| at.get()).max());
        let age_seconds = now.get().saturating_sub(newest.unwrap_or(0));
        events.push(if self.is_open(now) && age_seconds > FRESH_SECONDS {
            Event::Stale {
                source: name,
                size,
                age_seconds,
            }
        } else {
            Event::Agrees { source: name, size }
        });
    }

    fn is_open(&self, now: UnixSeconds) -> bool {
        let manifest = self.election.latest().manifest();
        let hours = manifest.opens..manifest.closes;
        hours.contains(&now) && self.night == Night::Running
    }

    async fn poll_witness(
        &self,
        witness: &Web,
        events: &mut Vec<Event>,
    ) -> Result<(), MonitorError> {
        let Some(ours) = self.archive.checkpoint() else {
            return Ok(());
        };
        let source = witness.address().to_owned();
        let file = format!("{}/{CHECKPOINT}", origin_hash(&ours.checkpoint().origin));
        let found = match witness.get(&file).await {
            Ok(Some(bytes)) => SignedCheckpoint::parse(&bytes).map_err(|error| error.to_string()),
            Ok(None) => Err("it has seen no checkpoint of this log".to_owned()),
            Err(trouble) => Err(trouble.to_string()),
        };
        let signed = match found {
            Ok(signed) if self.is_of_log(&signed) => signed,
            Ok(_) => {
                let what = "its checkpoint is signed by no node of this log".to_owned();
                events.push(Event::Trouble { source, what });
                return Ok(());
            }
            Err(what) => {
                events.push(Event::Trouble { source, what });
                return Ok(());
            }
        };
        let size = signed.checkpoint().size;
        if size > self.archive.tree().size() {
            events.push(Event::Withheld { source, size });
            return Ok(());
        }
        match self.archive.compare(&signed) {
            Ok(()) => events.push(Event::Agrees { source, size }),
            Err(error) => self.told(source, error, events)?,
        }
        Ok(())
    }

    /// Whether a log key of the version in force signed it, as a witness sees to.
    fn is_of_log(&self, signed: &SignedCheckpoint) -> bool {
        let stated = signed.checkpoint();
        let version = self.election.in_force(&stated.origin, stated.size);
        version.is_some_and(|version| {
            let evaluation = version.receipt_policy().evaluate(signed);
            !evaluation.logs.is_empty()
        })
    }

    /// What an archive says when it does not follow, as an event; what ends the watch, as an error.
    fn told(
        &self,
        source: String,
        error: ArchiveError,
        events: &mut Vec<Event>,
    ) -> Result<(), MonitorError> {
        events.push(match error {
            ArchiveError::Forked(fork) => Event::Forked {
                source,
                sizes: (fork.ours.checkpoint().size, fork.theirs.checkpoint().size),
                evidence: self.write_evidence(&fork)?,
            },
            ArchiveError::File(error) => return Err(error.into()),
            ArchiveError::Disk(error) => return Err(error.into()),
            error @ (ArchiveError::Source(_)
            | ArchiveError::Checkpoint(_)
            | ArchiveError::Recovered { .. }
            | ArchiveError::Bundle(_)) => Event::Trouble {
                source,
                what: words(&error),
            },
        });
        Ok(())
    }

    /// Writes both signed checkpoints, so that anyone with the bundle can see that they contradict
    /// each other.
    fn write_evidence(&self, fork: &Fork) -> io::Result<PathBuf> {
        write_evidence_of(self.archive.folder(), fork)
    }

    /// The new leaves of those who are cared about.
    fn read_from(&mut self, from: TreeSize) -> Result<Vec<Event>, FileError> {
        let size = self.archive.tree().size();
        let mut events = Vec::new();
        let mut index = from.get();
        while index < size.get() {
            let bundle = bundle_of(index, size);
            let leaves = bundle.leaves();
            for (own, entry) in leaves.clone().zip(self.archive.folder().entries(&bundle)?) {
                if own >= index {
                    events.extend(self.read_leaf(own, &entry));
                }
            }
            index = leaves.end;
        }
        Ok(events)
    }

    fn read_leaf(&mut self, index: u64, entry: &[u8]) -> Option<Event> {
        let (leaf, _) = Leaf::parse_entry(entry).ok()?;
        if leaf.kind() == LeafKind::Close {
            self.night = Night::Closed;
        }
        let unit = leaf.unit().cloned();
        self.cares(unit.as_ref()).then(|| Event::Entry {
            index,
            kind: leaf.kind(),
            unit,
        })
    }

    fn cares(&self, unit: Option<&UnitId>) -> bool {
        let Interest { units, counties } = &self.watched.interest;
        if units.is_empty() && counties.is_empty() {
            return true;
        }
        let Some(id) = unit else {
            return false;
        };
        let of_county = || {
            let unit = self.election.latest().roster().unit(id)?;
            match &unit.kind {
                Kind::Precinct { county, .. } => Some(counties.contains(county)),
                Kind::Satellite { .. } => None,
            }
        };
        units.contains(id) || of_county().unwrap_or(false)
    }
}

/// The name under which a witness keeps a log's checkpoint.
fn origin_hash(origin: &Origin) -> String {
    let hash: Hash = sha256(origin.as_str().as_bytes());
    hash.to_hex()
}

fn words(error: &ArchiveError) -> String {
    match error {
        ArchiveError::Source(trouble) => match trouble {
            Trouble::Unavailable(why) => format!("not able to answer now ({why})"),
            Trouble::Unreachable(_)
            | Trouble::Busy(_)
            | Trouble::TimedOut
            | Trouble::Misbehaved(_) => trouble.to_string(),
        },
        ArchiveError::Checkpoint(why) => format!("{error}: {why}"),
        ArchiveError::File(_)
        | ArchiveError::Forked(_)
        | ArchiveError::Recovered { .. }
        | ArchiveError::Disk(_)
        | ArchiveError::Bundle(_) => error.to_string(),
    }
}
