//! The way out: channels to the other nodes, connected when first used and then kept.
//!
//! openraft asks for a client for each election and each follower; a handshake for each of them
//! would cost more than the call. So a channel is made once a node, lane and address. A node that
//! has a new address gets new channels, and the old ones go with their last user.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt};
use tokio::runtime::Handle;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use proto::raft;
use proto::raft::peer_client::PeerClient;
use proto::raft::raft_client::RaftClient;

use super::lives::{self, Strangers};
use super::{FROM, FROM_LIFE, GENESIS, MAX_MESSAGE_BYTES, TO, TO_LIFE};
use crate::error::Error;
use crate::membership::PeerNode;
use crate::seams::{AppendResponses, Lane, Lost, Peer, SnapshotFrames, Transport};

/// A client for what nodes ask each other beside consensus.
pub type PeerConnection = PeerClient<InterceptedService<Channel, Headers>>;

type RaftConnection = RaftClient<Channel>;

/// This node's credentials towards the others, as PEM.
#[derive(Clone)]
pub struct PeerTls {
    /// The certificate of the peers' CA.
    pub ca_pem: Vec<u8>,
    /// This node's certificate chain.
    pub certificate_pem: Vec<u8>,
    /// Its private key.
    pub key_pem: Vec<u8>,
}

impl fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerTls (a private key is not shown)")
    }
}

/// How this node calls the others. [`TransportConfig::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// The election's genesis, as 44 characters of base64.
    pub genesis: String,
    /// This node's ordinal.
    pub from: u64,
    /// The life of this node's data directory.
    pub life: String,
    /// This node's credentials.
    pub tls: PeerTls,
    /// What stands behind a node's id in the name its certificate is checked for.
    pub domain: String,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How often a connection is tried for life.
    pub keep_alive_interval: Duration,
    /// How long the answer to that may take before the connection is given up.
    pub keep_alive_timeout: Duration,
}

impl TransportConfig {
    /// The defaults: a node in the same building answers in a millisecond, one across the country
    /// in fifty; a connection that has been dead for under a second is replaced.
    pub fn new(genesis: String, from: u64, life: String, tls: PeerTls) -> Self {
        Self {
            genesis,
            from,
            life,
            tls,
            domain: "tally.internal".to_owned(),
            connect_timeout: Duration::from_millis(300),
            keep_alive_interval: Duration::from_millis(300),
            keep_alive_timeout: Duration::from_millis(500),
        }
    }
}

/// The metadata of every call: whose election, from whom, to whom, and between which directories.
#[derive(Clone, Debug)]
pub struct Headers {
    genesis: MetadataValue<Ascii>,
    from: MetadataValue<Ascii>,
    to: MetadataValue<Ascii>,
    from_life: MetadataValue<Ascii>,
    to_life: MetadataValue<Ascii>,
}

impl Headers {
    /// A request with these headers.
    fn on<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        self.put(request.metadata_mut());
        request
    }

    fn put(&self, metadata: &mut MetadataMap) {
        metadata.insert(GENESIS, self.genesis.clone());
        metadata.insert(FROM, self.from.clone());
        metadata.insert(TO, self.to.clone());
        metadata.insert(FROM_LIFE, self.from_life.clone());
        metadata.insert(TO_LIFE, self.to_life.clone());
    }
}

impl Interceptor for Headers {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        self.put(request.metadata_mut());
        Ok(request)
    }
}

/// Makes and keeps the channels to the other nodes.
pub struct GrpcTransport(Arc<Channels>);

struct Channels {
    config: TransportConfig,
    genesis: MetadataValue<Ascii>,
    tls: Mutex<ClientTlsConfig>,
    /// The runtime that consensus runs on: its channels are driven there.
    runtime: Handle,
    kept: Mutex<BTreeMap<(u64, Lane), Kept>>,
    strangers: Strangers,
}

struct Kept {
    address: String,
    name: String,
    channel: Channel,
}

impl fmt::Debug for GrpcTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcTransport")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

impl GrpcTransport {
    /// A transport whose consensus lanes are driven by `runtime`, the one that
    /// [`Replica::start`](crate::Replica::start) is called on.
    pub fn new(config: TransportConfig, runtime: Handle) -> Result<Self, Error> {
        let genesis = config.genesis.parse().map_err(|_| Error::Invalid {
            what: "the genesis is not base64".to_owned(),
        })?;
        let tls = Mutex::new(client(&config.tls));
        Ok(Self(Arc::new(Channels {
            config,
            genesis,
            tls,
            runtime,
            kept: Mutex::default(),
            strangers: Strangers::default(),
        })))
    }

    /// Calls are made with these credentials from now on; those under way end as they began.
    pub fn renew(&self, tls: &PeerTls) {
        *self.0.tls() = client(tls);
        self.0.kept().clear();
    }

    /// A client for what nodes ask each other beside consensus, on the current runtime. The
    /// caller sets the deadlines.
    pub fn peer_client(&self, ordinal: u64, node: &PeerNode) -> Result<PeerConnection, String> {
        let channel = self.0.channel(ordinal, node, Lane::Aside)?;
        let client = PeerClient::with_interceptor(channel, self.0.headers(ordinal, node));
        Ok(client
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// What a node has answered to such a client, if it comes from the data directory that `node`
    /// names.
    pub fn answered<T>(
        &self,
        ordinal: u64,
        node: &PeerNode,
        answer: Result<tonic::Response<T>, Status>,
    ) -> Result<T, Status> {
        self.0.answered(ordinal, node, answer)
    }
}

fn client(tls: &PeerTls) -> ClientTlsConfig {
    ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&tls.ca_pem))
        .identity(Identity::from_pem(&tls.certificate_pem, &tls.key_pem))
}

impl Channels {
    /// The channel to a node over a lane; an error when its address or the credentials are none.
    fn channel(&self, ordinal: u64, node: &PeerNode, lane: Lane) -> Result<Channel, String> {
        let mut channels = self.kept();
        if let Some(kept) = channels.get(&(ordinal, lane))
            && kept.address == node.peer_address
            && kept.name == node.name
        {
            return Ok(kept.channel.clone());
        }
        let endpoint = self.endpoint(node, lane)?;
        let channel = match lane {
            Lane::Control | Lane::Append | Lane::Bulk => {
                let _entered = self.runtime.enter();
                endpoint.connect_lazy()
            }
            // Whatever it carries is the node's work, not to be done on consensus' thread.
            Lane::Aside => endpoint.connect_lazy(),
        };
        let kept = Kept {
            address: node.peer_address.clone(),
            name: node.name.clone(),
            channel: channel.clone(),
        };
        channels.insert((ordinal, lane), kept);
        Ok(channel)
    }

    fn endpoint(&self, node: &PeerNode, lane: Lane) -> Result<Endpoint, String> {
        let domain = format!("{}.{}", node.name, self.config.domain);
        // What may be under way before the receiver says so; on the append lane a full pipeline of
        // requests, elsewhere what a call takes.
        let window: u32 = match lane {
            Lane::Append => 4 << 20,
            Lane::Bulk => 2 << 20,
            Lane::Control | Lane::Aside => 1 << 20,
        };
        Endpoint::from_shared(format!("https://{}", node.peer_address))
            .and_then(|endpoint| endpoint.tls_config(self.tls().clone().domain_name(domain)))
            .map(|endpoint| {
                endpoint
                    .tcp_nodelay(true)
                    .connect_timeout(self.config.connect_timeout)
                    .http2_keep_alive_interval(self.config.keep_alive_interval)
                    .keep_alive_timeout(self.config.keep_alive_timeout)
                    .keep_alive_while_idle(true)
                    .http2_adaptive_window(false)
                    .initial_stream_window_size(window)
                    .initial_connection_window_size(window.saturating_mul(2))
            })
            .map_err(|error| format!("peer address `{}`: {error}", node.peer_address))
    }

    /// Holds an answer against the life of the directory that it was asked of.
    fn answered<T>(
        &self,
        ordinal: u64,
        node: &PeerNode,
        answer: Result<tonic::Response<T>, Status>,
    ) -> Result<T, Status> {
        let metadata = match &answer {
            Ok(response) => response.metadata(),
            Err(status) => status.metadata(),
        };
        let expected = node.incarnation.as_str();
        match (lives::named(metadata), &answer) {
            (Some(life), _) if life != expected => {
                self.strangers.meet(ordinal, expected, life);
                let refused = lives::another(ordinal, expected, life);
                Err(Status::permission_denied(refused))
            }
            (None, Ok(_)) => Err(Status::permission_denied(format!(
                "node {ordinal} does not say which data directory answers"
            ))),
            (Some(_), _) | (None, Err(_)) => answer.map(tonic::Response::into_inner),
        }
    }

    fn headers(&self, to: u64, node: &PeerNode) -> Headers {
        Headers {
            genesis: self.genesis.clone(),
            from: self.config.from.into(),
            to: to.into(),
            from_life: lives::value(&self.config.life),
            to_life: lives::value(&node.incarnation),
        }
    }

    fn tls(&self) -> MutexGuard<'_, ClientTlsConfig> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<(u64, Lane), Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for GrpcTransport {
    type Peer = GrpcPeer;

    fn peer(&self, ordinal: u64, node: &PeerNode, lane: Lane) -> GrpcPeer {
        GrpcPeer {
            channels: Arc::clone(&self.0),
            ordinal,
            node: node.clone(),
            lane,
            headers: self.0.headers(ordinal, node),
        }
    }
}

/// The way to one node over one lane. Each call asks for the channel that is kept now, so that one
/// made with newer credentials is used as soon as there is one.
#[derive(Clone)]
pub struct GrpcPeer {
    channels: Arc<Channels>,
    ordinal: u64,
    node: PeerNode,
    lane: Lane,
    headers: Headers,
}

impl fmt::Debug for GrpcPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcPeer")
            .field("ordinal", &self.ordinal)
            .field("node", &self.node)
            .field("lane", &self.lane)
            .finish_non_exhaustive()
    }
}

impl GrpcPeer {
    fn client(&self) -> Result<RaftConnection, Lost> {
        // An address that is none is found out here, when it is used.
        self.channels
            .channel(self.ordinal, &self.node, self.lane)
            .map(|channel| {
                RaftClient::new(channel)
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES)
            })
            .map_err(Lost::Unreachable)
    }

    fn answer<T>(&self, answer: Result<tonic::Response<T>, Status>) -> Result<T, Lost> {
        self.channels
            .answered(self.ordinal, &self.node, answer)
            .map_err(|status| lost(&status))
    }
}

/// A refused or missing connection, and a node that turns us away at its door, are not to be
/// tried again at once.
fn lost(status: &Status) -> Lost {
    match status.code() {
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::FailedPrecondition => Lost::Unreachable(status.to_string()),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss => Lost::Broken(status.to_string()),
    }
}

/// A stream of messages on its way out. As a type of its own it is known to borrow nothing, which
/// the compiler loses sight of in a boxed stream inside an async function.
struct Outgoing<T>(BoxStream<'static, T>);

impl<T> Stream for Outgoing<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.as_mut().poll_next(context)
    }
}

impl Peer for GrpcPeer {
    async fn append(
        &self,
        requests: BoxStream<'static, raft::AppendRequest>,
    ) -> Result<AppendResponses, Lost> {
        let answers = self.answer(
            self.client()?
                .append(self.headers.on(Outgoing(requests)))
                .await,
        )?;
        Ok(answers
            .map(|response| response.map_err(|status| lost(&status)))
            .boxed())
    }

    async fn vote(&self, request: raft::VoteRequest) -> Result<raft::VoteResponse, Lost> {
        self.answer(self.client()?.vote(self.headers.on(request)).await)
    }

    async fn pre_vote(&self, request: raft::VoteRequest) -> Result<raft::VoteResponse, Lost> {
        self.answer(self.client()?.pre_vote(self.headers.on(request)).await)
    }

    async fn snapshot(
        &self,
        frames: BoxStream<'static, raft::SnapshotFrame>,
    ) -> Result<raft::SnapshotResponse, Lost> {
        self.answer(
            self.client()?
                .snapshot(self.headers.on(Outgoing(frames)))
                .await,
        )
    }

    async fn transfer_leader(
        &self,
        request: raft::TransferLeaderRequest,
    ) -> Result<raft::TransferLeaderResponse, Lost> {
        self.answer(
            self.client()?
                .transfer_leader(self.headers.on(request))
                .await,
        )
    }

    async fn fetch_snapshot(
        &self,
        request: raft::FetchSnapshotRequest,
    ) -> Result<SnapshotFrames, Lost> {
        let frames = self.answer(
            self.client()?
                .fetch_snapshot(self.headers.on(request))
                .await,
        )?;
        Ok(frames
            .map(|frame| frame.map_err(|status| lost(&status)))
            .boxed())
    }
}
