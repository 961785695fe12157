//! Opening what is on the disk, in the order in which a mistake shows: whose directory it is, then
//! the cosigner's memory, then the databases, then whether what they hold fits together. A state that the
//! log cannot make again comes from another member, once there is a way to it.

use std::sync::Arc;
use std::time::Duration;

use ledger::{Broken, View};
use merkle::TreeSize;
use note::b64;
use replica::grpc::GrpcTransport;
use replica::rocks::{RocksLog, RocksState};
use replica::{Error, ReplicaConfig, fetch_missing_state};
use store::{BootId, DataDir, Identity, Incarnation, LogDb, LogObserver, LogOptions};
use telemetry::Metrics;
use tokio::time::Instant;

use crate::admitted::Admitted;
use crate::charter::Charters;
use crate::checkpoints::Checkpoints;
use crate::config::Config;
use crate::core::{Downfall, Whoami};
use crate::cosigner::Cosigner;
use crate::keys::NodeKeys;
use crate::membership::{self, PublicKeys};
use crate::node::Parts;
use crate::retired::Retired;
use crate::start_error::StartError;

/// Everything on the disk, open.
pub(crate) struct Opened {
    pub(crate) directory: DataDir,
    pub(crate) admitted: Arc<Admitted>,
    pub(crate) retired: Retired,
    pub(crate) log: Arc<LogDb>,
    pub(crate) state: Arc<RocksState>,
    pub(crate) public: PublicKeys,
    pub(crate) cosigner: Cosigner,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) log_key: note::SignerKey,
    pub(crate) incarnation: Incarnation,
    pub(crate) downfall: Arc<Downfall>,
}

/// Opens the data directory for this node and for no other.
pub(crate) fn open(
    config: &Config,
    whoami: &Whoami,
    keys: NodeKeys,
    metrics: &Arc<Metrics>,
    parts: &Parts,
) -> Result<Opened, StartError> {
    std::fs::create_dir_all(&config.data_dir).map_err(|source| StartError::System {
        action: "make the data directory",
        source,
    })?;
    let directory = DataDir::lock(&config.data_dir)?;
    let genesis = b64::encode_hash(&whoami.genesis);
    let found = directory.expect(&genesis, whoami.origin.as_str(), whoami.ordinal)?;
    let public = PublicKeys {
        log: keys.log.verifier().clone(),
        cosigner: keys.cosigner.verifier().clone(),
    };
    // The cosigner's memory comes before the identity: a directory with an owner always has one.
    let files = (
        directory.file("cosigner.state"),
        directory.file("cosigning.stopped"),
    );
    let cosigner = Cosigner::open(keys.cosigner, keys.origin, files, found.is_none())?;
    let identity = match found {
        Some(identity) => identity,
        None => adopt(&directory, whoami, genesis, parts)?,
    };
    let admitted = Arc::new(Admitted::open(directory.file("admitted"))?);
    let retired = Retired::open(directory.file("retired"))?;
    let downfall = Arc::new(Downfall::default());
    let watch = Arc::new(LogWatch {
        metrics: Arc::clone(metrics),
        downfall: Arc::clone(&downfall),
    });
    let (state, log) = databases(config, whoami, &public, &directory, &identity, watch)?;
    let checkpoints =
        Checkpoints::open(&directory.root().join("checkpoints.log")).map_err(|source| {
            StartError::System {
                action: "open the published checkpoints",
                source,
            }
        })?;
    Ok(Opened {
        directory,
        admitted,
        retired,
        log: Arc::new(log),
        state: Arc::new(state),
        public,
        cosigner,
        checkpoints,
        log_key: keys.log,
        incarnation: identity.incarnation,
        downfall,
    })
}

/// Opens both databases. The log is refused where anything in it is damaged; the state follows from the
/// log, and a damaged one is set aside and made again, from the log or, where that no longer goes back to
/// the first entry, from another member ([`complete`]).
fn databases(
    config: &Config,
    whoami: &Whoami,
    public: &PublicKeys,
    directory: &DataDir,
    identity: &Identity,
    watch: Arc<LogWatch>,
) -> Result<(RocksState, LogDb), StartError> {
    let examined = || -> Result<RocksState, StartError> {
        let state = RocksState::open(directory)?;
        examine(config, whoami, public, &state)?;
        Ok(state)
    };
    let found = examined();
    let metrics = Arc::clone(&watch.metrics);
    let options = LogOptions {
        boot: BootId::current()?,
        observer: watch,
    };
    let log = LogDb::open(directory, identity, options)?;
    let state = match found {
        Err(damage) if can_be_made_again(&damage) => {
            let kept = directory.set_state_aside()?;
            tracing::error!(reason = %damage, kept = %kept.display(), "the state was damaged; it is made again");
            examined()?
        }
        found => found?,
    };
    let aside = u64::try_from(directory.states_set_aside()?).unwrap_or(u64::MAX);
    metrics.states_set_aside.set(aside);
    Ok((state, log))
}

/// Whether the state is damaged, while the log was read whole and found sound. A state that can be read
/// and does not hold together is another matter: it says that something was computed wrongly, and
/// computing it again would hide that.
fn can_be_made_again(damage: &StartError) -> bool {
    matches!(
        damage,
        StartError::Directory(store::Error::Damaged { .. }) | StartError::Unreadable(_)
    )
}

/// How long the other members are asked for a snapshot before the node gives up, and how often.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(500);

/// Fetches from another member what the log can no longer give to the state, and looks whether it holds
/// together. Nothing to do for most starts.
pub(crate) async fn complete(
    config: &Config,
    whoami: &Whoami,
    settings: &ReplicaConfig,
    opened: &Opened,
    transport: &GrpcTransport,
) -> Result<(), StartError> {
    let log = RocksLog::new(Arc::clone(&opened.log));
    let until = Instant::now() + PATIENCE;
    loop {
        match fetch_missing_state(settings, &log, &opened.state, transport).await {
            Ok(None) => return Ok(()),
            Ok(Some(_)) => return examine(config, whoami, &opened.public, &opened.state),
            Err(Error::Unavailable { .. }) if Instant::now() < until => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(Error::Unavailable { .. }) => return Err(StartError::NoSnapshot(PATIENCE)),
            Err(Error::Invalid { what: reason }) => {
                let directory = config.data_dir.clone();
                return Err(StartError::Broken { directory, reason });
            }
            Err(error) => return Err(StartError::Replica(error.to_string())),
        }
    }
}

fn adopt(
    directory: &DataDir,
    whoami: &Whoami,
    genesis: String,
    parts: &Parts,
) -> Result<Identity, StartError> {
    let identity = Identity {
        genesis,
        origin: whoami.origin.to_string(),
        ordinal: whoami.ordinal,
        incarnation: Incarnation::from_bytes(parts.incarnation),
    };
    directory.adopt(&identity)?;
    tracing::info!(directory = %directory.root().display(), "a new data directory");
    Ok(identity)
}

/// The state must hold together, and if it has a manifest, that must mean this node.
fn examine(
    config: &Config,
    whoami: &Whoami,
    keys: &PublicKeys,
    state: &RocksState,
) -> Result<(), StartError> {
    let broken = |reason: String| StartError::Broken {
        directory: config.data_dir.clone(),
        reason,
    };
    match ledger::check(state) {
        Ok(()) => {}
        Err(Broken::Fault(fault)) => return Err(StartError::Unreadable(fault)),
        Err(error @ (Broken::Row { .. } | Broken::Replay(_))) => {
            return Err(broken(error.to_string()));
        }
    }
    let view = View::new(state);
    let size = view.tree_size().map_err(StartError::Unreadable)?;
    if size == TreeSize::ZERO {
        return Ok(());
    }
    match Charters::default()
        .at(&view, size)
        .map_err(StartError::Unreadable)?
    {
        // A recovery that broke off: the directory is of this node's origin, the leaves so far
        // are of the log before, and this node has no line there.
        Some(charter) if charter.manifest.origin != whoami.origin => Ok(()),
        Some(charter) => membership::check_own_line(whoami, keys, &charter.manifest),
        None => Err(broken("there are leaves and no manifest".to_owned())),
    }
}

/// Passes the log writer's fsync times on to the metrics, and ends the node when the writer stops: at
/// that moment consensus may be waiting for nothing, and would not notice.
struct LogWatch {
    metrics: Arc<Metrics>,
    downfall: Arc<Downfall>,
}

impl LogObserver for LogWatch {
    fn group_written(&self, group: &store::Group) {
        self.metrics
            .log_fsync_duration
            .observe(group.write_duration);
    }

    fn stopped(&self, reason: &str) {
        tracing::error!(reason, "the log can no longer be written");
        self.downfall.set(StartError::Disk(reason.to_owned()));
    }
}
