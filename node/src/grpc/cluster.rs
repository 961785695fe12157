//! `Cluster`: administrators' orders, the empty node's door, and the next manifest version.

use std::sync::Arc;

use ledger::{Command, Outcome};
use note::SignatureLine;
use proto::v1::cluster_server::Cluster;
use proto::v1::{
    JoinRequest, JoinResponse, Joined, Obeyed, OrderRequest, OrderResponse, Refusal,
    SucceedRequest, SucceedResponse, join_response, order_response, succeed_response,
};
use receipt::{Order, OrderVerb};
use replica::{Former, PeerNode};
use tonic::{Request, Response, Status};

use super::status;
use crate::admission::Claim;
use crate::admission::sources::Source;
use crate::core::Core;
use crate::orders::rules::{self, Lines};
use crate::orders::{Disobeyed, authority};
use crate::{intake, readiness, recovery};

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
    /// One order at a time.
    obeying: tokio::sync::Mutex<()>,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            obeying: tokio::sync::Mutex::new(()),
        }
    }
}

#[tonic::async_trait]
impl Cluster for Service {
    async fn obey(
        &self,
        request: Request<OrderRequest>,
    ) -> Result<Response<OrderResponse>, Status> {
        let source = Source::of(request.extensions());
        let _place = self.core.admission.read(source).map_err(status::rejected)?;
        let examined = authority::examine(&self.core, &request.into_inner().order).await?;
        let _alone = self.obeying.lock().await;
        let result = match examined {
            Ok((order, note)) => {
                tracing::info!(order = %order.verb, signer = signer(&note), "an order");
                match obey(&self.core, &order).await? {
                    Ok(()) => Ok(obeyed(&self.core, &order, &note)),
                    Err(why) => Err(why),
                }
            }
            Err(why) => Err(why),
        };
        let result = match result {
            Ok(obeyed) => order_response::Result::Obeyed(obeyed),
            Err(why) => {
                tracing::warn!(code = why.code, %why, "an order is not obeyed");
                order_response::Result::Refused(why.into())
            }
        };
        Ok(Response::new(OrderResponse {
            result: Some(result),
        }))
    }

    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinResponse>, Status> {
        let source = Source::of(request.extensions());
        let _place = self.core.admission.read(source).map_err(status::rejected)?;
        if self.core.admitted.is() {
            return Err(Status::already_exists("this node takes part already"));
        }
        let JoinRequest { order, bundle } = request.into_inner();
        let bundle = bundle.ok_or_else(|| status::invalid("the bundle is missing"))?;
        let (_, election) = recovery::open(&self.core, bundle)?;
        let result = match authority::examine_join(&self.core, &order, &election) {
            Ok(()) => {
                self.core.join()?;
                tracing::info!("an administrator and the leader have let this node in");
                join_response::Result::Joined(Joined {})
            }
            Err(why) => join_response::Result::Refused(why.into()),
        };
        Ok(Response::new(JoinResponse {
            result: Some(result),
        }))
    }

    async fn succeed(
        &self,
        request: Request<SucceedRequest>,
    ) -> Result<Response<SucceedResponse>, Status> {
        // Whoever hands in a manifest need not hold a key of the night.
        let source = Source::of(request.extensions());
        let admitted = self.core.admission.submission(source, Claim::Nobody).await;
        let _place = admitted.map_err(status::rejected)?;
        let SucceedRequest { manifest, files } = request.into_inner();
        let files = files.into_iter().map(Vec::from).collect();
        let command = Command::manifest(self.core.clock.millis(), manifest, files);
        let outcome = intake::record(&self.core, command).await?;
        let result = if let Outcome::Refused { refusal, .. } = &outcome {
            Some(succeed_response::Result::Refused(Refusal::from(refusal)))
        } else {
            let leaf = outcome.leaf();
            leaf.map(|leaf| succeed_response::Result::LeafIndex(leaf.index.get()))
        };
        Ok(Response::new(SucceedResponse { result }))
    }
}

/// Carries an order out. What it takes to know the manifest is first confirmed by a majority.
async fn obey(core: &Arc<Core>, order: &Order) -> Result<Result<(), Disobeyed>, Status> {
    let expects = order.expects;
    match &order.verb {
        OrderVerb::Drain(ordinal) => Ok(drain(core, *ordinal, expects, true).await),
        OrderVerb::Resume(ordinal) => Ok(drain(core, *ordinal, expects, false).await),
        OrderVerb::Transfer(ordinal) => Ok(transfer(core, *ordinal, expects).await),
        OrderVerb::Found(_) => Ok(Err(Disobeyed::new(
            "runs_already",
            "a node that has its election founds no cluster",
            "look at the cluster's status",
        ))),
        verb @ (OrderVerb::Add { .. } | OrderVerb::Voters(_) | OrderVerb::Leave(_)) => {
            let lines = lines(core).await?;
            Ok(change(core, &lines, expects, verb).await)
        }
    }
}

/// Changes the members as far as the manifest lets it.
async fn change(
    core: &Arc<Core>,
    lines: &Lines,
    expects: u64,
    verb: &OrderVerb,
) -> Result<(), Disobeyed> {
    let (replica, status) = (&core.replica, core.replica.status());
    let changed = match verb {
        OrderVerb::Add {
            ordinal,
            incarnation,
            peer_address,
            api_address,
        } => {
            let node = PeerNode {
                name: lines.joining(*ordinal)?.id.to_string(),
                peer_address: peer_address.clone(),
                api_address: api_address.clone(),
                incarnation: incarnation.clone(),
            };
            replica.add_learner(expects, *ordinal, node).await
        }
        OrderVerb::Voters(voters) => {
            lines.voters(voters, &status)?;
            let voters = voters.clone();
            replica.change_voters(expects, voters, Former::Leaves).await
        }
        OrderVerb::Leave(ordinal) => {
            lines.leaving(*ordinal, &status)?;
            replica.remove_learner(expects, *ordinal).await
        }
        OrderVerb::Found(_)
        | OrderVerb::Drain(_)
        | OrderVerb::Resume(_)
        | OrderVerb::Transfer(_) => Ok(()),
    };
    changed.map_err(done_by(core))
}

/// What the log says of nodes and spares, as the leader knows it.
async fn lines(core: &Arc<Core>) -> Result<Lines, Status> {
    let confirmed = core.replica.read_barrier().await;
    confirmed.map_err(|error| not_leading(core, &error))?;
    let lines = core.read(|_, view| Lines::of(view)).await?;
    lines.ok_or_else(status::not_initialized)
}

/// Only the leader changes members; the caller learns who that is.
fn not_leading(core: &Core, error: &replica::Error) -> Status {
    status::led_by(
        status::unconfirmed(error),
        intake::leader_address(core).as_deref(),
    )
}

async fn transfer(core: &Arc<Core>, ordinal: u64, expects: u64) -> Result<(), Disobeyed> {
    let status = core.replica.status();
    if status.term != expects {
        return Err(Disobeyed::new(
            "overtaken",
            format!("the term is {} by now, not {expects}", status.term),
            "look at the cluster's status: another node may lead already",
        ));
    }
    if status.leader == Some(ordinal) {
        return Ok(());
    }
    if !status.members.voters.contains(&ordinal) {
        return Err(Disobeyed::new(
            "no_vote",
            format!("node {ordinal} does not vote, so it cannot lead"),
            "name a voter",
        ));
    }
    rules::caught_up(ordinal, &status)?;
    let handing = core.replica.transfer_leadership_to(ordinal);
    handing.await.map_err(done_by(core))
}

/// Makes this node ready to be stopped, or takes that back.
async fn drain(core: &Arc<Core>, ordinal: u64, expects: u64, on: bool) -> Result<(), Disobeyed> {
    if ordinal != core.whoami.ordinal {
        return Err(Disobeyed::new(
            "other_node",
            format!(
                "this is node {}, the order is for {ordinal}",
                core.whoami.ordinal
            ),
            "send it to the node that it names",
        ));
    }
    if expects != core.run {
        return Err(Disobeyed::new(
            "overtaken",
            "this process started after the order was given",
            "look at the node's status and give the order again",
        ));
    }
    if !on {
        core.replica.stand_for_election(true);
        core.admission.resume();
        core.note_checks(readiness::checks(core).await);
        return Ok(());
    }
    core.replica.stand_for_election(false);
    // Leadership goes first, so that no submission is turned away that the next leader would take.
    let handed = core.replica.transfer_leadership().await;
    if let Err(error) = handed {
        core.replica.stand_for_election(true);
        return Err(done_by(core)(error));
    }
    core.admission.drain();
    core.note_checks(readiness::checks(core).await);
    Ok(())
}

/// What consensus says about an order, as an answer.
fn done_by(core: &Arc<Core>) -> impl Fn(replica::Error) -> Disobeyed {
    let core = Arc::clone(core);
    move |error| {
        let (code, advice) = match &error {
            replica::Error::Overtaken { .. } => (
                "overtaken",
                "look at the cluster's status, decide again, and give a new order",
            ),
            replica::Error::NotLeader { .. } => {
                ("not_leader", "send the order to the node that leads")
            }
            replica::Error::Unavailable { .. } => (
                "unknown",
                "look at the cluster's status: it may have happened all the same",
            ),
            replica::Error::Invalid { .. } => ("impossible", "look at the cluster's status"),
            replica::Error::Fatal { .. } => ("stopped", "see the node's log"),
        };
        // Whoever comes second is told what the first has done.
        let mut what = error.to_string();
        if code == "overtaken" {
            let members = members_in_words(&core.replica.status());
            what = format!("{what}; {members}");
        }
        Disobeyed::new(code, what, advice)
    }
}

fn members_in_words(status: &replica::ReplicaStatus) -> String {
    let named = |voting: bool| {
        let nodes = status.members.nodes.iter();
        let names: Vec<&str> = nodes
            .filter(|(ordinal, _)| status.members.voters.contains(ordinal) == voting)
            .map(|(_, node)| node.name.as_str())
            .collect();
        names.join(", ")
    };
    let (voters, others) = (named(true), named(false));
    if others.is_empty() {
        format!("now {voters} vote")
    } else {
        format!("now {voters} vote and {others} follow without a vote")
    }
}

fn obeyed(core: &Core, order: &Order, note: &note::SignedNote) -> Obeyed {
    let join = match order.verb {
        OrderVerb::Add { .. } => countersigned(core, note),
        OrderVerb::Found(_)
        | OrderVerb::Voters(_)
        | OrderVerb::Leave(_)
        | OrderVerb::Transfer(_)
        | OrderVerb::Drain(_)
        | OrderVerb::Resume(_) => Vec::new(),
    };
    Obeyed {
        membership_index: core.replica.status().membership_index.unwrap_or_default(),
        join: join.into(),
    }
}

/// The order with this node's signature, which says that it was carried out.
fn countersigned(core: &Core, note: &note::SignedNote) -> Vec<u8> {
    let mut lines: Vec<SignatureLine> = note.signatures().to_vec();
    lines.push(core.log_key.sign(note.text()));
    note::SignedNote::assemble(note.text(), lines).map_or_else(
        |error| {
            tracing::error!(%error, "an order could not be countersigned");
            Vec::new()
        },
        |note| note.bytes().to_vec(),
    )
}

fn signer(note: &note::SignedNote) -> &str {
    let first = note.signatures().first();
    first.map_or("nobody", |line| line.name.as_str())
}
