//! A chair's desk, or that of two operators: the sheet checked, shown, signed, kept and sent. What
//! `submit` and `correct` share.

use std::path::{Path, PathBuf};

use caucus::{Finding, Problem, RawWorksheet, Severity, Unit, UnitId, Worksheet};
use clap::Args;
use merkle::LeafHash;
use note::{SignedNote, SignerKey};
use receipt::leaf::{Channel, Evidence, Figures, Submission};
use receipt::{Election, Leaf, VoucherCode};

use super::acts::{Act, Carried, Office};
use super::draft::Draft;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::prompts::{self, Terminal};
use super::send::{self, FindingRow, Sent};
use super::{attest, evidence, files, remarks, words};
use crate::answer::Head;
use crate::outbox::State;
use crate::sheet::{BadSheet, Sheet};

/// What a report is signed with and where it goes; shared with `correct`.
#[derive(Debug, Args)]
pub(crate) struct Signing {
    /// A photograph of the sheet, named in the report by its hash; may be given several times.
    #[arg(long = "photo", visible_alias = "evidence", value_name = "FILE")]
    photos: Vec<PathBuf>,
    /// Two operators took the report down: by phone, or from a photo or the paper of the sheet.
    #[arg(long, value_parser = attest::channel)]
    channel: Option<Channel>,
    /// The code that the chair read out, for a report by phone.
    #[arg(long, value_name = "CODE", requires = "channel", value_parser = VoucherCode::parse)]
    voucher: Option<VoucherCode>,
    #[command(flatten)]
    act: Act,
}

/// A chair at work, or two operators for one: the unit, the sheet, and the desk it is sent from.
pub(crate) struct Desk {
    pub(crate) office: Office,
    pub(crate) unit: Unit,
    channel: Option<Channel>,
    voucher: Option<VoucherCode>,
    evidence: Vec<Evidence>,
    /// The sheet as it stands in its file.
    typed: Option<RawWorksheet>,
    /// The draft that the questions are kept in.
    draft: Option<Draft>,
    /// What the rules say about the sheet that is being sent.
    findings: Vec<Finding>,
}

impl Desk {
    pub(crate) async fn open(
        output: Output,
        signing: Signing,
        sheet: Option<&Path>,
        unit: Option<UnitId>,
    ) -> Outcome<Desk> {
        let Signing {
            photos,
            channel,
            voucher,
            act,
        } = signing;
        check_channel(channel, voucher.as_ref(), &photos)?;
        let office = act.open(output).await?;
        let (unit, typed) = if channel.is_none() {
            let unit = chairs_unit(&office)?;
            (unit, sheet.map(read).transpose()?)
        } else {
            let typed = sheet.map(read).transpose()?;
            (operators_unit(&office, typed.as_ref(), unit)?, typed)
        };
        Ok(Desk {
            evidence: evidence::of_files(&photos)?,
            office,
            unit,
            channel,
            voucher,
            typed,
            draft: None,
            findings: Vec::new(),
        })
    }

    /// The sheet from its file, or from answers to questions, checked cell by cell.
    pub(crate) fn worksheet(&mut self) -> Outcome<Worksheet> {
        let raw = match self.typed.take() {
            Some(raw) => raw,
            None => self.ask()?,
        };
        let rules = self.office.election.latest().rules();
        raw.check(&self.unit, rules).map_err(|wrong| {
            let failure = problems(&wrong);
            match &self.draft {
                Some(draft) => failure.now(kept_words(draft)),
                None => failure.now("mend these cells and send it again; nothing was sent"),
            }
        })
    }

    /// Asks for every figure, keeping each answer as it comes.
    fn ask(&mut self) -> Outcome<RawWorksheet> {
        let output = self.office.output;
        let mut terminal = Terminal::of(output)?;
        let draft = Draft::of(self.office.outbox.disk().path(), &self.unit.id)?;
        let before = draft.load();
        if before.is_some() {
            output.say(&format!(
                "figures typed before are in {}; Enter keeps each of them",
                draft.path().display()
            ));
        }
        let rules = self.office.election.latest().rules();
        let typed = prompts::sheet(
            &mut terminal,
            &self.unit,
            rules,
            before.unwrap_or_default(),
            |raw| draft.save(raw),
        );
        let typed = typed.map_err(|failure| failure.now(kept_words(&draft)))?;
        self.draft = Some(draft);
        Ok(typed)
    }

    /// A note in the outbox with these very figures for this unit, so that a second run of the
    /// same command does not make a second report. One with other figures stops the command.
    pub(crate) fn same_report_before(&self, worksheet: &Worksheet) -> Outcome<Option<SignedNote>> {
        let going = &self.office.going;
        if going.dry_run || going.sign_only.is_some() {
            return Ok(None);
        }
        let mut other = None;
        let entries = self.office.outbox.list();
        for entry in entries.map_err(|error| send::disk(&error))? {
            let Some((note, submission)) = self.own_report(&entry.note) else {
                continue;
            };
            // What a key that was replaced signed and nobody took is not sent again with another key.
            let refused = matches!(entry.state, State::Refused(_));
            if refused && !self.signs_like(&note) {
                continue;
            }
            let figures = &submission.figures;
            let same_way = submission.channel == self.channel && submission.voucher == self.voucher;
            if same_way && figures.worksheet == *worksheet && figures.evidence == self.evidence {
                return Ok(Some(note));
            }
            if !refused {
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

    /// Whether every key at this desk has signed the note.
    fn signs_like(&self, note: &SignedNote) -> bool {
        self.office.keys.iter().all(|key| {
            let mut lines = note.signatures().iter();
            lines.any(|line| key.verifier().claims(line))
        })
    }

    fn own_report(&self, bytes: &[u8]) -> Option<(SignedNote, Submission)> {
        let note = SignedNote::parse(bytes).ok()?;
        let Ok(Leaf::Submission(submission)) = Leaf::parse(&note) else {
            return None;
        };
        let own = submission.header.genesis == Some(*self.office.election.genesis())
            && submission.unit == self.unit.id;
        own.then_some((note, *submission))
    }

    /// Shows the sheet, what the rules make of it and what does not add up, asks, signs, keeps the
    /// report and carries it to the cluster.
    pub(crate) async fn report(
        &mut self,
        seq: u64,
        supersedes: Option<LeafHash>,
        worksheet: &Worksheet,
    ) -> Outcome<Carried> {
        let leaf = Leaf::from(Submission {
            header: self.office.header(),
            unit: self.unit.id.clone(),
            seq,
            supersedes,
            channel: self.channel,
            voucher: self.voucher.clone(),
            figures: Figures {
                worksheet: worksheet.clone(),
                evidence: self.evidence.clone(),
            },
        });
        let hands = self.office.hands(&leaf, &[])?;
        if self.channel.is_some() {
            self.office.say(&leaf);
        }
        self.confirm(worksheet)?;
        match self.office.sign_and_send(&leaf, Vec::new(), &hands).await? {
            Carried::Sent(sent) => {
                // The report is in the outbox now, whatever became of it.
                if let Some(draft) = self.draft.take() {
                    draft.done();
                }
                Ok(Carried::Sent(Box::new(self.with_findings(*sent))))
            }
            Carried::Ended(exit) => Ok(Carried::Ended(exit)),
        }
    }

    /// Shows what the rules say about the sheet and asks whether to send it. Without anybody to
    /// ask, a sheet that contradicts the rules is sent only with `--yes`.
    fn confirm(&mut self, worksheet: &Worksheet) -> Outcome<()> {
        let (output, going) = (self.office.aloud(), &self.office.going);
        let rules = self.office.election.latest().rules();
        let findings = caucus::findings(&self.unit, rules, worksheet);
        let grave = findings
            .iter()
            .any(|finding| finding.severity() == Severity::Error);
        let settled = going.yes || going.dry_run;
        if grave && !settled && !output.can_ask() {
            let failure = Failure::new(
                Exit::Usage,
                "the sheet contradicts the rules; nothing was sent",
            );
            return Err(findings
                .iter()
                .fold(failure, |failure, finding| {
                    failure.why(remarks::finding_line(finding))
                })
                .now("mend the sheet; if the paper says the same, send it with --yes"));
        }
        // What operators sign has been said with the voucher; a dry run ends with the whole note.
        if self.channel.is_none() && !going.dry_run {
            output.say(&words::summary(&self.unit, worksheet));
        }
        let names = std::iter::once("worked out").chain(std::iter::repeat(""));
        for (name, line) in names.zip(caucus::worked(rules, &self.unit, worksheet)) {
            output.say(&words::row(name, line));
        }
        for finding in &findings {
            output.say(&format!("  {}", remarks::finding_line(finding)));
        }
        let question = if grave {
            "Send it all the same? Headquarters will see the same remarks.".to_owned()
        } else {
            format!("Send this for {} ({})?", self.unit.name, self.unit.id)
        };
        if !settled && output.can_ask() && !output.ask(&question)? {
            let failure = Failure::new(Exit::Interrupted, "nothing was sent");
            return Err(match &self.draft {
                Some(draft) => failure.now(kept_words(draft)),
                None => failure,
            });
        }
        self.findings = findings;
        Ok(())
    }

    /// Asks whether a rival should become a correction of what stands.
    pub(crate) fn wants_correction(&self, sent: &Sent, head: Head) -> Outcome<bool> {
        if !self.office.output.can_ask() {
            return Ok(false);
        }
        self.office.output.say(&sent.words);
        self.office.output.ask(&format!(
            "Leaf {} stands for this unit. Send your figures as its correction?",
            head.leaf.index
        ))
    }

    pub(crate) fn with_findings(&self, mut sent: Sent) -> Sent {
        sent.findings = self.findings.iter().map(FindingRow::of).collect();
        sent
    }
}

/// What each channel needs, said before anything is opened.
fn check_channel(
    channel: Option<Channel>,
    voucher: Option<&VoucherCode>,
    photos: &[PathBuf],
) -> Outcome<()> {
    let problem = match channel {
        Some(Channel::Phone) if voucher.is_none() => Some((
            "a report by phone needs the chair's voucher",
            "ask the chair for the code on the sealed card, and give it with --voucher",
        )),
        Some(Channel::Paper | Channel::Photo) if photos.is_empty() => Some((
            "a report from a photo or the paper needs the file that shows it",
            "give the photograph or scan with --evidence FILE",
        )),
        None | Some(Channel::Paper | Channel::Phone | Channel::Photo) => None,
        Some(Channel::Room) => Some((
            "nobody reports from the room for a chair",
            "the secretary's own record of the sheet is `tally attest`",
        )),
    };
    match problem {
        Some((what, now)) => Err(Failure::new(Exit::Usage, what).now(now)),
        None => Ok(()),
    }
}

/// The unit of the one chair at the desk.
fn chairs_unit(office: &Office) -> Outcome<Unit> {
    match office.keys.as_slice() {
        [key] => unit_of(key, &office.election),
        _ => Err(Failure::new(Exit::Usage, "a chair signs alone")
            .now("give one --key; two operators give --channel as well")),
    }
}

/// The unit that operators take a report down for.
fn operators_unit(
    office: &Office,
    typed: Option<&RawWorksheet>,
    given: Option<UnitId>,
) -> Outcome<Unit> {
    let id = match (typed, given) {
        (Some(typed), _) => attest::unit_id(&typed.unit)?,
        (None, Some(unit)) => unit,
        (None, None) => {
            return Err(Failure::new(Exit::Usage, "no sheet and no unit")
                .now("give the sheet as a file, or --unit UNIT to be asked"));
        }
    };
    attest::unit(office, &id)
}

fn read(file: &Path) -> Outcome<RawWorksheet> {
    Sheet::parse(&files::read_text(file)?)
        .and_then(|sheet| sheet.to_raw())
        .map_err(|error| unreadable(file, &error))
}

/// A file that is no sheet.
pub(crate) fn unreadable(file: &Path, error: &BadSheet) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("cannot read the sheet `{}`", file.display()),
    )
    .why(error.to_string())
    .now("`tally sheet UNIT` prints an empty one to fill in")
}

/// All that keeps a typed sheet from being one.
pub(crate) fn problems(problems: &[Problem]) -> Failure {
    let failure = Failure::new(Exit::Usage, "this sheet cannot be sent as it is");
    problems
        .iter()
        .fold(failure, |failure, problem| failure.why(problem.to_string()))
}

/// Where typed figures are.
fn kept_words(draft: &Draft) -> String {
    format!(
        "what you typed is kept in {0}\n\
         `tally submit` asks again and offers it; `tally submit {0}` sends it as it is",
        draft.path().display()
    )
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
