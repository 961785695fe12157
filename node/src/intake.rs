//! The way of a note to the log: looked at, then proposed here or passed on to the leader, once.
//! No client needs to know who leads. What comes back is the ledger's outcome, or that it is
//! unknown whether there will be one.

use std::sync::Arc;
use std::time::Duration;

use ledger::{Command, Outcome};
use telemetry::ForwardResult;
use tokio::time::{Instant, timeout_at};

use crate::auth::{self, Examined};
use crate::core::{Core, ReadError};
use crate::peers::calls::Forwarded;

/// Elections waited for before a start is given up: about five seconds.
const FIRST_ELECTIONS: u32 = 8;

/// How long a node without a leader waits for one before it gives the caller back the note: above
/// the time an election takes, below the time after which a chair wonders.
const LEADER_PATIENCE: Duration = Duration::from_millis(600);

/// No outcome. The same bytes may be sent again, here or elsewhere; they give the same leaf.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// No leader was found in time, or no majority answered. Whether it is recorded is unknown.
    #[error("no leader confirmed the note in time: {what}")]
    Unavailable {
        /// What was waited for.
        what: String,
        /// The leader as far as known, by its API address.
        leader: Option<String>,
    },
    /// The log goes on under another origin, with other nodes.
    #[error("this node's log is over; it goes on under another origin: fetch the newest bundle")]
    Retired,
    /// This node has to end.
    #[error("this node has stopped: {0}")]
    Stopped(String),
}

/// Takes a command that arrived at this node's own door to its outcome.
pub(crate) async fn record(core: &Arc<Core>, command: Command) -> Result<Outcome, IntakeError> {
    open_for_notes(core).await?;
    carry(core, command).await
}

/// The same for the notes with which a cluster starts, before it takes any other. The node that
/// founded it may lose the first election to another, so elections are waited for: each takes as
/// long as any, and the search for a leader allows for one.
pub(crate) async fn record_first(
    core: &Arc<Core>,
    command: Command,
) -> Result<Outcome, IntakeError> {
    for _election in 0..FIRST_ELECTIONS {
        match carry(core, command.clone()).await {
            Err(IntakeError::Unavailable { .. }) => {}
            settled => return settled,
        }
    }
    carry(core, command).await
}

async fn carry(core: &Arc<Core>, command: Command) -> Result<Outcome, IntakeError> {
    let (command, doubt) = match look(core, command).await? {
        Examined::Recorded(outcome) | Examined::Junk(outcome) => return Ok(outcome),
        Examined::Authorized(authorized) => (authorized.into_command(), None),
        Examined::Doubtful(command, outcome) => (command, Some(outcome)),
    };
    let mut search = Search::new(core);
    loop {
        match search.leader().await? {
            Leader::Here => {
                let settled = match &doubt {
                    // As leader this node can make sure that it knows the newest state.
                    Some(_) => settle(core, command.clone()).await,
                    None => propose(core, command.clone()).await,
                };
                match settled {
                    Ok(outcome) => return Ok(outcome),
                    Err(replica::Error::NotLeader { .. }) => search.failed("leadership moved"),
                    Err(error) => return Err(unavailable(core, &error)),
                }
            }
            Leader::Elsewhere(peer) => match core.peers.forward(peer, &command).await {
                Forwarded::Outcome(outcome) => {
                    core.metrics.forwarded.increment(ForwardResult::Answered);
                    return Ok(outcome);
                }
                Forwarded::NotLeader => {
                    core.metrics.forwarded.increment(ForwardResult::NotLeader);
                    search.failed("the node asked does not lead");
                }
                Forwarded::Lost(what) => {
                    core.metrics.forwarded.increment(ForwardResult::Failed);
                    search.failed(&what);
                }
            },
        }
    }
}

/// Takes a command that another node passed on: proposed here or not at all, never passed further.
pub(crate) async fn record_forwarded(
    core: &Arc<Core>,
    command: Command,
) -> Result<Outcome, replica::Error> {
    let unreadable = |error: IntakeError| replica::Error::Fatal {
        what: error.to_string(),
    };
    match look(core, command).await.map_err(unreadable)? {
        Examined::Recorded(outcome) | Examined::Junk(outcome) => Ok(outcome),
        Examined::Authorized(authorized) => propose(core, authorized.into_command()).await,
        Examined::Doubtful(command, _) => settle(core, command).await,
    }
}

/// Refuses while this cluster takes no notes. A log that is over takes nothing more, and one that
/// is being recovered nothing yet: whatever came between the recovered leaves would make it
/// another log.
pub(crate) async fn open_for_notes(core: &Arc<Core>) -> Result<(), IntakeError> {
    if core.retired.is() {
        return Err(IntakeError::Retired);
    }
    match core.recovering().await {
        Ok(false) => Ok(()),
        Ok(true) => Err(IntakeError::Unavailable {
            what: "the log is being recovered".to_owned(),
            leader: None,
        }),
        Err(error) => Err(IntakeError::Stopped(error.to_string())),
    }
}

async fn look(core: &Arc<Core>, command: Command) -> Result<Examined, IntakeError> {
    let core_too = Arc::clone(core);
    let looking = tokio::task::spawn_blocking(move || {
        core_too
            .replica
            .state()
            .read_at_once(|tables| auth::examine(tables, command))
    });
    match looking.await {
        Ok(Ok(examined)) => Ok(examined),
        Ok(Err(fault)) => Err(IntakeError::Stopped(fault.to_string())),
        Err(_cut_short) => Err(IntakeError::Stopped(ReadError::CutShort.to_string())),
    }
}

async fn propose(core: &Arc<Core>, command: Command) -> Result<Outcome, replica::Error> {
    core.replica.propose(command).await
}

/// What this node knows speaks against the note; it makes sure that it knows everything, looks
/// again, and only then refuses or proposes.
async fn settle(core: &Arc<Core>, command: Command) -> Result<Outcome, replica::Error> {
    core.replica.read_barrier().await?;
    let looked = look(core, command).await;
    match looked.map_err(|error| replica::Error::Fatal {
        what: error.to_string(),
    })? {
        Examined::Recorded(outcome) | Examined::Junk(outcome) | Examined::Doubtful(_, outcome) => {
            Ok(outcome)
        }
        Examined::Authorized(authorized) => propose(core, authorized.into_command()).await,
    }
}

enum Leader {
    Here,
    Elsewhere(u64),
}

/// The search for a leader: one that failed is not asked again until the cluster says something
/// new, and the whole search has a deadline.
struct Search<'a> {
    core: &'a Arc<Core>,
    status: tokio::sync::watch::Receiver<replica::ReplicaStatus>,
    /// The leader and its term that were found last.
    found: Option<(Option<u64>, u64)>,
    /// The leader and its term that did not help.
    failed: Option<(Option<u64>, u64)>,
    why: String,
    deadline: Instant,
}

impl<'a> Search<'a> {
    fn new(core: &'a Arc<Core>) -> Self {
        Self {
            core,
            status: core.replica.watch(),
            found: None,
            failed: None,
            why: "no leader is known".to_owned(),
            deadline: Instant::now() + LEADER_PATIENCE,
        }
    }

    fn failed(&mut self, why: &str) {
        self.failed = self.found;
        why.clone_into(&mut self.why);
    }

    async fn leader(&mut self) -> Result<Leader, IntakeError> {
        let failed = self.failed;
        let known = self.status.wait_for(|status| {
            status.leader.is_some() && failed != Some((status.leader, status.term))
        });
        let found = match timeout_at(self.deadline, known).await {
            Ok(Ok(status)) => Some((status.leader, status.term)),
            Ok(Err(_ended)) => return Err(IntakeError::Stopped("consensus has ended".to_owned())),
            Err(_elapsed) => None,
        };
        self.found = found;
        match found {
            Some((Some(leader), _)) if leader != self.core.whoami.ordinal => {
                Ok(Leader::Elsewhere(leader))
            }
            Some(_) => Ok(Leader::Here),
            None => Err(self.given_up()),
        }
    }

    fn given_up(&self) -> IntakeError {
        IntakeError::Unavailable {
            what: self.why.clone(),
            leader: leader_address(self.core),
        }
    }
}

fn unavailable(core: &Arc<Core>, error: &replica::Error) -> IntakeError {
    match error {
        replica::Error::Fatal { what } => IntakeError::Stopped(what.clone()),
        replica::Error::NotLeader { .. }
        | replica::Error::Unavailable { .. }
        | replica::Error::Overtaken { .. }
        | replica::Error::Invalid { .. } => IntakeError::Unavailable {
            what: error.to_string(),
            leader: leader_address(core),
        },
    }
}

/// The API address of the node that leads, as far as known.
pub(crate) fn leader_address(core: &Core) -> Option<String> {
    let status = core.replica.watch();
    let status = status.borrow();
    let leader = status.leader?;
    status
        .members
        .nodes
        .get(&leader)
        .map(|node| node.api_address.clone())
}
