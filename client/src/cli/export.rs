//! `tally export`, `tally check-export` and `tally feed`: results in formats that others read.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use proto::v1;
use serde::Serialize;

use super::args::Network;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{Output, print};
use super::{files, on_network, trust};
use crate::connection::Connections;

/// Fetch the released results as a file: CSV, JSON or NIST SP 1500-100.
#[derive(Debug, Args)]
#[command(after_help = "\
A node offers a file only after it has read it back and found every figure where it belongs. Here
the file is compared with the hash that came with it, and a NIST file with the rules of its format.

Examples:
  tally export --format csv > results.csv
  tally export --format nist --out results.json
  tally export --format json | jq '.units[0]'")]
pub(crate) struct Export {
    /// Which format.
    #[arg(long, value_enum)]
    format: Format,
    /// Write to this file, which must not exist; without it the file goes to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Ask one node for what it has, without a majority confirming that it is the newest.
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    network: Network,
}

/// A format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table with one figure a row.
    Csv,
    /// A table with one unit a row.
    CsvWide,
    /// Our own JSON.
    Json,
    /// The common data format NIST SP 1500-100 version 2, as JSON.
    Nist,
}

/// Check a NIST results file for what the official schema does not see.
#[derive(Debug, Args)]
#[command(
    name = "check-export",
    after_help = "\
Dangling references, ids used twice, cells given twice, negative or broken counts, `other` without
saying what, parts that do not add up, dates that are none. Ends with 10 if anything is wrong.

Example:
  tally check-export results.json"
)]
pub(crate) struct CheckExport {
    /// The file.
    file: PathBuf,
}

/// Fetch what changed since a position in the log: one JSON page a line.
#[derive(Debug, Args)]
#[command(after_help = "\
Each page lists the units that changed with their figures as they are now, and what happened to
them: a correction stands there as a correction. `next` of one page is the cursor of the following.

Examples:
  tally feed
  tally feed --cursor 812 | jq -c '.rows[] | [.unit, .changes]'")]
pub(crate) struct Feed {
    /// The first leaf of interest; 0 for the whole night.
    #[arg(long, value_name = "LEAF", default_value_t = 0)]
    cursor: u64,
    /// Only one page.
    #[arg(long)]
    one: bool,
    #[command(flatten)]
    network: Network,
}

#[derive(Debug, Serialize)]
struct Exported {
    file: String,
    media_type: String,
    bytes: u64,
    sha256: String,
    tree_size: u64,
    root: String,
    confirmed_by_majority: bool,
}

#[derive(Debug, Serialize)]
struct Judged {
    file: String,
    holds: bool,
    problems: Vec<String>,
}

impl Format {
    const fn of_export(self) -> export::Format {
        match self {
            Self::Csv => export::Format::CsvTidy,
            Self::CsvWide => export::Format::CsvWide,
            Self::Json => export::Format::Json,
            Self::Nist => export::Format::Nist,
        }
    }
}

impl Export {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.fetch(output))
    }

    async fn fetch(self, output: Output) -> Outcome {
        let connections = self.network.connect()?;
        let (head, bytes) = self.download(&connections).await?;
        let found = merkle::sha256(&bytes);
        if found.as_bytes().as_slice() != head.sha256.as_ref() {
            return Err(Failure::new(
                Exit::Invalid,
                "the file is not what the node said it would be",
            )
            .why(format!("its hash is {}", found.to_hex()))
            .now("try again, or ask another node with --nodes"));
        }
        if self.format == Format::Nist
            && let Some(problem) = export::check_nist(&bytes).first()
        {
            return Err(
                Failure::new(Exit::Invalid, "the file breaks a rule of its format")
                    .why(problem.to_string()),
            );
        }
        let Some(path) = &self.out else {
            let mut out = anstream::stdout().lock();
            return match out.write_all(&bytes).and_then(|()| out.flush()) {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Done),
                Err(error) => Err(
                    Failure::new(Exit::Failed, "cannot write to standard output").because(&error),
                ),
                Ok(()) => Ok(Exit::Done),
            };
        };
        files::write_new(path, &bytes)?;
        let exported = Exported {
            file: path.display().to_string(),
            media_type: head.media_type,
            bytes: head.bytes,
            sha256: found.to_hex(),
            tree_size: head.tree_size,
            root: merkle::Hash::from_slice(&head.root)
                .map_or_else(String::new, |root| root.to_hex()),
            confirmed_by_majority: head.linearizable,
        };
        output.result("tally.exported/v1", &exported, || exported.words())?;
        Ok(Exit::Done)
    }

    async fn download(&self, connections: &Connections) -> Outcome<(v1::ExportHead, Vec<u8>)> {
        let request = v1::GetExportRequest {
            format: self.format.of_export().as_str().to_owned(),
            local: self.local,
        };
        let mut stream = connections
            .any(|channel| {
                let request = request.clone();
                async move {
                    v1::exports_client::ExportsClient::new(channel)
                        .get_export(request)
                        .await
                }
            })
            .await
            .map_err(|error| trust::no_answer("fetch the export", &error))?;
        let broken = |why: &str| Failure::new(Exit::NoAnswer, "the file broke off").why(why);
        let (mut head, mut bytes) = (None, Vec::new());
        while let Some(chunk) = stream
            .message()
            .await
            .map_err(|status| broken(status.message()))?
        {
            head = head.or(chunk.head);
            bytes.extend_from_slice(&chunk.data);
        }
        let head = head.ok_or_else(|| broken("the node sent no file"))?;
        Ok((head, bytes))
    }
}

impl Exported {
    fn words(&self) -> String {
        let sure = if self.confirmed_by_majority {
            "confirmed by a majority"
        } else {
            "as one node has it"
        };
        format!(
            "{}: {} bytes, SHA-256 {}\nresults at {} leaves, {sure}",
            self.file, self.bytes, self.sha256, self.tree_size
        )
    }
}

impl CheckExport {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let bytes = files::read(&self.file)?;
        let problems = export::check_nist(&bytes);
        let judged = Judged {
            file: self.file.display().to_string(),
            holds: problems.is_empty(),
            problems: problems.iter().map(ToString::to_string).collect(),
        };
        output.result("tally.export-checked/v1", &judged, || judged.words())?;
        Ok(if judged.holds {
            Exit::Done
        } else {
            Exit::Invalid
        })
    }
}

impl Judged {
    fn words(&self) -> String {
        if self.holds {
            return format!("{}: nothing is wrong with it", self.file);
        }
        format!(
            "{}: {} problems\n  {}",
            self.file,
            self.problems.len(),
            self.problems.join("\n  ")
        )
    }
}

impl Feed {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.fetch(output))
    }

    async fn fetch(self, output: Output) -> Outcome {
        let connections = self.network.connect()?;
        let mut cursor = self.cursor;
        loop {
            let request = v1::GetFeedRequest { cursor, limit: 0 };
            let page = connections
                .any(|channel| async move {
                    v1::exports_client::ExportsClient::new(channel)
                        .max_decoding_message_size(LARGEST)
                        .get_feed(request)
                        .await
                })
                .await
                .map_err(|error| trust::no_answer("fetch the feed", &error))?;
            print(&String::from_utf8_lossy(&page.page))?;
            if self.one || page.cursor >= page.tree_size || page.cursor <= cursor {
                output.say(&format!("the next cursor is {}", page.cursor));
                return Ok(Exit::Done);
            }
            cursor = page.cursor;
        }
    }
}

/// The largest page read: a page may list every unit.
const LARGEST: usize = 64 * 1024 * 1024;
