//! `tally trace`: from a unit's published figures to the signed notes behind them and their receipt.

use std::path::{Path, PathBuf};

use clap::Args;
use proto::v1;
use receipt::{Election, UnverifiedReceipt};
use serde::Serialize;

use super::args::{Network, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::results::{Row, UnitRow, plain, text_of};
use super::{files, on_network, trust};
use crate::connection::Connections;

/// Show everything recorded of a unit: figures, findings, worked award, notes and the receipt.
#[derive(Debug, Args)]
#[command(after_help = "\
With a bundle the receipt of the report that stands is verified here; without one it is only
fetched, and the answer says so. `--save DIR` writes every note and that receipt as files.

Examples:
  tally trace P-0001
  tally trace P-0001 --save evidence
  tally trace P-0001 --json | jq '.findings[] | select(.state == \"open\")'")]
pub(crate) struct Trace {
    /// The unit.
    unit: String,
    /// Write the notes about the unit and the receipt of its report into this folder.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Ask one node for what it has, without a majority confirming that it is the newest.
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Debug, Serialize)]
struct Traced {
    election: String,
    rehearsal: bool,
    tree_size: u64,
    root: String,
    confirmed_by_majority: bool,
    kind: String,
    county: String,
    pool: String,
    district: String,
    open: bool,
    unit: UnitRow,
    origin: String,
    figures_leaf: u64,
    worked: Vec<String>,
    findings: Vec<Finding>,
    witnesses: Vec<u64>,
    beside: Vec<Beside>,
    disputes: Vec<Dispute>,
    counted_again: Vec<CountedAgain>,
    trail: Vec<Entry>,
    receipt: Checked,
}

#[derive(Debug, Serialize)]
struct Finding {
    code: String,
    severity: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_by: Option<u64>,
    for_chair: String,
    for_headquarters: String,
    cells: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Beside {
    leaf_index: u64,
    leaf_hash: String,
    standing: String,
}

#[derive(Debug, Serialize)]
struct Dispute {
    leaf_index: u64,
    leaf_hash: String,
    claims: Vec<String>,
    reason: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_by: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CountedAgain {
    kind: String,
    leaf_index: u64,
    adopted: bool,
    attendees: u64,
    groups: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Entry {
    leaf_index: u64,
    leaf_hash: String,
    r#type: String,
    signers: Vec<String>,
    claimed_time: u64,
    effects: Vec<String>,
    note: String,
}

/// What is known of the receipt of the report that stands.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Checked {
    /// No report stands.
    NothingStands,
    /// Recorded, and too few nodes have cosigned yet.
    Pending,
    /// Fetched; there was no bundle to verify it with.
    NotVerified,
    /// It verifies.
    Verified {
        code: String,
        cosigned_by: Vec<String>,
    },
    /// It does not.
    Invalid { why: String },
}

impl Trace {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.show(output))
    }

    async fn show(self, output: Output) -> Outcome {
        let opened = match &self.trust.bundle {
            Some(_) => Some(trust::open_folder(&self.trust)?),
            None => None,
        };
        let connections = self.network.connect()?;
        let wire = self.fetch(&connections).await?;
        let standing = match &wire.head {
            Some(head) => fetch_receipt(&connections, head.leaf_index).await?,
            None => Standing::None,
        };
        let election = opened.as_ref().map(|opened| opened.election.as_ref());
        let checked = check(&standing, election, wire.head.as_ref());
        if let Some(folder) = &self.save {
            save(folder, &wire, &standing)?;
            output.say(&format!("saved in {}", folder.display()));
        }
        let exit = match &checked {
            Checked::Invalid { .. } => Exit::Invalid,
            Checked::NothingStands
            | Checked::Pending
            | Checked::NotVerified
            | Checked::Verified { .. } => Exit::Done,
        };
        let traced = Traced::of(wire, checked);
        output.result("tally.trace/v1", &traced, || traced.words())?;
        Ok(exit)
    }

    async fn fetch(&self, connections: &Connections) -> Outcome<v1::UnitTrace> {
        let request = v1::GetUnitRequest {
            unit: self.unit.clone(),
            local: self.local,
        };
        let answer = connections.any(|channel| {
            let request = request.clone();
            async move {
                v1::trace_client::TraceClient::new(channel)
                    .max_decoding_message_size(LARGEST)
                    .get_unit(request)
                    .await
            }
        });
        answer.await.map_err(|error| {
            trust::no_answer(&format!("fetch the trace of `{}`", self.unit), &error)
        })
    }
}

/// The largest answer read: a long trail of notes of the greatest length.
const LARGEST: usize = 16 * 1024 * 1024;

/// The receipt of the report that stands, as a node gave it.
enum Standing {
    None,
    Pending,
    Receipt(Vec<u8>),
}

async fn fetch_receipt(connections: &Connections, leaf_index: u64) -> Outcome<Standing> {
    let leaf = v1::get_receipt_request::Leaf::LeafIndex(leaf_index);
    let answer = connections.receipt(leaf, v1::Level::Receipt).await;
    Ok(
        match answer.map_err(|error| trust::no_answer("fetch the receipt", &error))? {
            v1::get_receipt_response::Result::Receipt(receipt) => {
                Standing::Receipt(receipt.to_vec())
            }
            v1::get_receipt_response::Result::Pending(_) => Standing::Pending,
            v1::get_receipt_response::Result::Unknown(_) => Standing::None,
        },
    )
}

/// Verifies the receipt, and that it is of the leaf that the node says stands.
fn check(standing: &Standing, election: Option<&Election>, head: Option<&v1::Head>) -> Checked {
    let (bytes, head) = match (standing, head) {
        (Standing::None, _) | (_, None) => return Checked::NothingStands,
        (Standing::Pending, Some(_)) => return Checked::Pending,
        (Standing::Receipt(bytes), Some(head)) => (bytes, head),
    };
    let Some(election) = election else {
        return Checked::NotVerified;
    };
    let unverified = match UnverifiedReceipt::parse(bytes) {
        Ok(unverified) => unverified,
        Err(error) => {
            return Checked::Invalid {
                why: error.to_string(),
            };
        }
    };
    let verification = unverified.verify(election);
    match verification.receipt() {
        Some(receipt) if receipt.leaf_hash().as_bytes().as_slice() == head.leaf_hash.as_ref() => {
            Checked::Verified {
                code: receipt.code().to_string(),
                cosigned_by: receipt
                    .signers()
                    .iter()
                    .map(|signer| signer.id.as_str().to_owned())
                    .collect(),
            }
        }
        Some(_) => Checked::Invalid {
            why: "it is a receipt for another leaf".to_owned(),
        },
        None => Checked::Invalid {
            why: verification.summary(),
        },
    }
}

/// Writes every note and the receipt; nothing that is there is overwritten.
fn save(folder: &Path, wire: &v1::UnitTrace, standing: &Standing) -> Outcome<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("cannot make the folder `{}`", folder.display()),
        )
        .because(&error)
    })?;
    for entry in &wire.trail {
        let name = format!("{:07}-{}.note", entry.leaf_index, entry.r#type);
        files::write_new(&folder.join(name), &entry.note)?;
    }
    if let (Standing::Receipt(bytes), Some(head)) = (standing, &wire.head) {
        let name = format!("{:07}.receipt", head.leaf_index);
        files::write_new(&folder.join(name), bytes)?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    merkle::Hash::from_slice(bytes).map_or_else(String::new, |hash| hash.to_hex())
}

impl Traced {
    #[expect(clippy::too_many_lines, reason = "a list: one field a statement")]
    fn of(wire: v1::UnitTrace, receipt: Checked) -> Traced {
        let finding = |finding: v1::Finding| Finding {
            code: finding.code,
            severity: finding.severity,
            state: finding.state,
            settled_by: finding.settled_by,
            for_chair: finding.for_chair,
            for_headquarters: finding.for_headquarters,
            cells: finding.cells,
        };
        let beside = |beside: v1::Beside| Beside {
            leaf_index: beside.leaf_index,
            leaf_hash: hex(&beside.leaf_hash),
            standing: beside.standing,
        };
        let dispute = |dispute: v1::Dispute| Dispute {
            leaf_index: dispute.leaf_index,
            leaf_hash: hex(&dispute.leaf_hash),
            claims: dispute.claims,
            reason: dispute.reason,
            state: dispute.state,
            answered_by: dispute.answered_by,
        };
        let counted = |count: v1::CountedAgain| CountedAgain {
            kind: count.kind,
            leaf_index: count.leaf_index,
            adopted: count.adopted,
            attendees: count.attendees,
            groups: count.groups.into_iter().map(Row::from).collect(),
        };
        let entry = |entry: v1::TrailEntry| Entry {
            leaf_index: entry.leaf_index,
            leaf_hash: hex(&entry.leaf_hash),
            r#type: entry.r#type,
            signers: entry.signers,
            claimed_time: entry.claimed_time,
            effects: entry.effects,
            note: String::from_utf8_lossy(&entry.note).into_owned(),
        };
        Traced {
            election: wire.election,
            rehearsal: wire.rehearsal,
            tree_size: wire.tree_size,
            root: hex(&wire.root),
            confirmed_by_majority: wire.linearizable,
            kind: wire.kind,
            county: wire.county,
            pool: wire.pool,
            district: wire.district,
            open: wire.open,
            unit: UnitRow::from(wire.result.unwrap_or_default()),
            origin: wire.origin,
            figures_leaf: wire.figures_leaf,
            worked: wire.worked,
            findings: wire.findings.into_iter().map(finding).collect(),
            witnesses: wire.witnesses,
            beside: wire.beside.into_iter().map(beside).collect(),
            disputes: wire.disputes.into_iter().map(dispute).collect(),
            counted_again: wire.counted_again.into_iter().map(counted).collect(),
            trail: wire.trail.into_iter().map(entry).collect(),
            receipt,
        }
    }

    #[expect(clippy::too_many_lines, reason = "a list: one section after the other")]
    fn words(&self) -> String {
        let mut parts = vec![self.heading(), self.figures()];
        let section = |title: &str, lines: Vec<String>| {
            (!lines.is_empty()).then(|| format!("{title}\n  {}", lines.join("\n  ")))
        };
        let finding = |finding: &Finding| {
            let settled = finding
                .settled_by
                .map_or_else(String::new, |leaf| format!(" by leaf {leaf}"));
            format!("{}{settled}: {}", finding.state, finding.for_headquarters)
        };
        let beside = |beside: &Beside| format!("leaf {}: {}", beside.leaf_index, beside.standing);
        let dispute = |dispute: &Dispute| {
            format!(
                "leaf {} ({}): {}; {}",
                dispute.leaf_index,
                dispute.state,
                dispute.claims.join(", "),
                dispute.reason
            )
        };
        let counted = |count: &CountedAgain| {
            let adopted = if count.adopted {
                "adopted"
            } else {
                "not adopted"
            };
            let groups: Vec<String> = count
                .groups
                .iter()
                .filter(|row| row.stands())
                .map(Row::short)
                .collect();
            format!(
                "{} in leaf {}, {adopted}: {}",
                count.kind,
                count.leaf_index,
                groups.join(", ")
            )
        };
        let entry = |entry: &Entry| {
            format!(
                "leaf {} {} by {}: {}",
                entry.leaf_index,
                entry.r#type,
                if entry.signers.is_empty() {
                    "nobody (derived)".to_owned()
                } else {
                    entry.signers.join(", ")
                },
                entry.effects.join(", ")
            )
        };
        parts.extend(section("The award, step by step", self.worked.clone()));
        parts.extend(section(
            "Findings",
            self.findings.iter().map(finding).collect(),
        ));
        parts.extend(section(
            "Beside it",
            self.beside.iter().map(beside).collect(),
        ));
        parts.extend(section(
            "Disputes",
            self.disputes.iter().map(dispute).collect(),
        ));
        parts.extend(section(
            "Counted again",
            self.counted_again.iter().map(counted).collect(),
        ));
        parts.extend(section("Notes", self.trail.iter().map(entry).collect()));
        parts.push(self.receipt.words());
        parts.join("\n\n")
    }

    fn heading(&self) -> String {
        let rehearsal = if self.rehearsal { "REHEARSAL " } else { "" };
        let place = match (self.county.as_str(), self.pool.as_str()) {
            ("", pool) => format!("{} of pool {pool}", self.kind),
            (county, _) => format!("{} of county {county}", self.kind),
        };
        let gone = if self.open {
            ""
        } else {
            "; not on the roster any more"
        };
        let released = if self.unit.released {
            "released"
        } else {
            "not released"
        };
        let marks = self.unit.marks.join(", ");
        let marks = if marks.is_empty() {
            marks
        } else {
            format!(", {marks}")
        };
        format!(
            "{rehearsal}{}  {} ({place}){gone}\n{}{marks}; {released}; log of {} leaves",
            self.unit.unit, self.unit.name, self.unit.standing, self.tree_size
        )
    }

    /// The sheet: reported and recomputed side by side.
    fn figures(&self) -> String {
        let unit = &self.unit;
        if unit.groups.is_empty() {
            return "no report stands for this unit".to_owned();
        }
        let mut table = plain();
        table.set_header([
            "group",
            "first",
            "final",
            "delegates",
            "by the rules",
            "worth",
        ]);
        for row in unit.groups.iter().filter(|row| row.stands()) {
            let by_rules = unit.recomputed_delegates(row);
            table.add_row([
                row.group.clone(),
                row.first_alignment.to_string(),
                row.final_alignment.to_string(),
                row.delegates.to_string(),
                by_rules.map_or_else(|| "-".to_owned(), |count| count.to_string()),
                row.sde.clone(),
            ]);
        }
        let undecided = if unit.undecided > 0 {
            format!("; {} left to chance or to the room", unit.undecided)
        } else {
            String::new()
        };
        format!(
            "Figures of leaf {} ({}, number {}): {} people elect {}{undecided}\n{}",
            self.figures_leaf,
            self.origin,
            unit.seq,
            unit.attendees,
            unit.elects,
            text_of(&table)
        )
    }
}

impl Checked {
    fn words(&self) -> String {
        match self {
            Self::NothingStands => "Receipt: no report stands, so there is none".to_owned(),
            Self::Pending => {
                "Receipt: recorded, not yet receipted: too few nodes have cosigned".to_owned()
            }
            Self::NotVerified => {
                "Receipt: fetched, not verified here; give --bundle DIR to verify it".to_owned()
            }
            Self::Verified { code, cosigned_by } => format!(
                "Receipt: verified; code {code}, cosigned by {}",
                cosigned_by.join(", ")
            ),
            Self::Invalid { why } => format!("Receipt: DOES NOT VERIFY: {why}"),
        }
    }
}
