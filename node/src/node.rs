//! Starting a node and stopping it: the order of things, and nothing else.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum_server::Handle as ApiHandle;
use replica::grpc::{GrpcTransport, Lives, PeerGuard, TransportConfig, certificate_names};
use replica::rocks::RocksLog;
use replica::{Replica, ReplicaConfig};
use telemetry::{Metrics, Names};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use crate::admission::Admission;
use crate::admitted;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::core::{Core, CoreParts, Whoami};
use crate::credentials::Credentials;
use crate::files;
use crate::grpc;
use crate::http;
use crate::keys::NodeKeys;
use crate::listeners::{
    Listeners, api_connections, serve_api, serve_operations, serve_peers, sweep,
};
use crate::lives;
use crate::open::{self, Opened};
use crate::peers::calls::PeerCalls;
use crate::start_error::StartError;
use crate::tasks::witness::Courier;
use crate::tasks::{self, Tasks};
use crate::tls::PeerCredentials;
use crate::trace_file::{TraceFile, Witnessed};

/// What a node takes from the machine it runs on. Tests hand in their own.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where election timers take their randomness from.
    pub seed: u64,
    /// Names this life of the data directory, if it is made now.
    pub incarnation: [u8; 16],
}

/// Where a node listens: of use when the configuration left the choice of a port to the system.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The public API.
    pub api: SocketAddr,
    /// The other nodes' door.
    pub peers: SocketAddr,
    /// Metrics and health.
    pub operations: SocketAddr,
}

/// The tally node.
#[derive(Debug)]
pub struct Node;

/// A node that runs. Dropping it without [`RunningNode::stop`] is a crash.
#[derive(Debug)]
pub struct RunningNode {
    core: Arc<Core>,
    tasks: Tasks,
    health: HealthReporter,
    addresses: Addresses,
    api: ApiHandle<SocketAddr>,
    credentials: Arc<Credentials>,
    peers: CancellationToken,
    serving: Option<Serving>,
    consensus: Consensus,
}

/// The runtime of consensus. One may not be dropped where others run, so it is let go in the
/// background, wherever a start that failed leaves it.
#[derive(Debug)]
struct Consensus {
    handle: Handle,
    runtime: Option<Runtime>,
}

/// The listeners at work.
#[derive(Debug)]
struct Serving {
    api: JoinHandle<()>,
    others: [(&'static str, JoinHandle<()>); 2],
}

/// How long calls in progress may take when the node stops.
const DRAIN: Duration = Duration::from_secs(5);

/// The nice value of consensus' thread, relative to the others': it takes little, and must have it
/// at once.
const AHEAD: i32 = -10;

/// How long a listener without calls in progress may take to close.
const CLOSING: Duration = Duration::from_millis(200);

impl Parts {
    /// What this machine offers.
    pub fn of_this_machine() -> Result<Self, StartError> {
        let random = |bytes: &mut [u8]| {
            getrandom::fill(bytes).map_err(|error| StartError::System {
                action: "draw random bytes",
                source: io::Error::other(error.to_string()),
            })
        };
        let (mut seed, mut incarnation) = ([0; 8], [0; 16]);
        random(&mut seed)?;
        random(&mut incarnation)?;
        let seed = u64::from_le_bytes(seed);
        Ok(Self {
            clock: Arc::new(SystemClock),
            seed,
            incarnation,
        })
    }
}

impl Node {
    /// Starts a node: keys and certificates, ports, disk, consensus, listeners. It answers when
    /// this returns; whether it is ready is told by its health.
    pub async fn start(mut config: Config, parts: Parts) -> Result<RunningNode, StartError> {
        // One provider of cryptography for every listener; a second start in one process finds it.
        let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let keys = NodeKeys::load(&config)?;
        let peer_credentials = PeerCredentials::load(&config.peers)?;
        let listeners = Listeners::bind(&config)?;
        let metrics = Arc::new(metrics()?);
        config.limits.connections = files::make_room(config.limits.connections)?;
        let whoami = whoami(&config, &keys, &peer_credentials);
        let opened = open::open(&config, &whoami, keys, &metrics, &parts)?;
        let consensus = consensus_runtime()?;
        let couriers = config
            .witnesses
            .iter()
            .map(Courier::new)
            .collect::<Result<Vec<_>, _>>()?;
        let life = opened.incarnation.to_string();
        let transport = transport(&whoami, life, &peer_credentials, &consensus)?;
        let credentials = Credentials::new(
            config.api.clone(),
            config.peers.clone(),
            &peer_credentials,
            Arc::clone(&transport),
            Arc::clone(&parts.clock),
            Arc::clone(&metrics),
        )?;
        let core = core(
            &config, &parts, whoami, opened, transport, &metrics, &consensus,
        )
        .await?;

        let running =
            RunningNode::serve(core, listeners, &config, Arc::new(credentials), consensus)?;
        for courier in couriers {
            let (core, stopping) = (Arc::clone(&running.core), running.tasks.stopping());
            running.tasks.spawn("witness", courier.run(core, stopping));
        }
        let RunningNode {
            core, addresses, ..
        } = &running;
        tracing::info!(node = core.whoami.id, api = %addresses.api, peers = %addresses.peers, operations = %addresses.operations, "started");
        Ok(running)
    }
}

impl RunningNode {
    fn serve(
        core: Arc<Core>,
        listeners: Listeners,
        config: &Config,
        credentials: Arc<Credentials>,
        consensus: Consensus,
    ) -> Result<Self, StartError> {
        let addresses = addresses(&listeners)?;
        let (routes, health) = grpc::routes(&core).map_err(|error| StartError::System {
            action: "describe the API",
            source: io::Error::other(error),
        })?;
        let tasks = Tasks::new();
        spawn_tasks(&tasks, &core, &health);
        let (handle, peers) = (ApiHandle::new(), CancellationToken::new());
        let connections = api_connections(&config.limits);
        let sweeping = sweep(
            Arc::clone(&connections),
            Arc::clone(&core.metrics),
            tasks.stopping(),
        );
        tasks.spawn("connections", sweeping);
        let watching = Arc::clone(&credentials).watch(tasks.stopping());
        tasks.spawn("credentials", watching);
        let api = serve_api(
            listeners.api,
            credentials.api_identity.clone(),
            connections,
            handle.clone(),
            routes,
            http::router(&core),
        );
        let operations = serve_operations(listeners.operations, Arc::clone(&core), peers.clone());
        let others = serve_peers(
            listeners.peers,
            credentials.peers_identity.clone(),
            Arc::clone(&core),
            guard(&core),
            peers.clone(),
        );
        let serving = Serving {
            api: tokio::spawn(report("api", api)),
            others: [
                ("operations", tokio::spawn(report("operations", operations))),
                ("peers", consensus.handle.spawn(report("peers", others))),
            ],
        };
        Ok(Self {
            core,
            tasks,
            health,
            addresses,
            api: handle,
            credentials,
            peers,
            serving: Some(serving),
            consensus,
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Resolves when the node cannot go on, with the reason. The caller then ends the process:
    /// what is not on disk is not acknowledged, so a crash loses nothing.
    pub async fn failed(&self) -> StartError {
        tokio::select! {
            error = self.core.replica.fatal() => self.core.why_stopped(&error),
            () = self.core.downfall.known() => {
                self.core.downfall.take().unwrap_or(StartError::Panicked)
            }
            () = self.tasks.broken() => StartError::Panicked,
        }
    }

    /// Reads the certificates anew where their files have changed; connections that are open keep
    /// the one they began with. What cannot be used changes nothing and is logged.
    pub fn reload_certificates(&self) {
        self.credentials.reload();
    }

    /// Stops in order: no new submissions, leadership handed over, calls in progress finished,
    /// everything flushed.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        self.core.admission.drain();
        self.core.draining.cancel();
        grpc::tell_health(&self.health, false).await;
        if let Err(error) = self.core.replica.transfer_leadership().await {
            tracing::info!(%error, "leadership was not handed over");
        }
        self.api.graceful_shutdown(Some(DRAIN));
        let serving = self.serving.take();
        let others = if let Some(Serving { api, others }) = serving {
            let _ended = api.await;
            Some(others)
        } else {
            None
        };
        self.tasks.finish().await;
        self.peers.cancel();
        self.core.replica.shutdown().await;
        for (listener, mut handle) in others.into_iter().flatten() {
            // Peers keep their streams open for ever; they notice when the process is gone.
            if tokio::time::timeout(CLOSING, &mut handle).await.is_err() {
                tracing::debug!(listener, "closed with connections open");
                handle.abort();
            }
        }
        self.flush().await;
        drop(self.consensus);
        tracing::info!("stopped");
    }

    /// Ends without order, after [`RunningNode::failed`]: nothing is handed on and nothing flushed. Threads
    /// are waited for, since RocksDB's may not work on while the process takes itself apart.
    pub async fn abandon(mut self) {
        self.core.draining.cancel();
        if let Some(runtime) = self.consensus.runtime.take() {
            let ending = move || runtime.shutdown_timeout(DRAIN);
            let _ended = tokio::task::spawn_blocking(ending).await;
        }
    }

    async fn flush(&self) {
        let core = Arc::clone(&self.core);
        let flushing = tokio::task::spawn_blocking(move || {
            core.replica.state().database().sync_wal()?;
            core.log.close()
        });
        match flushing.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the databases were not closed cleanly"),
            Err(error) => tracing::error!(%error, "the databases were not closed"),
        }
    }
}

impl Drop for Consensus {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn metrics() -> Result<Metrics, StartError> {
    let codes = caucus::Refusal::ALL_CODES;
    let names = Names {
        refusal_codes: &codes,
        peers: &[],
        witnesses: &[],
        version: env!("CARGO_PKG_VERSION"),
    };
    Metrics::new(names).map_err(|error| StartError::System {
        action: "register the metrics",
        source: io::Error::other(error),
    })
}

fn whoami(config: &Config, keys: &NodeKeys, credentials: &PeerCredentials) -> Whoami {
    Whoami {
        id: config.id.clone(),
        ordinal: credentials.name.ordinal,
        election: credentials.name.election.to_string(),
        origin: keys.origin.clone(),
        genesis: config.election.fingerprint.0,
        api_address: config.api.advertise.clone(),
        peer_address: config.peers.advertise.clone(),
    }
}

/// Consensus has a runtime of its own, so that no burst of calls can delay a heartbeat. Its one
/// worker, which is the first thread to start, goes before the node's other threads where the system
/// lets it: on a machine whose cores are all taken it would else wait behind what it has to outrun.
fn consensus_runtime() -> Result<Consensus, StartError> {
    let first = AtomicBool::new(true);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(8)
        .thread_name("consensus")
        .on_thread_start(move || {
            if first.swap(false, Ordering::Relaxed) && rustix::process::nice(AHEAD).is_err() {
                tracing::info!(
                    "consensus gets no priority; `LimitNICE=-10` of the service would allow it"
                );
            }
        })
        .enable_all()
        .build()
        .map(|runtime| Consensus {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
        .map_err(|source| StartError::System {
            action: "start the consensus thread",
            source,
        })
}

fn transport(
    whoami: &Whoami,
    life: String,
    credentials: &PeerCredentials,
    consensus: &Consensus,
) -> Result<Arc<GrpcTransport>, StartError> {
    let genesis = note::b64::encode_hash(&whoami.genesis);
    let network = TransportConfig::new(genesis, whoami.ordinal, life, credentials.client());
    GrpcTransport::new(network, consensus.handle.clone())
        .map(Arc::new)
        .map_err(|error| StartError::Replica(error.to_string()))
}

async fn core(
    config: &Config,
    parts: &Parts,
    whoami: Whoami,
    opened: Opened,
    transport: Arc<GrpcTransport>,
    metrics: &Arc<Metrics>,
    consensus: &Consensus,
) -> Result<Arc<Core>, StartError> {
    let settings = settings(config, parts, &whoami, metrics)?;
    Box::pin(open::complete(
        config, &whoami, &settings, &opened, &transport,
    ))
    .await?;
    let Opened {
        directory,
        admitted,
        retired,
        log,
        state,
        public: _,
        cosigner,
        checkpoints,
        log_key,
        incarnation,
        downfall,
    } = opened;
    let failed = |error: replica::Error| StartError::Replica(error.to_string());
    let (records, carrier) = (
        Arc::new(RocksLog::new(Arc::clone(&log))),
        Arc::clone(&transport),
    );
    let starting = consensus
        .handle
        .spawn(async move { Replica::start(settings, records, state, carrier).await });
    let started = starting
        .await
        .map_err(|error| StartError::Replica(error.to_string()))?;
    let replica = started.map_err(failed)?;
    let peers = PeerCalls::new(transport, replica.watch());
    Ok(Arc::new(Core::new(CoreParts {
        whoami,
        publisher: config.publisher.clone(),
        clock: Arc::clone(&parts.clock),
        metrics: Arc::clone(metrics),
        admission: Admission::new(config.limits, Arc::clone(metrics)),
        replica,
        log,
        log_key,
        cosigner,
        checkpoints,
        peers,
        directory,
        admitted,
        retired,
        incarnation,
        downfall,
    })))
}

/// How this node's replica works, and who watches it.
fn settings(
    config: &Config,
    parts: &Parts,
    whoami: &Whoami,
    metrics: &Arc<Metrics>,
) -> Result<ReplicaConfig, StartError> {
    let mut settings = ReplicaConfig::new(whoami.ordinal, parts.seed);
    settings.cluster.clone_from(&whoami.election);
    settings.heartbeat = Duration::from_millis(config.raft.heartbeat_ms);
    settings.election_min = Duration::from_millis(config.raft.election_min_ms);
    settings.election_max = Duration::from_millis(config.raft.election_max_ms);
    // The others follow from these, as they do among the defaults.
    settings.quorum_loss_probe = settings.election_max.saturating_mul(3);
    settings.append_progress = settings.heartbeat.saturating_mul(8);
    settings.snapshot_every = config.raft.keep_entries;
    settings.keep_entries = config.raft.keep_entries;
    settings.snapshot_behind = config.raft.keep_entries.saturating_mul(3);
    let trace = config
        .log
        .trace
        .as_deref()
        .map(|path| TraceFile::open(path, whoami.ordinal, Arc::clone(&parts.clock)))
        .transpose()
        .map_err(|source| StartError::System {
            action: "open the trace that the configuration names",
            source,
        })?;
    settings.observer = Arc::new(Witnessed {
        metrics: Arc::clone(metrics),
        trace,
    });
    Ok(settings)
}

fn guard(core: &Core) -> PeerGuard {
    let whoami = &core.whoami;
    let names = certificate_names(&whoami.election);
    let known = lives::of_members(core.replica.watch());
    PeerGuard::new(
        note::b64::encode_hash(&whoami.genesis),
        whoami.ordinal,
        Lives::new(core.incarnation.to_string(), known),
        admitted::door(Arc::clone(&core.admitted), names),
    )
}

fn spawn_tasks(tasks: &Tasks, core: &Arc<Core>, health: &HealthReporter) {
    let core = || Arc::clone(core);
    tasks.spawn("cosign", tasks::cosign::run(core(), tasks.stopping()));
    tasks.spawn("publish", tasks::publish::run(core(), tasks.stopping()));
    tasks.spawn("gossip", tasks::gossip::run(core(), tasks.stopping()));
    tasks.spawn(
        "observe",
        tasks::observe::run(core(), health.clone(), tasks.stopping()),
    );
    tasks.spawn("leaders", tasks::observe::leaders(core(), tasks.stopping()));
}

fn addresses(listeners: &Listeners) -> Result<Addresses, StartError> {
    let of = |listener: &std::net::TcpListener| {
        listener.local_addr().map_err(|source| StartError::System {
            action: "ask for a bound address",
            source,
        })
    };
    Ok(Addresses {
        api: of(&listeners.api)?,
        peers: of(&listeners.peers)?,
        operations: of(&listeners.operations)?,
    })
}

/// Serves until the end and says so when that was not asked for.
async fn report<E: std::fmt::Display>(
    listener: &'static str,
    serving: impl Future<Output = Result<(), E>>,
) {
    if let Err(error) = serving.await {
        tracing::error!(listener, %error, "a listener failed");
    }
}
