//! New nodes for a log that was lost, on free loopback ports.

use std::path::{Path, PathBuf};

use anyhow::Context;
use client::certificate::{Authority, Pair};
use client::clock::{Clock, SystemClock};
use client::connection::{Connections, NodeAddress};
use client::election::{Desk, NodePlan, make_node, recovering, write_node};
use client::random::SeededRandom;
use note::{Origin, SignedNote};
use receipt::leaf::Role;
use receipt::{Bundle, BundledManifest, Manifest, NodeId};

use crate::cluster::Cluster;
use crate::ports;

/// All keys of the new nodes follow from it.
const SEED: u64 = 11;

/// Three new nodes and the version that names them. Nothing is started.
#[derive(Debug)]
pub struct Succession {
    /// The version that goes on from the copy.
    pub manifest: Manifest,
    /// The old bundle with that version.
    pub bundle: Bundle,
    /// The new nodes' configurations.
    pub configs: Vec<PathBuf>,
    addresses: Vec<NodeAddress>,
    authority: String,
}

impl Succession {
    /// Makes nodes and version for a copy of a cluster's log.
    pub fn prepare(cluster: &Cluster, copy: &[Vec<u8>], folder: &Path) -> anyhow::Result<Self> {
        let now = SystemClock::start().unix();
        let mut random = SeededRandom::new(SEED);
        let origin = Origin::parse_election(&format!("{}/r2", cluster.made.plan.origin))
            .context("name the new log")?;
        let mut free = ports::free(9)?.into_iter();
        let mut port = || free.next().context("too few ports");
        let mut nodes = Vec::new();
        for ordinal in 11..=13 {
            let plan = NodePlan {
                ordinal,
                id: NodeId::parse(&format!("r{ordinal}")).context("name a node")?,
                api: port()?,
                peers: port()?,
                operations: port()?,
            };
            let keys = make_node(&origin, &plan, &mut random)?;
            nodes.push((plan, keys));
        }
        let lines = nodes.iter().map(|(_, keys)| keys.line()).collect();
        let made = recovering(&cluster.election, copy, origin, lines, &mut random, now)?;
        let text = made.manifest.text();
        let people = &cluster.made.people;
        let signers = people.get(&Role::Authority).context("no authority")?;
        let lines = signers.iter().take(2).map(|key| key.sign(&text)).collect();
        let mut bundle = cluster.made.bundle.clone();
        bundle.manifests.push(BundledManifest {
            note: SignedNote::assemble(&text, lines)?,
            leaf: None,
            receipt: None,
        });
        for file in &made.policies {
            let hash = merkle::sha256(file.as_bytes());
            bundle.files.insert(hash, file.clone().into_bytes());
        }
        let pem = |name: &str| std::fs::read_to_string(cluster.written.folder.join(name));
        let authority = Authority::open(Pair {
            certificate: pem("ca.crt")?,
            key: pem("ca.key")?,
        })?;
        let desk = Desk {
            election: &cluster.made.plan.election,
            genesis: &cluster.made.genesis,
            authority: &authority,
            witnesses: &[],
        };
        let (mut configs, mut addresses) = (Vec::new(), Vec::new());
        for (plan, keys) in &nodes {
            let folder = folder.join(plan.id.as_str());
            configs.push(write_node(&folder, &desk, plan, keys, now)?);
            addresses.push(NodeAddress::parse(&plan.api.to_string())?);
        }
        Ok(Self {
            manifest: made.manifest,
            bundle,
            configs,
            addresses,
            authority: authority.pair().certificate.clone(),
        })
    }

    /// Channels to the new nodes.
    pub fn connect(&self) -> anyhow::Result<Connections> {
        Ok(Connections::open(
            &self.addresses,
            self.authority.as_bytes(),
        )?)
    }

    /// How many leaves the new log begins with.
    pub fn size(&self) -> u64 {
        self.manifest
            .recovered
            .as_ref()
            .map_or(0, |recovered| recovered.size.get())
    }
}
