//! `tally watch`: the results as they change.

use std::time::Duration;

use clap::Args;
use proto::v1;

use super::args::Network;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::results::{LARGEST, Snapshot};
use super::{on_network, trust};
use crate::connection::{Connections, Error};

/// Follow the results: one line, or one JSON object, for every change.
#[derive(Debug, Args)]
#[command(after_help = "\
The stream goes on at another node when one stops; it ends when none answers, or with Ctrl-C.

Examples:
  tally watch
  tally watch --json | jq -c '[.units_reported, .tree_size]'")]
pub(crate) struct Watch {
    /// Also list every unit in each JSON object.
    #[arg(long)]
    units: bool,
    /// Show everything that is recorded, also what the publishers have not released.
    #[arg(long)]
    unreleased: bool,
    /// Stop after this many changes.
    #[arg(long, value_name = "NUMBER")]
    changes: Option<u64>,
    #[command(flatten)]
    network: Network,
}

/// A pause between two tries to find a node that answers.
const PAUSE: Duration = Duration::from_millis(250);
/// Tries without any node answering before the command gives up.
const TRIES: u32 = 40;

impl Watch {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.watch(output))
    }

    async fn watch(self, output: Output) -> Outcome {
        let connections = self.network.connect()?;
        let mut seen = Seen {
            changes: 0,
            tree_size: 0,
        };
        let mut tries = 0;
        loop {
            match self.follow(output, &connections, &mut seen).await {
                Ok(End::Enough) => return Ok(Exit::Done),
                Ok(End::Broken) => tries = 0,
                Err(failure) if tries >= TRIES => return Err(failure),
                Err(_) => tries = tries.saturating_add(1),
            }
            output.say("the stream ended; looking for another node");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Follows one node until its stream ends.
    async fn follow(
        &self,
        output: Output,
        connections: &Connections,
        seen: &mut Seen,
    ) -> Outcome<End> {
        let request = v1::WatchResultsRequest {
            units: self.units,
            unreleased: self.unreleased,
        };
        let mut stream = connections
            .any(|channel| async move {
                v1::results_client::ResultsClient::new(channel)
                    .max_decoding_message_size(LARGEST)
                    .watch_results(request)
                    .await
            })
            .await
            .map_err(|error: Error| trust::no_answer("follow the results", &error))?;
        while self.changes.is_none_or(|changes| seen.changes < changes) {
            let next = stream.message().await.map_err(|status| {
                Failure::new(Exit::NoAnswer, "the stream broke off").why(status.message())
            });
            let Ok(Some(wire)) = next else {
                return Ok(End::Broken);
            };
            // A node that was behind when the stream moved to it shows nothing older.
            if wire.tree_size < seen.tree_size {
                continue;
            }
            seen.tree_size = wire.tree_size;
            seen.changes = seen.changes.saturating_add(1);
            let snapshot = Snapshot::from(wire);
            output.result("tally.results/v1", &snapshot, || snapshot.heading())?;
        }
        Ok(End::Enough)
    }
}

/// What has been shown.
struct Seen {
    changes: u64,
    tree_size: u64,
}

/// Why following a node ended.
enum End {
    /// As many changes as were asked for.
    Enough,
    /// The stream ended.
    Broken,
}
