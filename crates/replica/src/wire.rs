//! Raft's own values ⇄ `tally.raft.v1`, on the wire and on the disk.
//!
//! openraft's types are never serialised themselves. Towards protobuf every value converts; back,
//! a message may lack what it must have, and then it is refused here with the name of the field.
//! Whether a complete message is *allowed* is `inbound.rs`'s question.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openraft::raft::{
    StreamAppendError, TransferLeaderError, TransferLeaderRequest, VoteRequest, VoteResponse,
};
use prost::Message;

use proto::raft;

use crate::membership::PeerNode;
use crate::types::{
    AppendEntries, Appended, CommandBytes, Entry, LeaderId, LogId, Membership, Payload,
    SnapshotMeta, StoredMembership, TypeConfig, Vote,
};

/// A message lacks something, or what it holds cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) &'static str);

type Read<T> = Result<T, Unreadable>;

pub(crate) fn vote_out(vote: &Vote) -> raft::Vote {
    raft::Vote {
        leader: Some(leader_out(vote.leader_id)),
        committed: vote.committed,
    }
}

pub(crate) fn vote_in(vote: Option<raft::Vote>) -> Read<Vote> {
    let vote = vote.ok_or(Unreadable("no vote"))?;
    Ok(Vote {
        leader_id: leader_in(vote.leader)?,
        committed: vote.committed,
    })
}

fn leader_out(leader: LeaderId) -> raft::LeaderId {
    raft::LeaderId {
        term: leader.term,
        node: leader.node_id,
    }
}

fn leader_in(leader: Option<raft::LeaderId>) -> Read<LeaderId> {
    let leader = leader.ok_or(Unreadable("no leader id"))?;
    Ok(LeaderId {
        term: leader.term,
        node_id: leader.node,
    })
}

pub(crate) fn log_id_out(log_id: LogId) -> raft::LogId {
    raft::LogId {
        leader: Some(leader_out(log_id.leader_id)),
        index: log_id.index,
    }
}

pub(crate) fn log_id_in(log_id: raft::LogId) -> Read<LogId> {
    Ok(LogId::new(leader_in(log_id.leader)?, log_id.index))
}

fn optional_log_id_in(log_id: Option<raft::LogId>) -> Read<Option<LogId>> {
    log_id.map(log_id_in).transpose()
}

pub(crate) fn membership_out(membership: &Membership) -> raft::Membership {
    raft::Membership {
        configs: membership
            .get_joint_config()
            .iter()
            .map(|config| raft::NodeSet {
                nodes: config.iter().copied().collect(),
            })
            .collect(),
        nodes: membership
            .nodes()
            .map(|(ordinal, node)| (*ordinal, peer_out(node)))
            .collect(),
    }
}

pub(crate) fn membership_in(membership: raft::Membership) -> Read<Membership> {
    if membership.configs.is_empty() && membership.nodes.is_empty() {
        return Ok(Membership::default());
    }
    let configs: Vec<BTreeSet<u64>> = membership
        .configs
        .into_iter()
        .map(|config| config.nodes.into_iter().collect())
        .collect();
    if configs.len() > 2 {
        return Err(Unreadable("a membership of more than two configurations"));
    }
    let nodes: BTreeMap<u64, PeerNode> = membership
        .nodes
        .into_iter()
        .map(|(ordinal, node)| (ordinal, peer_in(node)))
        .collect();
    Membership::new(configs, nodes).map_err(|_| Unreadable("a membership without its nodes"))
}

fn peer_out(node: &PeerNode) -> raft::PeerNode {
    raft::PeerNode {
        peer_address: node.peer_address.clone(),
        api_address: node.api_address.clone(),
        name: node.name.clone(),
        incarnation: node.incarnation.clone(),
    }
}

fn peer_in(node: raft::PeerNode) -> PeerNode {
    PeerNode {
        name: node.name,
        peer_address: node.peer_address,
        api_address: node.api_address,
        incarnation: node.incarnation,
    }
}

pub(crate) fn stored_membership_out(stored: &StoredMembership) -> raft::StoredMembership {
    raft::StoredMembership {
        log_id: stored.log_id().map(log_id_out),
        membership: Some(membership_out(stored.membership())),
    }
}

pub(crate) fn stored_membership_in(
    stored: Option<raft::StoredMembership>,
) -> Read<StoredMembership> {
    let stored = stored.ok_or(Unreadable("no membership"))?;
    let membership = stored.membership.ok_or(Unreadable("no membership"))?;
    Ok(StoredMembership::new(
        optional_log_id_in(stored.log_id)?,
        membership_in(membership)?,
    ))
}

pub(crate) fn entry_out(entry: Entry) -> raft::Entry {
    let payload = match entry.payload {
        Payload::Blank => raft::entry::Payload::Blank(raft::Blank {}),
        Payload::Normal(CommandBytes(bytes)) => raft::entry::Payload::Command(bytes),
        Payload::Membership(membership) => {
            raft::entry::Payload::Membership(membership_out(&membership))
        }
    };
    raft::Entry {
        log_id: Some(log_id_out(entry.log_id)),
        payload: Some(payload),
    }
}

pub(crate) fn entry_in(entry: raft::Entry) -> Read<Entry> {
    let log_id = log_id_in(entry.log_id.ok_or(Unreadable("an entry without log id"))?)?;
    let payload = match entry
        .payload
        .ok_or(Unreadable("an entry without payload"))?
    {
        raft::entry::Payload::Blank(raft::Blank {}) => Payload::Blank,
        raft::entry::Payload::Command(bytes) => Payload::Normal(CommandBytes(bytes)),
        raft::entry::Payload::Membership(membership) => {
            Payload::Membership(membership_in(membership)?)
        }
    };
    Ok(Entry { log_id, payload })
}

/// An entry as the log keeps it.
pub(crate) fn entry_to_bytes(entry: Entry) -> Bytes {
    entry_out(entry).encode_to_vec().into()
}

pub(crate) fn entry_from_bytes(bytes: Bytes) -> Read<Entry> {
    entry_in(message(bytes)?)
}

pub(crate) fn vote_to_bytes(vote: &Vote) -> Bytes {
    vote_out(vote).encode_to_vec().into()
}

pub(crate) fn vote_from_bytes(bytes: Bytes) -> Read<Vote> {
    vote_in(Some(message(bytes)?))
}

pub(crate) fn log_id_to_bytes(log_id: LogId) -> Bytes {
    log_id_out(log_id).encode_to_vec().into()
}

pub(crate) fn log_id_from_bytes(bytes: Bytes) -> Read<LogId> {
    log_id_in(message(bytes)?)
}

pub(crate) fn members_to_bytes(membership: &Membership) -> Bytes {
    membership_out(membership).encode_to_vec().into()
}

pub(crate) fn members_from_bytes(bytes: Bytes) -> Read<Membership> {
    membership_in(message(bytes)?)
}

/// What a state has applied, as it keeps it beside its rows: log position and membership.
pub(crate) fn applied_to_bytes(meta: &SnapshotMeta) -> Bytes {
    let applied = raft::Applied {
        log_id: meta.last_log_id.map(log_id_out),
        membership: Some(stored_membership_out(&meta.last_membership)),
    };
    applied.encode_to_vec().into()
}

pub(crate) fn applied_from_bytes(bytes: Bytes) -> Read<SnapshotMeta> {
    let applied: raft::Applied = message(bytes)?;
    Ok(SnapshotMeta {
        last_log_id: optional_log_id_in(applied.log_id)?,
        last_membership: stored_membership_in(applied.membership)?,
    })
}

fn message<M: Message + Default>(bytes: Bytes) -> Read<M> {
    M::decode(bytes).map_err(|_| Unreadable("not a message of its type"))
}

pub(crate) fn append_out(request: AppendEntries) -> raft::AppendRequest {
    raft::AppendRequest {
        vote: Some(vote_out(&request.vote)),
        previous: request.prev_log_id.map(log_id_out),
        entries: request.entries.into_iter().map(entry_out).collect(),
        leader_commit: request.leader_commit.map(log_id_out),
    }
}

pub(crate) fn append_in(request: raft::AppendRequest) -> Read<AppendEntries> {
    Ok(AppendEntries {
        vote: vote_in(request.vote)?,
        prev_log_id: optional_log_id_in(request.previous)?,
        entries: request
            .entries
            .into_iter()
            .map(entry_in)
            .collect::<Read<_>>()?,
        leader_commit: optional_log_id_in(request.leader_commit)?,
    })
}

pub(crate) fn appended_out(result: &Appended) -> raft::AppendResponse {
    use raft::append_response::Result as Wire;
    let result = match *result {
        Ok(log_id) => Wire::Success(raft::LogIdOption {
            log_id: log_id.map(log_id_out),
        }),
        Err(StreamAppendError::Conflict(previous)) => Wire::Conflict(raft::Conflict {
            previous: Some(log_id_out(previous)),
        }),
        Err(StreamAppendError::HigherVote(vote)) => Wire::HigherVote(vote_out(&vote)),
    };
    raft::AppendResponse {
        result: Some(result),
    }
}

pub(crate) fn appended_in(response: raft::AppendResponse) -> Read<Appended> {
    use raft::append_response::Result as Wire;
    Ok(match response.result.ok_or(Unreadable("no result"))? {
        Wire::Success(success) => Ok(optional_log_id_in(success.log_id)?),
        Wire::Conflict(conflict) => {
            let previous = conflict
                .previous
                .ok_or(Unreadable("a conflict without position"))?;
            Err(StreamAppendError::Conflict(log_id_in(previous)?))
        }
        Wire::HigherVote(vote) => Err(StreamAppendError::HigherVote(vote_in(Some(vote))?)),
    })
}

pub(crate) fn vote_request_out(request: &VoteRequest<TypeConfig>) -> raft::VoteRequest {
    raft::VoteRequest {
        vote: Some(vote_out(&request.vote)),
        last_log_id: request.last_log_id.map(log_id_out),
        leader_transfer: request.leadership_transfer,
    }
}

pub(crate) fn vote_request_in(request: raft::VoteRequest) -> Read<VoteRequest<TypeConfig>> {
    Ok(VoteRequest {
        vote: vote_in(request.vote)?,
        last_log_id: optional_log_id_in(request.last_log_id)?,
        leadership_transfer: request.leader_transfer,
    })
}

pub(crate) fn vote_response_out(response: &VoteResponse<TypeConfig>) -> raft::VoteResponse {
    raft::VoteResponse {
        vote: Some(vote_out(&response.vote)),
        granted: response.vote_granted,
        last_log_id: response.last_log_id.map(log_id_out),
    }
}

pub(crate) fn vote_response_in(response: raft::VoteResponse) -> Read<VoteResponse<TypeConfig>> {
    Ok(VoteResponse {
        vote: vote_in(response.vote)?,
        vote_granted: response.granted,
        last_log_id: optional_log_id_in(response.last_log_id)?,
    })
}

pub(crate) fn transfer_out(
    request: &TransferLeaderRequest<TypeConfig>,
) -> raft::TransferLeaderRequest {
    raft::TransferLeaderRequest {
        from: Some(vote_out(request.from_leader())),
        to: *request.to_node_id(),
        last_log_id: request.last_log_id().copied().map(log_id_out),
    }
}

pub(crate) fn transfer_in(
    request: raft::TransferLeaderRequest,
) -> Read<TransferLeaderRequest<TypeConfig>> {
    Ok(TransferLeaderRequest::new(
        vote_in(request.from)?,
        request.to,
        optional_log_id_in(request.last_log_id)?,
    ))
}

pub(crate) fn transferred_out(
    result: Result<(), TransferLeaderError<TypeConfig>>,
) -> raft::TransferLeaderResponse {
    use raft::transfer_leader_response::Rejection;
    let rejection = result.err().map(|error| match error {
        TransferLeaderError::VoteChanged { expected, actual } => {
            Rejection::VoteChanged(raft::VoteChanged {
                expected: Some(vote_out(&expected)),
                actual: Some(vote_out(&actual)),
            })
        }
        TransferLeaderError::LogNotFlushed { expected, actual } => {
            Rejection::LogNotFlushed(raft::LogNotFlushed {
                expected: expected.map(log_id_out),
                actual: actual.map(log_id_out),
            })
        }
    });
    raft::TransferLeaderResponse { rejection }
}

pub(crate) fn transferred_in(
    response: raft::TransferLeaderResponse,
) -> Read<Result<(), TransferLeaderError<TypeConfig>>> {
    use raft::transfer_leader_response::Rejection;
    Ok(match response.rejection {
        None => Ok(()),
        Some(Rejection::VoteChanged(changed)) => Err(TransferLeaderError::VoteChanged {
            expected: vote_in(changed.expected)?,
            actual: vote_in(changed.actual)?,
        }),
        Some(Rejection::LogNotFlushed(behind)) => Err(TransferLeaderError::LogNotFlushed {
            expected: optional_log_id_in(behind.expected)?,
            actual: optional_log_id_in(behind.actual)?,
        }),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use bytes::Bytes;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    fn log_ids() -> impl Strategy<Value = LogId> {
        (any::<u64>(), any::<u64>(), any::<u64>())
            .prop_map(|(term, node_id, index)| LogId::new(LeaderId { term, node_id }, index))
    }

    fn votes() -> impl Strategy<Value = Vote> {
        (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(term, node_id, committed)| Vote {
            leader_id: LeaderId { term, node_id },
            committed,
        })
    }

    fn memberships() -> impl Strategy<Value = Membership> {
        let voters = || proptest::collection::btree_set(0..9_u64, 1..5);
        (voters(), proptest::option::of(voters()), "[a-z0-9.:]{0,30}").prop_map(
            |(first, second, text)| {
                let configs: Vec<BTreeSet<u64>> = std::iter::once(first).chain(second).collect();
                let nodes: BTreeMap<u64, PeerNode> = (0..9)
                    .map(|ordinal| {
                        let node = PeerNode {
                            name: format!("n{ordinal}"),
                            peer_address: text.clone(),
                            api_address: String::new(),
                            incarnation: text.clone(),
                        };
                        (ordinal, node)
                    })
                    .collect();
                Membership::new(configs, nodes).unwrap()
            },
        )
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let payload = prop_oneof![
            Just(Payload::Blank),
            proptest::collection::vec(any::<u8>(), 0..200)
                .prop_map(|bytes| Payload::Normal(CommandBytes(bytes.into()))),
            memberships().prop_map(Payload::Membership),
        ];
        (log_ids(), payload).prop_map(|(log_id, payload)| Entry { log_id, payload })
    }

    proptest! {
        #[test]
        fn what_is_stored_comes_back(entry in entries(), vote in votes(), log_id in log_ids()) {
            prop_assert_eq!(entry_from_bytes(entry_to_bytes(entry.clone())).unwrap(), entry);
            prop_assert_eq!(vote_from_bytes(vote_to_bytes(&vote)).unwrap(), vote);
            prop_assert_eq!(log_id_from_bytes(log_id_to_bytes(log_id)).unwrap(), log_id);
        }

        #[test]
        fn an_applied_position_comes_back(
            last in proptest::option::of(log_ids()),
            at in proptest::option::of(log_ids()),
            membership in memberships(),
        ) {
            let meta = SnapshotMeta {
                last_log_id: last,
                last_membership: StoredMembership::new(at, membership),
            };
            prop_assert_eq!(applied_from_bytes(applied_to_bytes(&meta)).unwrap(), meta);
        }

        #[test]
        fn an_append_comes_back(
            vote in votes(),
            previous in proptest::option::of(log_ids()),
            entries in proptest::collection::vec(entries(), 0..4),
            commit in proptest::option::of(log_ids()),
        ) {
            let request = AppendEntries {
                vote, prev_log_id: previous, entries, leader_commit: commit,
            };
            let bytes = append_out(request.clone()).encode_to_vec();
            let back = append_in(raft::AppendRequest::decode(&*bytes).unwrap()).unwrap();
            prop_assert_eq!(back.vote, request.vote);
            prop_assert_eq!(back.prev_log_id, request.prev_log_id);
            prop_assert_eq!(back.entries, request.entries);
            prop_assert_eq!(back.leader_commit, request.leader_commit);
        }

        #[test]
        fn an_answer_comes_back(log_id in proptest::option::of(log_ids()), vote in votes()) {
            let mut answers: Vec<Appended> = vec![
                Ok(log_id),
                Err(StreamAppendError::HigherVote(vote)),
            ];
            answers.extend(log_id.map(|log_id| Err(StreamAppendError::Conflict(log_id))));
            for answer in answers {
                prop_assert_eq!(appended_in(appended_out(&answer)).unwrap(), answer);
            }
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let bytes = Bytes::from(bytes);
            let _ = entry_from_bytes(bytes.clone());
            let _ = vote_from_bytes(bytes.clone());
            let _ = applied_from_bytes(bytes.clone());
            if let Ok(request) = raft::AppendRequest::decode(bytes.clone()) {
                let _ = append_in(request);
            }
            if let Ok(response) = raft::AppendResponse::decode(bytes) {
                let _ = appended_in(response);
            }
        }
    }

    /// A state and a log that have seen nothing yet are kept, too.
    #[test]
    fn an_empty_position_comes_back() {
        let meta = SnapshotMeta::default();
        assert_eq!(applied_from_bytes(applied_to_bytes(&meta)).unwrap(), meta);
    }

    /// Entry 7 of leader 2 in term 3: what logs of this release hold.
    #[test]
    fn the_entry_format_is_what_it_was() {
        let entry = Entry {
            log_id: LogId::new(
                LeaderId {
                    term: 3,
                    node_id: 2,
                },
                7,
            ),
            payload: Payload::Normal(CommandBytes(Bytes::from_static(b"c"))),
        };
        assert_eq!(
            entry_to_bytes(entry),
            Bytes::from_static(b"\x0a\x08\x0a\x04\x08\x03\x10\x02\x10\x07\x1a\x01c")
        );
    }
}
