//! `tally correct`: new figures in place of those that stand, both kept for good.

use std::path::PathBuf;

use caucus::{GroupId, Worksheet};
use clap::Args;
use merkle::{LeafHash, leaf_hash};
use proto::v1;
use receipt::Leaf;
use serde::Serialize;

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::send;
use super::submit::{Desk, Signing};
use super::{on_network, trust};
use crate::chair::Report;
use crate::connection::Connections;

/// Report new figures in place of those that stand for a unit.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is overwritten: the correction is one more report that names the one it corrects, and both
stay in the log. What stands now is fetched first, and the cells that change are shown.

Example:
  tally correct sheet.toml --key chairs/P-0001.key")]
pub(crate) struct Correct {
    /// The whole sheet with its new figures, as TOML or JSON; `-` reads standard input.
    sheet: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

/// What stands for a unit, as a node says.
struct Standing {
    leaf_index: u64,
    hash: LeafHash,
    seq: u64,
    worksheet: Option<Worksheet>,
}

/// The answer when there is nothing to correct.
#[derive(Serialize)]
struct Unchanged {
    unit: String,
    leaf_index: u64,
    effect: &'static str,
}

impl Correct {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.correct(output))
    }

    async fn correct(self, output: Output) -> Outcome {
        let mut desk = Desk::open(output, &self.signing).await?;
        let worksheet = desk.worksheet(Some(&self.sheet))?;
        let evidence = desk.evidence()?;
        let Some(client) = &desk.client else {
            return Err(
                Failure::new(Exit::Usage, "a correction needs to know what it corrects")
                    .why("no nodes were given")
                    .now("give --nodes host:port,… or set TALLY_NODES"),
            );
        };
        let standing = standing(client.connections(), desk.unit.id.as_str()).await?;
        if let Some(before) = &standing.worksheet {
            let changes = changes(before, &worksheet);
            if changes.is_empty() {
                let same = Unchanged {
                    unit: desk.unit.id.to_string(),
                    leaf_index: standing.leaf_index,
                    effect: "unchanged",
                };
                output.result("tally.unchanged/v1", &same, || {
                    "These are the very figures that stand; nothing was sent.".to_owned()
                })?;
                return Ok(Exit::Done);
            }
            output.say(&format!("corrects leaf {}:", standing.leaf_index));
            output.say(&format!("  {}", changes.join("\n  ")));
        }
        desk.confirm(&worksheet)?;
        let report = Report {
            unit: desk.unit.id.clone(),
            seq: standing.seq.saturating_add(1),
            supersedes: Some(standing.hash),
            worksheet,
            evidence,
        };
        let sent = desk.sign_and_carry(report).await?;
        send::tell(output, &sent)
    }
}

/// Asks what stands for a unit. A node that lies about it makes the correction a rival, no more.
async fn standing(connections: &Connections, unit: &str) -> Outcome<Standing> {
    let request = v1::GetResultsRequest {
        units: true,
        local: false,
    };
    let snapshot = connections
        .any(|channel| async move {
            v1::results_client::ResultsClient::new(channel)
                .get_results(request)
                .await
        })
        .await
        .map_err(|error| trust::no_answer("ask what stands for the unit", &error))?;
    let silent = || {
        Failure::new(Exit::Usage, format!("nothing stands for `{unit}` yet"))
            .now("send the first report with `tally submit`")
    };
    let found = snapshot
        .units
        .into_iter()
        .find(|row| row.unit == unit)
        .ok_or_else(silent)?;
    let request = v1::GetEntriesRequest {
        from: found.leaf_index,
        limit: 1,
    };
    let page = connections
        .any(|channel| async move {
            v1::transparency_client::TransparencyClient::new(channel)
                .get_entries(request)
                .await
        })
        .await
        .map_err(|error| trust::no_answer("fetch what stands for the unit", &error))?;
    let entry = page.entries.first().ok_or_else(silent)?;
    let worksheet = match Leaf::parse_entry(entry) {
        Ok((Leaf::Submission(submission), _)) => Some(submission.figures.worksheet),
        Ok(_) | Err(_) => None,
    };
    Ok(Standing {
        leaf_index: found.leaf_index,
        hash: leaf_hash(entry),
        seq: found.seq,
        worksheet,
    })
}

/// The cells that differ, each as a line for a person.
fn changes(before: &Worksheet, after: &Worksheet) -> Vec<String> {
    let mut changes = Vec::new();
    let mut compare = |what: String, old: u64, new: u64| {
        if old != new {
            changes.push(format!("{what}: {old} -> {new}"));
        }
    };
    compare(
        "attendees".to_owned(),
        before.attendees.get(),
        after.attendees.get(),
    );
    let groups: Vec<&GroupId> = after.first.groups().collect();
    for group in groups {
        let cells = [
            (
                "first alignment",
                before.first.get(group).get(),
                after.first.get(group).get(),
            ),
            (
                "final alignment",
                before.last.get(group).get(),
                after.last.get(group).get(),
            ),
            (
                "delegates",
                before.reported.get(group).get(),
                after.reported.get(group).get(),
            ),
        ];
        for (column, old, new) in cells {
            compare(format!("{group} {column}"), old, new);
        }
    }
    if before.ties != after.ties {
        changes.push("games of chance".to_owned());
    }
    changes
}
