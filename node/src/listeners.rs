//! The three ports: bound before anything else is opened, served until told to stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use proto::raft::peer_server::PeerServer;
use replica::grpc::{MAX_MESSAGE_BYTES, PeerGuard, RaftService};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::config::Config;
use crate::core::Core;
use crate::peers;
use crate::start_error::StartError;
use crate::{http, operations, tls};

/// The ports, bound and not yet served.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) api: TcpListener,
    pub(crate) peers: TcpListener,
    pub(crate) operations: TcpListener,
}

/// How long a client may take for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Calls that one client connection may have open.
const STREAMS: u32 = 256;

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

/// Serves the public API, gRPC and HTTP on one port, until `handle` is told to stop.
pub(crate) async fn serve_api(
    listener: TcpListener,
    certificate: RustlsConfig,
    handle: Handle<SocketAddr>,
    routes: tonic::service::Routes,
    pages: Router,
) -> io::Result<()> {
    let acceptor = RustlsAcceptor::new(certificate)
        .handshake_timeout(HANDSHAKE)
        .acceptor(NoDelayAcceptor::new());
    let mut server = axum_server::from_tcp(listener)?
        .handle(handle)
        .acceptor(acceptor);
    server
        .http_builder()
        .http2()
        .max_concurrent_streams(STREAMS);
    let router = routes
        .prepare()
        .into_axum_router()
        .merge(operations::public())
        .merge(pages)
        .fallback(http::unknown);
    server
        .serve(router.into_make_service_with_connect_info::<SocketAddr>())
        .await
}

/// Serves consensus and the node's own questions to the other nodes.
pub(crate) async fn serve_peers(
    listener: TcpListener,
    credentials: Arc<tls::PeerCredentials>,
    core: Arc<Core>,
    guard: PeerGuard,
    stopping: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let raft = RaftService::new(core.replica.inbound(), guard.clone());
    let peer = peers::service::Service::new(core, guard);
    let incoming = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => TcpIncoming::from(listener).with_nodelay(Some(true)),
        Err(error) => {
            tracing::error!(%error, "the peer listener cannot be served");
            return Ok(());
        }
    };
    Server::builder()
        .tls_config(credentials.server())?
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
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, operations::router(core))
        .with_graceful_shutdown(stopping.cancelled_owned())
        .await
}
