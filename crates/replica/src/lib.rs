//! A node's part in consensus: commands go in, outcomes come out, and a majority has them on disk
//! in between.
//!
//! ```text
//!   propose ─► openraft ─► log.rs ──────────► Log        (rocks.rs)      one fsync for a group
//!                 │  ▲
//!                 │  └── inbound.rs ◄──────── peers       (grpc.rs)       checked at the door
//!                 ├────► network.rs ────────► Transport   (grpc.rs)       a deadline on each call
//!                 └────► machine.rs ────────► State       (rocks.rs)      one write for a step
//! ```
//!
//! There are no rules of an election here (the [`ledger`] judges every command), no signing, no
//! listening socket and no clock: a command carries its time. openraft is known to this crate
//! alone and none of its types leaves it, nor any serialised form of them: on the wire and on the
//! disk stand the messages of `tally.raft.v1` and `tally.log.v1`.
//!
//! The crate is generic over its three [`seams`]. Consensus runs on the tokio runtime that
//! [`Replica::start`] is called on; a node gives it one of its own with a thread to itself, so
//! that checking signatures and serving pages cannot delay a heartbeat.

#[cfg(test)]
extern crate self as replica;

mod change;
mod config;
mod error;
mod fetch;
mod gate;
mod inbound;
mod log;
mod machine;
mod membership;
mod mending;
pub mod mutant;
mod network;
mod rounds;
mod seeds;
mod snapshot;
mod status;
#[cfg(test)]
mod suite;
mod types;
mod wire;

pub mod codec;
pub mod grpc;
pub mod rocks;
pub mod seams;
pub mod trace;

pub use change::Former;
pub use config::{Observer, ReplicaConfig, Workplace};
pub use error::{Error, Refused};
pub use fetch::fetch_missing_state;
pub use gate::Progress;
pub use inbound::Inbound;
pub use membership::{Members, PeerNode};
pub use rounds::Rounds;
pub use status::{ReplicaStatus, Role};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use openraft::async_runtime::WatchReceiver;
use openraft::errors::{
    ClientWriteError, Fatal, ForwardReason, ForwardToLeader, LinearizableReadError, RaftError,
};
use openraft::raft::ClientWriteResponse;
use openraft::{Instant as _, ReadPolicy, ServerState};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use ledger::{Command, Outcome};
use merkle::TreeSize;

use crate::gate::Gate;
use crate::log::LogStore;
use crate::machine::Machine;
use crate::mending::Mending;
use crate::network::Network;
use crate::seams::{Log, State, Transport};
use crate::seeds::Seeds;
use crate::trace::Event;
use crate::types::{CommandBytes, Metrics, Raft, Reply, TypeConfig};

/// What became of something that was offered to the log.
type Written =
    Result<ClientWriteResponse<TypeConfig>, RaftError<TypeConfig, ClientWriteError<TypeConfig>>>;

/// A running replica; clones are handles to the same one.
pub struct Replica<S: State> {
    inner: Arc<Inner<S>>,
}

struct Inner<S: State> {
    raft: Raft<S>,
    state: Arc<S>,
    gate: Arc<Gate>,
    seeds: Arc<Seeds>,
    config: ReplicaConfig,
    inbound: Inbound<S>,
    status: watch::Receiver<ReplicaStatus>,
    barriers: Rounds<Result<(), Error>>,
    /// What runs beside consensus and ends with it: the reporter of statuses, whoever keeps the
    /// members in the log, and while the log is torn its mending.
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Whether this node itself wants consensus to end.
    leaving: AtomicBool,
}

impl<S: State> Clone for Replica<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<S: State> std::fmt::Debug for Replica<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replica")
            .field("ordinal", &self.inner.config.ordinal)
            .finish_non_exhaustive()
    }
}

impl<S: State> Replica<S> {
    /// Starts a replica on what its disk holds, on the current tokio runtime. It takes part in a
    /// cluster once one was initialised here or has called here.
    pub async fn start<L: Log, T: Transport>(
        config: ReplicaConfig,
        log: Arc<L>,
        state: Arc<S>,
        transport: Arc<T>,
    ) -> Result<Self, Error> {
        let mut raft_config = config.openraft()?;
        if let Some(missing) = fetch::missing(&*log, &*state)? {
            return Err(Error::Fatal {
                what: format!(
                    "the log begins after index {} and the state ends before: a snapshot has to be \
                     fetched first",
                    missing.index
                ),
            });
        }
        let durable = durable_progress(config.workplace, &state).await?;
        let bounds = log.bounds().map_err(Error::fatal)?;
        config.observer.happened(&Event::Started {
            applied: durable.log_index,
            last: bounds.last.map(|last| last.index),
        });
        let gate = Arc::new(Gate::new(durable, bounds.last.map(|last| last.index)));
        if log.torn() && config.accept_torn_log {
            log.mended().await.map_err(Error::fatal)?;
        }
        let mending = Arc::new(Mending::new(log.torn()));
        raft_config.enable_elect = !log.torn();
        let seeds = Arc::new(Seeds::new(config.seed));
        let machine = Machine::new(Arc::clone(&state), Arc::clone(&gate), &config);
        let store = LogStore::new(
            Arc::clone(&log),
            Arc::clone(&gate),
            Arc::clone(&mending),
            config.append_bytes,
            Arc::clone(&config.observer),
        );
        let network = Network::<T, S>::new(transport, &config);
        let raft_config = Arc::new(raft_config);
        let building = Raft::new(config.ordinal, raft_config, network, store, machine);
        let raft = seeds.scope(Box::pin(building)).await;
        let raft = raft.map_err(Error::fatal)?;
        let (status, reporter) = report(&raft, Arc::clone(&config.observer));
        let remembering = fetch::remember_members(raft.clone(), Arc::clone(&log));
        let mut tasks = vec![reporter, tokio::spawn(remembering)];
        if mending.is_torn() {
            tracing::warn!("a power cut tore the log; no vote before a leader has mended it");
            tasks.push(tokio::spawn(mend(raft.clone(), log, Arc::clone(&mending))));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                inbound: Inbound::new(&raft, &state, &seeds, mending, &config),
                raft,
                state,
                gate,
                seeds,
                config,
                status,
                barriers: Rounds::default(),
                tasks: Mutex::new(tasks),
                leaving: AtomicBool::new(false),
            }),
        })
    }

    /// Founds the cluster with `nodes`, by ordinal. Once, on one node, on empty disks.
    pub async fn initialize(&self, nodes: BTreeMap<u64, PeerNode>) -> Result<(), Error> {
        membership::check_first(self.inner.config.ordinal, &nodes)?;
        let founding = self.inner.raft.initialize(nodes);
        match self.inner.seeds.scope(founding).await {
            Ok(()) => Ok(()),
            Err(RaftError::APIError(error)) => Err(Error::Invalid {
                what: error.to_string(),
            }),
            Err(RaftError::Fatal(fatal)) => Err(Error::fatal(fatal)),
        }
    }

    /// Whether this node belongs to a cluster already.
    pub async fn is_initialized(&self) -> Result<bool, Error> {
        let asked = self.inner.raft.is_initialized();
        self.inner.seeds.scope(asked).await.map_err(Error::fatal)
    }

    /// Has a command ordered, put on a majority's disks, and judged. The outcome is final and the
    /// same on every node. Dropping the call does not take the command back.
    pub async fn propose(&self, command: Command) -> Result<Outcome, Error> {
        let bytes = codec::encode(command).map_err(|error| Error::Invalid {
            what: error.to_string(),
        })?;
        let (command, raft) = (CommandBytes(bytes), &self.inner.raft);
        let writing = Box::pin(self.write(|| raft.client_write(command.clone())));
        let deadline = self.inner.config.proposal_deadline;
        let Ok(written) = timeout(deadline, writing).await else {
            return Err(Error::Unavailable {
                what: "no outcome within the proposal's deadline",
            });
        };
        match written {
            Ok(response) => match response.data {
                Reply::Outcome(outcome) => Ok(outcome),
                Reply::Nothing => Err(Error::fatal("a command was answered like a blank entry")),
            },
            Err(RaftError::APIError(error)) => Err(self.not_written(error)),
            Err(RaftError::Fatal(fatal)) => Err(Error::fatal(fatal)),
        }
    }

    /// Has something written. A new leader takes nothing before a majority has answered it once:
    /// that is a round trip away, and waited for here, because nobody else can take it.
    async fn write<F>(&self, offer: impl Fn() -> F) -> Written
    where
        F: Future<Output = Written>,
    {
        match self.inner.seeds.scope(offer()).await {
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward)))
                if forward.reason == ForwardReason::LeaseExpired =>
            {
                self.answered_by_majority().await;
                self.inner.seeds.scope(offer()).await
            }
            written => written,
        }
    }

    /// Waits until a majority has answered this leader lately, it no longer leads, or it would have
    /// to be taken for cut off.
    async fn answered_by_majority(&self) {
        let lately = self.inner.config.election_max;
        let mut metrics = self.inner.raft.metrics();
        let settled = metrics.wait_until(|metrics| {
            let answered = metrics.last_quorum_acked;
            metrics.state != ServerState::Leader
                || answered.is_some_and(|answered| answered.elapsed() < lately)
        });
        // Either way the next attempt says how it stands.
        let _ = timeout(lately, settled).await;
    }

    fn not_written(&self, error: ClientWriteError<TypeConfig>) -> Error {
        match error {
            ClientWriteError::ForwardToLeader(forward) => self.not_leader(&forward),
            ClientWriteError::LogEntryDiscarded(_) => Error::Unavailable {
                what: "leadership changed before the command was committed",
            },
            error @ (ClientWriteError::ChangeMembershipError(_)
            | ClientWriteError::PreconditionFailed(_)) => Error::Invalid {
                what: error.to_string(),
            },
        }
    }

    fn not_leader(&self, forward: &ForwardToLeader<TypeConfig>) -> Error {
        let others = |leader: &u64| *leader != self.inner.config.ordinal;
        Error::NotLeader {
            hint: forward.leader_id.filter(others),
        }
    }

    /// Returns once the state of this node shows everything that was recorded anywhere before the
    /// call. Only the leader can know that; it asks a majority whether it still leads, once for all
    /// who call at the same time.
    pub async fn read_barrier(&self) -> Result<(), Error> {
        if mutant::is("read-without-barrier") {
            return Ok(());
        }
        // Whether it waits for another's round or makes its own. In a box, as writing is: what waits
        // for it is nested deeply, and compilers lay out only so many futures within each other.
        let asking = Box::pin(self.inner.barriers.join(async || self.linearizable().await));
        let asked = timeout(self.inner.config.proposal_deadline, asking).await;
        asked.unwrap_or(Err(Error::Unavailable {
            what: "the state did not catch up within the deadline",
        }))
    }

    async fn linearizable(&self) -> Result<(), Error> {
        let asking = self.inner.raft.ensure_linearizable(ReadPolicy::ReadIndex);
        match self.inner.seeds.scope(asking).await {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => {
                Err(self.not_leader(&forward))
            }
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
                Err(Error::Unavailable {
                    what: "no majority confirmed that this node leads",
                })
            }
            Err(RaftError::Fatal(fatal)) => Err(Error::fatal(fatal)),
        }
    }

    /// How the replica is doing now.
    pub fn status(&self) -> ReplicaStatus {
        ReplicaStatus::from(&*self.inner.raft.metrics().borrow_watched())
    }

    /// The status, whenever something in it changes.
    pub fn watch(&self) -> watch::Receiver<ReplicaStatus> {
        self.inner.status.clone()
    }

    /// The state, for reading.
    pub fn state(&self) -> &Arc<S> {
        &self.inner.state
    }

    /// The receiving side, for whoever listens to the other nodes.
    pub fn inbound(&self) -> Inbound<S> {
        self.inner.inbound.clone()
    }

    /// The largest tree size all of whose entries are on this node's own disk: up to it a node
    /// may cosign.
    pub fn flushed_tree_size(&self) -> TreeSize {
        TreeSize::new(self.inner.gate.tree_size())
    }

    /// The value of [`flushed_tree_size`](Self::flushed_tree_size), whenever it grows.
    pub fn flushed_watch(&self) -> watch::Receiver<u64> {
        self.inner.gate.watch_released()
    }

    /// Tells the observer of an event that belongs into the trace and happened beside consensus.
    pub fn tell(&self, event: &Event) {
        self.inner.config.observer.happened(event);
    }

    /// How far the state machine has come, after every step.
    pub fn applied_watch(&self) -> watch::Receiver<Progress> {
        self.inner.gate.watch_applied()
    }

    /// Makes a snapshot soon, whatever the settings say.
    pub async fn snapshot(&self) -> Result<(), Error> {
        let trigger = self.inner.raft.trigger();
        let making = trigger.snapshot();
        self.inner.seeds.scope(making).await.map_err(Error::fatal)
    }

    /// Hands leadership to the voter whose log is closest and who answered last, and waits until
    /// another node leads. Nothing to do where this node does not lead.
    pub async fn transfer_leadership(&self) -> Result<(), Error> {
        let status = self.status();
        if status.role != Role::Leader {
            return Ok(());
        }
        match heir(&status) {
            Some(heir) => self.transfer_leadership_to(heir).await,
            None => Err(Error::Unavailable {
                what: "no other voter answers",
            }),
        }
    }

    /// Hands leadership to this voter, and waits until another node leads. Only the leader can.
    pub async fn transfer_leadership_to(&self, heir: u64) -> Result<(), Error> {
        let status = self.status();
        if status.role != Role::Leader {
            let others = |leader: &u64| *leader != status.ordinal;
            return Err(Error::NotLeader {
                hint: status.leader.filter(others),
            });
        }
        let trigger = self.inner.raft.trigger();
        let handing = self.inner.seeds.scope(trigger.transfer_leader(heir));
        handing.await.map_err(Error::fatal)?;
        let mut watch = self.watch();
        let led_by_another = watch.wait_for(|status| {
            status.role != Role::Leader && status.leader != Some(status.ordinal)
        });
        match timeout(self.inner.config.transfer_deadline, led_by_another).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::fatal("the replica has stopped")),
            Err(_) => Err(Error::Unavailable {
                what: "nobody took leadership in time",
            }),
        }
    }

    /// Resolves when the replica has failed, with the reason: the process then ends. Never
    /// resolves after an orderly [`shutdown`](Self::shutdown).
    pub async fn fatal(&self) -> Error {
        let mut watch = self.watch();
        loop {
            let status = watch.borrow_and_update().clone();
            if let Some(what) = status.failure {
                return Error::Fatal { what };
            }
            if watch.changed().await.is_err() && watch.borrow().failure.is_none() {
                if self.inner.leaving.load(Ordering::Acquire) {
                    return std::future::pending().await;
                }
                // It has ended without a last word, as it does in a panic.
                return Error::fatal("consensus ended in a panic");
            }
        }
    }

    /// Whether it was the storage, the log's or the state's, that ended this replica.
    pub fn storage_failed(&self) -> bool {
        let metrics = self.inner.raft.metrics();
        let metrics = metrics.borrow_watched();
        matches!(metrics.running_state, Err(Fatal::StorageError(_)))
    }

    /// Stops taking part. What was proposed and not answered is unknown to its proposer.
    pub async fn shutdown(&self) {
        self.inner.leaving.store(true, Ordering::Release);
        if self.inner.raft.shutdown().await.is_err() {
            tracing::error!("consensus ended in a panic");
        }
        let tasks = {
            let mut tasks = self
                .inner
                .tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        for task in tasks {
            task.abort();
            // It was told to end, and does so at its next await.
            let _ = task.await;
        }
    }
}

/// Puts on disk what the state has applied, and says how far that is: from here on an applied
/// position is one on this node's disk, as the cosign gate and openraft take it to be.
async fn durable_progress<S: State>(
    workplace: Workplace,
    state: &Arc<S>,
) -> Result<Progress, Error> {
    let state = Arc::clone(state);
    let syncing = workplace.run(move || {
        state.sync()?;
        machine::progress(&*state)
    });
    syncing.await.map_err(Error::fatal)
}

/// The voter to hand leadership to: the longest log among those who answer, then the one who
/// answered last.
fn heir(status: &ReplicaStatus) -> Option<u64> {
    status
        .members
        .voters
        .iter()
        .copied()
        .filter(|voter| *voter != status.ordinal)
        .filter_map(|voter| {
            let matched = status.matched.get(&voter).copied().flatten()?;
            let silent = status.answered_ms_ago.get(&voter).copied().flatten()?;
            Some((matched, std::cmp::Reverse(silent), voter))
        })
        .max()
        .map(|(_, _, voter)| voter)
}

/// Ends a torn log's abstention once a leader has supplied it.
async fn mend<S: State, L: Log>(raft: Raft<S>, log: Arc<L>, mending: Arc<Mending>) {
    mending.until_supplied().await;
    if let Err(error) = log.mended().await {
        tracing::error!(%error, "the log could not be noted as mended; this node abstains on");
        return;
    }
    mending.mended();
    raft.runtime_config().elect(true);
    tracing::info!("a leader has mended the log; this node votes again");
}

fn report<S: State>(
    raft: &Raft<S>,
    observer: Arc<dyn Observer>,
) -> (watch::Receiver<ReplicaStatus>, JoinHandle<()>) {
    let mut metrics = raft.metrics();
    let read = |metrics: &Metrics| ReplicaStatus::from(metrics);
    let (sender, receiver) = watch::channel(read(&metrics.borrow_watched()));
    let reporter = tokio::spawn(async move {
        let mut led = None;
        while metrics.changed().await.is_ok() {
            let status = read(&metrics.borrow_watched());
            let leads = (status.role == Role::Leader).then_some(status.term);
            if let Some(term) = leads
                && leads != led
            {
                observer.happened(&Event::Leads { term });
            }
            led = leads;
            let stopped = status.role == Role::Stopped;
            sender.send_replace(status);
            if stopped {
                return;
            }
        }
    });
    (receiver, reporter)
}
