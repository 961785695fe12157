//! The other nodes' way in. Whoever has shown a node's certificate stays; until then a connection
//! has a few seconds, a place among few, and a pace: handshakes are work for the thread that
//! carries the heartbeats.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::connections::{Connections, Rules};
use super::guarded::Guarded;
use super::identity::Identity;
use crate::admission::sources::{Pace, Source, Sources};

/// How the port treats its connections: seven nodes with four lanes each, three times over, and
/// the same again of which nobody knows yet who they are.
const RULES: Rules = Rules {
    most: 192,
    most_of_source: 128,
    first_call: HANDSHAKE,
    rest: Duration::from_mins(1),
};

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(3);

/// Handshakes of one source.
const SOURCE_PACE: Pace = Pace {
    interval: Duration::from_millis(50),
    burst: Duration::from_secs(5),
};

/// Handshakes of all sources together.
const TOTAL_PACE: Pace = Pace {
    interval: Duration::from_millis(10),
    burst: Duration::from_secs(2),
};

/// Connections that have shaken hands and are not served yet.
const WAITING: usize = 16;

/// After an accept that failed, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection of another node, or of somebody with such a node's certificate.
pub(crate) type PeerStream = TlsStream<Guarded>;

/// Accepts connections on the current runtime until told to stop.
pub(crate) fn incoming(
    listener: TcpListener,
    identity: Identity,
    stopping: CancellationToken,
) -> ReceiverStream<io::Result<PeerStream>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let accepting = async move {
        let connections = Connections::new(RULES);
        let sources = Sources::default();
        let mut handshakes = JoinSet::new();
        let mut sweep = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => {
                        let (source, now) = (Source::new(from), Instant::now());
                        if sources.in_time(source, SOURCE_PACE, TOTAL_PACE, now) {
                            let greeted = greet(stream, Arc::clone(&connections), identity.clone());
                            let sender = sender.clone();
                            handshakes.spawn(async move {
                                if let Ok(stream) = greeted.await {
                                    let _gone = sender.send(Ok(stream)).await;
                                }
                            });
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a peer's connection was not accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                _ = sweep.tick() => connections.sweep(Instant::now()),
                Some(_done) = handshakes.join_next() => {}
                () = sender.closed() => return,
            }
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = accepting => {}
            () = stopping.cancelled() => {}
        }
    });
    ReceiverStream::new(receiver)
}

async fn greet(
    stream: TcpStream,
    connections: Arc<Connections>,
    identity: Identity,
) -> io::Result<PeerStream> {
    let stream = Guarded::admit(&connections, stream)?;
    let acceptor = TlsAcceptor::from(identity.current());
    let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
    let mut stream = shaken.map_err(|_late| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.get_mut().0.keep();
    Ok(stream)
}
