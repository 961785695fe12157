//! A cluster of `tally-node` processes on the loopback address, with an election made for it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use caucus::{ElectionId, Roster, Rules};
use client::clock::{Clock, SystemClock};
use client::cluster::Start;
use client::connection::{Connections, NodeAddress};
use client::election::{self, Made, NodePlan, Plan, WitnessPlan, Written};
use client::random::SeededRandom;
use note::{Origin, SignerKey};
use proto::v1;
use proto::v1::results_client::ResultsClient;
use receipt::leaf::Role;
use receipt::{Election, ElectionKind, NodeId};
use tokio::time::Instant;

use crate::net::Network;
use crate::ports;
use crate::process::NodeProcess;

/// How long a cluster may take to answer after it was started.
const START: Duration = Duration::from_secs(20);
/// Between two looks at something that is being waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How long one node may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to start.
#[derive(Debug)]
pub struct Spec {
    /// Nodes, all of them voters.
    pub nodes: u64,
    /// The units that report.
    pub roster: Roster,
    /// The rules of the night.
    pub rules: Rules,
    /// Outside witnesses that the manifest names and the nodes ask.
    pub witnesses: Vec<WitnessPlan>,
    /// All keys follow from it.
    pub seed: u64,
    /// Where everything is written: empty, or not there yet.
    pub folder: PathBuf,
    /// The `tally-node` program.
    pub binary: PathBuf,
    /// The network that the nodes live in, one namespace each; the loopback address otherwise.
    pub network: Option<Arc<Network>>,
}

/// A running cluster. Dropping it kills its processes and leaves its folder.
#[derive(Debug)]
pub struct Cluster {
    /// The election, with every key.
    pub made: Arc<Made>,
    /// Where its files are.
    pub written: Written,
    /// What a verifier makes of the bundle and the pinned fingerprint.
    pub election: Arc<Election>,
    /// Channels to every node, in the order of their ordinals.
    pub connections: Connections,
    nodes: Vec<Node>,
    binary: PathBuf,
    network: Option<Arc<Network>>,
}

#[derive(Debug)]
struct Node {
    config: PathBuf,
    /// Behind a lock, so that a node can be killed while chairs report.
    process: Mutex<Option<NodeProcess>>,
}

impl Cluster {
    /// Makes the election, starts every node, and opens the log with the manifest.
    pub async fn start(spec: Spec) -> anyhow::Result<Self> {
        let cluster = Self::prepare(spec)?;
        for ordinal in cluster.ordinals() {
            cluster.start_node(ordinal)?;
        }
        cluster.initialize().await?;
        Ok(cluster)
    }

    /// Makes the election and its files; starts nothing.
    pub fn prepare(spec: Spec) -> anyhow::Result<Self> {
        let now = SystemClock::start().unix();
        let mut random = SeededRandom::new(spec.seed);
        let plan = plan(&spec, now)?;
        let made = Arc::new(election::make(plan, &mut random, now)?);
        let written = election::write(&made, &spec.folder, now)?;
        let election = Arc::new(Election::open(&made.bundle, made.fingerprint)?);
        let addresses: Vec<NodeAddress> = made
            .plan
            .nodes
            .iter()
            .map(|node| NodeAddress::parse(&node.api.to_string()))
            .collect::<Result<_, _>>()?;
        let authority = std::fs::read(&written.authority)?;
        let connections = Connections::open(&addresses, &authority)?;
        let nodes = written
            .node_configs
            .iter()
            .map(|config| Node {
                config: config.clone(),
                process: Mutex::new(None),
            })
            .collect();
        Ok(Self {
            made,
            written,
            election,
            connections,
            nodes,
            binary: spec.binary,
            network: spec.network,
        })
    }

    /// Opens the log with the manifest and waits until every node has it.
    pub async fn initialize(&self) -> anyhow::Result<()> {
        let start = self.founding()?;
        let clock = SystemClock::start();
        let starting = start.initialize(&clock);
        starting.await.context("initialize the cluster")?;
        self.wait("a leader", START, async || self.leader().await)
            .await?;
        Ok(())
    }

    /// What it is started with, by one of its administrators.
    pub fn founding(&self) -> anyhow::Result<Start<'_>> {
        Ok(Start {
            connections: &self.connections,
            bundle: &self.made.bundle,
            election: &self.election,
            key: self.administrator()?,
        })
    }

    /// The key of one who may start it and change its members.
    pub fn administrator(&self) -> anyhow::Result<&SignerKey> {
        let admins = self.made.people.get(&Role::Admin);
        admins
            .and_then(|admins| admins.first())
            .context("the election has no administrator")
    }

    /// The file of that key.
    pub fn administrators_file(&self) -> PathBuf {
        self.written.folder.join("keys/admin/admin-1.key")
    }

    /// The ordinals, from 1.
    pub fn ordinals(&self) -> Vec<u64> {
        self.made
            .plan
            .nodes
            .iter()
            .map(|node| node.ordinal)
            .collect()
    }

    /// Where a node listens for Prometheus and health checks.
    pub fn operations(&self, ordinal: u64) -> anyhow::Result<SocketAddr> {
        Ok(self.plan_of(ordinal)?.operations)
    }

    /// The folder that holds a node's configuration, keys and data.
    pub fn folder(&self, ordinal: u64) -> anyhow::Result<PathBuf> {
        let config = &self.node(ordinal)?.config;
        Ok(config
            .parent()
            .context("a configuration lies in a folder")?
            .to_path_buf())
    }

    /// Starts a node, on the disk it had if it ran before.
    pub fn start_node(&self, ordinal: u64) -> anyhow::Result<()> {
        self.start_behind(ordinal, &[])
    }

    /// The same behind the words of a command that becomes the one behind it, such as `faketime`.
    pub fn start_behind(&self, ordinal: u64, words: &[&str]) -> anyhow::Result<()> {
        let log = self.folder(ordinal)?.join("node.log");
        let binary = self.binary.clone();
        let mut prefix = match &self.network {
            Some(network) => network.prefix(ordinal)?,
            None => Vec::new(),
        };
        prefix.extend(words.iter().map(|word| (*word).to_owned()));
        let node = self.node(ordinal)?;
        let mut process = node.process();
        ensure!(process.is_none(), "node {ordinal} runs already");
        *process = Some(NodeProcess::start(&prefix, &binary, &node.config, &log)?);
        Ok(())
    }

    /// SIGKILL.
    pub async fn kill(&self, ordinal: u64) -> anyhow::Result<()> {
        self.take(ordinal)?.kill().await
    }

    /// SIGTERM, and waits.
    pub async fn stop(&self, ordinal: u64) -> anyhow::Result<ExitStatus> {
        self.take(ordinal)?.stop().await
    }

    /// Waits for a node that is expected to end by itself; also answers what it printed.
    pub async fn ended(&self, ordinal: u64) -> anyhow::Result<(ExitStatus, String)> {
        let log = self.folder(ordinal)?.join("node.log");
        let ended = tokio::time::timeout(START, self.take(ordinal)?.ended());
        let status = ended.await.context("the node still runs")??;
        Ok((status, std::fs::read_to_string(log)?))
    }

    /// Does something with the process of a node that runs.
    pub fn process<T>(
        &self,
        ordinal: u64,
        work: impl FnOnce(&NodeProcess) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let process = self.node(ordinal)?.process();
        let process = process.as_ref();
        work(process.with_context(|| format!("node {ordinal} does not run"))?)
    }

    /// What every node says of itself, in the order of ordinals; `None` where one does not answer.
    pub async fn statuses(&self) -> Vec<Option<v1::NodeStatus>> {
        let answers = client::cluster::statuses(&self.connections).await;
        answers.into_iter().map(|(_, answer)| answer.ok()).collect()
    }

    /// The ordinal of the node that leads, by its own word, if one does.
    pub async fn leader(&self) -> Option<u64> {
        let statuses = self.statuses().await;
        let leads = |status: &v1::NodeStatus| status.role == "leader";
        statuses
            .iter()
            .flatten()
            .find(|status| leads(status))
            .map(|status| status.ordinal)
    }

    /// Who leads, and in which term.
    pub async fn leadership(&self) -> Option<(u64, u64)> {
        let statuses = self.statuses().await;
        let leads = |status: &&v1::NodeStatus| status.role == "leader";
        let leaders = statuses.iter().flatten().filter(leads);
        // A leader that was deposed may not have heard of it.
        leaders
            .max_by_key(|status| status.term)
            .map(|status| (status.ordinal, status.term))
    }

    /// Waits until a node holds all that the leader holds now.
    pub async fn caught_up(&self, ordinal: u64) -> anyhow::Result<()> {
        let tree_of = |statuses: &[Option<v1::NodeStatus>], ordinal| {
            let mut statuses = statuses.iter().flatten();
            let status = statuses.find(|status| status.ordinal == ordinal);
            status.map(|status| status.tree_size)
        };
        let (leader, _) = self
            .wait("a leader", START, async || self.leadership().await)
            .await?;
        let wanted = tree_of(&self.statuses().await, leader).unwrap_or_default();
        self.wait("a node to catch up", START, async || {
            let size = tree_of(&self.statuses().await, ordinal)?;
            (size >= wanted).then_some(())
        })
        .await
    }

    /// Waits until every running node has applied the same tree, of at least `size` leaves.
    pub async fn settled(&self, size: u64) -> anyhow::Result<Vec<v1::NodeStatus>> {
        let running = self
            .nodes
            .iter()
            .filter(|node| node.process().is_some())
            .count();
        self.wait("every node to hold the same tree", START, async || {
            let statuses: Vec<_> = self.statuses().await.into_iter().flatten().collect();
            let first = statuses.first()?;
            let same = statuses.iter().all(|one| {
                one.tree_size == first.tree_size
                    && one.tree_size >= size
                    && one.checkpoint_size == first.tree_size
            });
            (statuses.len() == running && same).then_some(statuses)
        })
        .await
    }

    /// A node's results from its own state, released or not.
    pub async fn results(&self, ordinal: u64) -> anyhow::Result<v1::ResultsSnapshot> {
        self.results_from(ordinal, true).await
    }

    /// The results of this moment, which a node gives only when a leader with a majority behind it
    /// confirms them.
    pub async fn results_now(&self, ordinal: u64) -> anyhow::Result<v1::ResultsSnapshot> {
        self.results_from(ordinal, false).await
    }

    async fn results_from(&self, ordinal: u64, local: bool) -> anyhow::Result<v1::ResultsSnapshot> {
        let index = usize::try_from(ordinal)?
            .checked_sub(1)
            .context("ordinals begin at 1")?;
        let request = v1::GetResultsRequest {
            units: true,
            local,
            unreleased: true,
        };
        let ask = |channel| async move {
            ResultsClient::new(channel)
                .max_decoding_message_size(64 << 20)
                .get_results(request)
                .await
        };
        let answer = self.connections.one(index, PATIENCE, ask).await;
        answer.map_err(|trouble| anyhow::anyhow!("results of node {ordinal}: {trouble}"))
    }

    /// Asks again and again until there is an answer, and fails after `patience`.
    pub async fn wait<T>(
        &self,
        what: &str,
        patience: Duration,
        mut ask: impl AsyncFnMut() -> Option<T>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(answer) = ask().await {
                return Ok(answer);
            }
            if Instant::now() > deadline {
                bail!("waited {} s for {what}", patience.as_secs());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Lets the processes outlive this program, and says their ids.
    pub fn leave_running(self) -> anyhow::Result<Vec<u32>> {
        self.nodes
            .into_iter()
            .filter_map(|node| node.process().take())
            .map(NodeProcess::leave_running)
            .collect()
    }

    fn take(&self, ordinal: u64) -> anyhow::Result<NodeProcess> {
        self.node(ordinal)?
            .process()
            .take()
            .with_context(|| format!("node {ordinal} does not run"))
    }

    fn plan_of(&self, ordinal: u64) -> anyhow::Result<&NodePlan> {
        let mut plans = self.made.plan.nodes.iter();
        plans
            .find(|plan| plan.ordinal == ordinal)
            .with_context(|| format!("there is no node {ordinal}"))
    }

    fn node(&self, ordinal: u64) -> anyhow::Result<&Node> {
        let index = usize::try_from(ordinal)?.wrapping_sub(1);
        self.nodes
            .get(index)
            .with_context(|| format!("there is no node {ordinal}"))
    }
}

impl Node {
    fn process(&self) -> MutexGuard<'_, Option<NodeProcess>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn plan(spec: &Spec, now: note::UnixSeconds) -> anyhow::Result<Plan> {
    let mut ports = Vec::new();
    if spec.network.is_none() {
        ports = ports::free(usize::try_from(spec.nodes * 3)?)?;
    }
    let mut addresses = (1..=spec.nodes).map(|ordinal| {
        if let Some(network) = &spec.network {
            return network.addresses(ordinal);
        }
        let rest = ports.split_off(3);
        let own = std::mem::replace(&mut ports, rest);
        <[SocketAddr; 3]>::try_from(own).map_err(|_| anyhow::anyhow!("too few ports"))
    });
    let nodes = (1..=spec.nodes)
        .map(|ordinal| {
            let [api, peers, operations] = addresses.next().context("too few addresses")??;
            Ok(NodePlan {
                ordinal,
                id: NodeId::parse(&format!("n{ordinal}")).context("name a node")?,
                api,
                peers,
                operations,
            })
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Plan {
        election: ElectionId::parse("rehearsal-2028")?,
        origin: Origin::parse_election("tally.example/rehearsal-2028").context("name the log")?,
        kind: ElectionKind::Rehearsal,
        roster: spec.roster.clone(),
        rules: spec.rules.clone(),
        nodes,
        opens: now,
        closes: note::UnixSeconds::new(now.get() + 6 * 3600),
        vouchers_per_unit: 2,
        witnesses: spec.witnesses.clone(),
    })
}

/// The folder of this program: `tally-node` and `tally` are built into the same one.
pub fn beside_this_program(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe().context("find this program")?;
    // A test runs from `deps/` below the folder of the programs.
    let found = here
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| is_file(path));
    found.with_context(|| format!("`{name}` is not built: run `cargo build --workspace --bins`"))
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}
