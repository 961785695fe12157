//! The way in to the API and to the operations port: a connection is put into the list, shakes
//! hands within a deadline, and each of its calls knows which connection it came by.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Request;
use axum_server::accept::Accept;
use futures::future::BoxFuture;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::codegen::Service;

use super::connections::{Connection, Connections};
use super::guarded::Guarded;
use super::identity::Identity;

/// How long a client may take for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The way in over TLS.
#[derive(Debug, Clone)]
pub(crate) struct Secured {
    pub(crate) connections: Arc<Connections>,
    pub(crate) identity: Identity,
}

/// The way in without.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    pub(crate) connections: Arc<Connections>,
}

/// What serves one connection: it tells each call which connection that is.
#[derive(Debug, Clone)]
pub(crate) struct Served<S> {
    service: S,
    connection: Arc<Connection>,
}

impl<S: Send + 'static> Accept<TcpStream, S> for Secured {
    type Stream = TlsStream<Guarded>;
    type Service = Served<S>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let admitted = Guarded::admit(&self.connections, stream);
        let acceptor = TlsAcceptor::from(self.identity.current());
        Box::pin(async move {
            let stream = admitted?;
            let connection = Arc::clone(stream.connection());
            let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
            let stream = shaken.map_err(|_late| io::Error::from(io::ErrorKind::TimedOut))??;
            Ok((
                stream,
                Served {
                    service,
                    connection,
                },
            ))
        })
    }
}

impl<S> Accept<TcpStream, S> for Plain {
    type Stream = Guarded;
    type Service = Served<S>;
    type Future = std::future::Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let admitted = Guarded::admit(&self.connections, stream);
        std::future::ready(admitted.map(|stream| {
            let connection = Arc::clone(stream.connection());
            (
                stream,
                Served {
                    service,
                    connection,
                },
            )
        }))
    }
}

impl<S, B> Service<Request<B>> for Served<S>
where
    S: Service<Request<B>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let connection = Arc::clone(&self.connection);
        request.extensions_mut().insert(connection);
        self.service.call(request)
    }
}
