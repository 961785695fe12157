//! Three replicas on RocksDB and mutual TLS, in one process on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::{Command, Outcome, UnixMillis, View};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use tempfile::TempDir;
use testkit::{Fixture, Night};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use replica::grpc::{
    GrpcTransport, Lives, PeerGuard, PeerTls, RaftService, TransportConfig, certificate_names,
};
use replica::rocks::{RocksLog, RocksState};
use replica::{Error, PeerNode, Replica, ReplicaConfig, Role};
use store::{BootId, DataDir, Identity as Owner, Incarnation, LogDb, LogOptions};

const ELECTION: &str = "tally-2020";
const ORIGIN: &str = "tally.example/tally-2020";

/// The CA of the peers, and one certificate a node.
struct Authority {
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            ca: CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    /// Credentials that say they are node `ordinal`.
    fn node(&self, ordinal: u64) -> PeerTls {
        let name = format!("n{ordinal}.tally.internal");
        let mut params = CertificateParams::new(vec![name]).unwrap();
        let uri = format!("tally://{ELECTION}/node/{ordinal}");
        params
            .subject_alt_names
            .push(SanType::URI(uri.try_into().unwrap()));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        PeerTls {
            ca_pem: self.ca.pem().into_bytes(),
            certificate_pem: certificate.pem().into_bytes(),
            key_pem: key.serialize_pem().into_bytes(),
        }
    }
}

/// One node: its data directory outlives its runs.
struct Node {
    ordinal: u64,
    folder: TempDir,
    tls: PeerTls,
    members: BTreeMap<u64, PeerNode>,
    genesis: String,
    running: Option<Running>,
}

struct Running {
    replica: Replica<RocksState>,
    log: Arc<LogDb>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

fn settings(ordinal: u64) -> ReplicaConfig {
    let mut config = ReplicaConfig::new(ordinal, 77 * ordinal);
    // Two cores are shared with whatever else is being tested.
    config.heartbeat = Duration::from_millis(60);
    config.election_min = Duration::from_millis(240);
    config.election_max = Duration::from_millis(320);
    config.quorum_loss_probe = Duration::from_millis(700);
    config.append_progress = Duration::from_millis(640);
    config.snapshot_every = 20;
    config.keep_entries = 20;
    config.snapshot_behind = 30;
    config
}

impl Node {
    fn open(&self) -> (Arc<LogDb>, RocksState) {
        let directory = DataDir::lock(self.folder.path()).unwrap();
        let owner = owner(self.ordinal, &self.genesis);
        let found = directory
            .expect(&owner.genesis, &owner.origin, owner.ordinal)
            .unwrap();
        if found.is_none() {
            directory.adopt(&owner).unwrap();
        }
        let options = LogOptions {
            boot: BootId::current().unwrap(),
            observer: Arc::new(()),
        };
        let log = LogDb::open(&directory, &owner, options).unwrap();
        let state = RocksState::open(&directory).unwrap();
        (Arc::new(log), state)
    }

    async fn start(&mut self) {
        let (log, state) = self.open();
        let config = TransportConfig::new(
            self.genesis.clone(),
            self.ordinal,
            life(self.ordinal),
            self.tls.clone(),
        );
        let transport = GrpcTransport::new(config, Handle::current()).unwrap();
        let replica = Replica::start(
            settings(self.ordinal),
            Arc::new(RocksLog::new(Arc::clone(&log))),
            Arc::new(state),
            Arc::new(transport),
        )
        .await
        .unwrap();
        let guard = PeerGuard::new(
            self.genesis.clone(),
            self.ordinal,
            Lives::new(life(self.ordinal), Arc::new(|other| Some(life(other)))),
            certificate_names(ELECTION),
        );
        let service = RaftService::new(replica.inbound(), guard).into_server();
        let listener = TcpListener::bind(&self.members[&self.ordinal].peer_address)
            .await
            .unwrap();
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(
                &self.tls.certificate_pem,
                &self.tls.key_pem,
            ))
            .client_ca_root(Certificate::from_pem(&self.tls.ca_pem));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Server::builder()
            .tls_config(tls)
            .unwrap()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async move {
            tokio::select! {
                served = serving => served.unwrap(),
                _ = stopped => {}
            }
        });
        self.running = Some(Running {
            replica,
            log,
            stop,
            server,
        });
    }

    /// Takes the node away in the middle of whatever it does: its connections go at once, and
    /// nothing is handed over.
    async fn kill(&mut self) {
        let running = self.running.take().unwrap();
        drop(running.stop);
        running.server.abort();
        let _ = running.server.await;
        running.replica.shutdown().await;
        running.log.close().unwrap();
        drop(running.replica);
        drop(running.log);
        self.wait_for_the_lock().await;
    }

    /// The directory's lock goes with the last task that holds a part of the node.
    async fn wait_for_the_lock(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while DataDir::lock(self.folder.path()).is_err() {
            assert!(Instant::now() < deadline, "node {} stays", self.ordinal);
            tokio::task::yield_now().await;
        }
    }

    fn replica(&self) -> &Replica<RocksState> {
        &self.running.as_ref().unwrap().replica
    }
}

fn incarnation(ordinal: u64) -> Incarnation {
    let mut incarnation = [0; 16];
    incarnation[..8].copy_from_slice(&ordinal.to_be_bytes());
    Incarnation::from_bytes(incarnation)
}

fn life(ordinal: u64) -> String {
    incarnation(ordinal).to_string()
}

fn owner(ordinal: u64, genesis: &str) -> Owner {
    Owner {
        genesis: genesis.to_owned(),
        origin: ORIGIN.to_owned(),
        ordinal,
        incarnation: incarnation(ordinal),
    }
}

async fn nodes(genesis: &str) -> Vec<Node> {
    let authority = Authority::new();
    let mut members = BTreeMap::new();
    let mut held = Vec::new();
    for ordinal in 1..=3 {
        // Held until all three are known, so that no two are the same.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let node = PeerNode {
            name: format!("n{ordinal}"),
            peer_address: listener.local_addr().unwrap().to_string(),
            api_address: format!("127.0.0.1:{}", 9000 + ordinal),
            incarnation: life(ordinal),
        };
        members.insert(ordinal, node);
        held.push(listener);
    }
    drop(held);
    (1..=3)
        .map(|ordinal| Node {
            ordinal,
            folder: tempfile::tempdir().unwrap(),
            tls: authority.node(ordinal),
            members: members.clone(),
            genesis: genesis.to_owned(),
            running: None,
        })
        .collect()
}

/// Proposes to whoever leads until it is answered.
async fn propose(nodes: &[Node], command: &Command) -> (u64, Outcome) {
    let mut at: Option<u64> = None;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        for node in nodes.iter().filter(|node| node.running.is_some()) {
            if at.is_some_and(|ordinal| ordinal != node.ordinal) {
                continue;
            }
            match node.replica().propose(command.clone()).await {
                Ok(outcome) => return (node.ordinal, outcome),
                Err(Error::NotLeader { hint }) => at = hint,
                Err(Error::Unavailable { .. }) => at = None,
                Err(error) => panic!("{error}"),
            }
        }
        let up = |ordinal| {
            let running = |node: &Node| node.ordinal == ordinal && node.running.is_some();
            nodes.iter().any(running)
        };
        at = at.filter(|ordinal| up(*ordinal));
        assert!(Instant::now() < deadline, "nobody leads");
        tokio::task::yield_now().await;
    }
}

async fn caught_up(node: &Node, tree_size: u64) {
    let mut watch = node.replica().flushed_watch();
    let reached = watch.wait_for(|size| *size >= tree_size);
    tokio::time::timeout(Duration::from_mins(1), reached)
        .await
        .unwrap_or_else(|_| {
            panic!(
                "node {} does not catch up: {:?}",
                node.ordinal,
                node.replica().status()
            )
        })
        .unwrap();
}

fn root(node: &Node) -> (u64, merkle::Hash) {
    node.replica().state().read_at_once(|tables| {
        let view = View::new(tables);
        (view.tree_size().unwrap().get(), view.root().unwrap())
    })
}

/// Elects, records, loses its leader, goes on within a second or so, and brings the lost node
/// back with a snapshot, since the log no longer reaches back to where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_outlives_its_leader_and_brings_it_back_by_snapshot() {
    let fixture = Fixture::new(Night::small(80), 3, 1);
    let genesis = note::b64::encode_hash(&fixture.genesis());
    let mut nodes = nodes(&genesis).await;
    let founding = found(&mut nodes, &fixture).await;

    let mut reports = fixture.night.reports.iter().map(|report| {
        let note = fixture.submission(report);
        Command::note(UnixMillis::new(2), note.bytes())
    });
    let mut leader = 0;
    for command in reports.by_ref().take(10) {
        let (by, outcome) = propose(&nodes, &command).await;
        assert!(outcome.leaf().is_some(), "{outcome:?}");
        leader = by;
    }
    nodes[usize::try_from(leader - 1).unwrap()].kill().await;
    let gone = Instant::now();
    for (count, command) in reports.enumerate() {
        let (by, outcome) = propose(&nodes, &command).await;
        assert!(outcome.leaf().is_some(), "{outcome:?}");
        if count == 0 {
            assert_ne!(by, leader);
            println!(
                "first outcome {} ms after the leader went",
                gone.elapsed().as_millis()
            );
        }
    }
    purged_beyond(&nodes, 20, &founding).await;
    let size = 81;
    nodes[usize::try_from(leader - 1).unwrap()].start().await;
    for node in &nodes {
        caught_up(node, size).await;
        assert_eq!(root(node), root(&nodes[0]));
    }
    // The entries it lacks are in nobody's log any more, so it can only have got a snapshot; its
    // status says so a moment later.
    let back = nodes[usize::try_from(leader - 1).unwrap()].replica();
    let mut watch = back.watch();
    let installed = watch.wait_for(|status| status.snapshot > Some(20));
    tokio::time::timeout(Duration::from_secs(20), installed)
        .await
        .unwrap_or_else(|_| panic!("no snapshot arrived: {:?}", back.status()))
        .unwrap();

    hand_over(&nodes).await;
    for node in &mut nodes {
        node.kill().await;
    }
}

/// Starts the nodes as a cluster, once, and founds the election in it.
async fn found(nodes: &mut [Node], fixture: &Fixture) -> Command {
    for node in &mut *nodes {
        node.start().await;
    }
    let members = nodes[0].members.clone();
    let first = nodes[0].replica();
    first.initialize(members.clone()).await.unwrap();
    assert!(first.initialize(members).await.is_err(), "founded twice");
    let manifest = fixture.manifest.bytes().to_vec();
    let founding = Command::manifest(UnixMillis::new(1), manifest, fixture.files.clone());
    let (_, outcome) = propose(nodes, &founding).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    founding
}

/// Waits until the leader's log no longer reaches back to `index`. It purges behind a snapshot,
/// which is looked to after entries; so the founding is proposed again and again, to no effect.
async fn purged_beyond(nodes: &[Node], index: u64, founding: &Command) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let (leader, outcome) = propose(nodes, founding).await;
        assert!(
            matches!(outcome, Outcome::AlreadyRecorded { .. }),
            "{outcome:?}"
        );
        let leads = |node: &&Node| node.ordinal == leader;
        let status = nodes.iter().find(leads).unwrap().replica().status();
        if status.purged > Some(index) {
            return;
        }
        assert!(Instant::now() < deadline, "nothing is purged: {status:?}");
    }
}

async fn hand_over(nodes: &[Node]) {
    let leads = |node: &&Node| node.replica().status().role == Role::Leader;
    let leader = nodes.iter().find(leads).unwrap();
    leader.replica().read_barrier().await.unwrap();
    let begun = Instant::now();
    leader.replica().transfer_leadership().await.unwrap();
    println!("handed over in {} ms", begun.elapsed().as_millis());
    assert_ne!(leader.replica().status().role, Role::Leader);
    assert!(matches!(
        leader.replica().read_barrier().await,
        Err(Error::NotLeader { .. })
    ));
}
