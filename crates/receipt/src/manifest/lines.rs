//! The manifest's own lines, read and written.

use alloc::vec::Vec;
use core::fmt;

use caucus::parse_number;
use merkle::{Hash, TreeSize};
use note::{Algorithm, KeyName, Origin, UnixSeconds, VerifierKey, b64};

use super::{
    Authority, CountedFile, Effect, ElectionKind, MAX_ORDINAL, Manifest, NodeId, NodeLine,
    PersonKey, Recovered, WitnessLine, check,
};
use crate::leaf::{Header, Role, person_key};
use crate::lines::{self, Lines, Malformed};

/// No list of a manifest may be longer: the whole text is limited to as many lines.
const ANY: usize = usize::MAX;

impl Manifest {
    pub(crate) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        let version = lines.value("version", "<number from 1>", lines::positive)?;
        let previous = lines.value("previous", "<hash or ->", |text| {
            lines::dash(text, lines::hash).ok()
        })?;
        let effect = if lines.flag("successor") {
            Effect::OnceActivated
        } else {
            Effect::WithItsLeaf
        };
        let kind = lines.value("kind", "<live|rehearsal>", ElectionKind::parse)?;
        let origin = lines.value("origin", "<origin>", origin)?;
        let recovered = lines.optional("recovered", "<origin> <size> <root>", recovered)?;
        let lost = lines.list("lost", "<hash>", ANY, |text| {
            Some((text, lines::hash(text)?))
        })?;
        let parties = Parties::read(lines)?;
        let opens_line = lines.number();
        let files = Files::read(lines)?;
        let marks = Marks {
            opens: opens_line,
            ..parties.marks
        };
        let manifest = Self {
            header,
            version,
            previous,
            effect,
            kind,
            origin,
            recovered,
            lost,
            authority: parties.authority,
            keys: parties.keys,
            nodes: parties.nodes,
            spares: parties.spares,
            witnesses: parties.witnesses,
            opens: files.opens,
            closes: files.closes,
            receipt_policy: files.receipt_policy,
            final_policy: files.final_policy,
            roll: files.roll,
            roster: files.roster,
            rules: files.rules,
        };
        check::sound(&manifest, &marks)?;
        Ok(manifest)
    }

    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "version {}", self.version)?;
        writeln!(
            f,
            "previous {}",
            lines::hash_or_dash(self.previous.as_ref())
        )?;
        match self.effect {
            Effect::WithItsLeaf => {}
            Effect::OnceActivated => writeln!(f, "successor")?,
        }
        writeln!(f, "kind {}", self.kind)?;
        writeln!(f, "origin {}", self.origin)?;
        if let Some(Recovered { origin, size, root }) = &self.recovered {
            writeln!(f, "recovered {origin} {size} {}", b64::encode_hash(root))?;
        }
        for lost in &self.lost {
            writeln!(f, "lost {}", b64::encode_hash(lost))?;
        }
        write!(f, "authority {}", self.authority.threshold)?;
        for name in &self.authority.names {
            write!(f, " {name}")?;
        }
        writeln!(f)?;
        for PersonKey { role, key } in &self.keys {
            writeln!(f, "key {role} {key}")?;
        }
        self.write_machines(f)?;
        self.write_files(f)
    }

    fn write_machines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.nodes.iter().map(|node| ("node", node));
        let spares = self.spares.iter().map(|node| ("spare", node));
        for (
            keyword,
            NodeLine {
                ordinal,
                id,
                log,
                cosigner,
            },
        ) in nodes.chain(spares)
        {
            writeln!(f, "{keyword} {ordinal} {id} {log} {cosigner}")?;
        }
        for WitnessLine { id, key } in &self.witnesses {
            writeln!(f, "witness {id} {key}")?;
        }
        Ok(())
    }

    fn write_files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "opens {}", self.opens)?;
        writeln!(f, "closes {}", self.closes)?;
        writeln!(
            f,
            "policy receipt {}",
            b64::encode_hash(&self.receipt_policy)
        )?;
        writeln!(f, "policy final {}", b64::encode_hash(&self.final_policy))?;
        writeln!(
            f,
            "roll {} {}",
            self.roll.count,
            b64::encode_hash(&self.roll.hash)
        )?;
        writeln!(
            f,
            "roster {} {}",
            self.roster.count,
            b64::encode_hash(&self.roster.hash)
        )?;
        writeln!(f, "rules {}", b64::encode_hash(&self.rules))
    }
}

/// On which line each list begins, so that a complaint names its line.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) keys: u32,
    pub(super) nodes: u32,
    pub(super) spares: u32,
    pub(super) witnesses: u32,
    pub(super) opens: u32,
}

/// The middle of a manifest: people and machines.
struct Parties {
    authority: Authority,
    keys: Vec<PersonKey>,
    nodes: Vec<NodeLine>,
    spares: Vec<NodeLine>,
    witnesses: Vec<WitnessLine>,
    marks: Marks,
}

impl Parties {
    fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        let mut marks = Marks::default();
        let authority = lines.value("authority", "<threshold> <names, ascending>", authority)?;
        marks.keys = lines.number();
        let keys = lines.list("key", "<role> <verifier key>", ANY, person)?;
        marks.nodes = lines.number();
        let nodes = lines.list("node", NODE_SHAPE, ANY, node)?;
        marks.spares = lines.number();
        let spares = lines.list("spare", NODE_SHAPE, ANY, node)?;
        marks.witnesses = lines.number();
        let witnesses = lines.list("witness", "<id> <verifier key>", ANY, witness)?;
        Ok(Self {
            authority,
            keys,
            nodes,
            spares,
            witnesses,
            marks,
        })
    }
}

/// The end of a manifest: times and files.
struct Files {
    opens: UnixSeconds,
    closes: UnixSeconds,
    receipt_policy: Hash,
    final_policy: Hash,
    roll: CountedFile,
    roster: CountedFile,
    rules: Hash,
}

impl Files {
    fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        let seconds = |text: &str| parse_number(text).map(UnixSeconds::new);
        Ok(Self {
            opens: lines.value("opens", "<seconds>", seconds)?,
            closes: lines.value("closes", "<seconds>", seconds)?,
            receipt_policy: lines
                .value("policy", "receipt <hash>", |text| named(text, "receipt"))?,
            final_policy: lines.value("policy", "final <hash>", |text| named(text, "final"))?,
            roll: lines.value("roll", "<count> <hash>", counted)?,
            roster: lines.value("roster", "<count> <hash>", counted)?,
            rules: lines.value("rules", "<hash>", lines::hash)?,
        })
    }
}

const NODE_SHAPE: &str = "<ordinal> <id> <log key> <cosigner key>";

fn origin(text: &str) -> Option<Origin> {
    Origin::parse_election(text).ok()
}

fn recovered(text: &str) -> Option<Recovered> {
    let [old, size, root] = lines::fields(text)?;
    Some(Recovered {
        origin: origin(old)?,
        size: lines::positive(size).map(TreeSize::new)?,
        root: lines::hash(root)?,
    })
}

fn authority(text: &str) -> Option<Authority> {
    let (threshold, names) = text.split_once(' ')?;
    let names = names
        .split(' ')
        .map(|name| KeyName::parse(name).ok())
        .collect::<Option<Vec<_>>>()?;
    let ascending = names
        .iter()
        .zip(names.iter().skip(1))
        .all(|(before, after)| before < after);
    let threshold = lines::positive(threshold)?;
    ascending.then_some(Authority { threshold, names })
}

fn person(text: &str) -> Option<(&str, PersonKey)> {
    let [role, key] = lines::fields(text)?;
    Some((
        text,
        PersonKey {
            role: Role::parse(role)?,
            key: person_key(key)?,
        },
    ))
}

fn node(text: &str) -> Option<(u64, NodeLine)> {
    let [ordinal, id, log, cosigner] = lines::fields(text)?;
    let node = NodeLine {
        ordinal: lines::positive(ordinal).filter(|ordinal| *ordinal <= MAX_ORDINAL)?,
        id: NodeId::parse(id)?,
        log: person_key(log)?,
        cosigner: cosigner_key(cosigner)?,
    };
    Some((node.ordinal, node))
}

fn witness(text: &str) -> Option<(NodeId, WitnessLine)> {
    let [id, key] = lines::fields(text)?;
    let witness = WitnessLine {
        id: NodeId::parse(id)?,
        key: cosigner_key(key)?,
    };
    Some((witness.id.clone(), witness))
}

fn cosigner_key(text: &str) -> Option<VerifierKey> {
    VerifierKey::parse(text)
        .ok()
        .filter(|key| key.algorithm() == Algorithm::CosignatureV1)
}

fn named(text: &str, name: &str) -> Option<Hash> {
    let [word, hash] = lines::fields(text)?;
    (word == name).then(|| lines::hash(hash))?
}

fn counted(text: &str) -> Option<CountedFile> {
    let [count, hash] = lines::fields(text)?;
    Some(CountedFile {
        count: parse_number(count)?,
        hash: lines::hash(hash)?,
    })
}
