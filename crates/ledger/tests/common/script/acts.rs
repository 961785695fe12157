//! The acts of a script: a line's words become a leaf, signed by whoever signs such a one.

use caucus::{CountyId, Delegates, FinalAlignment, GroupId, People, Unit, UnitId};
use merkle::LeafHash;
use note::SignedNote;
use receipt::leaf::{
    Activate, Amendment, Answer, Answered, Attest, AttestedFigures, ClaimedCell, Close, Column,
    CountAgain, Decision, Dispute, Earlier, Enrol, Figures, FindingName, Gate, KeyReference, Place,
    Reason, Review, Revoke, Role, RosterChange, Scope, Submission, Void,
};
use receipt::{Header, Leaf};

use super::super::election;
use super::{Stage, Words};

impl Stage {
    /// The signed note of an act.
    pub(super) fn note(&self, subject: &str, act: &str, words: &Words<'_>) -> SignedNote {
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
