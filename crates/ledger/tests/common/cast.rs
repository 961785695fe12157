//! Deeds of people who do not know of each other, made into commands: reports that follow or do
//! not, the desk, second records, spoilt bytes, keys that go and come, a close.

use caucus::UnitId;
use ledger::{Command, UnixMillis};
use proptest::prelude::*;
use receipt::Leaf;
use receipt::leaf::{Attest, Channel, Close, Earlier, Enrol, KeyReference, Place, Reason, Revoke};

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
    Close,
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
        1 => (unit, 0_u8..2).prop_map(|(unit, generation)| Deed::Enrol { unit, generation }),
        1 => Just(Deed::Close),
    ];
    prop::collection::vec(deed, 1..24)
}

/// Makes deeds into commands, as people would who do not know of each other.
pub(crate) struct Cast {
    election: Election,
    sent: Vec<Vec<receipt::leaf::Submission>>,
    keys: Vec<Vec<String>>,
    commands: Vec<Command>,
}

impl Cast {
    pub(crate) fn new() -> Self {
        let election = Election::new("night");
        let commands = vec![election.begin()];
        let sent = vec![Vec::new(); UNITS.len()];
        Self {
            election,
            sent,
            keys: vec![Vec::new(); UNITS.len()],
            commands,
        }
    }

    pub(crate) fn play(mut self, deeds: &[Deed]) -> (Election, Vec<Command>) {
        let mut at_the_end = Vec::new();
        for (number, deed) in deeds.iter().enumerate() {
            let at = UnixMillis::new(u64::try_from(number).unwrap() * 7 % 40);
            let bytes = match deed {
                Deed::Again { which } => {
                    let again = self.commands[which % self.commands.len()].clone();
                    self.commands.push(again);
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
                | Deed::Close => self.note(number, deed),
            };
            let command = Command::note(at, bytes);
            let late = Arrives::AtTheEnd;
            if matches!(deed, Deed::Report { arrives, .. } if *arrives == late) {
                at_the_end.push(command);
            } else {
                self.commands.push(command);
            }
        }
        self.commands.append(&mut at_the_end);
        (self.election, self.commands)
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
            Deed::Again { .. } | Deed::Spoilt { .. } => panic!("no note of its own"),
        };
        let signers: Vec<&str> = signers.iter().map(String::as_str).collect();
        self.election.sign(&leaf, &signers).bytes().to_vec()
    }

    fn desk(&self, id: &str, unit: usize, sheet: u64, number: u8) -> Leaf {
        let mut submission = self.election.submission(id, UNITS[unit], &counts(sheet));
        submission.channel = Some(Channel::Phone);
        submission.voucher = Some(voucher(number));
        submission.figures.evidence = vec![photograph()];
        submission.into()
    }

    fn attest(&self, id: &str, unit: usize, sheet: u64) -> Leaf {
        let submission = self.election.submission(id, UNITS[unit], &counts(sheet));
        Leaf::Attest(Box::new(Attest {
            header: submission.header,
            unit: submission.unit,
            channel: Channel::Photo,
            figures: submission.figures.attested(),
        }))
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
        let mut submission = self.election.submission(id, UNITS[unit], &counts(sheet));
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

fn counts(sheet: u64) -> [u64; 3] {
    [20 + sheet, 10, 30 - sheet]
}

fn reason() -> Reason {
    Reason::parse("as it came").unwrap()
}

fn two(role: &str) -> Vec<String> {
    vec![format!("{role}1"), format!("{role}2")]
}
