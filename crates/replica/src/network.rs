//! openraft's network over the [`Transport`] seam, with the deadlines.
//!
//! openraft bounds votes by itself, but not an append stream: over a connection that swallows
//! packets such a stream would wait for the kernel to give up, for hours. So a stream with
//! requests under way has to show progress, or it is given up and opened anew.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{self, Either};
use futures::stream::{self, Stream, StreamExt};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{NetworkError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{
    Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption,
    RPCTypes, RaftNetworkFactory,
};
use openraft::raft::{
    SnapshotResponse, StreamAppendError, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{ErrorSubject, ErrorVerb, StorageError};
use prost::Message;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::{ReplicaConfig, Workplace};
use crate::membership::PeerNode;
use crate::mutant;
use crate::seams::{AppendResponses, Lane, Lost, Peer, State, Transport};
use crate::snapshot::{self, Failure};
use crate::types::{
    AppendEntries, Appended, LeaderId, LogId, RpcError, Snapshot, TypeConfig, Vote,
};
use crate::wire::{self, Unreadable};

/// The slowest link that append streams are made for, in bytes a second: 1 Mbit/s. What is under
/// way is given that much more time.
const SLOWEST_LINK: u64 = 128 * 1024;

/// Deadlines and identity shared by all links.
#[derive(Clone, Copy, Debug)]
struct Terms {
    from: u64,
    append_progress: Duration,
    transfer_deadline: Duration,
    workplace: Workplace,
}

/// Makes links.
#[derive(Debug)]
pub(crate) struct Network<T, S> {
    transport: Arc<T>,
    terms: Terms,
    acknowledged: Arc<Acknowledged>,
    state: PhantomData<fn() -> S>,
}

impl<T, S> Network<T, S> {
    pub(crate) fn new(transport: Arc<T>, config: &ReplicaConfig) -> Self {
        Self {
            transport,
            terms: Terms {
                from: config.ordinal,
                append_progress: if mutant::is("append-without-deadline") {
                    Duration::from_hours(1)
                } else {
                    config.append_progress
                },
                transfer_deadline: config.transfer_deadline,
                workplace: config.workplace,
            },
            acknowledged: Arc::default(),
            state: PhantomData,
        }
    }
}

impl<T: Transport, S: State> Network<T, S> {
    fn link(&self, to: u64, node: &PeerNode, lane: Lane) -> Link<T::Peer, S> {
        Link {
            control: self.transport.peer(to, node, Lane::Control),
            stream: self.transport.peer(to, node, lane),
            to,
            terms: self.terms,
            acknowledged: Arc::clone(&self.acknowledged),
            state: PhantomData,
        }
    }
}

impl<T: Transport, S: State> RaftNetworkFactory<TypeConfig> for Network<T, S> {
    type Network = Link<T::Peer, S>;

    async fn new_client(&mut self, target: u64, node: &PeerNode) -> Self::Network {
        self.link(target, node, Lane::Append)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &PeerNode) -> Self::Network {
        self.link(target, node, Lane::Control)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &PeerNode) -> Self::Network {
        self.link(target, node, Lane::Bulk)
    }
}

/// What openraft uses to talk to one node: small questions go over the control lane, whatever the
/// link was made for over its own.
#[derive(Debug)]
pub(crate) struct Link<P, S> {
    control: P,
    stream: P,
    to: u64,
    terms: Terms,
    acknowledged: Arc<Acknowledged>,
    state: PhantomData<fn() -> S>,
}

impl<P, S> Link<P, S> {
    /// Bounds a question by `limit`.
    async fn ask<R>(
        &self,
        limit: Duration,
        action: RPCTypes,
        answer: impl Future<Output = Result<R, Lost>>,
    ) -> Result<R, RpcError> {
        match timeout(limit, answer).await {
            Ok(answer) => answer.map_err(rpc_error),
            Err(_) => Err(RpcError::Timeout(Timeout {
                action,
                id: self.terms.from,
                target: self.to,
                timeout: limit,
            })),
        }
    }
}

fn rpc_error(lost: Lost) -> RpcError {
    match lost {
        Lost::Unreachable(what) => unreachable(what),
        Lost::Broken(what) => RpcError::Network(NetworkError::from_string(what)),
    }
}

/// An error after which openraft waits before it tries again.
fn unreachable(what: impl Display) -> RpcError {
    RpcError::Unreachable(Unreachable::from_string(what))
}

fn unreadable(error: &Unreadable) -> RpcError {
    RpcError::Network(NetworkError::new(error))
}

impl<P: Peer, S: State> NetVote<TypeConfig> for Link<P, S> {
    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let answer = self.control.vote(wire::vote_request_out(&request));
        let answer = self.ask(option.hard_ttl(), RPCTypes::Vote, answer).await?;
        wire::vote_response_in(answer).map_err(|error| unreadable(&error))
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        if mutant::is("no-pre-vote") {
            return Ok(VoteResponse::new(request.vote, request.last_log_id, true));
        }
        let answer = self.control.pre_vote(wire::vote_request_out(&request));
        let answer = self.ask(option.hard_ttl(), RPCTypes::Vote, answer).await?;
        wire::vote_response_in(answer).map_err(|error| unreadable(&error))
    }
}

impl<P: Peer, S: State> NetTransferLeader<TypeConfig> for Link<P, S> {
    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        let limit = self.terms.transfer_deadline.min(option.hard_ttl());
        let answer = self.control.transfer_leader(wire::transfer_out(&request));
        let answer = self.ask(limit, RPCTypes::TransferLeader, answer).await?;
        wire::transferred_in(answer).map_err(|error| unreadable(&error))
    }
}

impl<P: Peer, S: State> NetBackoff<TypeConfig> for Link<P, S> {
    fn backoff(&self) -> Option<Backoff> {
        // The configured one.
        None
    }
}

impl<P: Peer, S: State> NetStreamAppend<TypeConfig> for Link<P, S> {
    fn stream_append<I>(
        &mut self,
        mut input: I,
        _option: RPCOption,
    ) -> BoxFuture<'_, Result<BoxStream<'_, Result<Appended, RpcError>>, RpcError>>
    where
        I: Stream<Item = AppendEntries> + Send + Unpin + 'static,
    {
        let opening = async move {
            // openraft waits out its backoff where the first request is made. Taking that before
            // connecting keeps a node that refuses connections from being called in a tight loop.
            let Some(first) = input.next().await else {
                return Ok(stream::empty().boxed());
            };
            let leader = first.vote.leader_id;
            let input = stream::iter([first]).chain(input);
            let pace = Arc::new(Pace::new(self.terms.append_progress));
            let sending = Arc::clone(&pace);
            let ending = Arc::clone(&pace);
            let requests = input.map(move |request| {
                let request = wire::append_out(request);
                sending.sent(request.encoded_len());
                request
            });
            let end = stream::once(async move { ending.ended() });
            let requests = requests.chain(end.filter_map(|()| future::ready(None)));
            let opened = self.stream.append(requests.boxed());
            let answers = match timeout(self.terms.append_progress, opened).await {
                Ok(answers) => answers.map_err(rpc_error)?,
                Err(_) => return Err(unreachable("the append stream did not open in time")),
            };
            let answers = watched(answers, pace);
            let (to, acknowledged) = (self.to, Arc::clone(&self.acknowledged));
            Ok(answers
                .map(move |answer| acknowledged.hold_against(to, leader, answer?))
                .boxed())
        };
        Box::pin(opening)
    }
}

/// How far each node has said that its log is on disk, under the leader of now.
///
/// A node that later denies it has lost its disk or runs on an old copy of it. openraft takes that
/// for a fault of its own and would panic, so that one broken follower could take a leader down;
/// here such a node counts as unreachable.
#[derive(Debug, Default)]
struct Acknowledged(Mutex<BTreeMap<u64, Word>>);

#[derive(Clone, Copy, Debug)]
struct Word {
    leader: LeaderId,
    log_id: LogId,
    /// Whether its breach has been reported.
    broken: bool,
}

impl Acknowledged {
    fn hold_against(
        &self,
        node: u64,
        leader: LeaderId,
        answer: Appended,
    ) -> Result<Appended, RpcError> {
        match &answer {
            Ok(Some(log_id)) => self.raise(node, leader, *log_id),
            Ok(None) | Err(StreamAppendError::HigherVote(_)) => {}
            Err(StreamAppendError::Conflict(at)) => {
                if self.is_breach(node, leader, *at) {
                    return Err(unreachable("it has lost entries that it acknowledged"));
                }
            }
        }
        Ok(answer)
    }

    fn raise(&self, node: u64, leader: LeaderId, log_id: LogId) {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let word = words.entry(node).or_insert(Word {
            leader,
            log_id,
            broken: false,
        });
        if word.leader != leader {
            *word = Word {
                leader,
                log_id,
                broken: false,
            };
        }
        word.log_id = word.log_id.max(log_id);
    }

    fn is_breach(&self, node: u64, leader: LeaderId, at: LogId) -> bool {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(word) = words.get_mut(&node) else {
            return false;
        };
        let breach = word.leader == leader && at.index <= word.log_id.index;
        if breach && !word.broken {
            word.broken = true;
            tracing::error!(
                peer = node,
                log_index = at.index,
                "a node has lost log entries that it acknowledged; it is left out"
            );
        }
        breach
    }
}

/// The answers, cut off when they no longer come.
fn watched(
    answers: AppendResponses,
    pace: Arc<Pace>,
) -> impl Stream<Item = Result<Appended, RpcError>> + Send {
    stream::unfold(Some((answers, pace)), |open| async move {
        let (mut answers, pace) = open?;
        loop {
            let deadline = pace.deadline();
            match timeout_at(deadline, answers.next()).await {
                // openraft would go on with what it sent last to that node, which may have been
                // purged since, and its task would end for good.
                Ok(None) if pace.has_unanswered() => {
                    let what = "the append stream ended before all was answered";
                    return Some((Err(rpc_error(Lost::Broken(what.to_owned()))), None));
                }
                Ok(None) => return None,
                Ok(Some(Ok(answer))) => {
                    pace.answered();
                    let answer = wire::appended_in(answer).map_err(|error| unreadable(&error));
                    let open = answer.is_ok().then_some((answers, pace));
                    return Some((answer, open));
                }
                Ok(Some(Err(lost))) => return Some((Err(rpc_error(lost)), None)),
                Err(_) if pace.overdue() => {
                    return Some((Err(unreachable("the append stream made no progress")), None));
                }
                // Its closing may have been swallowed, and nothing would ever say so: the node
                // would get no entries any more.
                Err(_) if pace.all_answered() => return None,
                Err(_) => {}
            }
        }
    })
}

/// Whether an append stream moves.
#[derive(Debug)]
struct Pace {
    patience: Duration,
    under_way: Mutex<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    /// Sizes of the requests without answer, in order.
    requests: VecDeque<usize>,
    /// When the stream last moved: an answer came, or the first request after a silence went out.
    since: Instant,
    /// Whether there will be no more requests.
    ended: bool,
}

impl Pace {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
            under_way: Mutex::new(UnderWay {
                requests: VecDeque::new(),
                since: Instant::now(),
                ended: false,
            }),
        }
    }

    fn sent(&self, bytes: usize) {
        let mut under_way = self.lock();
        if under_way.requests.is_empty() {
            under_way.since = Instant::now();
        }
        under_way.requests.push_back(bytes);
    }

    fn answered(&self) {
        let mut under_way = self.lock();
        under_way.requests.pop_front();
        under_way.since = Instant::now();
    }

    fn ended(&self) {
        self.lock().ended = true;
    }

    /// Whether the requests have ended and each has its answer.
    fn all_answered(&self) -> bool {
        let under_way = self.lock();
        under_way.ended && under_way.requests.is_empty()
    }

    fn has_unanswered(&self) -> bool {
        !self.lock().requests.is_empty()
    }

    /// When the stream is next to be looked at: with nothing under way merely in a while.
    fn deadline(&self) -> Instant {
        let under_way = self.lock();
        let bytes: usize = under_way.requests.iter().sum();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let travel = bytes.saturating_mul(1000).checked_div(SLOWEST_LINK);
        let from = if under_way.requests.is_empty() {
            Instant::now()
        } else {
            under_way.since
        };
        from + self.patience + Duration::from_millis(travel.unwrap_or_default())
    }

    fn overdue(&self) -> bool {
        self.has_unanswered() && self.deadline() <= Instant::now()
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Peer, S: State> NetSnapshot<TypeConfig> for Link<P, S> {
    type SnapshotData = S::Image;

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<S::Image>,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let header = snapshot::header(Some(&vote), &snapshot.meta);
        let last = snapshot.meta.last_log_id;
        let failure = Failure::default();
        let frames = snapshot::frames(
            header,
            snapshot.snapshot,
            self.terms.workplace,
            Arc::clone(&failure),
        );
        let sending = self.ask(
            option.hard_ttl(),
            RPCTypes::InstallSnapshot,
            self.stream.snapshot(frames),
        );
        let answer = match future::select(pin!(sending), pin!(cancel)).await {
            Either::Left((answer, _)) => answer,
            Either::Right((closed, _)) => return Err(closed.into()),
        };
        let failed = failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(error) = failed {
            // The image on our own disk cannot be read: not the follower's fault, and final.
            return Err(StorageError::from_io_error(
                ErrorSubject::Snapshot(None),
                ErrorVerb::Read,
                error,
            )
            .into());
        }
        let answer = wire::vote_in(answer?.vote).map_err(|error| unreadable(&error))?;
        if let (Some(last), true) = (last, answer == vote) {
            self.acknowledged.raise(self.to, vote.leader_id, last);
        }
        Ok(SnapshotResponse::new(answer))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures::stream::{self, StreamExt};
    use tokio::time::{Instant, sleep};

    use openraft::raft::StreamAppendError;

    use super::{Acknowledged, Pace, watched};
    use crate::types::{LeaderId, LogId};

    const PATIENCE: Duration = Duration::from_millis(320);

    #[tokio::test(start_paused = true)]
    async fn an_idle_stream_is_left_alone() {
        let pace = Arc::new(Pace::new(PATIENCE));
        let mut answers = Box::pin(watched(stream::pending().boxed(), pace));
        let waited = tokio::time::timeout(Duration::from_mins(1), answers.next()).await;
        assert!(waited.is_err());
    }

    /// The request goes out one millisecond before the idle stream would next be looked at.
    #[tokio::test(start_paused = true)]
    async fn a_request_has_its_full_time_whenever_it_goes_out() {
        let pace = Arc::new(Pace::new(PATIENCE));
        let sending = Arc::clone(&pace);
        let late = async move {
            sleep(Duration::from_millis(319)).await;
            sending.sent(10);
        };
        let mut answers = Box::pin(watched(stream::pending().boxed(), pace));
        let (answer, ()) = futures::join!(answers.next(), late);
        assert!(answer.unwrap().is_err());
        assert!(answers.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_swallowed_request_ends_the_stream_in_time() {
        let begun = Instant::now();
        let pace = Arc::new(Pace::new(PATIENCE));
        pace.sent(10);
        let mut answers = Box::pin(watched(stream::pending().boxed(), pace));
        assert!(answers.next().await.unwrap().is_err());
        assert!(begun.elapsed() < PATIENCE * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_whose_closing_was_swallowed_ends_when_all_is_answered() {
        let pace = Arc::new(Pace::new(PATIENCE));
        let mut answers = Box::pin(watched(stream::pending().boxed(), Arc::clone(&pace)));
        pace.ended();
        let waited = tokio::time::timeout(Duration::from_mins(1), answers.next()).await;
        assert!(waited.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_end_before_all_is_answered_are_an_error() {
        let pace = Arc::new(Pace::new(PATIENCE));
        pace.sent(10);
        let mut answers = Box::pin(watched(stream::empty().boxed(), Arc::clone(&pace)));
        assert!(answers.next().await.unwrap().is_err());
        assert!(answers.next().await.is_none());
    }

    /// One mebibyte at one megabit a second is under way for eight seconds.
    #[tokio::test(start_paused = true)]
    async fn a_large_request_is_given_the_time_a_slow_link_takes() {
        let begun = Instant::now();
        let pace = Arc::new(Pace::new(PATIENCE));
        pace.sent(1024 * 1024);
        let mut answers = Box::pin(watched(stream::pending().boxed(), pace));
        assert!(answers.next().await.unwrap().is_err());
        assert!(begun.elapsed() >= Duration::from_secs(8));
    }

    const LEADER: LeaderId = LeaderId {
        term: 2,
        node_id: 1,
    };

    fn at(index: u64) -> LogId {
        LogId::new(LEADER, index)
    }

    #[test]
    fn a_node_that_takes_its_word_back_counts_as_unreachable() {
        let acknowledged = Acknowledged::default();
        let conflict = |index| Err(StreamAppendError::Conflict(at(index)));
        // While a leader finds out where a follower is, conflicts are in order.
        assert!(acknowledged.hold_against(3, LEADER, conflict(9)).is_ok());
        assert!(
            acknowledged
                .hold_against(3, LEADER, Ok(Some(at(5))))
                .is_ok()
        );
        assert!(acknowledged.hold_against(3, LEADER, conflict(6)).is_ok());
        assert!(acknowledged.hold_against(3, LEADER, conflict(5)).is_err());
        // It is another node's word, and another leader's knowledge.
        assert!(acknowledged.hold_against(2, LEADER, conflict(5)).is_ok());
        let later = LeaderId {
            term: 3,
            node_id: 1,
        };
        assert!(acknowledged.hold_against(3, later, conflict(5)).is_ok());
    }
}
