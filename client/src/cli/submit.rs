//! `tally submit`: from a sheet to a receipt.

use std::path::{Path, PathBuf};

use caucus::{Finding, Severity, Unit, UnitId, Worksheet};
use clap::Args;
use merkle::sha256;
use note::{SignedNote, SignerKey};
use receipt::leaf::{Evidence, MediaType, Submission};
use receipt::{Election, Leaf};

use super::args::{Kept, Network, Patience, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::send::{self, FindingRow, Sent};
use super::{files, on_network, prompts, trust};
use crate::answer::{Effect, Head};
use crate::chair::{self, Report};
use crate::client::Client;
use crate::clock::{Clock as _, SystemClock};
use crate::disk::Directory;
use crate::outbox::{Outbox, State};
use crate::random::SystemRandom;

/// Report a unit's figures and get a receipt.
#[derive(Debug, Args)]
#[command(after_help = SUBMIT_HELP)]
pub(crate) struct Submit {
    /// The sheet as TOML or JSON; `-` reads it from standard input. Without it, questions are asked.
    sheet: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// What a report is signed with and where it goes; shared with `correct`.
#[derive(Debug, Args)]
pub(crate) struct Signing {
    /// The chair's secret key; its name says for which unit it reports.
    #[arg(long, env = "TALLY_KEY", value_name = "FILE", hide_env_values = true)]
    pub(crate) key: PathBuf,
    /// A photograph of the sheet, named in the report by its hash; may be given several times.
    #[arg(long = "photo", value_name = "FILE")]
    pub(crate) photos: Vec<PathBuf>,
    /// Send without asking, whatever the check of the sheet says.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) trust: Trust,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

const SUBMIT_HELP: &str = "\
What happens, in this order:
  1. the election's bundle is fetched from a node and checked against the pinned fingerprint
  2. the sheet is checked by the rules, and what does not add up is shown in words
  3. the report is signed and kept in the outbox; from here on it cannot be lost
  4. every node is tried, with the same bytes, until a receipt has been verified
  5. the receipt is kept beside the report, and its code is printed

If there is no receipt in time the command says so and ends with 3; the report stays in the outbox
and `tally outbox send` goes on. Running the same command again sends the same report again, which
is recorded once.

Examples:
  tally submit sheet.toml --key chairs/P-0001.key
  tally submit --key chairs/P-0001.key                 # asks for every figure
  tally submit sheet.json --key P-0001.key --photo sheet.jpg --wait 60
  tally submit - --key P-0001.key --json < sheet.json";

impl Submit {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.submit(output))
    }

    async fn submit(self, output: Output) -> Outcome {
        let mut desk = Desk::open(output, &self.signing).await?;
        let worksheet = desk.worksheet(self.sheet.as_deref())?;
        let evidence = desk.evidence()?;
        if let Some(note) = desk.same_report_before(&worksheet, &evidence)? {
            output.say("this report is in the outbox already; it is sent again as it is");
            let sent = desk.carry(&note).await?;
            return send::tell(output, &sent);
        }
        desk.confirm(&worksheet)?;
        let unit = desk.unit.id.clone();
        let report = Report {
            evidence,
            ..Report::first(unit, worksheet.clone())
        };
        let sent = desk.sign_and_carry(report.clone()).await?;
        match (sent.effect, sent.head) {
            (Some(Effect::Rival), Some(head)) if desk.wants_correction(&sent, head)? => {
                let report = Report {
                    seq: head.seq.saturating_add(1),
                    supersedes: Some(head.leaf.hash),
                    ..report
                };
                let sent = desk.sign_and_carry(report).await?;
                send::tell(output, &sent)
            }
            _ => send::tell(output, &sent),
        }
    }
}

/// A chair at work: the key, the unit, the outbox, and the cluster if there is one.
pub(crate) struct Desk<'a> {
    pub(crate) output: Output,
    pub(crate) signing: &'a Signing,
    key: SignerKey,
    pub(crate) unit: Unit,
    pub(crate) election: std::sync::Arc<Election>,
    pub(crate) client: Option<Client>,
    outbox: Outbox<Directory>,
    /// What the rules say about the sheet that is being sent.
    findings: Vec<Finding>,
    random: SystemRandom,
    clock: SystemClock,
}

impl<'a> Desk<'a> {
    pub(crate) async fn open(output: Output, signing: &'a Signing) -> Outcome<Desk<'a>> {
        let key = files::read_key(&signing.key)?;
        let outbox = signing.kept.open()?;
        let (opened, connections) = trust::open_for_sending(
            output,
            &signing.trust,
            &signing.network,
            outbox.disk().path(),
        )
        .await?;
        let election = opened.election;
        let unit = unit_of(&key, &election)?;
        if election.kind() == receipt::ElectionKind::Rehearsal {
            output.say("REHEARSAL: nothing sent here counts");
        }
        let client = connections
            .map(|connections| Client::new(connections, std::sync::Arc::clone(&election)));
        Ok(Desk {
            output,
            signing,
            key,
            unit,
            election,
            client,
            outbox,
            findings: Vec::new(),
            random: SystemRandom,
            clock: SystemClock::start(),
        })
    }

    /// The sheet from its file, or from answers to questions, checked cell by cell.
    pub(crate) fn worksheet(&self, file: Option<&Path>) -> Outcome<Worksheet> {
        let rules = self.election.latest().rules();
        let raw = match file {
            Some(file) => {
                let wrong = |error: crate::sheet::BadSheet| {
                    Failure::new(
                        Exit::Usage,
                        format!("cannot read the sheet `{}`", file.display()),
                    )
                    .why(error.to_string())
                    .now("`tally sheet UNIT` prints an empty one to fill in")
                };
                crate::sheet::Sheet::parse(&files::read_text(file)?)
                    .and_then(|sheet| sheet.to_raw())
                    .map_err(wrong)?
            }
            None => prompts::sheet(self.output, &self.unit, rules)?,
        };
        raw.check(&self.unit, rules).map_err(|problems| {
            let failure = Failure::new(Exit::Usage, "this sheet cannot be sent as it is");
            problems
                .iter()
                .fold(failure, |failure, problem| failure.why(problem.to_string()))
                .now("mend these cells and send it again; nothing was sent")
        })
    }

    /// The photographs, by hash.
    pub(crate) fn evidence(&self) -> Outcome<Vec<Evidence>> {
        let mut evidence = self
            .signing
            .photos
            .iter()
            .map(|file| photo(file))
            .collect::<Outcome<Vec<_>>>()?;
        evidence.sort_by_cached_key(|one| note::b64::encode_hash(&one.hash));
        evidence.dedup_by_key(|one| one.hash);
        Ok(evidence)
    }

    /// A note in the outbox with these very figures for this unit, so that a second run of the
    /// same command does not make a second report. One with other figures stops the command.
    fn same_report_before(
        &self,
        worksheet: &Worksheet,
        evidence: &[Evidence],
    ) -> Outcome<Option<SignedNote>> {
        let mut other = None;
        for entry in self.outbox.list().map_err(|error| send::disk(&error))? {
            let Some((note, submission)) = self.own_report(&entry.note) else {
                continue;
            };
            let figures = &submission.figures;
            if figures.worksheet == *worksheet && figures.evidence == evidence {
                return Ok(Some(note));
            }
            if !matches!(entry.state, State::Refused(_)) {
                other = Some(entry.name);
            }
        }
        match other {
            Some(name) => Err(Failure::new(
                Exit::Conflict,
                format!(
                    "other figures for {} are in the outbox already",
                    self.unit.id
                ),
            )
            .why(format!("see `{name}` in `tally outbox list`"))
            .now(
                "`tally outbox send` sends what is kept; if these figures are the right ones, \
                 `tally correct` sends them after it",
            )),
            None => Ok(None),
        }
    }

    fn own_report(&self, bytes: &[u8]) -> Option<(SignedNote, Submission)> {
        let note = SignedNote::parse(bytes).ok()?;
        let Ok(Leaf::Submission(submission)) = Leaf::parse(&note) else {
            return None;
        };
        let own = submission.header.genesis == Some(*self.election.genesis())
            && submission.unit == self.unit.id;
        own.then_some((note, *submission))
    }

    /// Shows what the rules say about the sheet and asks whether to send it. Without anybody to
    /// ask, a sheet that contradicts the rules is sent only with `--yes`.
    pub(crate) fn confirm(&mut self, worksheet: &Worksheet) -> Outcome<()> {
        let findings = caucus::findings(&self.unit, self.election.latest().rules(), worksheet);
        let grave = findings
            .iter()
            .any(|finding| finding.severity() == Severity::Error);
        if grave && !self.signing.yes && !self.output.can_ask() {
            let failure = Failure::new(
                Exit::Usage,
                "the sheet contradicts the rules; nothing was sent",
            );
            return Err(findings
                .iter()
                .fold(failure, |failure, finding| {
                    failure.why(finding_line(finding))
                })
                .now("mend the sheet; if the paper says the same, send it with --yes"));
        }
        self.output.say(&summary(&self.unit, worksheet));
        for finding in &findings {
            self.output.say(&format!("  {}", finding_line(finding)));
        }
        let question = if grave {
            "Send it all the same? Headquarters will see the same remarks.".to_owned()
        } else {
            format!("Send this for {} ({})?", self.unit.name, self.unit.id)
        };
        let asked = !self.signing.yes && self.output.can_ask();
        if asked && !self.output.ask(&question)? {
            return Err(Failure::new(Exit::Interrupted, "nothing was sent"));
        }
        self.findings = findings;
        Ok(())
    }

    /// Asks whether a rival should become a correction of what stands.
    fn wants_correction(&self, sent: &Sent, head: Head) -> Outcome<bool> {
        if !self.output.can_ask() {
            return Ok(false);
        }
        self.output.say(&sent.words);
        self.output.ask(&format!(
            "Leaf {} stands for this unit. Send your figures as its correction?",
            head.leaf.index
        ))
    }

    /// Signs a report, keeps it, and carries it to the cluster.
    pub(crate) async fn sign_and_carry(&mut self, report: Report) -> Outcome<Sent> {
        let header = chair::header(&self.election, &mut self.random, self.clock.unix());
        let note = chair::report(header, report, &self.key).map_err(|error| {
            Failure::new(Exit::Usage, "this report cannot be written as a note").because(&error)
        })?;
        self.carry(&note).await
    }

    async fn carry(&self, note: &SignedNote) -> Outcome<Sent> {
        let name = send::keep(&self.outbox, note)?;
        let mut sent = match &self.client {
            Some(client) => {
                self.output.say(&format!("kept as {name}; sending"));
                send::deliver(&self.outbox, client, &name, note, self.signing.patience).await?
            }
            None => send::about(&self.outbox, &name, note),
        };
        sent.findings = self.findings.iter().map(FindingRow::of).collect();
        Ok(sent)
    }
}

/// The unit that a chair's key reports for: `<election>/<unit>/<slot>`.
fn unit_of(key: &SignerKey, election: &Election) -> Outcome<Unit> {
    let name = key.verifier().name().to_string();
    let wrong = |why: String| {
        Failure::new(
            Exit::Usage,
            "this key does not report for a unit of this election",
        )
        .why(why)
        .now("use the chair's key of your own precinct; `tally key show FILE` says whose it is")
    };
    let mut parts = name.split('/');
    let (of, unit) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    if of != election.id().as_str() {
        return Err(wrong(format!(
            "its name is `{name}`, the election is `{}`",
            election.id()
        )));
    }
    let unit = UnitId::parse(unit).map_err(|error| wrong(error.to_string()))?;
    let known = election.latest().roster().unit(&unit).cloned();
    known.ok_or_else(|| wrong(format!("its name is `{name}`; there is no unit `{unit}`")))
}

/// One finding as the chair reads it: how grave, in words, and the code for the telephone.
fn finding_line(finding: &Finding) -> String {
    let weight = match finding.severity() {
        Severity::Error => "wrong",
        Severity::Warning => "odd",
        Severity::Evidence => "note",
    };
    format!(
        "{weight}: {} [{}]",
        finding.for_chair(),
        finding.code.as_str()
    )
}

/// The sheet in three lines, to be compared with the paper.
pub(crate) fn summary(unit: &Unit, worksheet: &Worksheet) -> String {
    let row = |name: &str, cells: Vec<String>| format!("  {name:<17} {}", cells.join("  "));
    let first = worksheet.first.iter().filter(|(_, count)| count.get() > 0);
    let last = worksheet.last.iter().filter(|(_, count)| count.get() > 0);
    let delegates = worksheet
        .reported
        .iter()
        .filter(|(_, count)| count.get() > 0);
    [
        format!(
            "{} ({}), {} people",
            unit.name, unit.id, worksheet.attendees
        ),
        row(
            "first alignment",
            first.map(|(group, n)| format!("{group} {n}")).collect(),
        ),
        row(
            "final alignment",
            last.map(|(group, n)| format!("{group} {n}")).collect(),
        ),
        row(
            "delegates",
            delegates.map(|(group, n)| format!("{group} {n}")).collect(),
        ),
    ]
    .join("\n")
}

fn photo(file: &Path) -> Outcome<Evidence> {
    let bytes = files::read(file)?;
    let extension = file
        .extension()
        .and_then(|text| text.to_str())
        .unwrap_or_default();
    let media_type = match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "heic" => "image/heic",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    };
    let media_type = MediaType::parse(media_type).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("cannot name the type of `{}`", file.display()),
        )
    })?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(Evidence {
        hash: sha256(&bytes),
        media_type,
        bytes: length,
    })
}
