//! From what was decided to the unsigned text of a manifest: what the ceremony lays before the
//! authority. Nothing here holds a secret key.

use std::collections::{BTreeMap, BTreeSet};

use caucus::{ElectionId, Roll, Roster, Rules, SubmissionId};
use merkle::{Hash, sha256};
use note::{Origin, UnixSeconds, VerifierKey};
use receipt::leaf::Role;
use receipt::{
    Authority, CountedFile, Effect, ElectionKind, Header, Leaf, Manifest, NodeLine, PersonKey,
    Policy, WitnessLine,
};

use super::make::{Error, Files, check_size, count, hash};

/// Everything that a manifest says and names.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The contest's name.
    pub election: ElectionId,
    /// The log's name.
    pub origin: Origin,
    /// The night, or a rehearsal of it.
    pub kind: ElectionKind,
    /// How many of the authority sign each version.
    pub threshold: u64,
    /// Keys of people, those of the authority among them.
    pub people: Vec<PersonKey>,
    /// The nodes that quorums count.
    pub nodes: Vec<NodeLine>,
    /// Nodes that may replace one.
    pub spares: Vec<NodeLine>,
    /// Outside witnesses.
    pub witnesses: Vec<WitnessLine>,
    /// When the caucuses begin.
    pub opens: UnixSeconds,
    /// When they end.
    pub closes: UnixSeconds,
    /// The units.
    pub roster: Roster,
    /// The rules.
    pub rules: Rules,
    /// Whose key may report for which unit.
    pub roll: Roll,
}

/// An unsigned manifest and the files it names.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it says.
    pub content: Manifest,
    /// The files.
    pub files: Files,
}

/// The version that a new one follows.
#[derive(Debug, Clone, Copy)]
pub struct Before<'m> {
    /// What it says.
    pub manifest: &'m Manifest,
    /// SHA-256 of its text.
    pub hash: Hash,
}

/// Writes the text that the authority will sign: version 1, or the one behind `before`.
pub fn draft(
    parts: &Parts,
    before: Option<Before<'_>>,
    id: [u8; 16],
    now: UnixSeconds,
) -> Result<Draft, Error> {
    if let Some(unit) = parts.roster.unknown_pool(&parts.rules) {
        return Err(Error::UnknownPool(unit.id.clone()));
    }
    check_size(&parts.rules)?;
    check_roll(parts)?;
    let drafted = put_together(parts, before, id, now);
    check_text(&drafted.content)?;
    if let Some(before) = before {
        check_step(before.manifest, &drafted.content)?;
    }
    Ok(drafted)
}

/// The version and its files, unchecked: for parts that were made here and not read.
pub(super) fn put_together(
    parts: &Parts,
    before: Option<Before<'_>>,
    id: [u8; 16],
    now: UnixSeconds,
) -> Draft {
    let mut content = without_files(parts, before, id, now);
    let [receipt_policy, final_policy] = name_policies(&mut content);
    let files = Files {
        roster: parts.roster.to_string(),
        rules: parts.rules.to_string(),
        roll: parts.roll.to_string(),
        receipt_policy,
        final_policy,
    };
    content.roll = CountedFile {
        count: count(parts.roll.line_count()),
        hash: hash(&files.roll),
    };
    content.roster = CountedFile {
        count: count(parts.roster.unit_count()),
        hash: hash(&files.roster),
    };
    content.rules = hash(&files.rules);
    Draft { content, files }
}

/// Names the policies that follow from a version's keys, and gives their files: receipt level, final
/// level.
pub(super) fn name_policies(content: &mut Manifest) -> [String; 2] {
    let policies = [
        Policy::receipt_for(content).to_string(),
        Policy::final_file(content),
    ];
    [content.receipt_policy, content.final_policy] = policies.each_ref().map(|file| hash(file));
    policies
}

/// What the version says, with the hashes of its files still to be filled in: the policies are made
/// from the keys that stand in it.
fn without_files(
    parts: &Parts,
    before: Option<Before<'_>>,
    id: [u8; 16],
    now: UnixSeconds,
) -> Manifest {
    let unknown = sha256(b"");
    Manifest {
        header: Header {
            election: parts.election.clone(),
            genesis: before.map(|before| genesis(&before)),
            id: SubmissionId::from_bytes(id),
            time: now,
        },
        version: before.map_or(1, |before| before.manifest.version.saturating_add(1)),
        previous: before.map(|before| before.hash),
        effect: Effect::WithItsLeaf,
        kind: parts.kind,
        origin: parts.origin.clone(),
        recovered: None,
        lost: Vec::new(),
        authority: authority(parts),
        keys: sorted(&parts.people, |person| {
            format!("{} {}", person.role, person.key)
        }),
        nodes: sorted(&parts.nodes, |node| node.ordinal),
        spares: sorted(&parts.spares, |node| node.ordinal),
        witnesses: sorted(&parts.witnesses, |witness| witness.id.clone()),
        opens: parts.opens,
        closes: parts.closes,
        receipt_policy: unknown,
        final_policy: unknown,
        roll: CountedFile {
            count: 0,
            hash: unknown,
        },
        roster: CountedFile {
            count: 0,
            hash: unknown,
        },
        rules: unknown,
    }
}

/// The genesis that everything behind this version carries.
pub(super) fn genesis(before: &Before<'_>) -> Hash {
    before.manifest.header.genesis.unwrap_or(before.hash)
}

/// The manifest's own rules, as every node and verifier applies them.
pub(super) fn check_text(content: &Manifest) -> Result<(), Error> {
    let text = content.text();
    let limits = note::Limits::MANIFEST;
    // The signatures come on top; thirty-two of the longest names fit into what is left.
    let (bytes, lines) = (text.len(), text.lines().count());
    if bytes > limits.bytes || lines > limits.lines {
        return Err(Error::BadManifest(format!(
            "it has {bytes} bytes and {lines} lines; a manifest has at most {} and {}",
            limits.bytes, limits.lines
        )));
    }
    Leaf::parse_text(&text)
        .map(|_| ())
        .map_err(|error| Error::BadManifest(error.to_string()))
}

/// What a version may not change: it would be refused wherever it is opened.
fn check_step(before: &Manifest, content: &Manifest) -> Result<(), Error> {
    let wrong = |what: &str| Err(Error::BadManifest(what.to_owned()));
    if before.header.election != content.header.election {
        return wrong("it names another election than the version before it");
    }
    if before.kind != content.kind {
        return wrong("a rehearsal stays a rehearsal, the night the night");
    }
    if before.origin != content.origin {
        return wrong("only a recovery changes the origin");
    }
    let all = |manifest: &Manifest| -> Vec<NodeLine> {
        let lines = manifest.nodes.iter().chain(&manifest.spares);
        lines.cloned().collect()
    };
    for old in all(before) {
        let reused = all(content)
            .into_iter()
            .find(|new| (new.ordinal == old.ordinal || new.id == old.id) && *new != old);
        if let Some(new) = reused {
            return wrong(&format!(
                "node {} ({}) was another before; ordinals and ids are never used again",
                new.ordinal, new.id
            ));
        }
    }
    Ok(())
}

/// Every line of the roll is for a unit of the roster, named for its unit and slot, and a sound key
/// that stands once.
fn check_roll(parts: &Parts) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for (unit, slot, vkey) in parts.roll.keys() {
        let name = format!("{}/{unit}/{slot}", parts.election);
        let key = VerifierKey::parse(vkey)
            .map_err(|error| Error::Roll(format!("unit `{unit}`, slot {slot}: {error}")))?;
        if key.name().as_str() != name {
            return Err(Error::Roll(format!(
                "unit `{unit}`, slot {slot}: the key must be named `{name}`"
            )));
        }
        if !seen.insert(*key.public_bytes()) {
            return Err(Error::Roll(format!(
                "unit `{unit}`, slot {slot}: the key stands twice"
            )));
        }
    }
    let keys = parts.roll.keys().map(|(unit, ..)| unit);
    let mut named = keys.chain(parts.roll.vouchers().map(|(unit, _)| unit));
    match named.find(|unit| parts.roster.unit(unit).is_none()) {
        Some(unit) => Err(Error::Roll(format!("the roster has no unit `{unit}`"))),
        None => Ok(()),
    }
}

fn authority(parts: &Parts) -> Authority {
    let of_authority = parts
        .people
        .iter()
        .filter(|person| person.role == Role::Authority);
    let names: BTreeSet<_> = of_authority
        .map(|person| person.key.name().clone())
        .collect();
    Authority {
        threshold: parts.threshold,
        names: names.into_iter().collect(),
    }
}

fn sorted<T: Clone, K: Ord>(list: &[T], key: impl Fn(&T) -> K) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort_by_cached_key(key);
    list
}

/// Holds the files that lie beside a manifest against it: each is there, is the one that the hash
/// names, and says what its place asks for.
pub fn check_files(manifest: &Manifest, files: &BTreeMap<Hash, Vec<u8>>) -> Result<(), Error> {
    let text = |what: &str, hash: &Hash| {
        let bytes = files.get(hash).filter(|bytes| sha256(bytes) == *hash);
        bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .ok_or_else(|| Error::File(format!("the {what} file is not beside the manifest")))
    };
    let bad = |what: &str, why: String| Error::File(format!("the {what} file: {why}"));
    if text("receipt policy", &manifest.receipt_policy)?
        != Policy::receipt_for(manifest).to_string()
    {
        return Err(bad(
            "receipt policy",
            "it is not the majority of the nodes".into(),
        ));
    }
    if text("final policy", &manifest.final_policy)? != Policy::final_file(manifest) {
        let why = "it is not the strong quorum and an outside witness";
        return Err(bad("final policy", why.into()));
    }
    Rules::parse(text("rule", &manifest.rules)?).map_err(|e| bad("rule", e.to_string()))?;
    let roster = Roster::parse(text("roster", &manifest.roster.hash)?)
        .map_err(|error| bad("roster", error.to_string()))?;
    let roll = Roll::parse(text("roll", &manifest.roll.hash)?)
        .map_err(|error| bad("roll", error.to_string()))?;
    for (what, is, stated) in [
        ("roster", roster.unit_count(), manifest.roster.count),
        ("roll", roll.line_count(), manifest.roll.count),
    ] {
        if count(is) != stated {
            return Err(bad(
                what,
                format!("it has {is} lines, the manifest says {stated}"),
            ));
        }
    }
    Ok(())
}
