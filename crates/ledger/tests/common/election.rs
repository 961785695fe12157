//! A small election with every role, made anew for each test from fixed seeds: two counties, six
//! precincts, three satellites in two pools, the twelve groups of 2020.

use std::collections::BTreeMap;

use caucus::{
    Delegates, ElectionId, FinalAlignment, FirstAlignment, Kind, People, Reported, Roster, Rules,
    Slot, SubmissionId, UnitId, Worksheet,
};
use ledger::{Command, UnixMillis};
use merkle::{Hash, sha256};
use note::{CosignerKey, KeyName, Origin, SignedNote, SignerKey, UnixSeconds};
use receipt::leaf::{Channel, Evidence, Figures, MediaType, Role, Submission};
use receipt::{
    Authority, CountedFile, Effect, ElectionKind, Header, Leaf, Manifest, NodeId, NodeLine,
    PersonKey, Policy, VoucherCode,
};

const ROSTER: &str = "\
precinct-tally/roster/v1
county C1 51 7 4 Adair
county C2 119 23 3 Polk
unit P-1 precinct C1 4 Adair 1
unit P-2 precinct C1 6 Adair 2
unit P-3 precinct C1 1 Adair 3
unit P-4 precinct C2 10 Polk 4
unit P-5 precinct C2 2 Polk 5
unit P-6 precinct C2 5 Polk 6
unit S-1 satellite CD1 Davenport
unit S-2 satellite CD1 Dubuque
unit S-3 satellite OOS Tucson
";

/// Groups whose counts a sheet in a script gives, in this order; the others stand at 0.
const GROUPS: [&str; 4] = ["biden", "buttigieg", "sanders", "warren"];

/// Vouchers a unit has.
const VOUCHERS: u8 = 2;

/// The files and keys of a made-up election.
#[derive(Debug)]
pub(crate) struct Election {
    pub(crate) id: ElectionId,
    pub(crate) rules: Rules,
    pub(crate) roster: Roster,
    pub(crate) manifest: Manifest,
    pub(crate) files: BTreeMap<Hash, Vec<u8>>,
}

impl Election {
    /// An election by its name; another name makes other keys and another genesis.
    pub(crate) fn new(name: &str) -> Self {
        Self::with_roster(name, ROSTER)
    }

    /// An election with these units.
    pub(crate) fn with_roster(name: &str, roster: &str) -> Self {
        let id = ElectionId::parse(name).unwrap();
        let rules = Rules::iowa_2020();
        let roster = Roster::parse(roster).unwrap();
        let mut lines: Vec<String> = Vec::new();
        for unit in roster.units() {
            for slot in Slot::ALL {
                let key = chair_key(name, unit.id.as_str(), slot, 0);
                lines.push(format!("{} {slot} {}", unit.id, key.verifier()));
            }
            for number in 1..=VOUCHERS {
                let hash = note::b64::encode_hash(&voucher(number).hash(&unit.id));
                lines.push(format!("{} v {hash}", unit.id));
            }
        }
        lines.sort();
        let roll: String = lines.join("\n") + "\n";
        let mut manifest = first_manifest(&id, name);
        let mut files = BTreeMap::new();
        let mut bind = |text: String| {
            let hash = sha256(text.as_bytes());
            files.insert(hash, text.into_bytes());
            hash
        };
        manifest.rules = bind(rules.to_string());
        let units = u64::try_from(roster.unit_count()).unwrap();
        manifest.roster = CountedFile {
            count: units,
            hash: bind(roster.to_string()),
        };
        let count = u64::try_from(lines.len()).unwrap();
        manifest.roll = CountedFile {
            count,
            hash: bind(roll),
        };
        manifest.receipt_policy = bind(Policy::receipt_for(&manifest).to_string());
        manifest.final_policy = bind(Policy::final_file(&manifest));
        Self {
            id,
            rules,
            roster,
            manifest,
            files,
        }
    }

    /// The command that begins the election.
    pub(crate) fn begin(&self) -> Command {
        self.manifest_command(&self.manifest, &["A1", "A2"])
    }

    /// A manifest version signed by these of its authority, with all files.
    pub(crate) fn manifest_command(&self, manifest: &Manifest, signers: &[&str]) -> Command {
        let text = manifest.text();
        let lines = signers
            .iter()
            .map(|name| authority_key(self.name(), name).sign(&text));
        let note = SignedNote::assemble(&text, lines.collect()).unwrap();
        let files = self.files.values().cloned().collect();
        Command::manifest(UnixMillis::new(1), note.bytes().to_vec(), files)
    }

    pub(crate) fn name(&self) -> &str {
        self.id.as_str()
    }

    pub(crate) fn genesis(&self) -> Hash {
        self.manifest.genesis()
    }

    /// The header of a note whose id is made of this word.
    pub(crate) fn header(&self, id: &str) -> Header {
        Header {
            election: self.id.clone(),
            genesis: Some(self.genesis()),
            id: note_id(id),
            time: UnixSeconds::new(1_706_576_460),
        }
    }

    /// A key by what scripts call it: `P-1/a`, `operator1`, `A1`; `P-1/a/2` is the second key made
    /// for that slot.
    pub(crate) fn key(&self, word: &str) -> SignerKey {
        let parts: Vec<&str> = word.split('/').collect();
        match parts.as_slice() {
            [unit, slot] => chair_key(self.name(), unit, Slot::parse(slot).unwrap(), 0),
            [unit, slot, generation] => {
                let generation = generation.parse().unwrap();
                chair_key(self.name(), unit, Slot::parse(slot).unwrap(), generation)
            }
            [name] if name.starts_with('A') => authority_key(self.name(), name),
            [name] => person_key(self.name(), name),
            _ => panic!("no key is called `{word}`"),
        }
    }

    /// A leaf's note, signed by these keys.
    pub(crate) fn sign(&self, leaf: &Leaf, signers: &[&str]) -> SignedNote {
        let text = leaf.text();
        let lines = signers
            .iter()
            .map(|word| self.key(word).sign(&text))
            .collect();
        SignedNote::assemble(&text, lines).unwrap()
    }

    /// A sheet on which each of the first groups stands with these counts in both alignments, with
    /// the delegates that the rules award, or for the first group if they leave it open.
    pub(crate) fn sheet(&self, unit: &UnitId, counts: &[u64]) -> Worksheet {
        let unit = self.roster.unit(unit).unwrap();
        let count_of = |group: &str| {
            let place = GROUPS.iter().position(|name| *name == group);
            place
                .and_then(|place| counts.get(place))
                .copied()
                .unwrap_or(0)
        };
        let people = |group: &str| People::new(count_of(group)).unwrap();
        let groups = || self.rules.groups().iter().map(|group| group.id.clone());
        let mut worksheet = Worksheet {
            attendees: People::new(counts.iter().sum()).unwrap(),
            first: FirstAlignment::new(
                groups()
                    .map(|group| (group.clone(), people(group.as_str())))
                    .collect(),
            ),
            last: FinalAlignment::new(
                groups()
                    .map(|group| (group.clone(), people(group.as_str())))
                    .collect(),
            ),
            reported: Reported::new(
                groups()
                    .map(|group| (group, Delegates::default()))
                    .collect(),
            ),
            ties: Vec::new(),
        };
        let due = caucus::delegates_to_elect(&self.rules, unit, worksheet.attendees);
        let mut award: BTreeMap<_, _> = groups()
            .map(|group| (group, Delegates::default()))
            .collect();
        if let caucus::Award::Settled { by, .. } = caucus::award(&self.rules, unit, &worksheet) {
            award.extend(by);
        } else {
            let largest = groups()
                .max_by_key(|group| count_of(group.as_str()))
                .unwrap();
            award.insert(largest, due);
        }
        worksheet.reported = Reported::new(award);
        worksheet
    }

    /// A first submission, unsigned.
    pub(crate) fn submission(&self, id: &str, unit: &str, counts: &[u64]) -> Submission {
        let unit = UnitId::parse(unit).unwrap();
        Submission {
            header: self.header(id),
            seq: 1,
            supersedes: None,
            channel: None,
            voucher: None,
            figures: Figures {
                worksheet: self.sheet(&unit, counts),
                evidence: Vec::new(),
            },
            unit,
        }
    }

    /// A first submission as the unit's chair sends it.
    pub(crate) fn report(&self, id: &str, unit: &str, counts: &[u64]) -> SignedNote {
        let submission = self.submission(id, unit, counts);
        self.sign(&submission.into(), &[&format!("{unit}/a")])
    }
}

/// A command with a note at some time.
pub(crate) fn command(note: &SignedNote) -> Command {
    Command::note(UnixMillis::new(1_000), note.bytes())
}

/// The n-th voucher of any unit; its hash differs from unit to unit.
pub(crate) fn voucher(number: u8) -> VoucherCode {
    VoucherCode::from_bytes([number; 10])
}

/// A photograph.
pub(crate) fn photograph() -> Evidence {
    Evidence {
        hash: sha256(b"a photograph"),
        media_type: MediaType::parse("image/jpeg").unwrap(),
        bytes: 12,
    }
}

/// The id that a word in a script stands for.
pub(crate) fn note_id(word: &str) -> SubmissionId {
    let bytes = *sha256(word.as_bytes()).as_bytes();
    SubmissionId::from_bytes(*bytes.first_chunk().unwrap())
}

pub(crate) fn channel(word: &str) -> Channel {
    Channel::parse(word).unwrap()
}

pub(crate) fn is_satellite(unit: &caucus::Unit) -> bool {
    matches!(unit.kind, Kind::Satellite { .. })
}

fn seed(words: &str) -> [u8; 32] {
    *sha256(words.as_bytes()).as_bytes()
}

fn chair_key(election: &str, unit: &str, slot: Slot, generation: u64) -> SignerKey {
    let name = format!("{election}/{unit}/{slot}");
    SignerKey::from_seed(
        KeyName::parse(&name).unwrap(),
        seed(&format!("{name} {generation}")),
    )
}

fn person_key(election: &str, person: &str) -> SignerKey {
    let name = format!("{election}/hq/{person}");
    SignerKey::from_seed(KeyName::parse(&name).unwrap(), seed(&name))
}

fn authority_key(election: &str, name: &str) -> SignerKey {
    let full = format!("authority.example/{name}");
    let seed = seed(&format!("{election} {full}"));
    SignerKey::from_seed(KeyName::parse(&full).unwrap(), seed)
}

/// Two or three people for every role.
fn people(election: &str) -> Vec<PersonKey> {
    let mut keys: Vec<PersonKey> = Vec::new();
    for (role, count) in [
        (Role::Admin, 2),
        (Role::Observer, 1),
        (Role::Operator, 3),
        (Role::Publisher, 2),
        (Role::Registrar, 2),
        (Role::Reviewer, 2),
    ] {
        for number in 1..=count {
            let key = person_key(election, &format!("{role}{number}"));
            keys.push(PersonKey {
                role,
                key: key.verifier().clone(),
            });
        }
    }
    keys
}

/// The manifest without its files.
fn first_manifest(id: &ElectionId, name: &str) -> Manifest {
    let origin = Origin::parse_election(&format!("tally.example/{name}")).unwrap();
    let mut keys = people(name);
    let authority: Vec<_> = ["A1", "A2", "A3"]
        .iter()
        .map(|person| authority_key(name, person).verifier().clone())
        .collect();
    let names = authority.iter().map(|key| key.name().clone()).collect();
    keys.extend(authority.into_iter().map(|key| PersonKey {
        role: Role::Authority,
        key,
    }));
    keys.sort_by_key(|person| format!("{} {}", person.role, person.key));
    let nothing = CountedFile {
        count: 0,
        hash: sha256(b""),
    };
    Manifest {
        header: Header {
            election: id.clone(),
            genesis: None,
            id: note_id("manifest"),
            time: UnixSeconds::new(1_706_000_000),
        },
        version: 1,
        previous: None,
        effect: Effect::WithItsLeaf,
        kind: ElectionKind::Rehearsal,
        recovered: None,
        lost: Vec::new(),
        authority: Authority {
            threshold: 2,
            names,
        },
        keys,
        nodes: (1..=3).map(|ordinal| node_line(&origin, ordinal)).collect(),
        spares: vec![node_line(&origin, 4)],
        witnesses: Vec::new(),
        opens: UnixSeconds::new(1_706_576_400),
        closes: UnixSeconds::new(1_706_590_800),
        receipt_policy: nothing.hash,
        final_policy: nothing.hash,
        roll: nothing,
        roster: nothing,
        rules: nothing.hash,
        origin,
    }
}

pub(crate) fn node_line(origin: &Origin, ordinal: u64) -> NodeLine {
    let id = format!("n{ordinal}");
    let log = seed(&format!("{} {id} log", origin.as_str()));
    let cosigner = seed(&format!("{} {id} cosigner", origin.as_str()));
    NodeLine {
        ordinal,
        log: SignerKey::from_seed(origin.key_name().clone(), log)
            .verifier()
            .clone(),
        cosigner: CosignerKey::from_seed(origin.cosigner(&id).unwrap(), cosigner)
            .verifier()
            .clone(),
        id: NodeId::parse(&id).unwrap(),
    }
}
