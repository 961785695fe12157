//! What other nodes ask of this one, checked before consensus is entered.
//!
//! openraft trusts its peers: it asserts where a message cannot come from a node that keeps to
//! the protocol. So whatever a peer sends is held against the protocol here, and against the node
//! it comes from, and what does not fit is refused without openraft having seen it.

use std::fmt::Display;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::SinkExt;
use futures::channel::mpsc;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use openraft::async_runtime::WatchReceiver;
use tokio::sync::Notify;
use tokio::time::timeout;

use proto::raft;

use crate::codec::MAX_COMMAND_BYTES;
use crate::config::{ReplicaConfig, Workplace};
use crate::error::Refused;
use crate::membership;
use crate::mending::Mending;
use crate::seams::State;
use crate::seeds::Seeds;
use crate::snapshot;
use crate::types::{AppendEntries, LogId, Payload, Raft, Snapshot, Vote};
use crate::wire::{self, Unreadable};

/// The receiving side of a replica. `from` is always the ordinal that the caller has
/// authenticated, never one that a message claims.
pub struct Inbound<S: State> {
    raft: Raft<S>,
    state: Arc<S>,
    seeds: Arc<Seeds>,
    mending: Arc<Mending>,
    ordinal: u64,
    workplace: Workplace,
    snapshot_deadline: Duration,
    receiving: Arc<Receiving>,
}

impl<S: State> Clone for Inbound<S> {
    fn clone(&self) -> Self {
        Self {
            raft: self.raft.clone(),
            state: Arc::clone(&self.state),
            seeds: Arc::clone(&self.seeds),
            mending: Arc::clone(&self.mending),
            ordinal: self.ordinal,
            workplace: self.workplace,
            snapshot_deadline: self.snapshot_deadline,
            receiving: Arc::clone(&self.receiving),
        }
    }
}

impl<S: State> std::fmt::Debug for Inbound<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound")
            .field("ordinal", &self.ordinal)
            .finish_non_exhaustive()
    }
}

impl<S: State> Inbound<S> {
    pub(crate) fn new(
        raft: &Raft<S>,
        state: &Arc<S>,
        seeds: &Arc<Seeds>,
        mending: Arc<Mending>,
        config: &ReplicaConfig,
    ) -> Self {
        Self {
            raft: raft.clone(),
            state: Arc::clone(state),
            seeds: Arc::clone(seeds),
            mending,
            ordinal: config.ordinal,
            workplace: config.workplace,
            snapshot_deadline: config.snapshot_deadline,
            receiving: Arc::default(),
        }
    }

    /// This node's ordinal: what `tally-to` must say.
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// A node stands for election.
    pub async fn vote(
        &self,
        from: u64,
        request: raft::VoteRequest,
    ) -> Result<raft::VoteResponse, Refused> {
        let request = wire::vote_request_in(request).map_err(unreadable)?;
        self.check_candidate(from, &request.vote)?;
        let answer = self.seeds.scope(self.raft.vote(request)).await;
        let answer = answer.map_err(|_| Refused::Stopped)?;
        Ok(wire::vote_response_out(&answer))
    }

    /// A node asks whether it would be elected.
    pub async fn pre_vote(
        &self,
        from: u64,
        request: raft::VoteRequest,
    ) -> Result<raft::VoteResponse, Refused> {
        let request = wire::vote_request_in(request).map_err(unreadable)?;
        self.check_candidate(from, &request.vote)?;
        let answer = self.seeds.scope(self.raft.pre_vote(request)).await;
        let answer = answer.map_err(|_| Refused::Stopped)?;
        Ok(wire::vote_response_out(&answer))
    }

    fn check_candidate(&self, from: u64, vote: &Vote) -> Result<(), Refused> {
        if from == self.ordinal {
            return Err(Refused::Invalid("this node called itself"));
        }
        if vote.committed || vote.leader_id.node_id != from {
            return Err(Refused::Invalid("a candidate that stands for another"));
        }
        if self.mending.is_torn() {
            return Err(Refused::Mending);
        }
        Ok(())
    }

    /// A leader sends entries. The answers come in the order of the requests; the first request
    /// that is not allowed ends them with its refusal.
    pub fn append<E>(
        &self,
        from: u64,
        requests: impl Stream<Item = Result<raft::AppendRequest, E>> + Send + 'static,
    ) -> BoxStream<'static, Result<raft::AppendResponse, Refused>>
    where
        E: Display + Send + 'static,
    {
        if from == self.ordinal {
            let refused = Err(Refused::Invalid("this node called itself"));
            return stream::iter([refused]).boxed();
        }
        let refused = Arc::new(Mutex::new(None));
        let refusal = Arc::clone(&refused);
        let checked = requests
            .map(move |request| {
                let Ok(request) = request else {
                    // The connection ended; the caller knows.
                    return None;
                };
                match check_append(from, request) {
                    Ok(request) => Some(request),
                    Err(why) => {
                        *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                        None
                    }
                }
            })
            .take_while(|request| futures::future::ready(request.is_some()))
            .filter_map(futures::future::ready);
        let last = stream::once(async move {
            refused
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
                .map(Err)
        });
        self.answers(checked)
            .chain(last.filter_map(futures::future::ready))
            .boxed()
    }

    /// openraft's answers to `requests`. It lends them for as long as its handle is borrowed, so
    /// the handle travels inside the stream: one half of the stream drives openraft's and passes
    /// each answer to the other half.
    fn answers(
        &self,
        requests: impl Stream<Item = AppendEntries> + Send + 'static,
    ) -> impl Stream<Item = Result<raft::AppendResponse, Refused>> + Send + 'static {
        let raft = self.raft.clone();
        let (mut sender, receiver) = mpsc::channel(0);
        let driving = self.seeds.scope(async move {
            let mut answers = pin!(raft.stream_append(requests));
            while let Some(answer) = answers.next().await {
                let answer = answer
                    .map(|answer| wire::appended_out(&answer))
                    .map_err(|_| Refused::Stopped);
                if sender.send(answer).await.is_err() {
                    return;
                }
            }
        });
        let driving = stream::once(driving).filter_map(|()| futures::future::ready(None));
        stream::select(receiver, driving)
    }

    /// A leader sends a snapshot; answered when it is installed.
    pub async fn snapshot<E>(
        &self,
        from: u64,
        frames: impl Stream<Item = Result<raft::SnapshotFrame, E>> + Send,
    ) -> Result<raft::SnapshotResponse, Refused> {
        if from == self.ordinal {
            return Err(Refused::Invalid("this node called itself"));
        }
        let Some(superseded) = self.receiving.begin(from) else {
            return Err(Refused::Invalid("another snapshot is being received"));
        };
        // Only between frames, so that what is being written is finished first.
        let frames = frames.take_until(superseded.notified());
        let install = async {
            let _alone = self.receiving.place.lock().await;
            self.receive_and_install(from, frames).await
        };
        timeout(self.snapshot_deadline, install)
            .await
            .unwrap_or(Err(Refused::Invalid("a snapshot that took too long")))
    }

    async fn receive_and_install<E>(
        &self,
        from: u64,
        frames: impl Stream<Item = Result<raft::SnapshotFrame, E>> + Send,
    ) -> Result<raft::SnapshotResponse, Refused> {
        let state = Arc::clone(&self.state);
        // What the whole cluster has committed may be further; this node has this.
        let committed = self.raft.metrics().borrow_watched().local_committed;
        let check = |header| snapshot::check_sent(header, from, committed);
        let received = snapshot::receive(state, self.workplace, frames, check).await?;
        let snapshot = Snapshot {
            meta: received.meta,
            snapshot: received.image,
        };
        let install = self.raft.install_full_snapshot(received.header, snapshot);
        let answer = self.seeds.scope(install).await;
        let answer = answer.map_err(|_| Refused::Stopped)?;
        Ok(raft::SnapshotResponse {
            vote: Some(wire::vote_out(&answer.vote)),
        })
    }

    /// A member whose own state is gone asks for a snapshot. It comes as fast as it is taken, and
    /// within the time that a snapshot may take: nothing of it is queued here.
    pub async fn fetch_snapshot(
        &self,
        from: u64,
        request: raft::FetchSnapshotRequest,
    ) -> Result<BoxStream<'static, Result<raft::SnapshotFrame, Refused>>, Refused> {
        if from == self.ordinal {
            return Err(Refused::Invalid("this node called itself"));
        }
        let making = self.snapshot_reaching(request.reach);
        let snapshot = timeout(self.snapshot_deadline, making)
            .await
            .unwrap_or(Err(Refused::Behind))?;
        let header = snapshot::header(None, &snapshot.meta);
        let failure = snapshot::Failure::default();
        let frames = snapshot::frames(
            header,
            snapshot.snapshot,
            self.workplace,
            Arc::clone(&failure),
        );
        let failed = stream::once(async move {
            let failed = failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            failed.map(|error| Err(Refused::Storage(error.to_string())))
        });
        Ok(frames
            .map(Ok)
            .chain(failed.filter_map(futures::future::ready))
            .take_until(tokio::time::sleep(self.snapshot_deadline))
            .boxed())
    }

    /// The current snapshot, or a new one where that does not cover the log up to `reach`.
    async fn snapshot_reaching(&self, reach: u64) -> Result<Snapshot<S::Image>, Refused> {
        let reaches = |last: Option<LogId>| last.is_some_and(|last| last.index >= reach);
        let current = || async {
            let asked = self.seeds.scope(self.raft.get_snapshot());
            let current = asked.await.map_err(|_| Refused::Stopped)?;
            Ok(current.filter(|snapshot| reaches(snapshot.meta.last_log_id)))
        };
        if let Some(snapshot) = current().await? {
            return Ok(snapshot);
        }
        let mut metrics = self.raft.metrics();
        if !reaches(metrics.borrow_watched().last_applied) {
            return Err(Refused::Behind);
        }
        let trigger = self.raft.trigger();
        let making = self.seeds.scope(trigger.snapshot());
        making.await.map_err(|_| Refused::Stopped)?;
        while !reaches(metrics.borrow_watched().snapshot) {
            metrics.changed().await.map_err(|_| Refused::Stopped)?;
        }
        current().await?.ok_or(Refused::Behind)
    }

    /// The leader offers leadership to this node, or says that it has offered it to another.
    pub async fn transfer_leader(
        &self,
        from: u64,
        request: raft::TransferLeaderRequest,
    ) -> Result<raft::TransferLeaderResponse, Refused> {
        let request = wire::transfer_in(request).map_err(unreadable)?;
        let vote = request.from_leader();
        if from == self.ordinal || !vote.committed || vote.leader_id.node_id != from {
            return Err(Refused::Invalid("an offer from a node that does not lead"));
        }
        let offer = self.raft.handle_transfer_leader(request);
        let answer = self.seeds.scope(offer).await;
        let answer = answer.map_err(|_| Refused::Stopped)?;
        Ok(wire::transferred_out(answer))
    }
}

fn unreadable(error: Unreadable) -> Refused {
    Refused::Invalid(error.0)
}

/// An append request as a leader may send it: its own vote, entries without a gap that continue
/// `previous`, none of a later leader, each with a payload that can be.
fn check_append(from: u64, request: raft::AppendRequest) -> Result<AppendEntries, Refused> {
    let request = wire::append_in(request).map_err(unreadable)?;
    let leader = request.vote.leader_id;
    if !request.vote.committed || leader.node_id != from {
        return Err(Refused::Invalid("entries from a node that does not lead"));
    }
    let committed_later = request
        .leader_commit
        .is_some_and(|commit| commit.leader_id > leader);
    if committed_later {
        return Err(Refused::Invalid("a commit of a later leader"));
    }
    let mut previous = request.prev_log_id;
    if previous.is_some_and(|log_id| log_id.leader_id > leader) {
        return Err(Refused::Invalid("entries after those of a later leader"));
    }
    for entry in &request.entries {
        check_place(previous, entry.log_id)?;
        if entry.log_id.leader_id > leader {
            return Err(Refused::Invalid("an entry of a later leader"));
        }
        check_payload(&entry.payload)?;
        previous = Some(entry.log_id);
    }
    Ok(request)
}

fn check_place(previous: Option<LogId>, log_id: LogId) -> Result<(), Refused> {
    let index = match previous {
        None => Some(0),
        Some(previous) => previous.index.checked_add(1),
    };
    if Some(log_id.index) != index {
        return Err(Refused::Invalid("a gap in the entries"));
    }
    if previous.is_some_and(|previous| previous.leader_id > log_id.leader_id) {
        return Err(Refused::Invalid(
            "an entry of an earlier leader than before",
        ));
    }
    Ok(())
}

fn check_payload(payload: &Payload) -> Result<(), Refused> {
    match payload {
        Payload::Normal(command) if command.0.len() > MAX_COMMAND_BYTES => {
            Err(Refused::Invalid("a command larger than one may be"))
        }
        Payload::Blank | Payload::Normal(_) => Ok(()),
        Payload::Membership(membership) => match membership::problem_of_received(membership) {
            None => Ok(()),
            Some(problem) => Err(Refused::Invalid(problem)),
        },
    }
}

/// Snapshots on their way in: one at a time, for there is one place to put them.
#[derive(Debug, Default)]
struct Receiving {
    /// Held while one comes in.
    place: tokio::sync::Mutex<()>,
    sender: Mutex<Option<Sender>>,
}

/// Whose snapshot came in last.
#[derive(Debug)]
struct Sender {
    from: u64,
    superseded: Arc<Notify>,
}

impl Receiving {
    /// A snapshot from a node begins, unless another node's is under way; what is answered tells
    /// when it is superseded. A node that begins anew has given up what it sent before, which may
    /// hang on a connection that was cut and would be waited for until its deadline.
    fn begin(&self, from: u64) -> Option<Arc<Notify>> {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = &*sender {
            if before.from == from {
                before.superseded.notify_one();
            } else if self.place.try_lock().is_err() {
                return None;
            }
        }
        let superseded = Arc::new(Notify::new());
        *sender = Some(Sender {
            from,
            superseded: Arc::clone(&superseded),
        });
        Some(superseded)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use proto::raft;

    use super::{Receiving, check_append};
    use crate::types::{
        AppendEntries, CommandBytes, Entry, LeaderId, LogId, Membership, Payload, Vote,
    };
    use crate::wire;

    fn at(term: u64, index: u64) -> LogId {
        LogId::new(LeaderId { term, node_id: 1 }, index)
    }

    fn command(term: u64, index: u64) -> Entry {
        Entry {
            log_id: at(term, index),
            payload: Payload::Normal(CommandBytes(Bytes::from_static(b"c"))),
        }
    }

    fn request() -> AppendEntries {
        AppendEntries {
            vote: Vote::new_committed(3, 1),
            prev_log_id: Some(at(2, 6)),
            entries: vec![command(2, 7), command(3, 8)],
            leader_commit: Some(at(2, 6)),
        }
    }

    fn sent(request: AppendEntries) -> raft::AppendRequest {
        wire::append_out(request)
    }

    #[tokio::test]
    async fn a_node_that_sends_its_snapshot_anew_takes_the_place_of_what_it_gave_up() {
        let receiving = Receiving::default();
        let first = receiving.begin(1).unwrap();
        let alone = receiving.place.lock().await;
        assert!(receiving.begin(2).is_none(), "another is under way");
        let _second = receiving.begin(1).unwrap();
        first.notified().await;
        drop(alone);
        assert!(receiving.begin(2).is_some(), "nothing is under way");
    }

    #[test]
    fn what_a_leader_sends_is_let_in() {
        check_append(1, sent(request())).unwrap();
        let mut heartbeat = request();
        heartbeat.entries.clear();
        heartbeat.prev_log_id = None;
        check_append(1, sent(heartbeat)).unwrap();
    }

    /// A change that no leader would make, by its name.
    type Damage = (&'static str, fn(&mut AppendEntries));

    #[test]
    fn what_no_leader_sends_is_refused() {
        let breaks: [Damage; 9] = [
            ("a gap", |r| r.entries[1].log_id.index = 9),
            ("a gap after previous", |r| r.prev_log_id = Some(at(2, 5))),
            ("not from the beginning", |r| r.prev_log_id = None),
            ("a candidate", |r| r.vote.committed = false),
            ("another's vote", |r| r.vote.leader_id.node_id = 2),
            ("falling terms", |r| r.entries[1].log_id = at(1, 8)),
            ("a later term", |r| r.entries[1].log_id = at(4, 8)),
            ("a later commit", |r| r.leader_commit = Some(at(9, 6))),
            ("nobody votes", |r| {
                r.entries[0].payload = Payload::Membership(Membership::default());
            }),
        ];
        for (what, damage) in breaks {
            let mut request = request();
            damage(&mut request);
            assert!(check_append(1, sent(request)).is_err(), "{what}");
        }
    }

    #[test]
    fn a_request_without_its_parts_is_refused() {
        let mut no_vote = sent(request());
        no_vote.vote = None;
        let mut no_payload = sent(request());
        no_payload.entries[0].payload = None;
        let mut no_leader = sent(request());
        no_leader.previous.as_mut().unwrap().leader = None;
        for request in [no_vote, no_payload, no_leader] {
            assert!(check_append(1, request).is_err());
        }
    }
}
