//! openraft's types as this crate fills them in, and short names for them.
//!
//! Nothing here leaves the crate: a new openraft is a change of code, never of data.

use std::fmt;

use bytes::Bytes;
use openraft::impls::leader_id_adv;
use openraft::rt::deterministic_rng::DeterministicRng;
use openraft_rt_tokio::TokioRuntime;

use ledger::Outcome;

use crate::machine::Machine;
use crate::membership::PeerNode;

openraft::declare_raft_types!(
    /// A command is opaque bytes here; the reply is the ledger's outcome. Randomness (election
    /// timers) comes from the seed in [`ReplicaConfig`](crate::ReplicaConfig), so that a
    /// simulation can repeat a run; every entry into openraft therefore goes through
    /// [`Seeds::scope`](crate::seeds::Seeds::scope).
    pub(crate) TypeConfig:
        D = CommandBytes,
        R = Reply,
        NodeId = u64,
        Node = PeerNode,
        AsyncRuntime = DeterministicRng<TokioRuntime>,
);

pub(crate) type Raft<S> = openraft::Raft<TypeConfig, Machine<S>>;
pub(crate) type LeaderId = leader_id_adv::LeaderId<u64, u64>;
pub(crate) type LogId = openraft::LogId<LeaderId>;
pub(crate) type Vote = openraft::Vote<LeaderId>;
pub(crate) type Membership = openraft::Membership<u64, PeerNode>;
pub(crate) type StoredMembership = openraft::StoredMembership<LeaderId, u64, PeerNode>;
pub(crate) type Payload = openraft::EntryPayload<CommandBytes, u64, PeerNode>;
pub(crate) type Entry = openraft::Entry<LeaderId, Payload>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<LeaderId, u64, PeerNode>;
pub(crate) type Snapshot<I> = openraft::Snapshot<LeaderId, u64, PeerNode, I>;
pub(crate) type Metrics = openraft::RaftMetrics<TypeConfig>;
pub(crate) type RpcError = openraft::errors::RPCError<TypeConfig>;
pub(crate) type AppendEntries = openraft::raft::AppendEntriesRequest<TypeConfig>;
pub(crate) type Appended = openraft::raft::StreamAppendResult<TypeConfig>;

/// One encoded `tally.log.v1.Command`. The same buffer goes to the log, to the peers and to
/// `apply`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CommandBytes(pub(crate) Bytes);

impl fmt::Debug for CommandBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command of {} bytes", self.0.len())
    }
}

impl fmt::Display for CommandBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What applying one entry answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A blank entry or a membership: nothing for the ledger.
    Nothing,
    /// A command, and what the ledger said.
    Outcome(Outcome),
}
