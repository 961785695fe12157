//! Night scripts: one command a line and what becomes of it at the line's end.
//!
//! ```text
//! # anything                                       a comment
//! <unit> submit <id> <counts…> <option…>           -> <outcome>      made, signed and sent
//! <unit> draft  <id> <counts…> <option…>                             made and kept
//! <unit> send   <id>                               -> <outcome>      a kept note, or one sent before
//! <unit> attest <id> <counts…, or - for a cell> <option…> -> <outcome>
//! <key>  revoke|enrol <id> <option…>               -> <outcome>
//! <unit> review <id> of=<id> accept=<codes>|take=<id>|ask|hold -> <outcome>
//! <unit> void|dispute|answer <id> of=<id> <option…> -> <outcome>
//! <unit> recanvass|recount <id> <counts…> [adopt]  -> <outcome>
//! <all, county:<id> or unit> publish|hold <id>     -> <outcome>
//! -      roster <id> add=|close=|merge=|withdraw=  -> <outcome>
//! -      close|activate <id>                       -> <outcome>
//! <unit> is                                        -> <standing> <facts…>
//! <unit> has                                       -> <records beside its head> <findings>
//! <unit> went                                      -> <leaf>:<what it did> …
//! night  is                                        -> <facts…>
//! ```
//! A sheet is the counts of the first four groups, in both alignments, with the delegates that the
//! rules award. Options: `of=<id>` the report it corrects, `seq=<n>`, `by=<key+key>`,
//! `channel=<word>`, `voucher=<n>`, `photo`, `fewer` (a group is left out), `attendees=<n>`,
//! `earlier=<word>`, `replaces=<key>`, `role=<word>`, `unit=<unit>`.

use std::collections::BTreeMap;

use caucus::{CountyId, Delegates, FinalAlignment, GroupId, People, Refusal, Unit, UnitId};
use ledger::{FindingState, LeafChange, Marks, Membership, Outcome, Release, View};
use merkle::LeafHash;
use note::SignedNote;
use receipt::leaf::{
    Activate, Amendment, Answer, Answered, Attest, AttestedFigures, ClaimedCell, Close, Column,
    CountAgain, Decision, Dispute, Earlier, Enrol, Figures, FindingName, Gate, KeyReference, Place,
    Reason, Review, Revoke, Role, RosterChange, Scope, Submission, Void,
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
            "has" => Some(self.unit_has(subject)),
            "went" => Some(self.unit_went(subject)),
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
                let group = GroupId::parse(group).unwrap();
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
        let two = |role: &str| format!("{role}1+{role}2");
        match act {
            "close" => {
                let reason = reason();
                (Leaf::Close(Close { header, reason }), two("publisher"))
            }
            "activate" => {
                let activate = Activate {
                    header,
                    manifest: merkle::sha256(words.id.as_bytes()),
                    reason: reason(),
                };
                (Leaf::Activate(activate), two("admin"))
            }
            "review" => (self.review(subject, header, words), "reviewer1".to_string()),
            "void" => {
                let (unit, of) = self.target(subject, words);
                let reason = reason();
                let void = Void {
                    header,
                    unit,
                    of,
                    reason,
                };
                (Leaf::Void(void), two("registrar"))
            }
            "dispute" => (
                self.dispute(subject, header, words),
                "observer1".to_string(),
            ),
            "answer" => (self.answer(subject, header, words), "reviewer1".to_string()),
            "recanvass" => (
                Leaf::Recanvass(self.count_again(subject, header, words)),
                two("reviewer"),
            ),
            "recount" => (
                Leaf::Recount(self.count_again(subject, header, words)),
                two("reviewer"),
            ),
            "publish" => (Leaf::Publish(gate(subject, header)), two("publisher")),
            "hold" => (Leaf::Hold(gate(subject, header)), two("publisher")),
            "roster" => {
                let change = RosterChange {
                    header,
                    amendment: amendment(words),
                    reason: reason(),
                };
                (Leaf::Roster(change), two("registrar"))
            }
            act => panic!("no act is called `{act}`"),
        }
    }

    /// The unit and the record that an act speaks of; one that nobody made, if none is given.
    fn target(&self, unit: &str, words: &Words<'_>) -> (UnitId, LeafHash) {
        let of = words.option("of").map(|id| self.leaf_of(unit, id));
        (
            UnitId::parse(unit).unwrap(),
            of.unwrap_or(LeafHash::from_bytes([1; 32])),
        )
    }

    fn answer(&self, unit: &str, header: Header, words: &Words<'_>) -> Leaf {
        let (_, to) = self.target(unit, words);
        Leaf::Answer(Answer {
            header,
            to,
            upheld: Answered::parse(words.option("upheld").unwrap_or("no")).unwrap(),
            reason: reason(),
        })
    }

    /// `accept=<code,code>`, `take=<id>`, `ask` or `hold`.
    fn review(&self, unit: &str, header: Header, words: &Words<'_>) -> Leaf {
        let (unit, of) = self.target(unit, words);
        let mut findings = Vec::new();
        let decision = if let Some(taken) = words.option("take") {
            Decision::Take(match taken {
                "nothing" => LeafHash::from_bytes([2; 32]),
                id => self.leaf_of(unit.as_str(), id),
            })
        } else if words.flags.contains(&"ask") {
            Decision::Ask
        } else if words.flags.contains(&"hold") {
            Decision::Hold
        } else {
            let codes = words.option("accept").unwrap_or_default().split(',');
            findings = codes.filter_map(FindingName::parse).collect();
            findings.sort_unstable();
            Decision::Accept
        };
        Leaf::Review(Review {
            header,
            unit,
            of,
            decision,
            findings,
            reason: reason(),
        })
    }

    fn dispute(&self, unit: &str, header: Header, words: &Words<'_>) -> Leaf {
        let (unit, of) = self.target(unit, words);
        let group = words.option("group").map(|id| GroupId::parse(id).unwrap());
        let cells = vec![ClaimedCell {
            column: if group.is_some() {
                Column::Final
            } else {
                Column::Attendees
            },
            group,
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

    fn count_again(&self, unit: &str, header: Header, words: &Words<'_>) -> Box<CountAgain> {
        let Submission { unit, figures, .. } = self.submission(unit, words);
        let adopt = if words.flags.contains(&"adopt") {
            Answered::Yes
        } else {
            Answered::No
        };
        Box::new(CountAgain {
            header,
            unit,
            figures,
            adopt,
            reason: reason(),
        })
    }

    fn unit_is(&self, unit: &str) -> String {
        let unit = UnitId::parse(unit).unwrap();
        let view = View::new(&self.night.state).unit(&unit).unwrap().unwrap();
        let mut words = vec![view.standing.to_string()];
        match &view.membership {
            Membership::InForce => {}
            Membership::Closed { .. } => words.push("closed".to_string()),
            Membership::Merged { into, .. } => words.push(format!("into={into}")),
        }
        if let Some(head) = view.head {
            words.push(format!("head={} seq={}", head.index.get(), head.seq));
        }
        if !view.held_for.is_empty() {
            let codes: Vec<_> = view.held_for.iter().map(ToString::to_string).collect();
            words.push(format!("for={}", codes.join(",")));
        }
        if !view.witnesses.is_empty() {
            let witnesses: Vec<_> = view.witnesses.iter().map(|i| i.get().to_string()).collect();
            words.push(format!("witnesses={}", witnesses.join(",")));
        }
        if let Some(review) = view.accepted {
            words.push(format!("accepted={}", review.get()));
        }
        let Marks {
            corrected: _,
            disputed,
            recanvassed,
            recounted,
            late,
        } = view.marks;
        for (mark, word) in [
            (disputed, "disputed"),
            (recanvassed, "recanvassed"),
            (recounted, "recounted"),
            (late, "late"),
        ] {
            if mark.is_set() {
                words.push(word.to_string());
            }
        }
        if view.release == Release::Released {
            words.push("released".to_string());
        }
        words.join(" ")
    }

    /// What else is recorded of a unit: notes beside its head, by leaf.
    fn unit_has(&self, unit: &str) -> String {
        let unit = UnitId::parse(unit).unwrap();
        let view = View::new(&self.night.state).unit(&unit).unwrap().unwrap();
        let beside = view.rivals.iter().map(|rival| {
            let standing = format!("{:?}", rival.standing).to_lowercase();
            format!("{standing}={}", rival.leaf.index.get())
        });
        let attests = view.attests.iter().map(|attest| {
            let standing = format!("{:?}", attest.standing).to_lowercase();
            format!("attest-{standing}={}", attest.leaf.get())
        });
        let findings = view.findings.iter().map(|finding| match finding.state {
            FindingState::Open => format!("{}!", finding.finding.code),
            FindingState::Noted => finding.finding.code.to_string(),
            FindingState::Settled(by) => format!("{}={}", finding.finding.code, by.get()),
        });
        beside
            .chain(attests)
            .chain(findings)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The leaves about a unit and what each did to it.
    fn unit_went(&self, unit: &str) -> String {
        let unit = UnitId::parse(unit).unwrap();
        let trail = View::new(&self.night.state).trail(&unit).unwrap();
        let step = |change: &LeafChange| {
            let deeds = change.units.iter().flat_map(|change| &change.deeds);
            let deeds: Vec<_> = deeds.map(|deed| deed.as_str()).collect();
            let deeds = if deeds.is_empty() {
                change.kind.to_string()
            } else {
                deeds.join("+")
            };
            format!("{}:{deeds}", change.leaf.index.get())
        };
        trail.iter().map(step).collect::<Vec<_>>().join(" ")
    }

    fn night_is(&self) -> String {
        let view = View::new(&self.night.state);
        let counts = view.counts().unwrap();
        let disputed = match counts.disputed {
            0 => String::new(),
            disputed => format!(" disputed={disputed}"),
        };
        format!(
            "size={} reported={} verified={} held={}{disputed}",
            view.tree_size().unwrap().get(),
            counts.reported,
            counts.verified,
            counts.held
        )
    }
}

/// `all`, `county:<id>` or a unit.
fn gate(subject: &str, header: Header) -> Gate {
    let scope = match (subject, subject.split_once(':')) {
        ("all", _) => Scope::All,
        (_, Some(("county", county))) => Scope::County(CountyId::parse(county).unwrap()),
        (unit, _) => Scope::Unit(UnitId::parse(unit).unwrap()),
    };
    Gate {
        header,
        scope,
        reason: reason(),
    }
}

/// `add=<line with _ for spaces>`, `close=<unit>`, `merge=<from>,<into>,<delegates>`,
/// `withdraw=<group>`.
fn amendment(words: &Words<'_>) -> Amendment {
    if let Some(line) = words.option("add") {
        let line = line.replace('_', " ");
        return Amendment::Add(Unit::parse_line(&format!("unit {line}")).unwrap());
    }
    if let Some(unit) = words.option("close") {
        return Amendment::Close(UnitId::parse(unit).unwrap());
    }
    if let Some(merge) = words.option("merge") {
        let parts: Vec<&str> = merge.split(',').collect();
        let [from, into, delegates] = parts.as_slice() else {
            panic!("a merge is of three: `{merge}`");
        };
        return Amendment::Merge {
            from: UnitId::parse(from).unwrap(),
            into: UnitId::parse(into).unwrap(),
            delegates: Delegates::new(delegates.parse().unwrap()).unwrap(),
        };
    }
    let group = words.option("withdraw").unwrap();
    Amendment::Withdraw(GroupId::parse(group).unwrap())
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
        Outcome::AlreadyRecorded { .. } | Outcome::Applied { .. } | Outcome::Stray { .. } => {}
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
