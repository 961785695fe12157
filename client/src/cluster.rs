//! Starting an empty cluster, once, with the manifest whose fingerprint every node has pinned.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::v1;
use receipt::{Bundle, Election};

use crate::answer::{Refused, Trouble};
use crate::bundle;
use crate::clock::Clock;
use crate::connection::{self, Connections, NodeAddress};

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
    /// The nodes did not all apply leaf 0 in time.
    #[error("started, but not every node has the manifest yet")]
    NotYet,
}

/// Asks every node who it is, gives the manifest to one of them, and waits until each has it as
/// leaf 0. Nodes that are running already with this election are left as they are.
pub async fn initialize(
    connections: &Connections,
    bundle: &Bundle,
    election: &Election,
    clock: &impl Clock,
) -> Result<(), Error> {
    let up_by = clock.monotonic().saturating_add(UP);
    let members = loop {
        match members(connections).await {
            // Nodes that were started a moment ago may still be opening their disks.
            Err(Error::NoAnswer { .. }) if clock.monotonic() < up_by => clock.sleep(LOOK).await,
            known => break known?,
        }
    };
    let nodes = &election.first().manifest().nodes;
    let all_named = nodes.iter().all(|node| members.contains_key(&node.ordinal));
    if members.len() != nodes.len() || !all_named {
        return Err(Error::OtherNodes {
            manifest: nodes.len(),
            answered: members.len(),
        });
    }
    if !started(connections).await {
        let members = members.into_values().collect::<Vec<_>>();
        admit(connections, bundle, &members).await?;
        init(connections, bundle, members).await?;
    }
    let deadline = clock.monotonic().saturating_add(START);
    while !started(connections).await {
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
            },
        );
    }
    Ok(members)
}

/// Lets every node take part, before any of them starts. A node that lost its directory while the
/// others ran is not let in again by this.
async fn admit(
    connections: &Connections,
    bundle: &Bundle,
    members: &[v1::Member],
) -> Result<(), Error> {
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
    let request = v1::InitRequest {
        bundle: Some(bundle::to_wire(bundle)),
        members: members.to_vec(),
    };
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

async fn init(
    connections: &Connections,
    bundle: &Bundle,
    members: Vec<v1::Member>,
) -> Result<(), Error> {
    let request = v1::InitRequest {
        bundle: Some(bundle::to_wire(bundle)),
        members,
    };
    let answer = connections
        .one(0, START, |channel| {
            let request = request.clone();
            async move { connection::election_client(channel).init(request).await }
        })
        .await;
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

/// Whether every node has applied the manifest.
async fn started(connections: &Connections) -> bool {
    let statuses = statuses(connections).await;
    statuses
        .iter()
        .all(|(_, status)| status.as_ref().is_ok_and(|status| status.tree_size > 0))
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
