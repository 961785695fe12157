//! Nodes beside those that a cluster began with, and the manifest versions that name them, signed by the
//! authority as it would before the night.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use client::certificate::{Authority, Pair};
use client::clock::{Clock, SystemClock};
use client::connection::{Connections, NodeAddress};
use client::election::{Before, Desk, NodeKeys, NodePlan, make_node, successors, write_node};
use client::members::View;
use client::members::replace::{Successor, succeed};
use client::random::{Random, SeededRandom, SystemRandom};
use note::SignedNote;
use receipt::leaf::Role;
use receipt::{Effect, Manifest, NodeId, NodeLine, Policy};

use crate::cluster::{Cluster, beside_this_program};
use crate::ports;
use crate::process::NodeProcess;

/// All keys of the spares follow from it.
const SEED: u64 = 23;

/// Nodes with keys, certificates and configurations of their own. None is started by itself.
#[derive(Debug)]
pub struct Spares {
    nodes: Vec<Spare>,
}

#[derive(Debug)]
struct Spare {
    keys: NodeKeys,
    config: PathBuf,
    address: NodeAddress,
    process: Option<NodeProcess>,
}

impl Spares {
    /// Makes the nodes with these ordinals.
    pub fn prepare(cluster: &Cluster, ordinals: &[u64], folder: &Path) -> anyhow::Result<Self> {
        let now = SystemClock::start().unix();
        let mut random = SeededRandom::new(SEED);
        let pem = |name: &str| std::fs::read_to_string(cluster.written.folder.join(name));
        let authority = Authority::open(Pair {
            certificate: pem("ca.crt")?,
            key: pem("ca.key")?,
        })?;
        let desk = Desk {
            election: &cluster.made.plan.election,
            genesis: &cluster.made.genesis,
            authority: &authority,
            witnesses: &cluster.made.plan.witnesses,
        };
        let mut free = ports::free(ordinals.len() * 3)?.into_iter();
        let mut port = || free.next().context("too few ports");
        let mut nodes = Vec::new();
        for ordinal in ordinals {
            let plan = NodePlan {
                ordinal: *ordinal,
                id: NodeId::parse(&format!("n{ordinal}")).context("name a node")?,
                api: port()?,
                peers: port()?,
                operations: port()?,
            };
            let keys = make_node(&cluster.made.plan.origin, &plan, &mut random)?;
            let config = write_node(&folder.join(plan.id.as_str()), &desk, &plan, &keys, now)?;
            nodes.push(Spare {
                keys,
                config,
                address: NodeAddress::parse(&plan.api.to_string())?,
                process: None,
            });
        }
        Ok(Self { nodes })
    }

    /// Their lines, for a manifest.
    pub fn lines(&self) -> Vec<NodeLine> {
        self.nodes.iter().map(|node| node.keys.line()).collect()
    }

    /// Starts one.
    pub fn start(&mut self, ordinal: u64) -> anyhow::Result<()> {
        let node = self.node(ordinal)?;
        ensure!(node.process.is_none(), "node {ordinal} runs already");
        let log = node.config.with_file_name("node.log");
        let binary = beside_this_program("tally-node")?;
        node.process = Some(NodeProcess::start(&[], &binary, &node.config, &log)?);
        Ok(())
    }

    /// SIGKILL.
    pub async fn kill(&mut self, ordinal: u64) -> anyhow::Result<()> {
        let process = self.node(ordinal)?.process.take();
        process.context("the spare does not run")?.kill().await
    }

    /// The folder of one's configuration, keys and data.
    pub fn folder(&mut self, ordinal: u64) -> anyhow::Result<PathBuf> {
        let config = &self.node(ordinal)?.config;
        Ok(config.parent().context("in a folder")?.to_path_buf())
    }

    /// Channels to the cluster's nodes and to these, in the order of ordinals.
    pub fn connect(&self, cluster: &Cluster) -> anyhow::Result<Connections> {
        let mut addresses: Vec<NodeAddress> = cluster.connections.addresses().cloned().collect();
        addresses.extend(self.nodes.iter().map(|node| node.address.clone()));
        let authority = std::fs::read(&cluster.written.authority)?;
        Ok(Connections::open(&addresses, &authority)?)
    }

    fn node(&mut self, ordinal: u64) -> anyhow::Result<&mut Spare> {
        let mut nodes = self.nodes.iter_mut();
        nodes
            .find(|node| node.keys.ordinal == ordinal)
            .with_context(|| format!("there is no spare {ordinal}"))
    }
}

/// Spares for a cluster, and a version after its first that names them and is in force.
pub async fn named(
    cluster: &Cluster,
    clock: &SystemClock,
    ordinals: &[u64],
    folder: &Path,
) -> anyhow::Result<(Spares, Connections, Manifest)> {
    let spares = Spares::prepare(cluster, ordinals, folder)?;
    let connections = spares.connect(cluster)?;
    let first = &cluster.made.content;
    let second = next_version(cluster, first, &first.nodes, &spares.lines())?;
    succeed(&connections, &second, clock).await?;
    Ok((spares, connections, second.manifest))
}

/// Waits for a node to answer.
pub async fn until_up(
    cluster: &Cluster,
    connections: &Connections,
    id: &str,
) -> anyhow::Result<()> {
    let answers = async || {
        let view = View::of(connections).await;
        view.node(id).is_ok().then_some(())
    };
    cluster.wait(id, Duration::from_secs(20), answers).await
}

/// A signed version that follows `before` and takes effect with its leaf, with other machines.
pub fn next_version(
    cluster: &Cluster,
    before: &Manifest,
    nodes: &[NodeLine],
    spares: &[NodeLine],
) -> anyhow::Result<Successor> {
    let mut content = before.clone();
    content.header.genesis = Some(cluster.made.genesis);
    content.header.id = caucus::SubmissionId::from_bytes(SystemRandom.id());
    content.version = before.version + 1;
    content.previous = Some(merkle::sha256(before.text().as_bytes()));
    content.effect = Effect::WithItsLeaf;
    content.nodes = sorted(nodes);
    content.spares = sorted(spares);
    let policies = [
        Policy::receipt_for(&content).to_string(),
        Policy::final_file(&content),
    ];
    content.receipt_policy = merkle::sha256(policies[0].as_bytes());
    content.final_policy = merkle::sha256(policies[1].as_bytes());
    signed(cluster, content, policies)
}

/// Every version that swaps one node for one spare after `before`, signed.
pub fn prepared(cluster: &Cluster, before: &Manifest) -> anyhow::Result<Vec<Successor>> {
    let before = Before {
        manifest: before,
        hash: merkle::sha256(before.text().as_bytes()),
    };
    let now = SystemClock::start().unix();
    let all = successors(before, 1, &mut SystemRandom, now)?;
    all.into_iter()
        .map(|one| signed(cluster, one.content, [one.receipt_policy, one.final_policy]))
        .collect()
}

fn signed(
    cluster: &Cluster,
    manifest: Manifest,
    policies: [String; 2],
) -> anyhow::Result<Successor> {
    let text = manifest.text();
    let people = &cluster.made.people;
    let signers = people.get(&Role::Authority).context("no authority")?;
    let lines = signers.iter().take(2).map(|key| key.sign(&text)).collect();
    Ok(Successor {
        note: SignedNote::assemble(&text, lines)?,
        manifest,
        files: policies.map(String::into_bytes).to_vec(),
    })
}

fn sorted(lines: &[NodeLine]) -> Vec<NodeLine> {
    let mut lines = lines.to_vec();
    lines.sort_by_key(|line| line.ordinal);
    lines
}
