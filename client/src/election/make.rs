//! From a plan to keys, files and a signed manifest.

use std::collections::BTreeMap;
use std::fmt;

use caucus::{ElectionId, Roll, RollEntry, RollKind, Roster, Rules, Slot, UnitId};
use merkle::{Hash, sha256};
use note::{
    CosignerKey, KeyName, Limits, NoteError, Origin, SignedNote, SignerKey, UnixSeconds, b64,
};
use receipt::leaf::Role;
use receipt::{
    Bundle, BundledManifest, Fingerprint, Manifest, NodeId, NodeLine, PersonKey, VoucherCode,
};

use super::draft::{Draft, Parts, put_together};
use super::plan::{NodePlan, Plan};
use super::size::largest_note;
use crate::random::Random;

/// How many people of each role are made: as many as their acts need signers, and a spare where
/// one may be lost on the night.
const PEOPLE: [(Role, u8); 6] = [
    (Role::Admin, 2),
    (Role::Observer, 1),
    (Role::Operator, 4),
    (Role::Publisher, 2),
    (Role::Registrar, 3),
    (Role::Reviewer, 2),
];

/// Holders of authority keys, and how many of them sign a manifest.
const AUTHORITY: (u8, u64) = (3, 2);

/// An election, with every secret key of it.
pub struct Made {
    /// What it was made from.
    pub plan: Plan,
    /// The manifest, signed by as many of the authority as must.
    pub manifest: SignedNote,
    /// The manifest as it reads.
    pub content: Manifest,
    /// Everything a verifier needs.
    pub bundle: Bundle,
    /// SHA-256 of the manifest's text: it stands in every note.
    pub genesis: Hash,
    /// The same, as verifiers and nodes pin it.
    pub fingerprint: Fingerprint,
    /// The files the manifest names, as text.
    pub files: Files,
    /// Keys of people, by role.
    pub people: BTreeMap<Role, Vec<SignerKey>>,
    /// Keys of units.
    pub units: BTreeMap<UnitId, UnitKeys>,
    /// Keys of nodes, by ordinal.
    pub nodes: Vec<NodeKeys>,
}

impl fmt::Debug for Made {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Made")
            .field("election", &self.plan.election)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// The files that a manifest names by their hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The units.
    pub roster: String,
    /// The rules.
    pub rules: String,
    /// Whose key may report for which unit.
    pub roll: String,
    /// Who must cosign at receipt level.
    pub receipt_policy: String,
    /// Who must cosign at final level.
    pub final_policy: String,
}

/// The keys of one unit.
#[derive(Debug)]
pub struct UnitKeys {
    /// The chair's.
    pub a: SignerKey,
    /// The sealed spare.
    pub b: SignerKey,
    /// The secretary's.
    pub s: SignerKey,
    /// For reports by telephone, each good for one.
    pub vouchers: Vec<VoucherCode>,
}

/// The keys of one node.
#[derive(Debug)]
pub struct NodeKeys {
    /// Its number in consensus.
    pub ordinal: u64,
    /// Its id.
    pub id: NodeId,
    /// Signs checkpoints for the log.
    pub log: SignerKey,
    /// Cosigns them for the node.
    pub cosigner: CosignerKey,
}

/// Why an election cannot be made from a plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A satellite's pool is not in the rules.
    #[error("unit `{0}` belongs to a pool that the rules do not have")]
    UnknownPool(UnitId),
    /// The largest sheet that these groups allow would not fit into a note, so that some chair
    /// could find on the night that the report cannot be sent.
    #[error(
        "the largest possible sheet would have {bytes} bytes and {lines} lines; \
         a note has at most {} and {}",
        Limits::NOTE.bytes,
        Limits::NOTE.lines
    )]
    SheetTooLarge {
        /// Bytes of the largest note.
        bytes: usize,
        /// Its lines.
        lines: usize,
    },
    /// A key's name would be too long or hold a character that names may not.
    #[error("`{0}` cannot be the name of a key")]
    BadKeyName(String),
    /// The roll cannot be written.
    #[error("write the roll: {0}")]
    Roll(String),
    /// A file that the manifest names is missing, or is not what its place asks for.
    #[error("{0}")]
    File(String),
    /// The manifest breaks a rule of its own, as with two nodes of one ordinal.
    #[error("the manifest is not sound: {0}")]
    BadManifest(String),
    /// The manifest does not fit into a note.
    #[error("sign the manifest")]
    Sign(#[from] NoteError),
}

/// People by role, each by what stands behind `hq/` in the name of the key.
pub type Names = BTreeMap<Role, Vec<String>>;

/// As many people as a desk needs, called after their roles.
fn desk_names() -> Names {
    let called = |(role, many): (Role, u8)| {
        let names = (1..=many).map(|number| format!("{role}-{number}"));
        (role, names.collect())
    };
    PEOPLE.into_iter().map(called).collect()
}

/// Makes an election. The same plan, random bytes and time give the same election.
pub fn make(plan: Plan, random: &mut impl Random, now: UnixSeconds) -> Result<Made, Error> {
    make_for(plan, &desk_names(), random, now)
}

/// Makes an election for these people; the authority's three are always called A1 to A3.
pub fn make_for(
    plan: Plan,
    names: &Names,
    random: &mut impl Random,
    now: UnixSeconds,
) -> Result<Made, Error> {
    if let Some(unit) = plan.roster.unknown_pool(&plan.rules) {
        return Err(Error::UnknownPool(unit.id.clone()));
    }
    check_size(&plan.rules)?;
    let people = make_people(&plan, names, random)?;
    let units = make_units(&plan.election, &plan.roster, plan.vouchers_per_unit, random)?;
    let nodes = make_nodes(&plan, random)?;
    let parts = Parts {
        election: plan.election.clone(),
        origin: plan.origin.clone(),
        kind: plan.kind,
        threshold: AUTHORITY.1,
        people: verifiers(&people),
        nodes: nodes.iter().map(NodeKeys::line).collect(),
        spares: Vec::new(),
        witnesses: plan.witnesses.iter().map(|it| it.line.clone()).collect(),
        opens: plan.opens,
        closes: plan.closes,
        roster: plan.roster.clone(),
        rules: plan.rules.clone(),
        roll: make_roll(&units)?,
    };
    let Draft { content, files } = put_together(&parts, None, random.id(), now);
    let text = content.text();
    let signers = people.get(&Role::Authority).into_iter().flatten();
    let lines = signers
        .take(usize::try_from(AUTHORITY.1).unwrap_or(usize::MAX))
        .map(|key| key.sign(&text))
        .collect();
    let manifest = SignedNote::assemble(&text, lines)?;
    receipt::Leaf::parse(&manifest).map_err(|error| Error::BadManifest(error.to_string()))?;
    let bundle = bundle_of(&manifest, &files);
    let genesis = manifest.text_hash();
    let fingerprint = Fingerprint::of(genesis);
    Ok(Made {
        plan,
        manifest,
        content,
        bundle,
        genesis,
        fingerprint,
        files,
        people,
        units,
        nodes,
    })
}

/// Puts a manifest and its files together.
fn bundle_of(manifest: &SignedNote, files: &Files) -> Bundle {
    let Files {
        roster,
        rules,
        roll,
        receipt_policy,
        final_policy,
    } = files;
    let files = [roster, rules, roll, receipt_policy, final_policy];
    Bundle {
        manifests: vec![BundledManifest {
            note: manifest.clone(),
            leaf: None,
            receipt: None,
        }],
        files: files
            .map(|file| (hash(file), file.clone().into_bytes()))
            .into(),
    }
}

fn make_people(
    plan: &Plan,
    names: &Names,
    random: &mut impl Random,
) -> Result<BTreeMap<Role, Vec<SignerKey>>, Error> {
    let mut people = BTreeMap::new();
    for number in 1..=AUTHORITY.0 {
        let name = format!("{}/authority/A{number}", plan.election);
        people
            .entry(Role::Authority)
            .or_insert_with(Vec::new)
            .push(signer(&name, random)?);
    }
    for (role, called) in names {
        for name in called {
            let name = format!("{}/hq/{name}", plan.election);
            people
                .entry(*role)
                .or_insert_with(Vec::new)
                .push(signer(&name, random)?);
        }
    }
    Ok(people)
}

/// The keys and vouchers of every unit.
pub fn make_units(
    election: &ElectionId,
    roster: &Roster,
    vouchers_per_unit: u8,
    random: &mut impl Random,
) -> Result<BTreeMap<UnitId, UnitKeys>, Error> {
    let mut units = BTreeMap::new();
    for unit in roster.units() {
        let mut key = |slot: Slot| signer(&format!("{election}/{}/{slot}", unit.id), random);
        let (a, b, s) = (key(Slot::A)?, key(Slot::B)?, key(Slot::S)?);
        let vouchers = (0..vouchers_per_unit)
            .map(|_| {
                let mut bytes = [0; 10];
                random.fill(&mut bytes);
                VoucherCode::from_bytes(bytes)
            })
            .collect();
        units.insert(unit.id.clone(), UnitKeys { a, b, s, vouchers });
    }
    Ok(units)
}

fn make_nodes(plan: &Plan, random: &mut impl Random) -> Result<Vec<NodeKeys>, Error> {
    plan.nodes
        .iter()
        .map(|node| make_node(&plan.origin, node, random))
        .collect()
}

/// Makes the two keys of a node for the log of this origin.
pub fn make_node(
    origin: &Origin,
    node: &NodePlan,
    random: &mut impl Random,
) -> Result<NodeKeys, Error> {
    let cosigner = format!("{origin}/{}", node.id);
    Ok(NodeKeys {
        ordinal: node.ordinal,
        id: node.id.clone(),
        log: SignerKey::from_seed(origin.key_name().clone(), random.seed()),
        cosigner: CosignerKey::from_seed(key_name(&cosigner)?, random.seed()),
    })
}

impl NodeKeys {
    /// The node's line in a manifest.
    pub fn line(&self) -> NodeLine {
        NodeLine {
            ordinal: self.ordinal,
            id: self.id.clone(),
            log: self.log.verifier().clone(),
            cosigner: self.cosigner.verifier().clone(),
        }
    }
}

/// The roll of these keys and vouchers.
pub fn make_roll(units: &BTreeMap<UnitId, UnitKeys>) -> Result<Roll, Error> {
    let mut roll = Roll::default();
    for (unit, keys) in units {
        let slots = [(Slot::A, &keys.a), (Slot::B, &keys.b), (Slot::S, &keys.s)];
        let keys_of = slots.into_iter().map(|(slot, key)| RollKind::Key {
            slot,
            vkey: key.verifier().to_string(),
        });
        let vouchers = keys.vouchers.iter().map(|voucher| RollKind::Voucher {
            hash: b64::encode_hash(&voucher.hash(unit)),
        });
        for kind in keys_of.chain(vouchers) {
            roll.insert(RollEntry {
                unit: unit.clone(),
                kind,
            })
            .map_err(Error::Roll)?;
        }
    }
    Ok(roll)
}

/// The public halves of people's keys.
fn verifiers(people: &BTreeMap<Role, Vec<SignerKey>>) -> Vec<PersonKey> {
    let of_role = |(role, keys): (&Role, &Vec<SignerKey>)| -> Vec<PersonKey> {
        let person = |key: &SignerKey| PersonKey {
            role: *role,
            key: key.verifier().clone(),
        };
        keys.iter().map(person).collect()
    };
    people.iter().flat_map(of_role).collect()
}

/// Refuses a contest in which some sheet could not be sent.
pub(super) fn check_size(rules: &Rules) -> Result<(), Error> {
    let (bytes, lines) = largest_note(rules);
    if bytes <= Limits::NOTE.bytes && lines <= Limits::NOTE.lines {
        Ok(())
    } else {
        Err(Error::SheetTooLarge { bytes, lines })
    }
}

fn signer(name: &str, random: &mut impl Random) -> Result<SignerKey, Error> {
    Ok(SignerKey::from_seed(key_name(name)?, random.seed()))
}

fn key_name(name: &str) -> Result<KeyName, Error> {
    KeyName::parse(name).map_err(|_| Error::BadKeyName(name.to_owned()))
}

pub(super) fn hash(file: &str) -> Hash {
    sha256(file.as_bytes())
}

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use note::Origin;
    use receipt::{Election, ElectionKind};

    use super::*;
    use crate::election::small_roster;
    use crate::random::SeededRandom;

    fn plan(units: u32) -> Plan {
        let rules = Rules::iowa_2020();
        Plan {
            election: ElectionId::parse("desk").unwrap(),
            origin: Origin::parse_election("tally.example/desk").unwrap(),
            kind: ElectionKind::Rehearsal,
            roster: small_roster(units, &rules).unwrap(),
            rules,
            nodes: NodePlan::on_loopback(3, 7100).unwrap(),
            opens: UnixSeconds::new(100),
            closes: UnixSeconds::new(200),
            vouchers_per_unit: 3,
            witnesses: Vec::new(),
        }
    }

    fn made(seed: u64) -> Made {
        make(plan(9), &mut SeededRandom::new(seed), UnixSeconds::new(50)).unwrap()
    }

    #[test]
    fn a_made_election_opens_under_its_own_fingerprint_and_no_other() {
        let (made, other) = (made(1), made(2));
        assert!(Election::open(&made.bundle, made.fingerprint).is_ok());
        assert!(Election::open(&made.bundle, other.fingerprint).is_err());
    }

    #[test]
    fn the_same_seed_makes_the_same_election() {
        assert_eq!(made(1).manifest.bytes(), made(1).manifest.bytes());
        assert_eq!(made(1).files, made(1).files);
        assert_ne!(made(1).manifest.bytes(), made(2).manifest.bytes());
    }

    #[test]
    fn every_unit_has_three_keys_and_its_vouchers_on_the_roll() {
        let made = made(1);
        let roll = Roll::parse(&made.files.roll).unwrap();
        assert_eq!(roll.keys().count(), 27);
        assert_eq!(roll.vouchers().count(), 27);
        for (unit, keys) in &made.units {
            let a = keys.a.verifier().to_string();
            assert_eq!(roll.key(unit, Slot::A), Some(a.as_str()));
        }
    }

    #[test]
    fn a_contest_whose_largest_sheet_does_not_fit_is_refused() {
        let mut text = Rules::iowa_2020().to_string();
        let line = |n| format!("group zz-a-rather-long-name-{n} Group {n}\n");
        let groups = (10..60).map(line).collect::<Vec<_>>().concat();
        text = text.replace("group yang Andrew Yang\n", "");
        text = text.replace(
            "national district 1 ",
            &format!("{groups}national district 1 "),
        );
        let mut plan = plan(3);
        plan.rules = Rules::parse(&text).unwrap();
        let error = make(plan, &mut SeededRandom::new(1), UnixSeconds::new(0)).unwrap_err();
        assert!(matches!(error, Error::SheetTooLarge { .. }), "{error}");
    }

    #[test]
    fn no_secret_shows_in_debug_output() {
        let made = made(1);
        let shown = format!("{made:?} {:?}", made.units.values().next());
        assert!(!shown.contains("PRIVATE"), "{shown}");
        assert!(!shown.contains(&made.units.values().next().unwrap().vouchers[0].to_string()));
    }
}
