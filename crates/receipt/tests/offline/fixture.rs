//! One small election whose keys are made of fixed bytes: two units, three nodes, one witness.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::LazyLock;

use caucus::{
    Delegates, ElectionId, FinalAlignment, FirstAlignment, GroupId, People, Reported, Rules,
    SubmissionId, UnitId, Worksheet,
};
use merkle::{Frontier, Hash, LeafIndex, Nodes, leaf_hash, prove_inclusion, sha256};
use note::{
    Checkpoint, CosignerKey, KeyName, Origin, SignatureLine, SignedCheckpoint, SignedNote,
    SignerKey, UnixSeconds,
};
use receipt::leaf::{Figures, Header, Leaf, Role, Submission};
use receipt::{
    Authority, Bundle, BundledManifest, CountedFile, Effect, Election, ElectionKind, Fingerprint,
    Manifest, NodeId, NodeLine, PersonKey, Policy, UnverifiedReceipt, WitnessLine,
};

pub(crate) const ELECTION: &str = "caucus-2028-ia";
pub(crate) const ORIGIN: &str = "tally.example/caucus-2028-ia";

pub(crate) const ROSTER: &str = "precinct-tally/roster/v1\n\
    county 19 12 4 - Linn\n\
    unit P-1 precinct 19 5 First church\n\
    unit P-2 precinct 19 7 Second school\n";

/// A seed that no two names share.
fn seed(name: &str) -> [u8; 32] {
    *sha256(name.as_bytes()).as_bytes()
}

pub(crate) fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

pub(crate) fn signer(text: &str) -> SignerKey {
    SignerKey::from_seed(name(text), seed(text))
}

/// A person of headquarters.
pub(crate) fn person(role: Role, number: u8) -> SignerKey {
    signer(&format!("{ELECTION}/hq/{role}{number}"))
}

pub(crate) fn chair(unit: &str, slot: &str) -> SignerKey {
    signer(&format!("{ELECTION}/{unit}/{slot}"))
}

pub(crate) fn log_key(node: &str) -> SignerKey {
    log_key_of(ORIGIN, node)
}

pub(crate) fn log_key_of(origin: &str, node: &str) -> SignerKey {
    SignerKey::from_seed(name(origin), seed(&format!("log {origin} {node}")))
}

pub(crate) fn cosigner(node: &str) -> CosignerKey {
    cosigner_of(ORIGIN, node)
}

pub(crate) fn cosigner_of(origin: &str, node: &str) -> CosignerKey {
    let text = format!("{origin}/{node}");
    CosignerKey::from_seed(name(&text), seed(&text))
}

pub(crate) fn witness() -> CosignerKey {
    CosignerKey::from_seed(name("campaign-a.example/witness"), seed("witness"))
}

pub(crate) fn node_line(origin: &str, ordinal: u64, id: &str) -> NodeLine {
    NodeLine {
        ordinal,
        id: NodeId::parse(id).unwrap(),
        log: log_key_of(origin, id).verifier().clone(),
        cosigner: cosigner_of(origin, id).verifier().clone(),
    }
}

pub(crate) fn roll() -> String {
    let mut lines: Vec<String> = ["P-1", "P-2"]
        .iter()
        .flat_map(|unit| {
            ["a", "b", "s"].map(|slot| format!("{unit} {slot} {}", chair(unit, slot).verifier()))
        })
        .collect();
    lines.sort();
    lines.join("\n") + "\n"
}

pub(crate) fn header(genesis: Option<Hash>) -> Header {
    Header {
        election: ElectionId::parse(ELECTION).unwrap(),
        genesis,
        id: SubmissionId::from_bytes([7; 16]),
        time: UnixSeconds::new(1_706_576_460),
    }
}

/// Keys of headquarters: two of every role, three of the authority.
fn people() -> Vec<PersonKey> {
    let mut keys: Vec<PersonKey> = Role::ALL
        .iter()
        .flat_map(|role| {
            let count = if *role == Role::Authority { 3 } else { 2 };
            (1..=count).map(|number| PersonKey {
                role: *role,
                key: person(*role, number).verifier().clone(),
            })
        })
        .collect();
    keys.sort_by_key(|person| format!("{} {}", person.role, person.key));
    keys
}

/// Version 1: three nodes, one spare, one witness.
pub(crate) fn manifest() -> Manifest {
    let rules = Rules::iowa_2020().to_string();
    let nodes = (1..=3)
        .map(|n| node_line(ORIGIN, n, &format!("n{n}")))
        .collect();
    let unfinished = Manifest {
        header: header(None),
        version: 1,
        previous: None,
        effect: Effect::WithItsLeaf,
        kind: ElectionKind::Live,
        origin: Origin::parse_election(ORIGIN).unwrap(),
        recovered: None,
        lost: Vec::new(),
        authority: Authority {
            threshold: 2,
            names: (1..=3)
                .map(|number| person(Role::Authority, number).verifier().name().clone())
                .collect(),
        },
        keys: people(),
        nodes,
        spares: vec![node_line(ORIGIN, 4, "n4")],
        witnesses: vec![WitnessLine {
            id: NodeId::parse("w1").unwrap(),
            key: witness().verifier().clone(),
        }],
        opens: UnixSeconds::new(1_706_576_400),
        closes: UnixSeconds::new(1_706_598_000),
        receipt_policy: sha256(b""),
        final_policy: sha256(b""),
        roll: CountedFile {
            count: 6,
            hash: sha256(roll().as_bytes()),
        },
        roster: CountedFile {
            count: 2,
            hash: sha256(ROSTER.as_bytes()),
        },
        rules: sha256(rules.as_bytes()),
    };
    with_policies(unfinished)
}

/// The manifest with the hashes of the policies that follow from it.
pub(crate) fn with_policies(mut manifest: Manifest) -> Manifest {
    manifest.receipt_policy = sha256(Policy::receipt_for(&manifest).to_string().as_bytes());
    manifest.final_policy = sha256(Policy::final_file(&manifest).as_bytes());
    manifest
}

pub(crate) fn sign(text: &str, signers: &[SignerKey]) -> SignedNote {
    let lines = signers.iter().map(|signer| signer.sign(text)).collect();
    SignedNote::assemble(text, lines).unwrap()
}

/// Signed by two of the authority.
pub(crate) fn endorse(manifest: &Manifest) -> SignedNote {
    sign(
        &manifest.text(),
        &[person(Role::Authority, 1), person(Role::Authority, 3)],
    )
}

/// Every file that these manifests name.
pub(crate) fn files(manifests: &[&Manifest]) -> BTreeMap<Hash, Vec<u8>> {
    let mut files = vec![ROSTER.to_owned(), roll(), Rules::iowa_2020().to_string()];
    for manifest in manifests {
        files.push(Policy::receipt_for(manifest).to_string());
        files.push(Policy::final_file(manifest));
    }
    files
        .into_iter()
        .map(|file| (sha256(file.as_bytes()), file.into_bytes()))
        .collect()
}

pub(crate) fn bundle(manifests: &[(&Manifest, Option<u64>)]) -> Bundle {
    let bundled = manifests.iter().map(|(manifest, leaf)| BundledManifest {
        note: endorse(manifest),
        leaf: leaf.map(LeafIndex::new),
        receipt: None,
    });
    let all: Vec<&Manifest> = manifests.iter().map(|(manifest, _)| *manifest).collect();
    Bundle {
        manifests: bundled.collect(),
        files: files(&all),
    }
}

/// Version 1's hash, which nearly every note here carries.
static GENESIS: LazyLock<Hash> = LazyLock::new(|| manifest().genesis());

pub(crate) fn genesis() -> Hash {
    *GENESIS
}

pub(crate) fn election() -> Election {
    Election::open(&bundle(&[(&manifest(), None)]), Fingerprint::of(genesis())).unwrap()
}

/// The version after `before`, otherwise the same.
pub(crate) fn next(before: &Manifest) -> Manifest {
    let mut next = before.clone();
    next.header.genesis = Some(genesis());
    next.version = before.version + 1;
    next.previous = Some(sha256(before.text().as_bytes()));
    next
}

pub(crate) fn unit(id: &str) -> UnitId {
    UnitId::parse(id).unwrap()
}

pub(crate) fn groups() -> [GroupId; 2] {
    ["Biden", "Warren"].map(|group| GroupId::parse(group).unwrap())
}

/// A sheet of two groups. Whether they are the election's is the ledger's question.
pub(crate) fn sheet() -> Worksheet {
    let people = || [30, 20].map(|n| People::new(n).unwrap());
    let delegates = [3, 2].map(|n| Delegates::new(n).unwrap());
    Worksheet {
        attendees: People::new(50).unwrap(),
        first: groups()
            .into_iter()
            .zip(people())
            .collect::<FirstAlignment>(),
        last: groups()
            .into_iter()
            .zip(people())
            .collect::<FinalAlignment>(),
        reported: groups().into_iter().zip(delegates).collect::<Reported>(),
        ties: Vec::new(),
    }
}

pub(crate) fn submission(of: &str) -> Submission {
    Submission {
        header: header(Some(genesis())),
        unit: unit(of),
        seq: 1,
        supersedes: None,
        channel: None,
        voucher: None,
        figures: Figures {
            worksheet: sheet(),
            evidence: Vec::new(),
        },
    }
}

/// The chair's report of P-1, signed.
pub(crate) fn report() -> SignedNote {
    sign(&Leaf::from(submission("P-1")).text(), &[chair("P-1", "a")])
}

/// A log in memory.
#[derive(Default)]
pub(crate) struct Log {
    nodes: BTreeMap<(u8, u64), Hash>,
    frontier: Frontier,
    entries: Vec<Vec<u8>>,
}

impl Nodes for Log {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.nodes[&(level, index)])
    }
}

impl Log {
    /// Leaf 0 is the manifest; then the entry; then others up to the size.
    pub(crate) fn with(entry: &[u8], size: u64) -> Self {
        let mut log = Self::default();
        log.push(endorse(&manifest()).bytes());
        log.push(entry);
        for number in 2..size {
            log.push(format!("another leaf {number}").as_bytes());
        }
        log
    }

    pub(crate) fn push(&mut self, entry: &[u8]) {
        for node in self.frontier.push(leaf_hash(entry)) {
            self.nodes.insert((node.level, node.index), node.hash);
        }
        self.entries.push(entry.to_vec());
    }

    pub(crate) fn checkpoint(&self, origin: &str) -> Checkpoint {
        Checkpoint {
            origin: Origin::parse(origin).unwrap(),
            size: self.frontier.size(),
            root: self.frontier.root(),
        }
    }

    pub(crate) fn receipt(&self, index: u64, signed: SignedCheckpoint) -> UnverifiedReceipt {
        let index = LeafIndex::new(index);
        let size = self.frontier.size();
        let entry = self.entries[usize::try_from(index.get()).unwrap()].clone();
        let proof = prove_inclusion(self, index, size).unwrap();
        UnverifiedReceipt::build(entry, index, proof, signed)
    }
}

pub(crate) const SIGNED_AT: u64 = 1_706_576_470;

/// The line of a node of the election.
pub(crate) fn node_cosignature(checkpoint: &Checkpoint, node: &str) -> SignatureLine {
    cosigner_of(checkpoint.origin.as_str(), node).cosign(checkpoint, UnixSeconds::new(SIGNED_AT))
}

/// The checkpoint with the line of n1's log key and of these cosigners.
pub(crate) fn signed(checkpoint: &Checkpoint, nodes: &[&str]) -> SignedCheckpoint {
    let log = log_key_of(checkpoint.origin.as_str(), "n1").sign(&checkpoint.text());
    nodes.iter().fold(
        SignedCheckpoint::new(checkpoint.clone(), log),
        |signed, node| signed.with_line(node_cosignature(checkpoint, node)),
    )
}

/// The smallest receipt that holds: leaf 1 of 13, one log line, two of three nodes.
pub(crate) fn receipt() -> UnverifiedReceipt {
    let log = Log::with(report().bytes(), 13);
    let checkpoint = log.checkpoint(ORIGIN);
    log.receipt(1, signed(&checkpoint, &["n2", "n3"]))
}
