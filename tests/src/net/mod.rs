//! A network of a test's own: every node in a network namespace, every packet through this program.
//!
//! Each namespace has one TUN device whose other end is held here, and a thread carries packets from
//! device to device (`switch`) as the links say (`link`): cut, one way or both, delayed, lost, doubled,
//! slowed down. The kernel needs no packet filter and no queueing discipline for that. It needs root
//! and `/dev/net/tun`; whether they are there is asked first, so that a test can say what it lacks.

pub mod link;
mod namespace;
mod switch;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;

use link::{Count, Link, Links};
use namespace::Namespace;
use switch::Switch;

/// The test itself, as a party of the network; nodes have their ordinals.
pub const CLIENT: u64 = 0;

/// The ports of every node.
const PORTS: [u16; 3] = [7_000, 7_001, 7_002];

/// A network with its namespaces; dropping it removes them.
#[derive(Debug)]
pub struct Network {
    subnet: [u8; 3],
    links: Arc<Links>,
    namespaces: Vec<Namespace>,
    _switch: Switch,
}

/// What this machine lacks for a network of its own, if it lacks something.
pub fn lacking() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("root, to make network namespaces".to_owned());
    }
    if !std::path::Path::new("/dev/net/tun").exists() {
        return Some("/dev/net/tun".to_owned());
    }
    namespace::ip(&["-V"])
        .err()
        .map(|error| format!("the program `ip` of iproute2 ({error:#})"))
}

impl Network {
    /// Makes a network for `nodes` nodes and the test. All links are perfect.
    pub fn open(nodes: u64, seed: u64) -> anyhow::Result<Self> {
        static OPENED: AtomicU32 = AtomicU32::new(0);
        // Tests run side by side, in one process or in many: each network has a name and a subnet of
        // its own in 10.64.0.0/10.
        let opened = OPENED.fetch_add(1, Ordering::Relaxed);
        let number = std::process::id().wrapping_mul(16).wrapping_add(opened);
        let [.., high, low] = number.to_be_bytes();
        let subnet = [10, 64 | (high & 63), low];
        let name = format!("{:02x}{low:02x}", high & 63);
        let links = Arc::new(Links::new(nodes, seed));
        let mut devices = vec![namespace::device(&name, CLIENT)?];
        let address = |party| party_address(subnet, party);
        namespace::address_of_client(&name, address(CLIENT)?)?;
        let mut namespaces = Vec::new();
        for ordinal in 1..=nodes {
            devices.push(namespace::device(&name, ordinal)?);
            namespaces.push(Namespace::make(&name, ordinal, address(ordinal)?)?);
        }
        let switch = Switch::start(devices, subnet, Arc::clone(&links))?;
        Ok(Self {
            subnet,
            links,
            namespaces,
            _switch: switch,
        })
    }

    /// The API, peer and operations addresses of a node.
    pub fn addresses(&self, ordinal: u64) -> anyhow::Result<[SocketAddr; 3]> {
        let ip = IpAddr::V4(party_address(self.subnet, ordinal)?);
        Ok(PORTS.map(|port| SocketAddr::new(ip, port)))
    }

    /// What to put before a command that is to run as a node's.
    pub fn prefix(&self, ordinal: u64) -> anyhow::Result<Vec<String>> {
        let index = usize::try_from(ordinal)?.checked_sub(1);
        let namespace = index.and_then(|index| self.namespaces.get(index));
        Ok(namespace.context("a node without a namespace")?.prefix())
    }

    /// Sets the link from one party to another; the other direction stays as it is.
    pub fn set(&self, from: u64, to: u64, link: Link) {
        self.links.set(from, to, link);
    }

    /// Sets both directions.
    pub fn set_both(&self, one: u64, other: u64, link: Link) {
        self.set(one, other, link);
        self.set(other, one, link);
    }

    /// Cuts a node off from the other nodes; the test still reaches it.
    pub fn isolate(&self, ordinal: u64) {
        for other in self.links.nodes().filter(|other| *other != ordinal) {
            self.set_both(ordinal, other, Link::CUT);
        }
    }

    /// Makes every link perfect again.
    pub fn heal(&self) {
        self.links.heal();
    }

    /// What was carried and lost so far, over all links.
    pub fn count(&self) -> Count {
        self.links.count()
    }
}

fn party_address(subnet: [u8; 3], party: u64) -> anyhow::Result<Ipv4Addr> {
    let host = u8::try_from(party)?
        .checked_add(1)
        .context("too many nodes")?;
    let [a, b, c] = subnet;
    Ok(Ipv4Addr::new(a, b, c, host))
}
