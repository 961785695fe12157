//! Starting an empty cluster, once, with the manifest whose fingerprint every node has pinned; or
//! as the successor of a log that was lost.

use std::collections::BTreeMap;
use std::time::Duration;

use note::SignerKey;
use proto::v1;
use receipt::founders::{Founder, founders_hash};
use receipt::{Bundle, Election, Manifest, NodeLine, OrderVerb};

use crate::answer::{Refused, Trouble};
use crate::bundle;
use crate::clock::Clock;
use crate::connection::{self, Connections, NodeAddress};
use crate::order;

/// How long one question about status may take.
const STATUS: Duration = Duration::from_secs(3);
/// How long the nodes may take to come up.
const UP: Duration = Duration::from_secs(5);
/// How long the nodes may take to elect a leader and apply leaf 0.
const START: Duration = Duration::from_secs(20);
/// Between two looks at whether they have.
const LOOK: Duration = Duration::from_millis(50);

/// Why the cluster was not started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A node did not answer; all of them must be up, or the missing one would be left out.
    #[error("node at {address} did not answer: {trouble}")]
    NoAnswer {
        /// Which.
        address: NodeAddress,
        /// How.
        trouble: Trouble,
    },
    /// A node does not say who it is.
    #[error("node at {0} does not say its ordinal and addresses")]
    Nameless(NodeAddress),
    /// The nodes that answered are not those of the manifest.
    #[error("the manifest names {manifest} nodes, the addresses lead to {answered}")]
    OtherNodes {
        /// Node lines of the manifest.
        manifest: usize,
        /// Different nodes that answered.
        answered: usize,
    },
    /// One node's data directory is new, and others run already.
    #[error(
        "the cluster runs already, and the node at {0} has an empty data directory: it must be \
         replaced, not started anew, for it has forgotten what it promised"
    )]
    RunsWithout(NodeAddress),
    /// The node refused, for a reason it named.
    #[error("refused: {}", .0.message)]
    Refused(Refused),
    /// The order could not be signed.
    #[error("the order cannot be signed: {0}")]
    Unsigned(#[from] note::NoteError),
    /// The nodes did not all apply leaf 0 in time.
    #[error("started, but not every node has the manifest yet")]
    NotYet,
}

/// What an empty cluster is started with.
#[derive(Debug, Clone, Copy)]
pub struct Start<'s> {
    /// Its nodes.
    pub connections: &'s Connections,
    /// The manifest versions and their files.
    pub bundle: &'s Bundle,
    /// The election that they are.
    pub election: &'s Election,
    /// An administrator's key: a node begins with the members that one has ordered.
    pub key: &'s SignerKey,
}

impl Start<'_> {
    /// Asks every node who it is, gives the manifest to one of them, and waits until each has it as
    /// leaf 0. Nodes that are running already with this election are left as they are.
    pub async fn initialize(&self, clock: &impl Clock) -> Result<(), Error> {
        let connections = self.connections;
        let nodes = &self.election.first().manifest().nodes;
        let members = members_of(connections, nodes, clock).await?;
        if !started(connections, 1).await {
            let request = self.request(members, clock)?;
            admit(connections, &request).await?;
            init(connections, &request).await?;
        }
        until_started(connections, 1, clock).await
    }

    /// Starts the nodes of a recovering version with the leaves that were recovered: every node is
    /// let in, one of them takes over the leaves and then the version, and each has to have them.
    /// Running it again goes on where it broke off.
    pub async fn recover(
        &self,
        manifest: &Manifest,
        leaves: &[Vec<u8>],
        clock: &impl Clock,
    ) -> Result<(), Error> {
        let connections = self.connections;
        let size = u64::try_from(leaves.len())
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let members = members_of(connections, &manifest.nodes, clock).await?;
        if !started(connections, size).await {
            let start = self.request(members, clock)?;
            admit_all(connections, &start).await?;
            let parts = recovery_of(start, leaves);
            let patience =
                START.saturating_add(PER_LEAF.saturating_mul(size.try_into().unwrap_or(u32::MAX)));
            let answer = connections
                .one(0, patience, |channel| {
                    let parts = parts.clone();
                    async move {
                        connection::election_client(channel)
                            .recover(futures::stream::iter(parts))
                            .await
                    }
                })
                .await;
            settled(connections, answer)?;
        }
        until_started(connections, size, clock).await
    }

    /// What a node is sent: the start with these members, ordered now.
    pub fn request(
        &self,
        members: Vec<v1::Member>,
        clock: &impl Clock,
    ) -> Result<v1::InitRequest, Error> {
        let founders = founders_hash(members.iter().map(|member| Founder {
            ordinal: member.ordinal,
            name: &member.name,
            incarnation: &member.incarnation,
            peer_address: &member.peer_address,
            api_address: &member.api_address,
        }));
        let verb = OrderVerb::Found(founders);
        let order = order::sign(self.election, self.key, clock.unix(), 0, verb)?;
        Ok(v1::InitRequest {
            bundle: Some(bundle::to_wire(self.bundle)),
            members,
            order: order.bytes().to_vec().into(),
        })
    }
}

/// How long a leaf may take to be committed and applied again, at the slowest.
const PER_LEAF: Duration = Duration::from_millis(50);
/// Leaves and bytes of one message.
const LEAVES: usize = 256;
const BYTES: usize = 3 * 1024 * 1024;

/// The start and the leaves as messages.
fn recovery_of(start: v1::InitRequest, leaves: &[Vec<u8>]) -> Vec<v1::RecoverRequest> {
    use v1::recover_request::Part;
    let mut parts = vec![Part::Start(start)];
    let (mut entries, mut bytes) = (Vec::new(), 0_usize);
    for leaf in leaves {
        if entries.len() >= LEAVES || bytes.saturating_add(leaf.len()) > BYTES {
            let entries = std::mem::take(&mut entries);
            parts.push(Part::Leaves(v1::Leaves { entries }));
            bytes = 0;
        }
        bytes = bytes.saturating_add(leaf.len());
        entries.push(leaf.clone().into());
    }
    parts.push(Part::Leaves(v1::Leaves { entries }));
    parts
        .into_iter()
        .map(|part| v1::RecoverRequest { part: Some(part) })
        .collect()
}

/// Shows nodes of the old log that it goes on elsewhere; each that answers signs nothing more.
pub async fn retire(
    connections: &Connections,
    bundle: &Bundle,
) -> Vec<(NodeAddress, Result<(), Trouble>)> {
    let request = v1::RetireRequest {
        bundle: Some(bundle::to_wire(bundle)),
    };
    let answers = connections
        .all(STATUS, |channel| {
            let request = request.clone();
            async move { connection::election_client(channel).retire(request).await }
        })
        .await;
    answers
        .into_iter()
        .map(|(address, answer)| (address, answer.map(|_| ())))
        .collect()
}

/// The nodes as they describe themselves, when they are exactly those that the manifest names.
async fn members_of(
    connections: &Connections,
    nodes: &[NodeLine],
    clock: &impl Clock,
) -> Result<Vec<v1::Member>, Error> {
    let up_by = clock.monotonic().saturating_add(UP);
    let members = loop {
        match members(connections).await {
            // Nodes that were started a moment ago may still be opening their disks.
            Err(Error::NoAnswer { .. }) if clock.monotonic() < up_by => clock.sleep(LOOK).await,
            known => break known?,
        }
    };
    let all_named = nodes.iter().all(|node| members.contains_key(&node.ordinal));
    if members.len() != nodes.len() || !all_named {
        return Err(Error::OtherNodes {
            manifest: nodes.len(),
            answered: members.len(),
        });
    }
    Ok(members.into_values().collect())
}

async fn until_started(
    connections: &Connections,
    size: u64,
    clock: &impl Clock,
) -> Result<(), Error> {
    let deadline = clock.monotonic().saturating_add(START);
    while !started(connections, size).await {
        if clock.monotonic() >= deadline {
            return Err(Error::NotYet);
        }
        clock.sleep(LOOK).await;
    }
    Ok(())
}

/// Every node as it describes itself, by ordinal.
async fn members(connections: &Connections) -> Result<BTreeMap<u64, v1::Member>, Error> {
    let mut members = BTreeMap::new();
    for (address, status) in statuses(connections).await {
        let status = status.map_err(|trouble| Error::NoAnswer {
            address: address.clone(),
            trouble,
        })?;
        let own = status
            .members
            .iter()
            .find(|member| member.ordinal == status.ordinal);
        let own = own.ok_or_else(|| Error::Nameless(address.clone()))?;
        members.insert(
            status.ordinal,
            v1::Member {
                ordinal: own.ordinal,
                name: own.name.clone(),
                peer_address: own.peer_address.clone(),
                api_address: own.api_address.clone(),
                incarnation: status.incarnation.clone(),
            },
        );
    }
    Ok(members)
}

/// Lets every node take part, before any of them starts. A node that lost its directory while the
/// others ran is not let in again by this.
async fn admit(connections: &Connections, request: &v1::InitRequest) -> Result<(), Error> {
    let statuses = statuses(connections).await;
    let holds_leaves = |status: &v1::NodeStatus| status.tree_size > 0;
    let is_new = |status: &v1::NodeStatus| status.role == "uninitialized";
    let runs = statuses
        .iter()
        .any(|(_, status)| status.as_ref().is_ok_and(holds_leaves));
    let new = statuses
        .iter()
        .find(|(_, status)| status.as_ref().is_ok_and(is_new));
    if let (true, Some((address, _))) = (runs, new) {
        return Err(Error::RunsWithout(address.clone()));
    }
    admit_all(connections, request).await
}

async fn admit_all(connections: &Connections, request: &v1::InitRequest) -> Result<(), Error> {
    let answers = connections
        .all(START, |channel| {
            let request = request.clone();
            async move { connection::election_client(channel).admit(request).await }
        })
        .await;
    for (address, answer) in answers {
        let response = answer.map_err(|trouble| Error::NoAnswer { address, trouble })?;
        if let Some(v1::init_response::Result::Refused(refusal)) = response.result {
            return Err(Error::Refused(connection::read_refusal(refusal)));
        }
    }
    Ok(())
}

async fn init(connections: &Connections, request: &v1::InitRequest) -> Result<(), Error> {
    let answer = connections
        .one(0, START, |channel| {
            let request = request.clone();
            async move { connection::election_client(channel).init(request).await }
        })
        .await;
    settled(connections, answer)
}

/// What the node that begins has said.
fn settled(
    connections: &Connections,
    answer: Result<v1::InitResponse, Trouble>,
) -> Result<(), Error> {
    let first = || connections.address(0).cloned();
    match answer {
        Ok(response) => match response.result {
            Some(v1::init_response::Result::Refused(refusal)) => {
                Err(Error::Refused(connection::read_refusal(refusal)))
            }
            Some(v1::init_response::Result::Initialized(_)) | None => Ok(()),
        },
        // The answer may have been lost on its way; whether the nodes have started tells.
        Err(Trouble::TimedOut) => Ok(()),
        Err(trouble) => Err(first().map_or(Error::NotYet, |address| Error::NoAnswer {
            address,
            trouble,
        })),
    }
}

/// Whether every node has applied that many leaves.
async fn started(connections: &Connections, size: u64) -> bool {
    let statuses = statuses(connections).await;
    statuses
        .iter()
        .all(|(_, status)| status.as_ref().is_ok_and(|status| status.tree_size >= size))
}

/// Every node's status, asked at once.
pub async fn statuses(
    connections: &Connections,
) -> Vec<(NodeAddress, Result<v1::NodeStatus, Trouble>)> {
    connections
        .all(STATUS, |channel| async move {
            v1::status_client::StatusClient::new(channel)
                .get_status(v1::GetStatusRequest {})
                .await
        })
        .await
}
