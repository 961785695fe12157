//! `tally receipt`: checked offline, every check named.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use receipt::{CheckResult, Leaf, Receipt, ReceiptError, UnverifiedReceipt, Verdict, Verification};
use serde::Serialize;

use super::args::Trust;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::trust::{self, Pinned};
use super::{files, words};

/// Check receipts, or show what is in one.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Verify(Verify),
    Show(Show),
}

/// Check receipts offline and print every check.
#[derive(Debug, Args)]
#[command(after_help = "\
No network is used. A receipt that holds proves that the report is in the log exactly as shown and
that a majority of the nodes had it on their disks. Whether it is still what stands for the unit
only the log itself can say: see `tally results --units`.

Marks: \u{2713} holds, \u{2717} does not hold, \u{2013} not checked, and why.

Ends with 0 if all receipts hold, 10 if one does not, 11 if one cannot be judged with this bundle.

Examples:
  tally receipt verify P-0001.receipt --bundle bundle --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K
  tally receipt verify receipts/*.receipt --bundle bundle --quiet")]
pub(crate) struct Verify {
    /// Receipt files (.tlog-proof); `-` reads standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    trust: Trust,
}

/// Show what is in a receipt without checking it.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A receipt file (.tlog-proof); `-` reads standard input.
    file: PathBuf,
}

#[derive(Serialize)]
struct Verified {
    pinned: bool,
    rehearsal: bool,
    receipts: Vec<Judged>,
}

#[derive(Serialize)]
struct Judged {
    file: String,
    verdict: &'static str,
    sentence: String,
    checks: Vec<CheckRow>,
    ignored: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    signers: Vec<String>,
    #[serde(skip)]
    exit: Exit,
    #[serde(skip)]
    shown: String,
}

#[derive(Serialize)]
struct CheckRow {
    name: String,
    result: &'static str,
    sentence: String,
    #[serde(skip)]
    mark: char,
}

#[derive(Serialize)]
struct Shown {
    kind: String,
    leaf_index: u64,
    leaf_hash: String,
    code: String,
    tree_size: u64,
    origin: String,
    lines: usize,
    entry: String,
    checkpoint: String,
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::Verify(verify) => verify.run(output),
            Verb::Show(show) => show.run(output),
        }
    }
}

impl Verify {
    fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let election = &opened.election;
        let judge = |file: &PathBuf| {
            let bytes = files::read(file)?;
            Ok(match UnverifiedReceipt::parse(&bytes) {
                Ok(receipt) => Judged::of(file, &receipt, &receipt.verify(election), election),
                Err(error) => Judged::unreadable(file, &error),
            })
        };
        let receipts = self.files.iter().map(judge).collect::<Outcome<Vec<_>>>()?;
        let pinned = opened.pinned == Pinned::Given;
        let exit = worst(&receipts);
        let rehearsal = election.kind() == receipt::ElectionKind::Rehearsal;
        let verified = Verified {
            pinned,
            rehearsal,
            receipts,
        };
        output.result("tally.receipts-verified/v1", &verified, || {
            words(&verified, election.genesis(), output.quiet)
        })?;
        Ok(exit)
    }
}

/// An invalid receipt counts most, then one that cannot be judged.
fn worst(receipts: &[Judged]) -> Exit {
    [Exit::Invalid, Exit::CannotVerify]
        .into_iter()
        .find(|exit| receipts.iter().any(|one| one.exit == *exit))
        .unwrap_or(Exit::Done)
}

impl Judged {
    fn of(
        file: &Path,
        receipt: &UnverifiedReceipt,
        verification: &Verification,
        election: &receipt::Election,
    ) -> Judged {
        let (verdict, exit) = match &verification.verdict {
            Verdict::Recorded(_) => ("recorded", Exit::Done),
            Verdict::NotYetWitnessed { .. } => ("not_yet_witnessed", Exit::CannotVerify),
            Verdict::NeedsNewerBundle { .. } => ("needs_newer_bundle", Exit::CannotVerify),
            Verdict::Invalid(_) => ("invalid", Exit::Invalid),
        };
        let held = verification.receipt();
        let leaf = held.map(Receipt::leaf);
        let signers = held
            .into_iter()
            .flat_map(|held| held.signers().iter().map(|one| one.id.to_string()));
        Judged {
            file: file.display().to_string(),
            verdict,
            sentence: verification.summary(),
            checks: verification.checks.iter().map(CheckRow::of).collect(),
            ignored: verification.ignored.clone(),
            unit: leaf.and_then(Leaf::unit).map(ToString::to_string),
            leaf_index: held.map(|held| held.index().get()),
            code: held.map(|_| receipt.code().to_string()),
            level: held.map(|held| held.level().to_string()),
            signers: signers.collect(),
            exit,
            shown: leaf.map(|leaf| figures(leaf, election)).unwrap_or_default(),
        }
    }

    fn unreadable(file: &Path, error: &ReceiptError) -> Judged {
        Judged {
            file: file.display().to_string(),
            verdict: "invalid",
            sentence: format!("NOT A RECEIPT: {error}."),
            checks: Vec::new(),
            ignored: Vec::new(),
            unit: None,
            leaf_index: None,
            code: None,
            level: None,
            signers: Vec::new(),
            exit: Exit::Invalid,
            shown: String::new(),
        }
    }
}

impl CheckRow {
    fn of(check: &receipt::Check) -> CheckRow {
        let (result, mark) = match check.result {
            CheckResult::Passed => ("passed", '\u{2713}'),
            CheckResult::Failed(_) => ("failed", '\u{2717}'),
            CheckResult::NotChecked => ("not_checked", '\u{2013}'),
        };
        CheckRow {
            name: check.name.to_string(),
            result,
            sentence: check.sentence.clone(),
            mark,
        }
    }
}

/// The figures of a report, to be compared with the paper sheet.
fn figures(leaf: &Leaf, election: &receipt::Election) -> String {
    let Leaf::Submission(submission) = leaf else {
        return String::new();
    };
    let unit = election.latest().roster().unit(&submission.unit);
    unit.map(|unit| words::summary(unit, &submission.figures.worksheet))
        .unwrap_or_default()
}

fn words(verified: &Verified, genesis: &merkle::Hash, quiet: bool) -> String {
    if quiet {
        let line = |one: &Judged| format!("{}: {}", one.file, one.sentence);
        return verified
            .receipts
            .iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("\n");
    }
    let code = receipt::Fingerprint::of(*genesis);
    let pin = if verified.pinned {
        format!("\u{2713} The bundle is the one whose fingerprint you gave: {code}.")
    } else {
        format!(
            "\u{2013} No fingerprint was given, so the bundle is taken at its word: {code}.\n  \
             Compare this code with the published one."
        )
    };
    let rehearsal = "REHEARSAL: a receipt of a rehearsal counts for nothing else.".to_owned();
    let receipts = verified.receipts.iter().map(Judged::words);
    (verified.rehearsal.then_some(rehearsal).into_iter())
        .chain([pin])
        .chain(receipts)
        .collect::<Vec<_>>()
        .join("\n\n")
}

impl Judged {
    fn words(&self) -> String {
        let checks = self
            .checks
            .iter()
            .map(|check| format!("  {} {}", check.mark, check.sentence));
        let ignored = self.ignored.iter().map(|line| format!("  \u{2013} {line}"));
        let figures = self.shown.lines().map(|line| format!("    {line}"));
        let mut lines = vec![self.file.clone()];
        lines.extend(checks.chain(ignored).chain(figures));
        lines.push(self.sentence.clone());
        lines.join("\n")
    }
}

impl Show {
    fn run(self, output: Output) -> Outcome {
        let bytes = files::read(&self.file)?;
        let receipt = UnverifiedReceipt::parse(&bytes).map_err(|error| {
            Failure::new(
                Exit::Invalid,
                format!("`{}` is not a receipt", self.file.display()),
            )
            .because(&error)
        })?;
        let checkpoint = receipt.checkpoint();
        let shown = Shown {
            kind: Leaf::parse_entry(receipt.entry()).map_or_else(
                |_| "unknown".to_owned(),
                |(leaf, _)| leaf.kind().to_string(),
            ),
            leaf_index: receipt.index().get(),
            leaf_hash: receipt.leaf_hash().to_hex(),
            code: receipt.code().to_string(),
            tree_size: checkpoint.checkpoint().size.get(),
            origin: checkpoint.checkpoint().origin.to_string(),
            lines: checkpoint.lines().len(),
            entry: String::from_utf8_lossy(receipt.entry()).into_owned(),
            checkpoint: String::from_utf8_lossy(&checkpoint.to_bytes()).into_owned(),
        };
        output.say("nothing is checked here; `tally receipt verify` does that");
        output.result("tally.receipt/v1", &shown, || {
            format!(
                "code   {}\nleaf   {} of {} in {}\nhash   {}\n\n{}\n{}",
                shown.code,
                shown.leaf_index,
                shown.tree_size,
                shown.origin,
                shown.leaf_hash,
                shown.entry,
                shown.checkpoint,
            )
        })?;
        Ok(Exit::Done)
    }
}
