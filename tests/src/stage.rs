//! A small night on a real cluster, ready for a test: nodes that run, chairs with keys, a desk to send from.

use std::sync::Arc;

use anyhow::Context;
use caucus::{UnitId, Worksheet};
use client::Client;
use client::chair;
use client::election::WitnessPlan;
use note::{SignedNote, SignerKey};
use receipt::Leaf;
use receipt::leaf::Role;
use testkit::{Night, Scale};

use crate::chairs::{Desk, Receipted, Sent};
use crate::cluster::{Cluster, Spec, beside_this_program};
use crate::net::Network;

/// The seed of every small night: tests differ in what they do, not in who reports.
const SEED: u64 = 7;

/// A cluster, a night and a desk. The folder goes when the stage is dropped, after the processes.
#[derive(Debug)]
pub struct Stage {
    /// The nodes.
    pub cluster: Cluster,
    /// Who reports what.
    pub night: Night,
    /// Where chairs send from.
    pub desk: Desk,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Starts three nodes for a night of `units`.
    pub async fn open(units: u64) -> anyhow::Result<Self> {
        Self::open_with(units, Vec::new()).await
    }

    /// Starts three nodes that ask these outside witnesses.
    pub async fn open_with(units: u64, witnesses: Vec<WitnessPlan>) -> anyhow::Result<Self> {
        Self::prepare_with(units, 3, witnesses, None)?.run().await
    }

    /// Starts `nodes` nodes in a network of their own.
    pub async fn open_in(network: Arc<Network>, units: u64, nodes: u64) -> anyhow::Result<Self> {
        let stage = Self::prepare_with(units, nodes, Vec::new(), Some(network))?;
        stage.run().await
    }

    /// Adds these lines to the configuration of every node.
    pub fn configure(&self, lines: &str) -> anyhow::Result<()> {
        for config in &self.cluster.written.node_configs {
            let text = std::fs::read_to_string(config)?;
            std::fs::write(config, format!("{text}{lines}"))?;
        }
        Ok(())
    }

    /// Starts every node and opens the log.
    pub async fn run(self) -> anyhow::Result<Self> {
        for ordinal in self.cluster.ordinals() {
            self.cluster.start_node(ordinal)?;
        }
        self.cluster.initialize().await?;
        Ok(self)
    }

    /// Nodes without outside witnesses, with nothing started yet.
    pub fn prepare(units: u64, nodes: u64) -> anyhow::Result<Self> {
        Self::prepare_with(units, nodes, Vec::new(), None)
    }

    /// The same with witnesses, or in a network of their own.
    fn prepare_with(
        units: u64,
        nodes: u64,
        witnesses: Vec<WitnessPlan>,
        network: Option<Arc<Network>>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tally-test-").tempdir()?;
        let night = Night::generate(SEED, &Scale::units(units));
        let cluster = Cluster::prepare(Spec {
            witnesses,
            network,
            nodes,
            roster: night.roster.clone(),
            rules: night.rules.clone(),
            seed: SEED,
            folder: folder.path().join("election"),
            binary: beside_this_program("tally-node")?,
        })?;
        let client = Client::new(cluster.connections.clone(), Arc::clone(&cluster.election));
        let desk = Desk::open(client, &folder.path().join("outbox"))?;
        Ok(Self {
            cluster,
            night,
            desk,
            folder,
        })
    }

    /// The folder of the stage.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The unit that reports as number `n`, with its sheet.
    pub fn unit(&self, n: usize) -> anyhow::Result<(UnitId, Worksheet)> {
        let report = self.night.reports.get(n).context("the night is smaller")?;
        Ok((report.unit.clone(), report.worksheet.clone()))
    }

    /// The chair's key of a unit.
    pub fn chair(&self, unit: &UnitId) -> anyhow::Result<&SignerKey> {
        Ok(&self
            .cluster
            .made
            .units
            .get(unit)
            .context("a unit without keys")?
            .a)
    }

    /// People of a role.
    pub fn people(&self, role: Role) -> anyhow::Result<&[SignerKey]> {
        Ok(self
            .cluster
            .made
            .people
            .get(&role)
            .context("nobody has that role")?)
    }

    /// The signed first report of unit number `n`.
    pub fn note(&self, n: usize) -> anyhow::Result<SignedNote> {
        let (unit, worksheet) = self.unit(n)?;
        let key = self.chair(&unit)?;
        self.desk
            .sign(chair::Report::first(unit, worksheet), key, SEED)
    }

    /// Sends the first report of unit number `n`, until it has its receipt.
    pub async fn report(&self, n: usize) -> anyhow::Result<Receipted> {
        self.desk.send(&self.note(n)?).await?.receipted()
    }

    /// Signs an act with these keys and sends it.
    pub async fn act(&self, leaf: &Leaf, keys: &[&SignerKey]) -> anyhow::Result<Sent> {
        self.desk.send(&chair::sign(leaf, keys)?).await
    }
}
