//! Channels to all nodes, over TLS with the election's own authority pinned.
//!
//! A channel connects when it is first used and again after it broke. Nothing here knows who
//! leads: any node takes any call. What a node says is turned into the types of `answer.rs`, and
//! nothing of it is believed here.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use merkle::{Hash, LeafHash, LeafIndex};
use proto::v1;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use crate::answer::{Answer, AnswerResult, Effect, Head, LeafRef, Refused, Trouble};
use crate::retry::Courier;

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(2);
/// What a call may take beyond the waiting that was asked of the node.
const GRACE: Duration = Duration::from_secs(3);
/// An answer later than this makes the next node be asked as well.
const SLOW: Duration = Duration::from_millis(700);
/// A connection without a sign of life is pinged this often, so that a frozen node is noticed.
const PING: Duration = Duration::from_secs(5);
/// What a busy node is left alone for when it does not say.
const BUSY: Duration = Duration::from_millis(250);
/// The largest answer read: a bundle with the roll of the largest contest.
const LARGEST_ANSWER: usize = 256 * 1024 * 1024;

/// Where a node's API is: `https://host:port`, or `host:port` for short.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeAddress(String);

/// Not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address: write host:port or https://host:port")]
pub struct BadAddress(String);

impl NodeAddress {
    /// Reads an address. Plain `http` is refused: a chair's report is not sent in the clear.
    pub fn parse(text: &str) -> Result<NodeAddress, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        let authority = text
            .strip_prefix("https://")
            .unwrap_or(text)
            .trim_end_matches('/');
        let (host, port) = authority.rsplit_once(':').ok_or_else(bad)?;
        if host.is_empty() || host.contains('/') || port.parse::<u16>().is_err() {
            return Err(bad());
        }
        Ok(NodeAddress(authority.to_owned()))
    }

    /// `host:port`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for NodeAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<NodeAddress, BadAddress> {
        NodeAddress::parse(text)
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why there can be no connection at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No addresses were given.
    #[error("no node addresses")]
    NoNodes,
    /// The authority's certificate or an address cannot be used.
    #[error("set up the connection to {address}")]
    SetUp {
        /// The node.
        address: NodeAddress,
        /// What the library said.
        #[source]
        source: tonic::transport::Error,
    },
    /// Every node was tried.
    #[error("none of {} nodes gave an answer", .0.len())]
    AllFailed(Vec<(NodeAddress, Trouble)>),
}

/// Channels to all nodes. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Connections {
    nodes: Vec<(NodeAddress, Channel)>,
}

impl Connections {
    /// Prepares channels to these nodes; `authority` is the PEM certificate that must have signed
    /// theirs. No byte is sent yet. Must be called within a tokio runtime.
    pub fn open(addresses: &[NodeAddress], authority: &[u8]) -> Result<Connections, Error> {
        if addresses.is_empty() {
            return Err(Error::NoNodes);
        }
        let open = |address: &NodeAddress| {
            let set_up = |source| Error::SetUp {
                address: address.clone(),
                source,
            };
            let endpoint = Endpoint::from_shared(format!("https://{address}"))
                .and_then(|endpoint| {
                    endpoint.tls_config(
                        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)),
                    )
                })
                .map_err(set_up)?
                .connect_timeout(CONNECT)
                .tcp_nodelay(true)
                .http2_keep_alive_interval(PING)
                .keep_alive_timeout(PING);
            Ok((address.clone(), endpoint.connect_lazy()))
        };
        let nodes = addresses.iter().map(open).collect::<Result<_, Error>>()?;
        Ok(Connections { nodes })
    }

    /// The addresses, in the order in which nodes are numbered here.
    pub fn addresses(&self) -> impl Iterator<Item = &NodeAddress> {
        self.nodes.iter().map(|(address, _)| address)
    }

    /// The address of one node.
    pub fn address(&self, node: usize) -> Option<&NodeAddress> {
        self.nodes.get(node).map(|(address, _)| address)
    }

    /// Asks one node after the other until one answers. The next one is asked when the one before
    /// failed, or is slow; the first answer counts.
    pub async fn any<T, F>(&self, ask: impl Fn(Channel) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let mut troubles = Vec::new();
        let mut waiting = self.nodes.iter();
        let mut in_flight = FuturesUnordered::new();
        loop {
            let next = waiting.next();
            if let Some((address, channel)) = next {
                let call = within(CONNECT.saturating_add(GRACE), ask(channel.clone()));
                in_flight.push(async move { (address, call.await) });
            }
            // With nobody left to ask there is nothing to do but wait.
            let patience = next.map_or(Duration::MAX, |_| SLOW);
            let answer = tokio::time::timeout(patience, in_flight.next()).await;
            match answer {
                Ok(Some((_, Ok(answer)))) => return Ok(answer),
                Ok(Some((address, Err(trouble)))) => troubles.push((address.clone(), trouble)),
                Ok(None) => return Err(Error::AllFailed(troubles)),
                Err(_) => {}
            }
        }
    }

    /// Asks for the receipt of a leaf: whichever node answers, and all others if that one has none, for it
    /// may be behind or have left the cluster. An answer that says nothing says that the leaf is unknown.
    pub async fn receipt(
        &self,
        leaf: v1::get_receipt_request::Leaf,
        level: v1::Level,
    ) -> Result<v1::get_receipt_response::Result, Error> {
        use v1::get_receipt_response::Result as Answer;
        let request = v1::GetReceiptRequest {
            leaf: Some(leaf),
            level: level.into(),
        };
        let ask = |channel| {
            let request = request.clone();
            async move {
                v1::receipts_client::ReceiptsClient::new(channel)
                    .get_receipt(request)
                    .await
            }
        };
        let unknown = Answer::Unknown(v1::Unknown {});
        let first = self.any(ask).await?.result.unwrap_or(unknown);
        if matches!(first, Answer::Receipt(_)) {
            return Ok(first);
        }
        let others = self.all(CONNECT, ask).await.into_iter();
        let mut others = others.filter_map(|(_, answer)| answer.ok()?.result);
        let receipt = others.find(|answer| matches!(answer, Answer::Receipt(_)));
        Ok(receipt.unwrap_or(first))
    }

    /// Asks one node.
    pub async fn one<T, F>(
        &self,
        node: usize,
        patience: Duration,
        ask: impl Fn(Channel) -> F,
    ) -> Result<T, Trouble>
    where
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let Some((_, channel)) = self.nodes.get(node) else {
            return Err(Trouble::Unreachable("no such node".to_owned()));
        };
        within(patience.saturating_add(GRACE), ask(channel.clone())).await
    }

    /// Asks every node at once; the answers are in the order of the addresses.
    pub async fn all<T, F>(
        &self,
        patience: Duration,
        ask: impl Fn(Channel) -> F,
    ) -> Vec<(NodeAddress, Result<T, Trouble>)>
    where
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let asked = self.nodes.iter().map(|(address, channel)| {
            let call = within(patience, ask(channel.clone()));
            async move { (address.clone(), call.await) }
        });
        futures::future::join_all(asked).await
    }
}

async fn within<T>(
    patience: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(patience, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(trouble(&status)),
        Err(_) => Err(Trouble::TimedOut),
    }
}

impl Courier for Connections {
    fn nodes(&self) -> usize {
        self.nodes.len()
    }

    async fn carry(&self, node: usize, note: &[u8], patience: Duration) -> Result<Answer, Trouble> {
        let request = v1::SubmitRequest {
            note: note.to_vec().into(),
            wait_ms: u32::try_from(patience.as_millis()).unwrap_or(u32::MAX),
        };
        let answer = self
            .one(node, patience, |channel| {
                let request = request.clone();
                async move {
                    v1::submissions_client::SubmissionsClient::new(channel)
                        .submit(request)
                        .await
                }
            })
            .await?;
        read_answer(answer)
            .ok_or_else(|| Trouble::Misbehaved("an answer without a result".to_owned()))
    }
}

/// A bundle client that takes large answers.
pub(crate) fn election_client(channel: Channel) -> v1::election_client::ElectionClient<Channel> {
    v1::election_client::ElectionClient::new(channel)
        .max_decoding_message_size(LARGEST_ANSWER)
        .max_encoding_message_size(LARGEST_ANSWER)
}

/// Why a call failed, by what the caller does next.
pub(crate) fn trouble(status: &tonic::Status) -> Trouble {
    use tonic::Code;
    match status.code() {
        Code::Unavailable | Code::Unknown if status.source().is_some() => {
            Trouble::Unreachable(root_cause(status))
        }
        Code::Unavailable => Trouble::Unavailable(status.message().to_owned()),
        Code::ResourceExhausted => Trouble::Busy(pause_asked(status)),
        Code::DeadlineExceeded | Code::Cancelled => Trouble::TimedOut,
        Code::Ok
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => Trouble::Misbehaved(status.message().to_owned()),
    }
}

/// The pause a busy node asks for in `retry-after-ms`.
fn pause_asked(status: &tonic::Status) -> Duration {
    status
        .metadata()
        .get("grpc-retry-pushback-ms")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map_or(BUSY, Duration::from_millis)
}

/// The innermost sentence of a chain of errors: the others only say that something failed.
fn root_cause(status: &tonic::Status) -> String {
    let mut cause = status.source();
    let mut text = status.message().to_owned();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}

fn read_answer(response: v1::SubmitResponse) -> Option<Answer> {
    use v1::submit_response::Result as Wire;
    let result = match response.result? {
        Wire::Receipted(receipted) => AnswerResult::Receipted {
            effect: read_effect(receipted.effect)?,
            leaf: read_leaf(receipted.leaf_index, &receipted.leaf_hash)?,
            receipt: receipted.receipt.to_vec(),
        },
        Wire::Recorded(recorded) => AnswerResult::Recorded {
            effect: read_effect(recorded.effect)?,
            leaf: read_leaf(recorded.leaf_index, &recorded.leaf_hash)?,
        },
        Wire::Refused(refusal) => AnswerResult::Refused(read_refusal(refusal)),
    };
    let head = response.head.and_then(|head| {
        Some(Head {
            leaf: read_leaf(head.leaf_index, &head.leaf_hash)?,
            seq: head.seq,
        })
    });
    Some(Answer { result, head })
}

fn read_leaf(index: u64, hash: &[u8]) -> Option<LeafRef> {
    let hash = LeafHash::from_hash(Hash::from_slice(hash)?);
    Some(LeafRef {
        index: LeafIndex::new(index),
        hash,
    })
}

pub(crate) fn read_refusal(refusal: v1::Refusal) -> Refused {
    Refused {
        code: refusal.code,
        message: refusal.message,
        advice: refusal.advice,
        leaf_index: refusal.leaf_index,
    }
}

fn read_effect(effect: i32) -> Option<Effect> {
    match v1::Effect::try_from(effect).ok()? {
        v1::Effect::Unspecified => None,
        v1::Effect::Recorded => Some(Effect::Recorded),
        v1::Effect::Corrected => Some(Effect::Corrected),
        v1::Effect::Rival => Some(Effect::Rival),
        v1::Effect::Superseded => Some(Effect::Superseded),
        v1::Effect::AlreadyRecorded => Some(Effect::AlreadyRecorded),
        v1::Effect::Stray => Some(Effect::Stray),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_and_is_never_plain_http() {
        for (text, read) in [
            ("127.0.0.1:7101", Some("127.0.0.1:7101")),
            ("https://tally.example:443/", Some("tally.example:443")),
            ("[::1]:7101", Some("[::1]:7101")),
            ("http://tally.example:443", None),
            ("tally.example", None),
            (":7101", None),
            ("host:99999", None),
            ("host/path:7101", None),
        ] {
            assert_eq!(
                NodeAddress::parse(text).ok().map(|a| a.0).as_deref(),
                read,
                "{text}"
            );
        }
    }

    #[test]
    fn a_half_answer_is_no_answer() {
        assert_eq!(read_answer(v1::SubmitResponse::default()), None);
        let short = v1::submit_response::Result::Recorded(v1::RecordedNotReceipted {
            effect: v1::Effect::Recorded.into(),
            leaf_index: 1,
            leaf_hash: vec![1, 2, 3].into(),
        });
        assert_eq!(
            read_answer(v1::SubmitResponse {
                result: Some(short),
                head: None
            }),
            None
        );
    }

    #[test]
    fn a_busy_node_says_how_long() {
        let mut status = tonic::Status::resource_exhausted("full");
        assert_eq!(trouble(&status), Trouble::Busy(BUSY));
        status
            .metadata_mut()
            .insert("grpc-retry-pushback-ms", "1200".parse().unwrap());
        assert_eq!(
            trouble(&status),
            Trouble::Busy(Duration::from_millis(1_200))
        );
    }
}
