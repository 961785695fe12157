//! The night of `./ops/demo`: made or read, reported by 1,765 chairs, the leader killed on the way, and then
//! checked as a stranger would check it.

mod check;
mod feed;
mod night;
mod options;
mod summary;

use std::path::PathBuf;

use anyhow::Context;
use client::clock::{Clock, SystemClock};
use testkit::{Night, Scale};

use crate::cluster::{Cluster, Spec, beside_this_program};

pub use options::Options;
pub use summary::Summary;

/// Runs the night and checks it. Nothing is left running or lying about, unless `--keep` says so.
pub async fn run(options: &Options) -> anyhow::Result<Summary> {
    let clock = SystemClock::start();
    let night = make_night(options)?;
    let place = Place::make(options.keep)?;
    options.say(&format!(
        "a night of {} units: making keys, starting {} nodes",
        night.reports.len(),
        options.nodes
    ));
    let spec = Spec {
        network: None,
        witnesses: Vec::new(),
        nodes: options.nodes,
        roster: night.roster.clone(),
        rules: night.rules.clone(),
        seed: options.seed,
        folder: place.path.join("election"),
        binary: beside_this_program("tally-node")?,
    };
    let mut cluster = Cluster::start(spec).await?;
    let outbox = place.path.join("outbox");
    let course = night::hold(&mut cluster, &night, &outbox, options).await?;
    let checked = check::after_the_night(&cluster, &night, &outbox, &course).await?;
    let fed = options
        .feed
        .as_ref()
        .map(|_| feed::compare(&night, &checked));
    let mut summary = Summary::new(options, &night, &course, checked, fed.transpose()?);
    summary.elapsed_ms = summary::millis(clock.monotonic());
    if options.keep {
        keep(cluster, place, &mut summary)?;
    }
    Ok(summary)
}

fn make_night(options: &Options) -> anyhow::Result<Night> {
    match &options.feed {
        Some(folder) => Night::from_release(folder)
            .with_context(|| format!("read the releases in `{}`", folder.display())),
        None if options.quick => Ok(Night::generate(
            options.seed,
            &Scale::units(options::QUICK_UNITS),
        )),
        None => Ok(Night::generate(options.seed, &Scale::iowa_2020())),
    }
}

/// A folder that goes when the night is over, or stays.
struct Place {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Place {
    fn make(keep: bool) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tally-demo-").tempdir()?;
        Ok(if keep {
            Self {
                path: folder.keep(),
                temporary: None,
            }
        } else {
            Self {
                path: folder.path().to_path_buf(),
                temporary: Some(folder),
            }
        })
    }
}

/// Leaves the cluster up and says how to use it and how to end it.
fn keep(cluster: Cluster, place: Place, summary: &mut Summary) -> anyhow::Result<()> {
    let environment = cluster.written.folder.join("tally.env");
    let apis: Vec<String> = cluster
        .made
        .plan
        .nodes
        .iter()
        .map(|node| node.api.to_string())
        .collect();
    let operations: Vec<String> = cluster
        .made
        .plan
        .nodes
        .iter()
        .map(|node| format!("http://{}/metrics", node.operations))
        .collect();
    let receipt = std::fs::read_dir(place.path.join("outbox"))?
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.extension().is_some_and(|e| e == "receipt"))
        .context("no receipt was kept")?;
    let tally = beside_this_program("tally")?;
    let ids: Vec<String> = cluster
        .leave_running()?
        .iter()
        .map(u32::to_string)
        .collect();
    summary.kept = Some(summary::Kept {
        apis,
        operations,
        commands: vec![
            format!(". {}", environment.display()),
            format!("{} status", tally.display()),
            format!("{} results", tally.display()),
            format!("{} receipt verify {}", tally.display(), receipt.display()),
        ],
        stop: format!(
            "kill {} && sleep 2 && rm -r {}",
            ids.join(" "),
            place.path.display()
        ),
    });
    drop(place.temporary);
    Ok(())
}
