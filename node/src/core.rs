//! What all parts of a running node share: the replica, the keys, the checkpoints, the clock, the
//! metrics. It does nothing by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ledger::{Fault, View};
use merkle::{Hash, TreeSize};
use note::{Origin, SignedCheckpoint, SignerKey, UnixSeconds};
use replica::ReplicaStatus;
use replica::rocks::{FrozenTables, RocksState};
use store::{DataDir, Incarnation, LogDb};
use telemetry::Metrics;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use witness::gossip::{Comparison, Contradiction, FRESH, Gossip, Heard, NodeKeys, Stand};

use crate::admission::Admission;
use crate::admitted::Admitted;
use crate::charter::{Charter, Charters};
use crate::checkpoints::Checkpoints;
use crate::clock::Clock;
use crate::config::{HostPort, Publisher};
use crate::cosigner::Cosigner;
use crate::evidence::Evidence;
use crate::membership::PublicKeys;
use crate::orders::Seen;
use crate::peers::calls::PeerCalls;
use crate::readiness::Check;
use crate::retired::Retired;
use crate::vetting::Vetted;

/// The state as this node keeps it.
pub(crate) type State = RocksState;

/// This node's replica.
pub(crate) type Replica = replica::Replica<State>;

/// Who this node is.
#[derive(Debug, Clone)]
pub(crate) struct Whoami {
    /// The id in the manifest, `n1`.
    pub(crate) id: String,
    /// The ordinal of its line, which is its Raft id.
    pub(crate) ordinal: u64,
    /// The election's token.
    pub(crate) election: String,
    /// The log it signs for.
    pub(crate) origin: Origin,
    /// The hash of the election's first manifest, as pinned in the configuration.
    pub(crate) genesis: Hash,
    /// Where clients reach it.
    pub(crate) api_address: HostPort,
    /// Where the other nodes reach it.
    pub(crate) peer_address: HostPort,
}

/// Everything that is shared.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) whoami: Whoami,
    /// Who publishes the results, as files say it.
    pub(crate) publisher: Publisher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) admission: Admission,
    pub(crate) replica: Replica,
    /// The Raft log's database, for its figures.
    pub(crate) log: Arc<LogDb>,
    pub(crate) log_key: SignerKey,
    pub(crate) cosigner: Cosigner,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) evidence: Evidence,
    pub(crate) charters: Charters,
    pub(crate) vetted: Vetted,
    pub(crate) peers: PeerCalls,
    pub(crate) directory: DataDir,
    /// Whether the directory takes part in the cluster.
    pub(crate) admitted: Arc<Admitted>,
    /// Whether the log is over.
    pub(crate) retired: Retired,
    /// The life of the data directory.
    pub(crate) incarnation: Incarnation,
    /// When this process started, in Unix milliseconds: tells its runs apart.
    pub(crate) run: u64,
    /// Administrators' orders that were seen.
    pub(crate) orders: Seen,
    /// The checks of the node's own eye, as they last stood.
    pub(crate) checks: Mutex<Vec<Check>>,
    /// Is cancelled when the node begins to stop: streams end, submissions are turned away.
    pub(crate) draining: CancellationToken,
    /// Set to the sentence that ends the node, once.
    pub(crate) downfall: Arc<Downfall>,
    /// Reads for callers that may run at the same time.
    callers: Semaphore,
    started: Instant,
    gossip: Mutex<Gossip>,
    /// How far each peer's clock leads this one's, in seconds, and when that was found.
    skews: Mutex<BTreeMap<u64, (i64, Duration)>>,
    /// When a leader last confirmed what this node shows.
    confirmed: Mutex<Option<Instant>>,
    /// When the newest checkpoint was learnt by this run.
    published: Mutex<Option<Instant>>,
    /// Whether a manifest of this node's own origin was seen in force; it stays so.
    own_origin: AtomicBool,
}

/// For how long a leader counts as one after it was confirmed: the node asks twice a second, and
/// an answer may take one.
const PROVEN: Duration = Duration::from_secs(2);

/// Reads for callers that run at the same time: a quarter of the threads that may block
/// (`READERS` in `main.rs`), and no more than two for each core of a small machine.
const CALLERS: usize = 4;

/// The parts a [`Core`] is made of.
pub(crate) struct CoreParts {
    pub(crate) whoami: Whoami,
    /// Who publishes the results, as files say it.
    pub(crate) publisher: Publisher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) admission: Admission,
    pub(crate) replica: Replica,
    /// The Raft log's database, for its figures.
    pub(crate) log: Arc<LogDb>,
    pub(crate) log_key: SignerKey,
    pub(crate) cosigner: Cosigner,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) peers: PeerCalls,
    pub(crate) directory: DataDir,
    /// Whether the directory takes part in the cluster.
    pub(crate) admitted: Arc<Admitted>,
    /// Whether the log is over.
    pub(crate) retired: Retired,
    /// The life of the data directory.
    pub(crate) incarnation: Incarnation,
    /// What ends the node, known to the log before there is a core.
    pub(crate) downfall: Arc<Downfall>,
}

/// Why the node has to end, from whichever part finds it first.
#[derive(Debug, Default)]
pub(crate) struct Downfall {
    reason: Mutex<Option<crate::StartError>>,
    known: CancellationToken,
}

/// Whom a read is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A note on its way, or the node itself.
    Node,
    /// Somebody who asks.
    Caller,
}

/// The state could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The state is broken; the node ends.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The reading thread panicked or the node is going down.
    #[error("reading was cut short")]
    CutShort,
}

impl Core {
    pub(crate) fn new(parts: CoreParts) -> Self {
        // Everything on the disk was checked when it was opened.
        let vetted = Vetted::new(parts.replica.state());
        let folder = parts.directory.root().join("evidence");
        let evidence = Evidence::new(folder, parts.metrics.split_view_evidence.clone());
        let gossip = Gossip::new(parts.whoami.ordinal, parts.whoami.origin.clone());
        let run = parts.clock.millis().get();
        Self {
            whoami: parts.whoami,
            publisher: parts.publisher,
            clock: parts.clock,
            metrics: parts.metrics,
            admission: parts.admission,
            replica: parts.replica,
            log: parts.log,
            log_key: parts.log_key,
            cosigner: parts.cosigner,
            checkpoints: parts.checkpoints,
            evidence,
            charters: Charters::default(),
            vetted,
            peers: parts.peers,
            directory: parts.directory,
            admitted: parts.admitted,
            retired: parts.retired,
            incarnation: parts.incarnation,
            run,
            orders: Seen::default(),
            checks: Mutex::new(vec![Check::starting()]),
            draining: CancellationToken::new(),
            downfall: parts.downfall,
            callers: Semaphore::new(CALLERS),
            started: Instant::now(),
            gossip: Mutex::new(gossip),
            skews: Mutex::default(),
            confirmed: Mutex::default(),
            published: Mutex::default(),
            own_origin: AtomicBool::new(false),
        }
    }

    /// A small file could not be made durable. What the kernel does with the pages of a failed fsync
    /// nobody can say, so the node ends, as it does when the log fails.
    pub(crate) fn disk_failed(&self, error: &dyn std::error::Error) {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !reason.ends_with(&text) {
                reason = format!("{reason}: {text}");
            }
            cause = error.source();
        }
        self.downfall.set(crate::StartError::Disk(reason));
    }

    /// Why consensus has stopped, by who must act: the disk, if it was the disk.
    pub(crate) fn why_stopped(&self, error: &replica::Error) -> crate::StartError {
        if let Some(reason) = self.log.stopped() {
            return crate::StartError::Disk(reason);
        }
        if self.replica.storage_failed() {
            return crate::StartError::Disk(error.to_string());
        }
        crate::StartError::Replica(error.to_string())
    }

    /// Reads one consistent state on a thread where blocking is harmless.
    pub(crate) async fn read<T, F>(self: &Arc<Self>, work: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Self, &View<'_, FrozenTables<'_>>) -> Result<T, Fault> + Send + 'static,
    {
        self.read_as(Reader::Node, work).await
    }

    /// The same for somebody who asks: it waits until one of the threads for callers is free, so
    /// that no flood of questions takes the threads that submissions need.
    pub(crate) async fn read_for_caller<T, F>(self: &Arc<Self>, work: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Self, &View<'_, FrozenTables<'_>>) -> Result<T, Fault> + Send + 'static,
    {
        self.read_as(Reader::Caller, work).await
    }

    /// Reads for either.
    pub(crate) async fn read_as<T, F>(
        self: &Arc<Self>,
        reader: Reader,
        work: F,
    ) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Self, &View<'_, FrozenTables<'_>>) -> Result<T, Fault> + Send + 'static,
    {
        let _turn = match reader {
            Reader::Node => None,
            // Never closed, so there is a turn for everybody who waits; how many wait is limited
            // by admission.
            Reader::Caller => self.callers.acquire().await.ok(),
        };
        let core = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            core.replica
                .state()
                .read_at_once(|tables| work(&core, &View::new(tables)))
        });
        let read = reading.await.map_err(|_cut_short| ReadError::CutShort)?;
        read.map_err(|fault| {
            self.downfall
                .set(crate::StartError::Unreadable(fault.clone()));
            ReadError::Fault(fault)
        })
    }

    /// The charter in force for a tree of `size`.
    pub(crate) async fn charter(
        self: &Arc<Self>,
        size: TreeSize,
    ) -> Result<Option<Arc<Charter>>, ReadError> {
        self.read(move |core, view| core.charters.at(view, size))
            .await
    }

    /// The charter in force now.
    pub(crate) async fn charter_now(self: &Arc<Self>) -> Result<Option<Arc<Charter>>, ReadError> {
        self.read(move |core, view| core.charters.at(view, view.tree_size()?))
            .await
    }

    /// Whether the leaves of a lost log are being taken over: the manifest in force is still one of
    /// its origin, not of this node's.
    pub(crate) async fn recovering(self: &Arc<Self>) -> Result<bool, ReadError> {
        if self.own_origin.load(Ordering::Acquire) {
            return Ok(false);
        }
        let Some(charter) = self.charter_now().await? else {
            return Ok(false);
        };
        let own = charter.manifest.origin == self.whoami.origin;
        self.own_origin.store(own, Ordering::Release);
        Ok(!own)
    }

    /// Leaves applied here.
    pub(crate) fn applied_size(&self) -> TreeSize {
        TreeSize::new(self.replica.applied_watch().borrow().tree_size)
    }

    /// Lets this node's directory take part in a cluster that runs.
    pub(crate) fn join(&self) -> Result<(), tonic::Status> {
        self.admitted.join().map_err(|error| {
            tracing::error!(%error, "the admission could not be kept");
            self.disk_failed(&error);
            tonic::Status::internal("the admission could not be kept on this node's disk")
        })
    }

    /// Keeps what the node's own eye has found.
    pub(crate) fn note_checks(&self, checks: Vec<Check>) {
        *self.checks.lock().unwrap_or_else(PoisonError::into_inner) = checks;
    }

    /// What keeps the node from being ready, a sentence each, as its own eye found it last.
    pub(crate) fn problems(&self) -> Vec<String> {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.iter().filter_map(Check::sentence).collect()
    }

    /// Whether this node belongs to a cluster.
    pub(crate) fn initialized(&self) -> bool {
        !self.replica.watch().borrow().members.nodes.is_empty()
    }

    /// The other members, with their addresses.
    pub(crate) fn others(&self) -> Vec<(u64, replica::PeerNode)> {
        let own = self.whoami.ordinal;
        let status = self.replica.watch();
        let status: &ReplicaStatus = &status.borrow();
        let nodes = status.members.nodes.iter();
        nodes
            .filter(|(peer, _)| **peer != own)
            .map(|(peer, node)| (*peer, node.clone()))
            .collect()
    }

    /// Takes note of what an exchange with a peer showed.
    pub(crate) fn compare(&self, peer: u64, comparison: Comparison) {
        let now = self.started.elapsed();
        self.gossip().note(peer, comparison, now);
    }

    /// Hears a head that some of `nodes` signed, beside this node's own of that size.
    pub(crate) fn hear_head(
        &self,
        nodes: &[NodeKeys],
        own: Option<&SignedCheckpoint>,
        head: &SignedCheckpoint,
    ) -> Option<Heard> {
        let now = self.started.elapsed();
        self.gossip().hear(nodes, own, head, now)
    }

    /// Takes note of who is named by a contradiction.
    pub(crate) fn convict(&self, nodes: &[NodeKeys], found: &Contradiction) {
        self.gossip().convict(nodes, found);
    }

    /// The heads that this node's tree has reached since they were heard.
    pub(crate) fn due_heads(&self) -> Vec<SignedCheckpoint> {
        let size = self.applied_size();
        self.gossip().due(size)
    }

    /// Whether a key of `node` is proven to have signed two histories.
    pub(crate) fn is_equivocator(&self, node: &NodeKeys) -> bool {
        self.gossip().is_equivocator(node)
    }

    /// Where this node stands among `nodes` nodes.
    pub(crate) fn stand(&self, nodes: usize) -> Stand {
        let now = self.started.elapsed();
        self.gossip().stand(nodes, now)
    }

    fn gossip(&self) -> MutexGuard<'_, Gossip> {
        self.gossip.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a peer's clock, heard now.
    pub(crate) fn hear_clock(&self, peer: u64, clock: UnixSeconds) {
        let (own, clock) = (self.clock.seconds().get(), clock.get());
        let lead = i64::try_from(i128::from(clock).saturating_sub(i128::from(own)));
        let lead = lead.unwrap_or(i64::MAX);
        let heard = (lead, self.started.elapsed());
        self.skews
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(peer, heard);
        if let Some(name) = self.name_of(peer) {
            self.metrics.peer_clock_skew.set(&name, lead);
        }
    }

    /// The clocks of the peers heard lately, as they should stand now.
    pub(crate) fn heard_clocks(&self) -> Vec<UnixSeconds> {
        let (own, now) = (self.clock.seconds().get(), self.started.elapsed());
        let skews = self.skews.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = skews
            .values()
            .filter(|(_, at)| now.saturating_sub(*at) <= FRESH);
        fresh
            .map(|(lead, _)| UnixSeconds::new(own.saturating_add_signed(*lead)))
            .collect()
    }

    /// Takes note that a leader, with a majority behind it, confirmed what this node shows.
    pub(crate) fn note_confirmed(&self) {
        *self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Since that last happened; since the start where it never did.
    pub(crate) fn unconfirmed_for(&self) -> Duration {
        let confirmed = self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        confirmed.unwrap_or(self.started).elapsed()
    }

    /// Whether a leader is known and has proven lately that it leads. What consensus calls the
    /// leader may be long dead where nobody can be elected in its place.
    pub(crate) fn has_leader(&self) -> bool {
        let known = self.replica.watch().borrow().leader.is_some();
        let proven = self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known && proven.is_some_and(|at| at.elapsed() <= PROVEN)
    }

    /// Takes note that a checkpoint was published now.
    pub(crate) fn note_published(&self) {
        *self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Since the newest checkpoint was published; zero before the first of this run.
    pub(crate) fn checkpoint_age(&self) -> Duration {
        let published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        published.map_or(Duration::ZERO, |at| at.elapsed())
    }

    /// A member's id.
    pub(crate) fn name_of(&self, ordinal: u64) -> Option<String> {
        let status = self.replica.watch();
        let status = status.borrow();
        status
            .members
            .nodes
            .get(&ordinal)
            .map(|node| node.name.clone())
    }

    /// The public halves of this node's keys.
    pub(crate) fn keys(&self) -> PublicKeys {
        PublicKeys {
            log: self.log_key.verifier().clone(),
            cosigner: self.cosigner.verifier().clone(),
        }
    }

    /// Stops cosigning for good, says so, and keeps the reason on disk.
    pub(crate) fn stop_cosigning(&self, reason: &str) {
        self.metrics.cosigning_stopped.set(1);
        tracing::error!(reason, "this node has stopped cosigning");
        if let Err(error) = self.cosigner.stop(reason) {
            tracing::error!(%error, "the reason could not be kept on disk");
            self.disk_failed(&error);
        }
    }
}

impl Downfall {
    /// The node is to end with `reason`; the first reason counts.
    pub(crate) fn set(&self, reason: crate::StartError) {
        let mut known = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            tracing::error!(error = %reason, "the node cannot go on");
            *known = Some(reason);
        }
        self.known.cancel();
    }

    /// Resolves when there is a reason to end.
    pub(crate) async fn known(&self) {
        self.known.cancelled().await;
    }

    /// The reason, if there is one.
    pub(crate) fn take(&self) -> Option<crate::StartError> {
        self.reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}
