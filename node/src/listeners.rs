//! The three ports: bound before anything else is opened, served until told to stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use proto::raft::peer_server::PeerServer;
use replica::grpc::{MAX_MESSAGE_BYTES, PeerGuard, RaftService};
use telemetry::Metrics;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Limits};
use crate::core::Core;
use crate::doors::acceptor::{Plain, Secured};
use crate::doors::calls::{self, Calls};
use crate::doors::connections::{Connections, Rules};
use crate::doors::identity::Identity;
use crate::doors::peers::incoming;
use crate::peers;
use crate::start_error::StartError;
use crate::{http, operations};

/// The ports, bound and not yet served.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) api: TcpListener,
    pub(crate) peers: TcpListener,
    pub(crate) operations: TcpListener,
}

/// Calls that one client connection may have open. A chair has two; a page of results a handful.
const STREAMS: u32 = 64;

/// What a client may send on one stream, and on one connection, before it is read: a note needs
/// 8 KiB, and a resting connection must not hold more than it is worth.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 128 * 1024;

/// The longest headers of a call.
const HEADERS: u32 = 16 * 1024;

/// How long the headers of a call may take over HTTP/1, the rest between two calls included.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);

/// A client that says nothing for this long is asked whether it lives.
const ASK: Duration = Duration::from_secs(20);

/// How long it may take to say so.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a connection may take to its first call, its handshake included.
const FIRST_CALL: Duration = Duration::from_secs(15);

/// How long a connection may rest: a chair who waits for the second alignment keeps hers.
const REST: Duration = Duration::from_mins(30);

/// Connections to the operations port: a scraper and a few people.
const OPERATORS: usize = 64;

/// Between two looks at connections that do nothing.
const SWEEP: Duration = Duration::from_secs(1);

impl Listeners {
    pub(crate) fn bind(config: &Config) -> Result<Self, StartError> {
        Ok(Self {
            api: bind("api", config.api.listen)?,
            peers: bind("peers", config.peers.listen)?,
            operations: bind("operations", config.operations.listen)?,
        })
    }
}

fn bind(listener: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).and_then(|bound| {
        bound.set_nonblocking(true)?;
        Ok(bound)
    });
    bound.map_err(|source| StartError::Bind {
        listener,
        address,
        source,
    })
}

/// The connections of the API's port.
pub(crate) fn api_connections(limits: &Limits) -> Arc<Connections> {
    Connections::new(Rules {
        most: limits.connections,
        most_of_source: limits.connections.div_ceil(2),
        first_call: FIRST_CALL,
        rest: REST,
    })
}

/// Serves the public API, gRPC and HTTP on one port, until `handle` is told to stop.
pub(crate) async fn serve_api(
    listener: TcpListener,
    identity: Identity,
    connections: Arc<Connections>,
    handle: Handle<SocketAddr>,
    routes: tonic::service::Routes,
    pages: Router,
) -> io::Result<()> {
    let acceptor = Secured {
        connections,
        identity,
    };
    let server = axum_server::from_tcp(listener)?
        .handle(handle)
        .acceptor(acceptor);
    let router = routes
        .prepare()
        .into_axum_router()
        .merge(operations::public())
        .merge(pages)
        .fallback(http::unknown)
        .layer(from_fn_with_state(Calls::new(), calls::count));
    bounded(server)
        .serve(router.into_make_service_with_connect_info::<SocketAddr>())
        .await
}

/// Closes what does nothing on the API's port, until told to stop.
pub(crate) async fn sweep(
    connections: Arc<Connections>,
    metrics: Arc<Metrics>,
    stopping: CancellationToken,
) {
    let mut tick = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = tick.tick() => connections.sweep(Instant::now()),
            () = stopping.cancelled() => return,
        }
        let count = u64::try_from(connections.count()).unwrap_or(u64::MAX);
        metrics.api_connections.set(count);
    }
}

/// Serves consensus and the node's own questions to the other nodes.
pub(crate) async fn serve_peers(
    listener: TcpListener,
    identity: Identity,
    core: Arc<Core>,
    guard: PeerGuard,
    stopping: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let raft = RaftService::new(core.replica.inbound(), guard.clone());
    let peer = peers::service::Service::new(core, guard);
    let incoming = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => incoming(listener, identity, stopping.clone()),
        Err(error) => {
            tracing::error!(%error, "the peer listener cannot be served");
            return Ok(());
        }
    };
    tonic::transport::Server::builder()
        .max_concurrent_streams(Some(STREAMS))
        .http2_max_header_list_size(Some(HEADERS))
        .http2_keepalive_interval(Some(ASK))
        .http2_keepalive_timeout(Some(ANSWER))
        .add_service(raft.into_server())
        .add_service(PeerServer::new(peer).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .serve_with_incoming_shutdown(incoming, stopping.cancelled_owned())
        .await
}

/// Serves metrics and health.
pub(crate) async fn serve_operations(
    listener: TcpListener,
    core: Arc<Core>,
    stopping: CancellationToken,
) -> io::Result<()> {
    let connections = Connections::new(Rules {
        most: OPERATORS,
        most_of_source: OPERATORS,
        first_call: FIRST_CALL,
        rest: REST,
    });
    let handle = Handle::new();
    let server = axum_server::from_tcp(listener)?
        .handle(handle.clone())
        .acceptor(Plain {
            connections: Arc::clone(&connections),
        });
    let router = operations::router(core).layer(from_fn_with_state(Calls::new(), calls::count));
    let serving = bounded(server).serve(router.into_make_service());
    tokio::pin!(serving);
    let mut tick = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            served = &mut serving => return served,
            _ = tick.tick() => connections.sweep(Instant::now()),
            () = stopping.cancelled() => {
                handle.graceful_shutdown(Some(ANSWER));
                return serving.await;
            }
        }
    }
}

/// Sets what one connection may ask for, and how long it may keep silent.
fn bounded<A>(mut server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(usize::try_from(STREAM_WINDOW).unwrap_or(usize::MAX));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADERS)
        .keep_alive_interval(ASK)
        .keep_alive_timeout(ANSWER);
    server
}
