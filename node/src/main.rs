//! `tally-node`: one node of a cluster, from its configuration to its end. Reads as start-up
//! happens: options, configuration, logging, node, wait, drain.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use node::config::Config;
use node::{Node, Parts, StartError};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A node of a tally cluster: it records signed reports together with the other nodes and hands
/// out receipts that anyone can check.
///
/// It runs until it receives SIGTERM or SIGINT: it then hands leadership over, finishes the calls
/// in progress and flushes its disk. SIGHUP reads its certificates anew, which it does by itself
/// some seconds after their files have changed.
#[derive(Debug, Parser)]
#[command(version, name = "tally-node", after_help = EXIT_CODES)]
struct Options {
    /// The node's configuration, a TOML file; every field is described in `node/README.md`.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Reads and checks the configuration and ends.
    #[arg(long)]
    check: bool,
}

const EXIT_CODES: &str = "Exit codes: 0 stopped as asked; 64 the configuration or a file it names \
cannot be used; 70 the node failed while running; 73 a port or the data directory is in use; 74 the \
disk failed while running; 78 the data directory, a key or the database is not this node's or is \
damaged. One sentence on standard error says what to do.";

/// Unless the configuration says otherwise: the consensus library reports every heartbeat that a
/// dead node does not answer, which this program says once.
const QUIET: &str = "openraft=error";

/// How many threads serve calls. Two cores are what a small machine has, and each thread costs
/// memory.
const WORKERS: usize = 2;

/// Threads for reads of the database.
const READERS: usize = 16;

/// How long threads of a node that failed may take to end.
const LAST_WORK: std::time::Duration = std::time::Duration::from_secs(5);

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            let asked_for_help = !error.use_stderr();
            let _ = error.print();
            return if asked_for_help {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(USAGE)
            };
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tally-node: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// `EX_USAGE` of `sysexits.h`.
const USAGE: u8 = 64;

fn run(options: &Options) -> Result<(), StartError> {
    let mut config = Config::load(&options.config)?;
    if config.keys.passphrase_file.is_none() {
        config.keys.passphrase_file = keyfile::credential_file();
    }
    if options.check {
        return Ok(());
    }
    let filter = format!("{QUIET},{}", config.log.level);
    telemetry::logging::init(config.log.format.into(), &filter)
        .map_err(|error| failed("start logging", std::io::Error::other(error)))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(READERS)
        .enable_all()
        .build()
        .map_err(|error| failed("start the runtime", error))?;
    let ended = runtime.block_on(live(config));
    if ended.is_ok() {
        runtime.shutdown_background();
    } else {
        runtime.shutdown_timeout(LAST_WORK);
    }
    ended
}

async fn live(config: Config) -> Result<(), StartError> {
    let on = |kind| signal(kind).map_err(|error| failed("listen for signals", error));
    let mut terminate = on(SignalKind::terminate())?;
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut reload = on(SignalKind::hangup())?;
    let node = Node::start(config, Parts::of_this_machine()?).await?;
    let failed = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            () = next(&mut reload) => {
                node.reload_certificates();
            }
            // No orderly stop: what a failed node still believes is not to be handed on.
            error = node.failed() => break Some(error),
        }
    };
    if let Some(error) = failed {
        node.abandon().await;
        return Err(error);
    }
    node.stop().await;
    Ok(())
}

/// The next signal of a kind; pending for ever when there can be none.
async fn next(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

fn failed(action: &'static str, source: std::io::Error) -> StartError {
    StartError::System { action, source }
}
