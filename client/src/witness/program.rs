//! The command line of `tally-witness`.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use clap::Parser;
use note::{Checkpoint, KeyName, Origin};
use receipt::{BundleError, Election, Fingerprint};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::http::{router, serve};
use super::keeper::Keeper;
use super::memory::{Memory, MemoryError};
use super::pin::{Pin, Pinned};
use crate::bundle::{self, FetchError};
use crate::clock::SystemClock;
use crate::connection::{self, Connections, NodeAddress};
use crate::random::SystemRandom;

/// How often the bundle is read again, so that a new manifest is followed.
const RELOAD: Duration = Duration::from_secs(30);

/// Cosigns an election's log from outside the cluster.
#[derive(Debug, Parser)]
#[command(
    name = "tally-witness",
    version,
    after_help = "\
A witness's key stands in the manifest, so it is made before there is one: --make-key makes it for a
log of that name and prints its public half. Keep the folder of --state, never copy it back from a
backup, and give every log its own: a key whose memory is lost could vouch for two histories, so the
witness refuses to start with it.

Examples:
  tally-witness --make-key tally.example/caucus --name campaign-a.example/witness --state witness
  tally-witness --bundle night/bundle --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K \\
      --state witness --listen 127.0.0.1:7400"
)]
struct Args {
    /// Folder of the election bundle.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["node", "make_key"])]
    bundle: Option<PathBuf>,
    /// A node to fetch the bundle from; repeat for more.
    #[arg(long, value_name = "URL", requires = "ca", conflicts_with = "bundle")]
    node: Vec<NodeAddress>,
    /// Certificate of the authority that the nodes' certificates are of.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The election's fingerprint as published.
    #[arg(long, value_name = "CODE", value_parser = fingerprint, required_unless_present = "make_key")]
    fingerprint: Option<Fingerprint>,
    /// Make the key for a log of this name, print its public half, and end.
    #[arg(long, value_name = "ORIGIN", value_parser = origin, conflicts_with_all = ["bundle", "node", "listen"])]
    make_key: Option<Origin>,
    /// Folder with the witness's key and memory.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where to listen. Put a proxy with TLS before it unless the cluster is on this machine.
    #[arg(long, value_name = "IP:PORT", required_unless_present = "make_key")]
    listen: Option<SocketAddr>,
    /// What the key is called; looked at on the first start only.
    #[arg(long, value_name = "NAME", default_value = "witness", value_parser = key_name)]
    name: KeyName,
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text).map_err(|error| error.to_string())
}

fn origin(text: &str) -> Result<Origin, String> {
    Origin::parse_election(text).map_err(|error| error.to_string())
}

fn key_name(text: &str) -> Result<KeyName, String> {
    KeyName::parse(text).map_err(|error| error.to_string())
}

/// Why a witness does not run.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("read `{0}`")]
    Read(PathBuf, #[source] std::io::Error),
    #[error("set up the connection to the nodes")]
    Connect(#[from] connection::Error),
    #[error("open the election: compare the fingerprint with the one published")]
    Election(#[from] BundleError),
    #[error("fetch the election from a node")]
    Fetch(#[from] FetchError),
    #[error("open the witness's memory in `{0}`")]
    Memory(PathBuf, #[source] MemoryError),
    #[error("serve at {0}")]
    Serve(SocketAddr, #[source] std::io::Error),
    #[error("start the program")]
    Start(#[source] std::io::Error),
}

/// Runs `tally-witness` with these arguments until it is interrupted.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            // A closed terminal is no reason to fail differently.
            let _: std::io::Result<()> = error.print();
            return ExitCode::from(code);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failed::Start);
    match runtime.and_then(|runtime| runtime.block_on(witness(args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            say(&format!("cannot {}", chain(&failed)));
            ExitCode::FAILURE
        }
    }
}

async fn witness(args: Args) -> Result<(), Failed> {
    if let Some(origin) = &args.make_key {
        let memory = Memory::open(&args.state, origin, &args.name, &mut SystemRandom)
            .map_err(|error| Failed::Memory(args.state.clone(), error))?;
        print(&format!("{}\n", memory.key().verifier()));
        return Ok(());
    }
    // The command line has both where no key is made.
    let (Some(fingerprint), Some(listen)) = (args.fingerprint, args.listen) else {
        return Ok(());
    };
    let source = Source::of(&args)?;
    let election = source.open(fingerprint).await?;
    let followed = Followed {
        origin: Pin::origin(&election).clone(),
        current: Arc::new(RwLock::new(Arc::new(election))),
    };
    let memory = Memory::open(&args.state, &followed.origin, &args.name, &mut SystemRandom)
        .map_err(|error| Failed::Memory(args.state.clone(), error))?;
    let listener = TcpListener::bind(listen).await;
    let listener = listener.map_err(|error| Failed::Serve(listen, error))?;
    let at = listener.local_addr().unwrap_or(listen);
    print(&format!("{}\n", memory.key().verifier()));
    say(&format!(
        "follows {} at http://{at}; the line above is this witness's in the manifest",
        followed.origin
    ));
    let current = Arc::clone(&followed.current);
    let reloads = tokio::spawn(reload(source, fingerprint, current));
    let stop = interrupted().map_err(Failed::Start)?;
    let router = router(Keeper::new(memory), followed, SystemClock::start());
    let served = serve(listener, router, stop).await;
    reloads.abort();
    served.map_err(|error| Failed::Serve(at, error))
}

/// Resolves when a person or a service manager asks the program to end.
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Where the bundle comes from.
enum Source {
    Folder(PathBuf),
    Nodes(Connections),
}

impl Source {
    fn of(args: &Args) -> Result<Source, Failed> {
        match (&args.bundle, &args.ca) {
            (Some(folder), _) => Ok(Source::Folder(folder.clone())),
            (None, ca) => {
                let file = ca.clone().unwrap_or_default();
                let ca = std::fs::read(&file).map_err(|error| Failed::Read(file, error))?;
                Ok(Source::Nodes(Connections::open(&args.node, &ca)?))
            }
        }
    }

    async fn open(&self, fingerprint: Fingerprint) -> Result<Election, Failed> {
        match self {
            Source::Folder(folder) => {
                let bundle = bundle::read_folder(folder);
                let bundle = bundle.map_err(|error| Failed::Read(folder.clone(), error))?;
                Ok(Election::open(&bundle, fingerprint)?)
            }
            Source::Nodes(connections) => Ok(bundle::fetch(connections, fingerprint).await?.1),
        }
    }
}

/// The election as it was read last.
struct Followed {
    origin: Origin,
    current: Arc<RwLock<Arc<Election>>>,
}

impl Pin for Followed {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn judge(&self, checkpoint: &Checkpoint) -> Option<Pinned> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let election = Arc::clone(&current);
        drop(current);
        if checkpoint.origin != self.origin {
            return None;
        }
        election.judge(checkpoint)
    }
}

/// Reads the bundle again and again. One that does not hold, or has fewer versions, changes
/// nothing.
async fn reload(source: Source, fingerprint: Fingerprint, current: Arc<RwLock<Arc<Election>>>) {
    loop {
        tokio::time::sleep(RELOAD).await;
        match source.open(fingerprint).await {
            Ok(election) => {
                let mut current = current.write().unwrap_or_else(PoisonError::into_inner);
                if election.versions().len() > current.versions().len() {
                    *current = Arc::new(election);
                }
            }
            Err(failed) => say(&format!(
                "goes on with the manifest it has: cannot {}",
                chain(&failed)
            )),
        }
    }
}

/// An error and what it came from, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// To standard error; a closed one is nobody listening.
fn say(text: &str) {
    let _: std::io::Result<()> = writeln!(anstream::stderr(), "tally-witness: {text}");
}

/// To standard output, likewise.
fn print(text: &str) {
    let _: std::io::Result<()> = anstream::stdout().write_all(text.as_bytes());
}
