//! Free ports on the loopback address.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context;

/// `count` different ports that nobody listened on a moment ago. They are bound together before any is
/// let go, so that they differ; another program may still take one before a node does.
pub fn free(count: usize) -> anyhow::Result<Vec<SocketAddr>> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a free port"))
        .collect::<anyhow::Result<_>>()?;
    listeners
        .iter()
        .map(|listener| listener.local_addr().context("read the port"))
        .collect()
}
