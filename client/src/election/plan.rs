//! What is decided before an election is made.

use std::net::SocketAddr;

use caucus::{ElectionId, Roster, Rules};
use note::{Origin, UnixSeconds, VerifierKey};
use receipt::{ElectionKind, NodeId, WitnessLine};

/// Everything that is chosen; the rest is drawn at random.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The contest's name; it stands in every note.
    pub election: ElectionId,
    /// The log's name.
    pub origin: Origin,
    /// The night itself, or a rehearsal of it.
    pub kind: ElectionKind,
    /// The units.
    pub roster: Roster,
    /// The rules.
    pub rules: Rules,
    /// The nodes that vote, by ordinal from 1.
    pub nodes: Vec<NodePlan>,
    /// When the caucuses begin.
    pub opens: UnixSeconds,
    /// When they end.
    pub closes: UnixSeconds,
    /// Paper vouchers for each unit, for reports by telephone.
    pub vouchers_per_unit: u8,
    /// Outside witnesses: their keys for the manifest, their addresses for the nodes.
    pub witnesses: Vec<WitnessPlan>,
}

/// One outside witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessPlan {
    /// Its line in the manifest.
    pub line: WitnessLine,
    /// Where the nodes ask it: `https://…`, or `http://…` on this machine.
    pub url: String,
}

impl WitnessPlan {
    /// Reads `<id> <url> <vkey>`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (id, url, key) = (words.next()?, words.next()?, words.next()?);
        let line = WitnessLine {
            id: NodeId::parse(id)?,
            key: VerifierKey::parse(key).ok()?,
        };
        words.next().is_none().then(|| Self {
            line,
            url: url.to_owned(),
        })
    }
}

/// One node: what it is called and where it listens.
#[derive(Debug, Clone)]
pub struct NodePlan {
    /// Its number in consensus.
    pub ordinal: u64,
    /// Its id, such as `n1`.
    pub id: NodeId,
    /// Where clients reach it.
    pub api: SocketAddr,
    /// Where the other nodes reach it.
    pub peers: SocketAddr,
    /// Where whoever runs it reaches `/metrics`, `/livez` and `/readyz`.
    pub operations: SocketAddr,
}

impl NodePlan {
    /// Nodes `n1` to `n<count>` on this machine. Node i listens on `base + 10 (i - 1)` for
    /// clients, on the next port for its peers and on the one after for operations.
    ///
    /// `None` when the ports do not fit or there are no nodes.
    pub fn on_loopback(count: u16, base_port: u16) -> Option<Vec<NodePlan>> {
        let plan = |number: u16| {
            let first = base_port.checked_add(number.checked_sub(1)?.checked_mul(10)?)?;
            let port = |offset: u16| {
                Some(SocketAddr::from((
                    [127, 0, 0, 1],
                    first.checked_add(offset)?,
                )))
            };
            Some(NodePlan {
                ordinal: u64::from(number),
                id: NodeId::parse(&format!("n{number}"))?,
                api: port(0)?,
                peers: port(1)?,
                operations: port(2)?,
            })
        };
        (count > 0 && base_port > 0).then(|| (1..=count).map(plan).collect())?
    }
}
