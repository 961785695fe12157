//! openraft's network over the [`Transport`] seam, with the deadlines.
//!
//! openraft bounds votes by itself, but not an append stream: over a connection that swallows
//! packets such a stream would wait for the kernel to give up, for hours. So a stream with
//! requests under way has to show progress, or it is given up and opened anew.

use std::collections::VecDeque;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{self, Either};
use futures::stream::{self, Stream, StreamExt};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{
    NetworkError, ReplicationClosed, StreamingError, Timeout, Unreachable,
};
use openraft::network::{
    Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption,
    RPCTypes, RaftNetworkFactory,
};
use openraft::raft::{
    SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{ErrorSubject, ErrorVerb, StorageError};
use prost::Message;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::{ReplicaConfig, Workplace};
use crate::membership::PeerNode;
use crate::seams::{AppendResponses, Lane, Lost, Peer, State, Transport};
use crate::snapshot::{self, Failure};
use crate::types::{AppendEntries, Appended, RpcError, Snapshot, TypeConfig, Vote};
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
    state: PhantomData<fn() -> S>,
}

impl<T, S> Network<T, S> {
    pub(crate) fn new(transport: Arc<T>, config: &ReplicaConfig) -> Self {
        Self {
            transport,
            terms: Terms {
                from: config.ordinal,
                append_progress: config.append_progress,
                transfer_deadline: config.transfer_deadline,
                workplace: config.workplace,
            },
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
fn unreachable(what: impl ToString) -> RpcError {
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
        let answer = self
            .ask(option.hard_ttl(), RPCTypes::Vote, answer)
            .await?;
        wire::vote_response_in(answer).map_err(|error| unreadable(&error))
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let answer = self.control.pre_vote(wire::vote_request_out(&request));
        let answer = self
            .ask(option.hard_ttl(), RPCTypes::Vote, answer)
            .await?;
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
    fn stream_append<'s, I>(
        &'s mut self,
        mut input: I,
        _option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<Appended, RpcError>>, RpcError>>
    where
        I: Stream<Item = AppendEntries> + Send + Unpin + 'static,
    {
        let opening = async move {
            // openraft waits out its backoff where the first request is made. Taking that before
            // connecting keeps a node that refuses connections from being called in a tight loop.
            let Some(first) = input.next().await else {
                return Ok(stream::empty().boxed());
            };
            let input = stream::iter([first]).chain(input);
            let pace = Arc::new(Pace::new(self.terms.append_progress));
            let sending = Arc::clone(&pace);
            let requests = input.map(move |request| {
                let request = wire::append_out(request);
                sending.sent(request.encoded_len());
                request
            });
            let opened = self.stream.append(requests.boxed());
            let answers = match timeout(self.terms.append_progress, opened).await {
                Ok(answers) => answers.map_err(rpc_error)?,
                Err(_) => return Err(unreachable("the append stream did not open in time")),
            };
            Ok(watched(answers, pace).boxed())
        };
        Box::pin(opening)
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
}

impl Pace {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
            under_way: Mutex::new(UnderWay {
                requests: VecDeque::new(),
                since: Instant::now(),
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
        !self.lock().requests.is_empty() && self.deadline() <= Instant::now()
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
        let header = snapshot::header(&vote, &snapshot.meta);
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
        Ok(SnapshotResponse::new(answer))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures::stream::{self, StreamExt};
    use tokio::time::{Instant, sleep};

    use super::{Pace, watched};

    const PATIENCE: Duration = Duration::from_millis(320);

    #[tokio::test(start_paused = true)]
    async fn an_idle_stream_is_left_alone() {
        let pace = Arc::new(Pace::new(PATIENCE));
        let mut answers = Box::pin(watched(stream::pending().boxed(), pace));
        let waited = tokio::time::timeout(Duration::from_secs(60), answers.next()).await;
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
}
