//! `tally receipt`: checked offline, every check named; and the forms in which it is handed on.

mod code;
mod convert;
mod current;
mod missing;
mod page;
mod qr;
mod upgrade;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use receipt::{CheckResult, Leaf, Receipt, ShortCode, UnverifiedReceipt, Verdict, Verification};
use serde::Serialize;

use super::args::Trust;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::trust::{self, Pinned};
use super::{files, words};
use crate::form::{FormError, Handed};

/// Check receipts, show what is in one, hand it on in another form.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Verify(Verify),
    Show(Show),
    Qr(qr::Qr),
    Code(code::Code),
    Current(current::Current),
    Page(page::Page),
    Convert(convert::Convert),
    Upgrade(upgrade::Upgrade),
    Fetch(upgrade::Fetch),
}

/// Check receipts offline and print every check.
#[derive(Debug, Args)]
#[command(after_help = "\
No network is used. A receipt that holds proves that the report is in the log exactly as shown and
that a majority of the nodes had it on their disks. Whether it is still what stands for the unit
only the log itself can say: see `tally receipt current`.

Marks: \u{2713} holds, \u{2717} does not hold, \u{2013} not checked, and why.

Ends with 0 if all receipts hold, 10 if one does not, 11 if one cannot be judged with this bundle.
A receipt may be a file, JSON or the text of a QR code; to the last, --note gives the report itself.

Examples:
  tally receipt verify P-0001.receipt --bundle bundle --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K
  tally receipt verify receipts/*.receipt --bundle bundle --quiet
  tally receipt verify scanned.qr --note P-0001.note --bundle bundle")]
pub(crate) struct Verify {
    /// Receipts in any form; `-` reads standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The note that a QR code's receipt is for.
    #[arg(long, value_name = "FILE")]
    note: Option<PathBuf>,
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
    /// The log that went on after a recovery lacks it.
    lost: bool,
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
            Verb::Qr(qr) => qr.run(output),
            Verb::Code(code) => code.run(output),
            Verb::Current(current) => current.run(output),
            Verb::Page(page) => page.run(output),
            Verb::Convert(convert) => convert.run(output),
            Verb::Upgrade(upgrade) => upgrade.run(output),
            Verb::Fetch(fetch) => fetch.run(output),
        }
    }
}

impl Verify {
    fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let election = &opened.election;
        let note = self.note.as_deref().map(files::read).transpose()?;
        let judge = |file: &PathBuf| {
            let judged = Handed::read(&files::read(file)?).and_then(|handed| {
                let verification = match &handed {
                    Handed::Whole(receipt) => receipt.verify(election),
                    Handed::Compact(compact) => compact.verify(election, note.as_deref())?,
                };
                Ok(Judged::of(file, handed.code(), &verification, election))
            });
            Ok(judged.unwrap_or_else(|error| Judged::unreadable(file, &error)))
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
        code: ShortCode,
        verification: &Verification,
        election: &receipt::Election,
    ) -> Judged {
        let (verdict, exit) = match &verification.verdict {
            Verdict::Recorded(_) | Verdict::RecordedUnread(_) => ("recorded", Exit::Done),
            Verdict::NotYetWitnessed { .. } => ("not_yet_witnessed", Exit::CannotVerify),
            Verdict::NeedsNewerBundle { .. } => ("needs_newer_bundle", Exit::CannotVerify),
            Verdict::Invalid(_) => ("invalid", Exit::Invalid),
        };
        let leaf = verification.receipt().map(Receipt::leaf);
        let proven = Proven::of(&verification.verdict);
        Judged {
            file: file.display().to_string(),
            verdict,
            sentence: verification.summary(),
            checks: verification.checks.iter().map(CheckRow::of).collect(),
            ignored: verification.ignored.clone(),
            unit: leaf.and_then(Leaf::unit).map(ToString::to_string),
            leaf_index: proven.as_ref().map(|proven| proven.index.get()),
            code: proven.as_ref().map(|_| code.to_string()),
            level: proven.as_ref().map(|proven| proven.level.to_string()),
            lost: proven.as_ref().is_some_and(|proven| proven.lost),
            signers: proven.map(|proven| proven.signers).unwrap_or_default(),
            exit,
            shown: leaf.map(|leaf| figures(leaf, election)).unwrap_or_default(),
        }
    }

    fn unreadable(file: &Path, error: &FormError) -> Judged {
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
            lost: false,
            signers: Vec::new(),
            exit: Exit::Invalid,
            shown: String::new(),
        }
    }
}

/// What a verdict says is recorded.
struct Proven {
    index: merkle::LeafIndex,
    level: receipt::ReceiptLevel,
    signers: Vec<String>,
    lost: bool,
}

impl Proven {
    fn of(verdict: &Verdict) -> Option<Proven> {
        let (index, level, signers, lost) = match verdict {
            Verdict::Recorded(held) => (
                held.index(),
                held.level(),
                held.signers(),
                held.lost().is_some(),
            ),
            Verdict::RecordedUnread(unread) => (
                unread.index,
                unread.level,
                unread.signers.as_slice(),
                unread.lost.is_some(),
            ),
            Verdict::NotYetWitnessed { .. }
            | Verdict::NeedsNewerBundle { .. }
            | Verdict::Invalid(_) => return None,
        };
        let signers = signers.iter().map(|one| one.id.to_string()).collect();
        Some(Proven {
            index,
            level,
            signers,
            lost,
        })
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

/// A receipt in whichever form.
fn handed(file: &Path) -> Outcome<Handed> {
    Handed::read(&files::read(file)?).map_err(|error| {
        Failure::new(
            Exit::Invalid,
            format!("`{}` is not a receipt", file.display()),
        )
        .because(&error)
    })
}

/// A receipt with its report.
fn whole(file: &Path) -> Outcome<UnverifiedReceipt> {
    match handed(file)? {
        Handed::Whole(receipt) => Ok(receipt),
        Handed::Compact(_) => Err(Failure::new(
            Exit::Usage,
            format!(
                "`{}` is the text of a QR code, without the report",
                file.display()
            ),
        )
        .now("`tally receipt convert --to file --note FILE` makes the whole receipt of it")),
    }
}

/// A receipt that has to hold before anything is done with it.
fn holding(
    file: &Path,
    receipt: &UnverifiedReceipt,
    election: &receipt::Election,
) -> Outcome<(Verification, Receipt)> {
    let verification = receipt.verify(election);
    match verification.receipt().cloned() {
        Some(held) => Ok((verification, held)),
        None => Err(does_not_hold(file, verification.summary())),
    }
}

/// The file is a receipt and does not hold.
pub(crate) fn does_not_hold(file: &Path, why: String) -> Failure {
    Failure::new(
        Exit::Invalid,
        format!("the receipt `{}` does not hold", file.display()),
    )
    .why(why)
    .now("`tally receipt verify FILE` names every check")
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
        let receipt = whole(&self.file)?;
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
