//! Night scripts: one command a line and what becomes of it at the line's end.
//!
//! ```text
//! # anything                                       a comment
//! <unit> submit <id> <counts…> <option…>           -> <outcome>      made, signed and sent
//! <unit> draft  <id> <counts…> <option…>                             made and kept
//! <unit> send   <id>                               -> <outcome>      a kept note, or one sent before
//! <unit> attest <id> <counts…, or - for a cell> <option…> -> <outcome>
//! <key>  revoke|enrol <id> <option…>               -> <outcome>
//! -      close|review|void|…  <id> <option…>       -> <outcome>
//! <unit> is                                        -> <standing> <facts…>
//! night  is                                        -> <facts…>
//! ```
//! A sheet is the counts of the first four groups, in both alignments, with the delegates that the
//! rules award. Options: `of=<id>` the report it corrects, `seq=<n>`, `by=<key+key>`,
//! `channel=<word>`, `voucher=<n>`, `photo`, `fewer` (a group is left out), `attendees=<n>`,
//! `earlier=<word>`, `replaces=<key>`, `role=<word>`, `unit=<unit>`.

use std::collections::BTreeMap;

use caucus::{Delegates, FinalAlignment, People, Refusal, UnitId};
use ledger::{Outcome, View};
use merkle::LeafHash;
use note::SignedNote;
use receipt::leaf::{
    Activate, Answer, Answered, Attest, AttestedFigures, ClaimedCell, Close, Column, CountAgain,
    Decision, Dispute, Earlier, Enrol, Figures, Gate, KeyReference, Place, Reason, Review, Revoke,
    Role, Scope, Submission, Void,
};
use receipt::{Header, Leaf};

use super::Night;
use super::election::{self, Election};

/// Runs a script; the panic names the lines that did not come out as it says.
pub(crate) fn run(script: &str) {
    let election = Election::new("night");
    let mut stage = Stage {
        night: Night::of(&election),
        election,
        notes: BTreeMap::new(),
    };
    let mut wrong = Vec::new();
    for (number, line) in (1..).zip(script.lines()) {
        let line = line.split('#').next().unwrap().trim();
        if line.is_empty() {
            continue;
        }
        let (command, expected) = match line.split_once("->") {
            Some((command, expected)) => (command.trim(), Some(expected.trim())),
            None => (line, None),
        };
        let found = stage.play(command);
        if found.as_deref() != expected {
            let found = found.unwrap_or_default();
            wrong.push(format!("line {number}: {command}\n    -> {found}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "these lines came out otherwise:\n{}",
        wrong.join("\n")
    );
}

struct Stage {
    night: Night,
    election: Election,
    /// Notes by unit and id.
    notes: BTreeMap<(String, String), SignedNote>,
}

/// The words of a line behind subject and act.
struct Words<'s> {
    id: &'s str,
    counts: Vec<&'s str>,
    flags: Vec<&'s str>,
    options: BTreeMap<&'s str, &'s str>,
}

impl<'s> Words<'s> {
    fn of(words: &[&'s str]) -> Self {
        let (id, rest) = words
            .split_first()
            .map_or(("", words), |(id, rest)| (*id, rest));
        let is_count = |word: &&&str| **word == "-" || word.bytes().all(|b| b.is_ascii_digit());
        Self {
            id,
            counts: rest.iter().filter(is_count).copied().collect(),
            flags: rest
                .iter()
                .filter(|word| !word.contains('='))
                .copied()
                .collect(),
            options: rest
                .iter()
                .filter_map(|word| word.split_once('='))
                .collect(),
        }
    }

    fn option(&self, name: &str) -> Option<&'s str> {
        self.options.get(name).copied()
    }

    fn signers(&self, default: &str) -> Vec<String> {
        self.option("by")
            .unwrap_or(default)
            .split('+')
            .map(str::to_string)
            .collect()
    }
}

impl Stage {
    /// The header of a note: its id stands for the word and the subject together.
    fn header(&self, subject: &str, words: &Words<'_>) -> Header {
        self.election.header(&format!("{subject} {}", words.id))
    }

    fn play(&mut self, command: &str) -> Option<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let [subject, act, rest @ ..] = words.as_slice() else {
            panic!("a line needs a subject and an act: `{command}`");
        };
        let words = Words::of(rest);
        match *act {
            "is" if *subject == "night" => Some(self.night_is()),
            "is" => Some(self.unit_is(subject)),
            "send" => {
                let note = self.notes[&((*subject).to_string(), words.id.to_string())].clone();
                Some(self.send(&note))
            }
            act => {
                let note = self.note(subject, act, &words);
                let told = (act != "draft").then(|| self.send(&note));
                // A refused note is not what its id stands for.
                if !told
                    .as_ref()
                    .is_some_and(|told| told.starts_with("refused"))
                {
                    self.notes
                        .insert(((*subject).to_string(), words.id.to_string()), note);
                }
                told
            }
        }
    }

    fn send(&mut self, note: &SignedNote) -> String {
        let outcome = self.night.apply(&election::command(note));
        told(&outcome)
    }

    fn note(&self, subject: &str, act: &str, words: &Words<'_>) -> SignedNote {
        let (leaf, default) = match act {
            "submit" | "draft" => (
                self.submission(subject, words).into(),
                format!("{subject}/a"),
            ),
            "attest" => (self.attest(subject, words), "operator1".to_string()),
            "enrol" => (
                self.enrol(subject, words),
                "registrar1+registrar2".to_string(),
            ),
            "revoke" => (
                self.revoke(subject, words),
                "registrar1+registrar2".to_string(),
            ),
            act => self.other(subject, act, words),
        };
        let signers = words.signers(&default);
        let signers: Vec<&str> = signers.iter().map(String::as_str).collect();
        self.election.sign(&leaf, &signers)
    }

    fn leaf_of(&self, unit: &str, id: &str) -> LeafHash {
        self.notes[&(unit.to_string(), id.to_string())].leaf_hash()
    }

    fn submission(&self, unit: &str, words: &Words<'_>) -> Submission {
        let counts: Vec<u64> = words
            .counts
            .iter()
            .filter(|word| **word != "-")
            .map(|word| word.parse().unwrap())
            .collect();
        let mut submission = match self.election.roster.unit(&UnitId::parse(unit).unwrap()) {
            Some(_) => self.election.submission(words.id, unit, &counts),
            // A unit that is not there has no rules of its own: another's sheet will do.
            None => Submission {
                unit: UnitId::parse(unit).unwrap(),
                ..self.election.submission(words.id, "P-1", &counts)
            },
        };
        submission.header = self.header(unit, words);
        if let Some(of) = words.option("of") {
            submission.supersedes = Some(self.leaf_of(unit, of));
            submission.seq = 2;
        }
        if let Some(seq) = words.option("seq") {
            submission.seq = seq.parse().unwrap();
        }
        submission.channel = words.option("channel").map(election::channel);
        submission.voucher = words
            .option("voucher")
            .map(|number| election::voucher(number.parse().unwrap()));
        let worksheet = &mut submission.figures.worksheet;
        if let Some(attendees) = words.option("attendees") {
            worksheet.attendees = People::new(attendees.parse().unwrap()).unwrap();
        }
        if words.flags.contains(&"fewer") {
            let cells = worksheet.last.iter().skip(1);
            worksheet.last =
                FinalAlignment::new(cells.map(|(group, n)| (group.clone(), n)).collect());
        }
        if words.flags.contains(&"photo") {
            submission.figures.evidence = vec![election::photograph()];
        }
        submission
    }

    fn attest(&self, unit: &str, words: &Words<'_>) -> Leaf {
        let id = UnitId::parse(unit).unwrap();
        let stated = |word: &&str| {
            if *word == "-" {
                0
            } else {
                word.parse().unwrap()
            }
        };
        let counts: Vec<u64> = words.counts.iter().map(stated).collect();
        let worksheet = self.election.sheet(&id, &counts);
        let mut figures: AttestedFigures = Figures {
            worksheet,
            evidence: Vec::new(),
        }
        .attested();
        if words.counts.contains(&"-") {
            // What could not be read: the cells of that group, and what follows from it.
            figures.attendees = None;
            figures
                .reported
                .values_mut()
                .for_each(|cell: &mut Option<Delegates>| *cell = None);
            for (place, _) in words
                .counts
                .iter()
                .enumerate()
                .filter(|(_, word)| **word == "-")
            {
                let group = ["biden", "buttigieg", "sanders", "warren"][place];
                let group = caucus::GroupId::parse(group).unwrap();
                figures.first.insert(group.clone(), None);
                figures.last.insert(group, None);
            }
        }
        if words.flags.contains(&"fewer") {
            figures.last.pop_first();
        }
        Leaf::Attest(Box::new(Attest {
            header: self.header(unit, words),
            unit: id,
            channel: election::channel(words.option("channel").unwrap_or("photo")),
            figures,
        }))
    }

    fn reference(&self, word: &str) -> KeyReference {
        let key = self.election.key(word);
        KeyReference {
            name: key.verifier().name().clone(),
            id: key.verifier().id(),
        }
    }

    fn enrol(&self, key: &str, words: &Words<'_>) -> Leaf {
        let place = if let Some(role) = words.option("role") {
            Place::Role(Role::parse(role).unwrap())
        } else {
            let mut parts = key.split('/');
            let unit = UnitId::parse(parts.next().unwrap()).unwrap();
            let slot = caucus::Slot::parse(parts.next().unwrap()).unwrap();
            Place::Slot { unit, slot }
        };
        Leaf::Enrol(Enrol {
            header: self.header(key, words),
            place,
            key: self.election.key(key).verifier().clone(),
            replaces: words.option("replaces").map(|word| self.reference(word)),
            reason: reason(),
        })
    }

    fn revoke(&self, key: &str, words: &Words<'_>) -> Leaf {
        Leaf::Revoke(Revoke {
            header: self.header(key, words),
            key: self.reference(key),
            earlier: Earlier::parse(words.option("earlier").unwrap_or("stand")).unwrap(),
            reason: reason(),
        })
    }

    /// Every other act, and who signs it unless the line says otherwise.
    fn other(&self, subject: &str, act: &str, words: &Words<'_>) -> (Leaf, String) {
        let header = self.header(subject, words);
        let gate = |header| Gate {
            header,
            scope: Scope::All,
            reason: reason(),
        };
        let two = |role: &str| format!("{role}1+{role}2");
        match act {
            "close" => (
                Leaf::Close(Close {
                    header,
                    reason: reason(),
                }),
                two("publisher"),
            ),
            "activate" => {
                let manifest = merkle::sha256(words.id.as_bytes());
                (
                    Leaf::Activate(Activate {
                        header,
                        manifest,
                        reason: reason(),
                    }),
                    two("admin"),
                )
            }
            "review" => (self.review(header, words), "reviewer1".to_string()),
            "void" => (self.void(header, words), two("registrar")),
            "dispute" => (self.dispute(header, words), "observer1".to_string()),
            "answer" => (self.answer(header, words), "reviewer1".to_string()),
            "recanvass" => (
                Leaf::Recanvass(self.count_again(header, words)),
                two("reviewer"),
            ),
            "recount" => (
                Leaf::Recount(self.count_again(header, words)),
                two("reviewer"),
            ),
            "publish" => (Leaf::Publish(gate(header)), two("publisher")),
            "hold" => (Leaf::Hold(gate(header)), two("publisher")),
            act => panic!("no act is called `{act}`"),
        }
    }

    /// The unit and the report that an act speaks of; a report that nobody made, if none is given.
    fn target(&self, words: &Words<'_>) -> (UnitId, LeafHash) {
        let unit = UnitId::parse(words.option("unit").unwrap_or("P-1")).unwrap();
        let of = words.option("of").map(|id| self.leaf_of(unit.as_str(), id));
        (unit, of.unwrap_or(LeafHash::from_bytes([1; 32])))
    }

    fn void(&self, header: Header, words: &Words<'_>) -> Leaf {
        let (unit, of) = self.target(words);
        Leaf::Void(Void {
            header,
            unit,
            of,
            reason: reason(),
        })
    }

    fn answer(&self, header: Header, words: &Words<'_>) -> Leaf {
        let (_, to) = self.target(words);
        Leaf::Answer(Answer {
            header,
            to,
            upheld: Answered::No,
            reason: reason(),
        })
    }

    fn review(&self, header: Header, words: &Words<'_>) -> Leaf {
        let (unit, of) = self.target(words);
        let decision = Decision::Accept;
        Leaf::Review(Review {
            header,
            unit,
            of,
            decision,
            findings: Vec::new(),
            reason: reason(),
        })
    }

    fn dispute(&self, header: Header, words: &Words<'_>) -> Leaf {
        let (unit, of) = self.target(words);
        let cells = vec![ClaimedCell {
            column: Column::Attendees,
            group: None,
            claimed: 7,
        }];
        Leaf::Dispute(Dispute {
            header,
            unit,
            of,
            cells,
            reason: reason(),
        })
    }

    fn count_again(&self, header: Header, words: &Words<'_>) -> Box<CountAgain> {
        let (unit, _) = self.target(words);
        let worksheet = self.election.sheet(&unit, &[10]);
        let figures = Figures {
            worksheet,
            evidence: Vec::new(),
        };
        Box::new(CountAgain {
            header,
            unit,
            figures,
            adopt: Answered::No,
            reason: reason(),
        })
    }

    fn unit_is(&self, unit: &str) -> String {
        let unit = UnitId::parse(unit).unwrap();
        let view = View::new(&self.night.state).unit(&unit).unwrap().unwrap();
        let mut words = vec![view.standing.to_string()];
        if let Some(head) = view.head {
            words.push(format!("head={} seq={}", head.index.get(), head.seq));
        }
        if !view.held_for.is_empty() {
            words.push(format!("for={}", view.held_for.join(",")));
        }
        if !view.witnesses.is_empty() {
            let witnesses: Vec<_> = view.witnesses.iter().map(|i| i.get().to_string()).collect();
            words.push(format!("witnesses={}", witnesses.join(",")));
        }
        if view.arrival == ledger::Arrival::Late {
            words.push("late".to_string());
        }
        words.join(" ")
    }

    fn night_is(&self) -> String {
        let view = View::new(&self.night.state);
        let counts = view.counts().unwrap();
        format!(
            "size={} reported={} verified={} held={}",
            view.tree_size().unwrap().get(),
            counts.reported,
            counts.verified,
            counts.held
        )
    }
}

fn reason() -> Reason {
    Reason::parse("as the script says").unwrap()
}

/// An outcome in a script's words.
fn told(outcome: &Outcome) -> String {
    let mut words = vec![outcome.name().to_string()];
    if let Some(leaf) = outcome.leaf() {
        words.push(format!("leaf={}", leaf.index.get()));
    }
    match outcome {
        Outcome::Recorded { head, .. } | Outcome::Corrected { head, .. } => {
            words.push(format!("seq={}", head.seq));
        }
        Outcome::Rival { head, .. } => {
            words.push(format!(
                "head={}",
                head.map_or("-".into(), |h| h.index.get().to_string())
            ));
        }
        Outcome::Superseded { head, .. } => words.push(format!("head={}", head.index.get())),
        Outcome::AlreadyRecorded { .. } | Outcome::Applied { .. } => {}
        Outcome::Refused { refusal, head } => {
            words.push(refusal.code().to_string());
            if let Refusal::VoucherUsed { leaf } = refusal {
                words.push(format!("leaf={leaf}"));
            }
            if let Refusal::Stale = refusal {
                words.push(format!(
                    "head={}",
                    head.map_or("-".into(), |head| head.index.get().to_string())
                ));
            }
        }
    }
    words.join(" ")
}
