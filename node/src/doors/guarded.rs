//! A TCP connection that is in its port's list, and ends when the list says so: whoever reads from
//! it or writes to it, TLS included, then finds it broken.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::connections::{Call, Connection, Connections, Entry};

/// The stream.
#[derive(Debug)]
pub(crate) struct Guarded {
    stream: TcpStream,
    entry: Entry,
    /// Set where the connection as a whole counts as one call that never ends.
    kept: Option<Call>,
}

impl Guarded {
    /// Takes a new connection into the list.
    pub(crate) fn admit(connections: &Arc<Connections>, stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let from: SocketAddr = stream.peer_addr()?;
        let admitted = connections.admit(from, Instant::now());
        let entry = admitted.map_err(|full| {
            tracing::debug!(%from, %full, "a connection was turned away");
            io::Error::other(full)
        })?;
        Ok(Self {
            stream,
            entry,
            kept: None,
        })
    }

    /// Its entry in the list.
    pub(crate) const fn connection(&self) -> &Arc<Connection> {
        self.entry.connection()
    }

    /// From here on it is at work for as long as it lives.
    pub(crate) fn keep(&mut self) {
        self.kept = Some(self.connection().call(None));
    }

    fn check(&self) -> io::Result<()> {
        if self.connection().is_closing() {
            return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
        }
        Ok(())
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever serves a connection always waits for its next byte, so one waker is enough.
        self.connection().register(context.waker());
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connected for Guarded {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}
