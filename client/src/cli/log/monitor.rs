//! `tally log monitor`: one log, whoever shows it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use caucus::{CountyId, UnitId};
use clap::Args;
use serde::Serialize;

use super::place;
use crate::cli::args::{Network, Trust};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::Output;
use crate::clock::{Clock as _, SystemClock};
use crate::log::archive::Archive;
use crate::log::folder::Folder;
use crate::log::monitor::{Event, Interest, Monitor as Watch, MonitorError, Watched};

/// Watch nodes and witnesses: that all show one log and that it only grows.
#[derive(Debug, Args)]
#[command(after_help = "\
The folder is an archive: it is continued from whoever is ahead, and every checkpoint that a node or
a witness shows is compared with it. So a log that was rewritten is found between two nodes, and
between two runs. Both signed checkpoints are then kept in DIR/evidence, and the command ends with
10. With --json every finding is one line.

With --once everyone is asked once. It then ends with 0 when all agree, 3 when nobody answers, 5 when
a checkpoint is stale while the caucuses are open, or a witness has seen more than the nodes show.

Examples:
  tally log monitor watch --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K --county polk
  tally log monitor watch --once --witness https://witness.example --json")]
pub(crate) struct Monitor {
    /// The folder in which the log is kept.
    folder: PathBuf,
    /// A web server that has the log's files, repeated; without one the nodes are asked.
    #[arg(long, value_name = "URL")]
    from: Vec<String>,
    /// A witness that is asked for the newest checkpoint it has seen; repeated.
    #[arg(long, value_name = "URL")]
    witness: Vec<String>,
    /// Tell new leaves of this unit only; repeated.
    #[arg(long, value_name = "UNIT", value_parser = unit)]
    unit: Vec<UnitId>,
    /// Tell new leaves of this county's precincts only; repeated.
    #[arg(long, value_name = "COUNTY", value_parser = county)]
    county: Vec<CountyId>,
    /// Ask everyone once.
    #[arg(long)]
    once: bool,
    /// Seconds between two rounds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    every: u64,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Line {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
    text: String,
}

impl Monitor {
    pub(super) async fn run(self, output: Output) -> Outcome {
        let pin = place::pin(&self.trust, &self.folder)?;
        let sources = place::sources(&self.from, &self.network)?;
        let witnesses = place::webs(&self.witness, &self.network)?;
        let (bundle, election) = place::bundle(&sources, pin).await?;
        let archive = Archive::open(Folder::at(&self.folder)).map_err(|error| damaged(&error))?;
        let watched = Watched {
            sources,
            witnesses,
            interest: Interest {
                units: self.unit.iter().cloned().collect(),
                counties: self.county.iter().cloned().collect(),
            },
        };
        let mut watch =
            Watch::open(archive, bundle, election, watched).map_err(|error| damaged(&error))?;
        let clock = SystemClock::start();
        let mut told = BTreeMap::new();
        loop {
            let events = watch.poll(clock.unix()).await.map_err(failed)?;
            for event in &events {
                tell(event, &mut told, output)?;
            }
            let forked = events
                .iter()
                .any(|event| matches!(event, Event::Forked { .. }));
            if forked || self.once {
                return Ok(exit(&events));
            }
            clock.sleep(Duration::from_secs(self.every.max(1))).await;
        }
    }
}

/// How a round ends a command: by the gravest that was found.
fn exit(events: &[Event]) -> Exit {
    let found = |is: fn(&Event) -> bool| events.iter().any(is);
    if found(|event| matches!(event, Event::Forked { .. })) {
        Exit::Invalid
    } else if found(|event| matches!(event, Event::Stale { .. } | Event::Withheld { .. })) {
        Exit::Unhealthy
    } else if found(|event| matches!(event, Event::Agrees { .. })) {
        Exit::Done
    } else {
        Exit::NoAnswer
    }
}

/// Tells an event, unless the same was the last thing told of its source.
fn tell(event: &Event, told: &mut BTreeMap<String, String>, output: Output) -> Outcome<()> {
    let line = Line::of(event);
    if let Some(source) = &line.source {
        let same = format!("{} {:?}", line.event, line.size);
        if told.insert(source.clone(), same.clone()) == Some(same) {
            return Ok(());
        }
    }
    output.result("tally.log-event/v1", &line, || line.text.clone())
}

impl Line {
    fn empty(event: &'static str, text: String) -> Line {
        Line {
            event,
            source: None,
            leaf: None,
            kind: None,
            unit: None,
            size: None,
            age_seconds: None,
            evidence: None,
            text,
        }
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm an event, each in a few lines"
    )]
    fn of(event: &Event) -> Line {
        match event {
            Event::Entry { index, kind, unit } => {
                let about = unit.as_ref().map(|unit| format!(" of {unit}"));
                let text = format!("leaf {index}: {kind}{}", about.unwrap_or_default());
                Line {
                    leaf: Some(*index),
                    kind: Some(kind.to_string()),
                    unit: unit.as_ref().map(ToString::to_string),
                    ..Line::empty("entry", text)
                }
            }
            Event::Agrees { source, size } => Line {
                source: Some(source.clone()),
                size: Some(size.get()),
                ..Line::empty("agrees", format!("{source}: {size} leaves of the one log"))
            },
            Event::Stale {
                source,
                size,
                age_seconds,
            } => {
                let text = format!(
                    "{source}: its checkpoint of {size} leaves was cosigned {age_seconds} s ago"
                );
                Line {
                    source: Some(source.clone()),
                    size: Some(size.get()),
                    age_seconds: Some(*age_seconds),
                    ..Line::empty("stale", text)
                }
            }
            Event::Withheld { source, size } => {
                let text = format!("{source}: it has seen {size} leaves, more than any node shows");
                Line {
                    source: Some(source.clone()),
                    size: Some(size.get()),
                    ..Line::empty("withheld", text)
                }
            }
            Event::Forked {
                source,
                sizes: (ours, theirs),
                evidence,
            } => {
                let file = evidence.display().to_string();
                let text = format!(
                    "{source}: FORKED. Its checkpoint of {theirs} leaves and the one of {ours} \
                     here are not of one log; both are in `{file}`"
                );
                Line {
                    source: Some(source.clone()),
                    size: Some(theirs.get()),
                    evidence: Some(file),
                    ..Line::empty("forked", text)
                }
            }
            Event::Trouble { source, what } => Line {
                source: Some(source.clone()),
                ..Line::empty("trouble", format!("{source}: {what}"))
            },
        }
    }
}

fn damaged(error: &crate::log::folder::FileError) -> Failure {
    Failure::new(Exit::Invalid, "the archive is damaged")
        .because(error)
        .now("keep it, and watch on with an empty folder")
}

fn failed(error: MonitorError) -> Failure {
    match error {
        MonitorError::File(error) => damaged(&error),
        MonitorError::Disk(_) => {
            Failure::new(Exit::Failed, "the watch cannot go on").because(&error)
        }
    }
}

fn unit(text: &str) -> Result<UnitId, String> {
    UnitId::parse(text).map_err(|error| error.to_string())
}

fn county(text: &str) -> Result<CountyId, String> {
    CountyId::parse(text).map_err(|error| error.to_string())
}
