//! An election made from a seed: every key, the manifest with its files, and whatever one of its
//! people would sign.
//!
//! Keys follow from the seed and from their own names, so anyone who knows both can make them: this
//! is for tests, never for an election.

use std::collections::BTreeMap;

use caucus::{ElectionId, Roll, RollEntry, RollKind, Slot, SubmissionId, UnitId, Worksheet};
use merkle::{Hash, LeafHash, TreeSize, sha256};
use note::{
    Checkpoint, CosignerKey, KeyName, Origin, SignedCheckpoint, SignedNote, SignerKey, UnixSeconds,
    b64,
};
use receipt::leaf::{Figures, Role, Submission};
use receipt::{
    Authority, Bundle, BundledManifest, CountedFile, Effect, ElectionKind, Fingerprint, Header,
    Leaf, Manifest, NodeId, NodeLine, PersonKey, Policy, VoucherCode,
};

use crate::night::{Night, Report};
use crate::random::Random;

const ELECTION: &str = "tally-2020";
const ORIGIN: &str = "tally.example/tally-2020";

/// When every note of a fixture claims to be signed.
const SIGNED_AT: UnixSeconds = UnixSeconds::new(1_580_776_200);
const OPENS: UnixSeconds = UnixSeconds::new(1_580_774_400);
const CLOSES: UnixSeconds = UnixSeconds::new(1_580_799_600);

/// How many keys each role has; two of the authority's three sign.
const ROLES: [(Role, u8); 7] = [
    (Role::Admin, 2),
    (Role::Authority, 3),
    (Role::Observer, 2),
    (Role::Operator, 3),
    (Role::Publisher, 2),
    (Role::Registrar, 3),
    (Role::Reviewer, 2),
];
const AUTHORITY_THRESHOLD: u64 = 2;

/// Somebody whose key a fixture has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Person {
    /// A person of the manifest: a role and a number from 1.
    Of(Role, u8),
    /// Whose key stands in the roll: the unit and its slot.
    For(UnitId, Slot),
}

/// A night's election with all of its keys.
#[derive(Debug)]
pub struct Fixture {
    /// The night it is for.
    pub night: Night,
    /// The election's name.
    pub election: ElectionId,
    /// The signed manifest, version 1.
    pub manifest: SignedNote,
    /// What the manifest says.
    pub content: Manifest,
    /// Roll, roster, rules, receipt policy and final policy, as bytes.
    pub files: Vec<Vec<u8>>,
    seed: u64,
    cosigners: BTreeMap<u64, CosignerKey>,
}

impl Fixture {
    /// An election for this night with `nodes` nodes, `n1` and on. A rehearsal, as its manifest says.
    pub fn new(night: Night, nodes: u64, seed: u64) -> Self {
        let election = ElectionId::parse(ELECTION).expect("a token");
        let origin = Origin::parse_election(ORIGIN).expect("an origin");
        let keys = Keys { seed };
        let roll = keys.roll(&night);
        let cosigners: BTreeMap<u64, CosignerKey> = (1..=nodes)
            .map(|ordinal| (ordinal, keys.cosigner(&origin, ordinal)))
            .collect();
        let lines = cosigners.iter().map(|(ordinal, cosigner)| NodeLine {
            ordinal: *ordinal,
            id: node_id(*ordinal),
            log: keys.log(&origin, *ordinal).verifier().clone(),
            cosigner: cosigner.verifier().clone(),
        });
        let mut content = keys.manifest(&election, &origin, lines.collect());
        let files = [
            roll.to_string(),
            night.roster.to_string(),
            night.rules.to_string(),
            Policy::receipt_for(&content).to_string(),
            Policy::final_file(&content),
        ];
        let hashes = files.each_ref().map(|file| sha256(file.as_bytes()));
        [
            content.roll.hash,
            content.roster.hash,
            content.rules,
            content.receipt_policy,
            content.final_policy,
        ] = hashes;
        content.roll.count = count(roll.line_count());
        content.roster.count = count(night.roster.unit_count());
        let text = content.text();
        let signers = (1..=2).map(|number| keys.person(Role::Authority, number).sign(&text));
        let manifest = SignedNote::assemble(&text, signers.collect()).expect("a manifest's note");
        Self {
            night,
            election,
            manifest,
            content,
            files: files.map(String::into_bytes).into(),
            seed,
            cosigners,
        }
    }

    /// A small one: 20 units, three nodes.
    pub fn small() -> Self {
        Self::new(Night::small(20), 3, 2020)
    }

    /// Somebody's key. Also of a person or unit that the election does not have: a stranger's.
    pub fn key(&self, person: &Person) -> SignerKey {
        let keys = Keys { seed: self.seed };
        match person {
            Person::Of(role, number) => keys.person(*role, *number),
            Person::For(unit, slot) => keys.chair(unit, *slot),
        }
    }

    /// The log key of a node.
    pub fn log_key(&self, ordinal: u64) -> SignerKey {
        Keys { seed: self.seed }.log(&self.content.origin, ordinal)
    }

    /// The cosigner key of a node.
    pub fn cosigner_key(&self, ordinal: u64) -> Option<&CosignerKey> {
        self.cosigners.get(&ordinal)
    }

    /// The unit's paper voucher.
    pub fn voucher(&self, unit: &UnitId) -> VoucherCode {
        Keys { seed: self.seed }.voucher(unit)
    }

    /// SHA-256 of the manifest's text.
    pub fn genesis(&self) -> Hash {
        self.manifest.text_hash()
    }

    /// What people pin.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.genesis())
    }

    /// What a verifier is handed.
    pub fn bundle(&self) -> Bundle {
        let files = self.files.iter();
        Bundle {
            manifests: vec![BundledManifest {
                note: self.manifest.clone(),
                leaf: None,
                receipt: None,
            }],
            files: files.map(|file| (sha256(file), file.clone())).collect(),
        }
    }

    /// A note's header; its id follows from `words`, so other words give another id.
    pub fn header(&self, words: &str) -> Header {
        Header {
            election: self.election.clone(),
            genesis: Some(self.genesis()),
            id: Keys { seed: self.seed }.id(words),
            time: SIGNED_AT,
        }
    }

    /// The chair's first report, as the night has it.
    pub fn submission(&self, report: &Report) -> SignedNote {
        self.report(&report.unit, report.worksheet.clone(), 1, None)
    }

    /// A report with any sheet and place in its unit's chain, signed with the chair's key.
    pub fn report(
        &self,
        unit: &UnitId,
        worksheet: Worksheet,
        seq: u64,
        supersedes: Option<LeafHash>,
    ) -> SignedNote {
        let submission = Submission {
            header: self.header(&format!("{unit} {seq}")),
            unit: unit.clone(),
            seq,
            supersedes,
            channel: None,
            voucher: None,
            figures: Figures {
                worksheet,
                evidence: Vec::new(),
            },
        };
        let chair = Person::For(unit.clone(), Slot::A);
        self.sign(&Leaf::from(submission), &[chair])
    }

    /// Any leaf, signed by these people.
    pub fn sign(&self, leaf: &Leaf, signers: &[Person]) -> SignedNote {
        let text = leaf.text();
        let lines = signers.iter().map(|person| self.key(person).sign(&text));
        SignedNote::assemble(&text, lines.collect()).expect("a leaf's note")
    }

    /// A checkpoint as node 1 would publish it, cosigned by the nodes of these ordinals.
    pub fn checkpoint(&self, size: TreeSize, root: Hash, nodes: &[u64]) -> SignedCheckpoint {
        let checkpoint = Checkpoint {
            origin: self.content.origin.clone(),
            size,
            root,
        };
        let log = self.log_key(1).sign(&checkpoint.text());
        let cosigners: Vec<_> = nodes
            .iter()
            .filter_map(|ordinal| self.cosigner_key(*ordinal))
            .map(|key| key.cosign(&checkpoint, SIGNED_AT))
            .collect();
        let signed = SignedCheckpoint::new(checkpoint, log);
        cosigners
            .into_iter()
            .fold(signed, SignedCheckpoint::with_line)
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("a file's length")
}

fn node_id(ordinal: u64) -> NodeId {
    NodeId::parse(&format!("n{ordinal}")).expect("a node's id")
}

/// Everything that follows from the seed.
struct Keys {
    seed: u64,
}

impl Keys {
    fn bytes<const N: usize>(&self, purpose: &str) -> [u8; N] {
        Random::fork(self.seed, purpose).bytes()
    }

    fn id(&self, words: &str) -> SubmissionId {
        SubmissionId::from_bytes(self.bytes(&format!("id {words}")))
    }

    fn voucher(&self, unit: &UnitId) -> VoucherCode {
        VoucherCode::from_bytes(self.bytes(&format!("voucher {unit}")))
    }

    fn signer(&self, name: &str) -> SignerKey {
        let name = KeyName::parse(name).expect("a key's name");
        let seed = self.bytes(&format!("key {name}"));
        SignerKey::from_seed(name, seed)
    }

    fn chair(&self, unit: &UnitId, slot: Slot) -> SignerKey {
        self.signer(&format!("{ELECTION}/{unit}/{slot}"))
    }

    fn person(&self, role: Role, number: u8) -> SignerKey {
        self.signer(&format!("{ELECTION}/hq/{role}-{number}"))
    }

    fn log(&self, origin: &Origin, ordinal: u64) -> SignerKey {
        let seed = self.bytes(&format!("log {ordinal}"));
        SignerKey::from_seed(origin.key_name().clone(), seed)
    }

    fn cosigner(&self, origin: &Origin, ordinal: u64) -> CosignerKey {
        let name = origin
            .cosigner(node_id(ordinal).as_str())
            .expect("a node's key name");
        CosignerKey::from_seed(name, self.bytes(&format!("cosigner {ordinal}")))
    }

    /// Three keys and one voucher a unit.
    fn roll(&self, night: &Night) -> Roll {
        let mut roll = Roll::default();
        for unit in night.roster.units() {
            let keys = Slot::ALL.map(|slot| RollKind::Key {
                slot,
                vkey: self.chair(&unit.id, slot).verifier().to_string(),
            });
            let voucher = RollKind::Voucher {
                hash: b64::encode_hash(&self.voucher(&unit.id).hash(&unit.id)),
            };
            for kind in keys.into_iter().chain([voucher]) {
                let unit = unit.id.clone();
                roll.insert(RollEntry { unit, kind }).expect("a new entry");
            }
        }
        roll
    }

    /// The manifest with the hashes of its files still to be filled in, for the policies among them
    /// are made from the keys that stand in it.
    fn manifest(&self, election: &ElectionId, origin: &Origin, nodes: Vec<NodeLine>) -> Manifest {
        let mut keys: Vec<PersonKey> = Vec::new();
        for (role, many) in ROLES {
            let of_role = (1..=many).map(|number| PersonKey {
                role,
                key: self.person(role, number).verifier().clone(),
            });
            keys.extend(of_role);
        }
        keys.sort_by_cached_key(|person| format!("{} {}", person.role, person.key));
        let authority = keys.iter().filter(|person| person.role == Role::Authority);
        let mut names: Vec<KeyName> = authority.map(|person| person.key.name().clone()).collect();
        names.sort();
        let unknown = CountedFile {
            count: 0,
            hash: sha256(b""),
        };
        Manifest {
            header: Header {
                election: election.clone(),
                genesis: None,
                id: self.id("manifest"),
                time: SIGNED_AT,
            },
            version: 1,
            previous: None,
            effect: Effect::WithItsLeaf,
            kind: ElectionKind::Rehearsal,
            origin: origin.clone(),
            recovered: None,
            lost: Vec::new(),
            authority: Authority {
                threshold: AUTHORITY_THRESHOLD,
                names,
            },
            keys,
            nodes,
            spares: Vec::new(),
            witnesses: Vec::new(),
            opens: OPENS,
            closes: CLOSES,
            receipt_policy: unknown.hash,
            final_policy: unknown.hash,
            roll: unknown,
            roster: unknown,
            rules: unknown.hash,
        }
    }
}
