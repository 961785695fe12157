//! Deeds of people who do not know of each other, made into commands: reports that follow or do
//! not, the desk, second records, spoilt bytes, keys that go and come, and every other act.

use caucus::{CountyId, Delegates, GroupId, Unit, UnitId};
use ledger::{Command, Memory, UnitView, UnixMillis, View, apply};
use merkle::LeafHash;
use proptest::prelude::*;
use receipt::Leaf;
use receipt::leaf::{
    Amendment, Answer, Answered, Attest, Channel, ClaimedCell, Close, Column, CountAgain, Decision,
    Dispute, Earlier, Enrol, FindingName, Gate, KeyReference, Place, Reason, Review, Revoke,
    RosterChange, Scope, Void,
};

use super::election::{Election, photograph, voucher};

/// One thing somebody does, in few enough variants that they meet.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// A report: unit, which of few sheets, how it stands to what this unit sent before.
    Report {
        unit: usize,
        sheet: u64,
        follows: Follows,
        spare: bool,
        arrives: Arrives,
    },
    Desk {
        unit: usize,
        sheet: u64,
        operators: usize,
        voucher: u8,
    },
    Attest {
        unit: usize,
        sheet: u64,
        operator: usize,
    },
    /// Any command so far, once more.
    Again {
        which: usize,
    },
    /// The last bytes of a report, spoilt.
    Spoilt {
        unit: usize,
        place: usize,
    },
    Revoke {
        unit: usize,
        doubt: bool,
    },
    Enrol {
        unit: usize,
        generation: u8,
    },
    /// A reviewer's word about a unit's head, by one reviewer or two.
    Review {
        unit: usize,
        says: Says,
        together: bool,
    },
    Void {
        unit: usize,
    },
    Dispute {
        unit: usize,
    },
    /// The answer to one of the leaves so far, which may be a dispute.
    Answer {
        unit: usize,
    },
    CountAgain {
        unit: usize,
        sheet: u64,
        cards: bool,
        adopt: bool,
    },
    /// A publish or hold of everything, a county or a unit.
    Gate {
        scope: usize,
        open: bool,
    },
    /// One of a few amendments, each of which may come at a wrong time.
    Amend {
        which: usize,
    },
    Close,
}

/// What a reviewer says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Says {
    AcceptAll,
    AcceptFirst,
    TakeRival,
    TakeAttest,
    Ask,
    Hold,
}

/// When a note that was made is received.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Arrives {
    AtOnce,
    AtTheEnd,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Follows {
    Nothing,
    Last,
    SecondLast,
    Unsent,
}

const UNITS: [&str; 5] = ["P-1", "P-2", "P-4", "S-1", "S-2"];

pub(crate) fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let unit = 0..UNITS.len();
    let follows = prop_oneof![
        2 => Just(Follows::Nothing),
        4 => Just(Follows::Last),
        1 => Just(Follows::SecondLast),
        1 => Just(Follows::Unsent),
    ];
    let arrives = prop_oneof![4 => Just(Arrives::AtOnce), 1 => Just(Arrives::AtTheEnd)];
    let deed = prop_oneof![
        8 => (unit.clone(), 0_u64..4, follows, prop::bool::weighted(0.2), arrives).prop_map(|(unit, sheet, follows, spare, arrives)| Deed::Report { unit, sheet, follows, spare, arrives }
        ),
        2 => (unit.clone(), 0_u64..4, 0_usize..3, 1_u8..4).prop_map(
            |(unit, sheet, operators, voucher)| Deed::Desk { unit, sheet, operators, voucher }
        ),
        3 => (unit.clone(), 0_u64..4, 1_usize..4).prop_map(|(unit, sheet, operator)| {
            Deed::Attest { unit, sheet, operator }
        }),
        2 => (0_usize..64).prop_map(|which| Deed::Again { which }),
        1 => (unit.clone(), 0_usize..900).prop_map(|(unit, place)| Deed::Spoilt { unit, place }),
        1 => (unit.clone(), any::<bool>()).prop_map(|(unit, doubt)| Deed::Revoke { unit, doubt }),
        1 => (unit.clone(), 0_u8..2).prop_map(|(unit, generation)| Deed::Enrol { unit, generation }),
        1 => Just(Deed::Close),
        4 => (unit.clone(), says(), any::<bool>())
            .prop_map(|(unit, says, together)| Deed::Review { unit, says, together }),
        2 => unit.clone().prop_map(|unit| Deed::Void { unit }),
        1 => unit.clone().prop_map(|unit| Deed::Dispute { unit }),
        1 => unit.clone().prop_map(|unit| Deed::Answer { unit }),
        2 => (unit, 0_u64..4, any::<bool>(), any::<bool>()).prop_map(
            |(unit, sheet, cards, adopt)| Deed::CountAgain { unit, sheet, cards, adopt }
        ),
        2 => (0_usize..5, any::<bool>()).prop_map(|(scope, open)| Deed::Gate { scope, open }),
        2 => (0_usize..6).prop_map(|which| Deed::Amend { which }),
    ];
    prop::collection::vec(deed, 1..24)
}

fn says() -> impl Strategy<Value = Says> {
    prop::sample::select(vec![
        Says::AcceptAll,
        Says::AcceptFirst,
        Says::TakeRival,
        Says::TakeAttest,
        Says::Ask,
        Says::Hold,
    ])
}

/// Makes deeds into commands, as people would who do not know of each other.
pub(crate) struct Cast {
    election: Election,
    sent: Vec<Vec<receipt::leaf::Submission>>,
    keys: Vec<Vec<String>>,
    commands: Vec<Command>,
    /// What the commands so far have made: reviewers see it, and name its heads.
    state: Memory,
}

impl Cast {
    pub(crate) fn new() -> Self {
        let election = Election::new("night");
        let mut state = Memory::new();
        let commands = vec![election.begin()];
        state.absorb(apply(&state, &commands[0]).unwrap().1);
        let sent = vec![Vec::new(); UNITS.len()];
        Self {
            election,
            sent,
            keys: vec![Vec::new(); UNITS.len()],
            commands,
            state,
        }
    }

    pub(crate) fn play(mut self, deeds: &[Deed]) -> (Election, Vec<Command>) {
        let mut at_the_end = Vec::new();
        for (number, deed) in deeds.iter().enumerate() {
            let at = UnixMillis::new(u64::try_from(number).unwrap() * 7 % 40);
            let bytes = match deed {
                Deed::Again { which } => {
                    let again = self.commands[which % self.commands.len()].clone();
                    self.push(again);
                    continue;
                }
                Deed::Spoilt { unit, place } => {
                    let id = format!("spoilt {number}");
                    let note = self.election.report(&id, UNITS[*unit], &[9, 9]);
                    let mut bytes = note.bytes().to_vec();
                    let length = bytes.len();
                    bytes[place % length] ^= 1;
                    bytes
                }
                Deed::Report { .. }
                | Deed::Desk { .. }
                | Deed::Attest { .. }
                | Deed::Revoke { .. }
                | Deed::Enrol { .. }
                | Deed::Review { .. }
                | Deed::Void { .. }
                | Deed::Dispute { .. }
                | Deed::Answer { .. }
                | Deed::CountAgain { .. }
                | Deed::Gate { .. }
                | Deed::Amend { .. }
                | Deed::Close => self.note(number, deed),
            };
            let command = Command::note(at, bytes);
            let late = Arrives::AtTheEnd;
            if matches!(deed, Deed::Report { arrives, .. } if *arrives == late) {
                at_the_end.push(command);
            } else {
                self.push(command);
            }
        }
        self.commands.append(&mut at_the_end);
        (self.election, self.commands)
    }

    fn push(&mut self, command: Command) {
        let (_, changes) = apply(&self.state, &command).unwrap();
        self.state.absorb(changes);
        self.commands.push(command);
    }

    /// The note of a deed, signed by who does it.
    fn note(&mut self, number: usize, deed: &Deed) -> Vec<u8> {
        let id = format!("deed {number}");
        let (leaf, signers) = match *deed {
            Deed::Report {
                unit,
                sheet,
                follows,
                spare,
                ..
            } => {
                let leaf = self.report(&id, unit, sheet, follows);
                let slot = if spare { "b" } else { "a" };
                let key = format!("{}/{slot}", UNITS[unit]);
                self.keys[unit].push(key.clone());
                (leaf, vec![key])
            }
            Deed::Desk {
                unit,
                sheet,
                operators,
                voucher,
            } => {
                let pairs = [["1", "2"], ["2", "3"], ["1", "3"]];
                let signers = pairs[operators].map(|number| format!("operator{number}"));
                (self.desk(&id, unit, sheet, voucher), signers.to_vec())
            }
            Deed::Attest {
                unit,
                sheet,
                operator,
            } => (
                self.attest(&id, unit, sheet),
                vec![format!("operator{operator}")],
            ),
            Deed::Revoke { unit, doubt } => (self.revoke(&id, unit, doubt), two("registrar")),
            Deed::Enrol { unit, generation } => {
                (self.enrol(&id, unit, generation), two("registrar"))
            }
            Deed::Close => {
                let close = Close {
                    header: self.election.header(&id),
                    reason: reason(),
                };
                (Leaf::Close(close), two("publisher"))
            }
            Deed::Review { .. }
            | Deed::Void { .. }
            | Deed::Dispute { .. }
            | Deed::Answer { .. }
            | Deed::CountAgain { .. }
            | Deed::Gate { .. }
            | Deed::Amend { .. } => self.decision(&id, deed),
            Deed::Again { .. } | Deed::Spoilt { .. } => panic!("no note of its own"),
        };
        let signers: Vec<&str> = signers.iter().map(String::as_str).collect();
        self.election.sign(&leaf, &signers).bytes().to_vec()
    }

    /// What is decided about what was reported, and by whom.
    fn decision(&self, id: &str, deed: &Deed) -> (Leaf, Vec<String>) {
        match *deed {
            Deed::Review {
                unit,
                says,
                together,
            } => {
                let signers = if together {
                    two("reviewer")
                } else {
                    vec!["reviewer1".to_string()]
                };
                (self.review(id, unit, says), signers)
            }
            Deed::Void { unit } => {
                let void = Void {
                    header: self.election.header(id),
                    unit: unit_id(unit),
                    of: self.head(unit),
                    reason: reason(),
                };
                (Leaf::Void(void), two("registrar"))
            }
            Deed::Dispute { unit } => (self.dispute(id, unit), vec!["observer1".to_string()]),
            Deed::Answer { unit } => (self.answer(id, unit), vec!["reviewer2".to_string()]),
            Deed::CountAgain {
                unit,
                sheet,
                cards,
                adopt,
            } => (
                self.count_again(id, unit, sheet, cards, adopt),
                two("reviewer"),
            ),
            Deed::Gate { scope, open } => (self.gate(id, scope, open), two("publisher")),
            Deed::Amend { which } => (self.amend(id, which), two("registrar")),
            Deed::Report { .. }
            | Deed::Desk { .. }
            | Deed::Attest { .. }
            | Deed::Again { .. }
            | Deed::Spoilt { .. }
            | Deed::Revoke { .. }
            | Deed::Enrol { .. }
            | Deed::Close => panic!("no decision"),
        }
    }

    fn desk(&self, id: &str, unit: usize, sheet: u64, number: u8) -> Leaf {
        let mut submission = self
            .election
            .submission(id, UNITS[unit], &counts(unit, sheet));
        submission.channel = Some(Channel::Phone);
        submission.voucher = Some(voucher(number));
        submission.figures.evidence = vec![photograph()];
        submission.into()
    }

    fn attest(&self, id: &str, unit: usize, sheet: u64) -> Leaf {
        let submission = self
            .election
            .submission(id, UNITS[unit], &counts(unit, sheet));
        Leaf::Attest(Box::new(Attest {
            header: submission.header,
            unit: submission.unit,
            channel: Channel::Photo,
            figures: submission.figures.attested(),
        }))
    }

    fn view(&self, unit: usize) -> UnitView {
        let view = View::new(&self.state).unit(&unit_id(unit)).unwrap();
        view.unwrap()
    }

    /// The unit's head, or a leaf that is none.
    fn head(&self, unit: usize) -> LeafHash {
        let head = self.view(unit).head;
        head.map_or(LeafHash::from_bytes([1; 32]), |head| head.hash)
    }

    fn review(&self, id: &str, unit: usize, says: Says) -> Leaf {
        let view = self.view(unit);
        let nothing = LeafHash::from_bytes([2; 32]);
        let mut open: Vec<FindingName> = view
            .held_for
            .iter()
            .filter_map(|code| FindingName::parse(code.as_str()))
            .collect();
        open.sort_unstable();
        let (decision, findings) = match says {
            Says::AcceptAll => (Decision::Accept, open),
            Says::AcceptFirst => (Decision::Accept, open.into_iter().take(1).collect()),
            Says::TakeRival => {
                let rival = view.rivals.last().map_or(nothing, |rival| rival.leaf.hash);
                (Decision::Take(rival), Vec::new())
            }
            Says::TakeAttest => {
                let attest = view.attests.last().map_or(nothing, |attest| {
                    let bytes = View::new(&self.state).leaf(attest.leaf).unwrap().unwrap();
                    merkle::leaf_hash(&bytes)
                });
                (Decision::Take(attest), Vec::new())
            }
            Says::Ask => (Decision::Ask, Vec::new()),
            Says::Hold => (Decision::Hold, Vec::new()),
        };
        Leaf::Review(Review {
            header: self.election.header(id),
            unit: unit_id(unit),
            of: self.head(unit),
            decision,
            findings,
            reason: reason(),
        })
    }

    fn dispute(&self, id: &str, unit: usize) -> Leaf {
        Leaf::Dispute(Dispute {
            header: self.election.header(id),
            unit: unit_id(unit),
            of: self.head(unit),
            cells: vec![ClaimedCell {
                column: Column::Attendees,
                group: None,
                claimed: 3,
            }],
            reason: reason(),
        })
    }

    fn answer(&self, id: &str, unit: usize) -> Leaf {
        let disputes = self.view(unit).disputes;
        let to = disputes
            .last()
            .map_or_else(|| self.head(unit), |dispute| dispute.leaf.hash);
        Leaf::Answer(Answer {
            header: self.election.header(id),
            to,
            upheld: Answered::No,
            reason: reason(),
        })
    }

    fn count_again(&self, id: &str, unit: usize, sheet: u64, cards: bool, adopt: bool) -> Leaf {
        let submission = self
            .election
            .submission(id, UNITS[unit], &counts(unit, sheet));
        let count = Box::new(CountAgain {
            header: submission.header,
            unit: submission.unit,
            figures: submission.figures,
            adopt: if adopt { Answered::Yes } else { Answered::No },
            reason: reason(),
        });
        if cards {
            Leaf::Recount(count)
        } else {
            Leaf::Recanvass(count)
        }
    }

    fn gate(&self, id: &str, scope: usize, open: bool) -> Leaf {
        let county = |id| Scope::County(CountyId::parse(id).unwrap());
        let gate = Gate {
            header: self.election.header(id),
            scope: match scope {
                0 => Scope::All,
                1 => county("C1"),
                2 => county("C2"),
                unit => Scope::Unit(unit_id(unit)),
            },
            reason: reason(),
        };
        if open {
            Leaf::Publish(gate)
        } else {
            Leaf::Hold(gate)
        }
    }

    fn amend(&self, id: &str, which: usize) -> Leaf {
        let amendment = match which {
            0 => Amendment::Add(Unit::parse_line("unit P-7 precinct C1 3 New").unwrap()),
            1 => Amendment::Close(unit_id(4)),
            2 => Amendment::Close(unit_id(2)),
            3 => Amendment::Merge {
                from: unit_id(0),
                into: unit_id(1),
                delegates: Delegates::new(9).unwrap(),
            },
            4 => Amendment::Merge {
                from: unit_id(1),
                into: unit_id(0),
                delegates: Delegates::new(8).unwrap(),
            },
            _ => Amendment::Withdraw(GroupId::parse("sanders").unwrap()),
        };
        Leaf::Roster(RosterChange {
            header: self.election.header(id),
            amendment,
            reason: reason(),
        })
    }

    fn revoke(&self, id: &str, unit: usize, doubt: bool) -> Leaf {
        let key = self.election.key(&format!("{}/a", UNITS[unit]));
        Leaf::Revoke(Revoke {
            header: self.election.header(id),
            key: KeyReference {
                name: key.verifier().name().clone(),
                id: key.verifier().id(),
            },
            earlier: if doubt {
                Earlier::Doubt
            } else {
                Earlier::Stand
            },
            reason: reason(),
        })
    }

    fn enrol(&self, id: &str, unit: usize, generation: u8) -> Leaf {
        let key = self
            .election
            .key(&format!("{}/a/{generation}", UNITS[unit]));
        Leaf::Enrol(Enrol {
            header: self.election.header(id),
            place: Place::Slot {
                unit: UnitId::parse(UNITS[unit]).unwrap(),
                slot: caucus::Slot::A,
            },
            key: key.verifier().clone(),
            replaces: None,
            reason: reason(),
        })
    }

    fn report(&mut self, id: &str, unit: usize, sheet: u64, follows: Follows) -> Leaf {
        let mut submission = self
            .election
            .submission(id, UNITS[unit], &counts(unit, sheet));
        let sent = &self.sent[unit];
        let back = match follows {
            Follows::Nothing => None,
            Follows::Last => sent.len().checked_sub(1),
            Follows::SecondLast => sent.len().checked_sub(2),
            Follows::Unsent => {
                submission.seq = 2;
                submission.supersedes = Some(merkle::leaf_hash(id.as_bytes()));
                None
            }
        };
        if let Some(before) = back {
            let key = &self.keys[unit][before];
            let note = self.election.sign(&sent[before].clone().into(), &[key]);
            submission.seq = sent[before].seq + 1;
            submission.supersedes = Some(note.leaf_hash());
        }
        self.sent[unit].push(submission.clone());
        submission.into()
    }
}

/// Few sheets, the same in every pair of units.
fn counts(unit: usize, sheet: u64) -> [u64; 3] {
    let pair = u64::try_from(unit / 2).unwrap();
    [20 + sheet, 10 + pair, 30 - sheet]
}

fn unit_id(unit: usize) -> UnitId {
    UnitId::parse(UNITS[unit]).unwrap()
}

fn reason() -> Reason {
    Reason::parse("as it came").unwrap()
}

fn two(role: &str) -> Vec<String> {
    vec![format!("{role}1"), format!("{role}2")]
}
