//! One order: built on what was seen, signed by an administrator, sent to the node it concerns.

use std::collections::BTreeSet;
use std::time::Duration;

use note::SignerKey;
use proto::v1;
use proto::v1::cluster_client::ClusterClient;
use receipt::{Bundle, Election, OrderVerb};
use tonic::transport::Channel;

use super::view::{self, Seen, View};
use super::{Error, LOOK};
use crate::answer::{Refused, Trouble};
use crate::bundle;
use crate::clock::{Clock, SystemClock};
use crate::connection::{self, Connections};
use crate::order;

/// How long a node may take to carry one out: a change of members is two entries in the log.
const OBEY: Duration = Duration::from_secs(12);
/// How long an election may take.
pub(super) const LEADER: Duration = Duration::from_secs(10);

/// An administrator's desk: the nodes, the election, the key that signs.
#[derive(Debug, Clone)]
pub struct Controls<'d> {
    /// The nodes, spares among them.
    pub connections: &'d Connections,
    /// The election.
    pub election: &'d Election,
    /// Signs orders.
    pub key: &'d SignerKey,
    /// Waits, and says what time it is.
    pub clock: SystemClock,
}

impl Controls<'_> {
    /// Gives an order to one node.
    pub async fn order(
        &self,
        node: Seen<'_>,
        expects: u64,
        verb: OrderVerb,
    ) -> Result<v1::Obeyed, Error> {
        let note = order::sign(self.election, self.key, self.clock.unix(), expects, verb)?;
        let request = v1::OrderRequest {
            order: note.bytes().to_vec().into(),
        };
        let ask = |channel: Channel| {
            let request = request.clone();
            async move { ClusterClient::new(channel).obey(request).await }
        };
        let answer = self.ask(node, ask).await?;
        match answer.result {
            Some(v1::order_response::Result::Obeyed(obeyed)) => Ok(obeyed),
            Some(v1::order_response::Result::Refused(refusal)) => {
                Err(Error::Refused(connection::read_refusal(refusal)))
            }
            None => Err(Error::Empty),
        }
    }

    /// Asks one node.
    async fn ask<T, F>(&self, node: Seen<'_>, ask: impl Fn(Channel) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let answer = self.connections.one(node.index, OBEY, ask).await;
        answer.map_err(|trouble| Error::NoAnswer {
            address: node.address.clone(),
            trouble,
        })
    }

    /// Gives an order to the node that leads, whichever that is by then. What it expects stays what
    /// was seen when it was decided.
    async fn order_leader(&self, expects: u64, verb: OrderVerb) -> Result<v1::Obeyed, Error> {
        let deadline = self.clock.monotonic().saturating_add(LEADER);
        loop {
            let view = self.led().await?;
            match self.order(view.leader()?, expects, verb.clone()).await {
                Err(error) if leads_no_more(&error) && self.clock.monotonic() < deadline => {
                    self.clock.sleep(LOOK).await;
                }
                settled => return settled,
            }
        }
    }

    /// Lets a node with an empty directory follow without a vote: an order to the leader, then the
    /// countersigned order to the node. Gives back the countersigned order, which is the node's
    /// one-use token; nothing where the node takes part already.
    pub async fn add(&self, id: &str) -> Result<Option<Vec<u8>>, Error> {
        let view = self.led().await?;
        let (leader, node) = (view.leader()?, view.node(id)?);
        let known = view::member_named(leader.says, id).is_some();
        if known && node.says.admitted && !node.says.members.is_empty() && node.says.term > 0 {
            return Ok(None);
        }
        let verb = OrderVerb::Add {
            ordinal: node.says.ordinal,
            incarnation: node.says.incarnation.clone(),
            peer_address: node.says.peer_address.clone(),
            api_address: node.says.api_address.clone(),
        };
        let expects = leader.says.membership_index;
        let join = self.order_leader(expects, verb).await?.join.to_vec();
        self.join(node, &join).await?;
        Ok(Some(join))
    }

    /// Shows an empty node the countersigned order that lets it in.
    pub async fn join(&self, node: Seen<'_>, order: &[u8]) -> Result<(), Error> {
        let bundle = self.bundle().await?;
        let request = v1::JoinRequest {
            order: order.to_vec().into(),
            bundle: Some(bundle::to_wire(&bundle)),
        };
        let ask = |channel: Channel| {
            let request = request.clone();
            async move {
                ClusterClient::new(channel)
                    .max_encoding_message_size(64 << 20)
                    .join(request)
                    .await
            }
        };
        let answer = self.ask(node, ask).await?;
        match answer.result {
            Some(v1::join_response::Result::Joined(_)) => Ok(()),
            Some(v1::join_response::Result::Refused(refusal)) => {
                Err(Error::Refused(connection::read_refusal(refusal)))
            }
            None => Err(Error::Empty),
        }
    }

    /// The versions and files that the log has now.
    pub async fn bundle(&self) -> Result<Bundle, Error> {
        let pin = receipt::Fingerprint::of(*self.election.genesis());
        match bundle::fetch(self.connections, pin).await {
            Ok((bundle, _)) => Ok(bundle),
            Err(bundle::FetchError::NoAnswer(error)) => Err(error.into()),
            Err(bundle::FetchError::Malformed | bundle::FetchError::Untrusted(_)) => {
                Err(Error::Empty)
            }
        }
    }

    /// Waits until a member answers the leader and holds nearly all it has.
    pub async fn caught_up(&self, id: &str, patience: Duration) -> Result<(), Error> {
        self.until(&format!("`{id}` to catch up"), patience, |view| {
            let leader = view.leader().ok()?.says;
            let member = view::member_named(leader, id)?;
            view::is_near(leader, member).then_some(())
        })
        .await
    }

    /// Makes exactly these nodes the voters, given what was seen when that was decided.
    pub async fn voters(&self, seen: &View, voters: BTreeSet<u64>) -> Result<(), Error> {
        let leader = seen.leader()?;
        if !leader.says.joint && view::voters(leader.says) == voters {
            return Ok(());
        }
        let both: BTreeSet<u64> = view::voters(leader.says).union(&voters).copied().collect();
        let deadline = self.clock.monotonic().saturating_add(LEADER);
        let mut expects = leader.says.membership_index;
        loop {
            let verb = OrderVerb::Voters(voters.clone());
            let refused = match self.order_leader(expects, verb).await {
                Err(Error::Refused(refused)) if may_have_happened(&refused) => refused,
                settled => return settled.map(drop),
            };
            // The leader was lost on the way. Its change may be done, or stand between its two
            // entries; the same order then ends it. Anything else somebody else has done.
            let view = self.led().await?;
            let now = view.leader()?.says;
            let found = view::voters(now);
            if !now.joint && found == voters {
                return Ok(());
            }
            if !now.joint || found != both || self.clock.monotonic() >= deadline {
                return Err(Error::Refused(refused));
            }
            expects = now.membership_index;
        }
    }

    /// Gives members without a vote one, all of them in one step.
    pub async fn promote(&self, ids: &[String]) -> Result<(), Error> {
        let view = self.led().await?;
        let leader = view.leader()?.says;
        let mut voters = view::voters(leader);
        for id in ids {
            let member = view::member_named(leader, id);
            voters.insert(member.ok_or_else(|| Error::NoSuchNode(id.clone()))?.ordinal);
        }
        self.voters(&view, voters).await
    }

    /// Takes a node out, with its vote if it has one. What has left already is left alone.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let view = self.led().await?;
        let leader = view.leader()?;
        let Some(member) = view::member_named(leader.says, id) else {
            return Ok(());
        };
        if member.voter {
            let mut voters = view::voters(leader.says);
            voters.remove(&member.ordinal);
            self.voters(&view, voters).await?;
            // One that led goes on until its successor is found.
            return self
                .until("another node to lead", LEADER, |view| {
                    (view.leader().ok()?.says.node != id).then_some(())
                })
                .await;
        }
        let expects = leader.says.membership_index;
        self.order_leader(expects, OrderVerb::Leave(member.ordinal))
            .await
            .map(drop)
    }

    /// Hands leadership to a node, and waits until it leads.
    pub async fn transfer(&self, id: &str) -> Result<(), Error> {
        let view = self.led().await?;
        let leader = view.leader()?;
        let heir = view::member_named(leader.says, id);
        let heir = heir
            .ok_or_else(|| Error::NoSuchNode(id.to_owned()))?
            .ordinal;
        if leader.says.ordinal == heir {
            return Ok(());
        }
        let expects = leader.says.term;
        match self.order(leader, expects, OrderVerb::Transfer(heir)).await {
            // The old leader may have been gone before it could tell; whoever leads shows.
            Err(Error::Refused(refused)) if refused.code == "unknown" => {}
            settled => drop(settled?),
        }
        self.until(&format!("`{id}` to lead"), LEADER, |view| {
            (view.leader().ok()?.says.node == id).then_some(())
        })
        .await
    }

    /// Makes a node ready to be stopped: another leads, submissions are turned away.
    pub async fn drain(&self, id: &str) -> Result<(), Error> {
        let view = self.led().await?;
        let node = view.node(id)?;
        self.order(node, node.says.run, OrderVerb::Drain(node.says.ordinal))
            .await
            .map(drop)
    }

    /// Takes a drain back.
    pub async fn resume(&self, id: &str) -> Result<(), Error> {
        let view = View::of(self.connections).await;
        let node = view.node(id)?;
        self.order(node, node.says.run, OrderVerb::Resume(node.says.ordinal))
            .await
            .map(drop)
    }

    /// Looks until somebody leads.
    pub async fn led(&self) -> Result<View, Error> {
        View::led(self.connections, LEADER, &self.clock).await
    }

    /// Looks until `ask` finds an answer.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        patience: Duration,
        ask: impl Fn(&View) -> Option<T>,
    ) -> Result<T, Error> {
        let deadline = self.clock.monotonic().saturating_add(patience);
        loop {
            if let Some(answer) = ask(&View::of(self.connections).await) {
                return Ok(answer);
            }
            if self.clock.monotonic() >= deadline {
                return Err(Error::NotInTime {
                    what: what.to_owned(),
                    patience,
                });
            }
            self.clock.sleep(LOOK).await;
        }
    }
}

/// Whether an order may have been carried out all the same.
fn may_have_happened(refused: &Refused) -> bool {
    matches!(refused.code.as_str(), "overtaken" | "unknown")
}

/// Whether an order met a node that leads no more, or not yet; it was not carried out.
fn leads_no_more(error: &Error) -> bool {
    match error {
        Error::NoAnswer { trouble, .. } => matches!(trouble, Trouble::Unavailable(_)),
        Error::Refused(refused) => refused.code == "not_leader",
        Error::NoLeader(_)
        | Error::AllSilent(_)
        | Error::Empty
        | Error::NoSuchNode(_)
        | Error::NotInTime { .. }
        | Error::NoSuccessor { .. }
        | Error::NotActivated { .. }
        | Error::Sign(_)
        | Error::Command { .. } => false,
    }
}
