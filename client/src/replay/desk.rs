//! A desk at which every note of a night is signed and applied in memory.

use std::collections::BTreeMap;

use caucus::{Basis, Results, Standing, UnitId, Worksheet};
use ledger::{Act, Command, Memory, Outcome, UnixMillis, View, apply};
use merkle::{LeafHash, LeafIndex};
use note::{SignedNote, SignerKey, UnixSeconds};
use receipt::{Bundle, Header, Leaf};

use super::{Error, Keys};
use crate::chair;
use crate::random::{Random as _, SeededRandom};

/// A note that was signed and applied.
#[derive(Debug, Clone)]
pub struct Noted {
    /// What it is, in a few words.
    pub what: &'static str,
    /// The unit it is about, if it is about one.
    pub unit: Option<UnitId>,
    /// The note.
    pub note: SignedNote,
    /// What recording it did.
    pub outcome: Outcome,
}

/// Signs and applies, one note after the other.
#[derive(Debug)]
pub struct Desk<'a> {
    /// Whose keys sign.
    pub keys: &'a Keys,
    bundle: &'a Bundle,
    random: SeededRandom,
    time: UnixSeconds,
    memory: Memory,
    notes: Vec<Noted>,
}

/// Where the units stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standings {
    /// Without a head.
    pub silent: u64,
    /// With one, and nothing to say about it.
    pub received: u64,
    /// Seen by another hand.
    pub verified: u64,
    /// Held for a person.
    pub held: u64,
    /// Held units by reason.
    pub held_for: BTreeMap<String, u64>,
}

impl<'a> Desk<'a> {
    /// A desk whose log begins with the election's manifest. The same seed and keys sign the same
    /// notes.
    pub fn open(
        keys: &'a Keys,
        bundle: &'a Bundle,
        seed: u64,
        time: UnixSeconds,
    ) -> Result<Desk<'a>, Error> {
        let mut desk = Desk {
            keys,
            bundle,
            random: SeededRandom::new(seed),
            time,
            memory: Memory::new(),
            notes: Vec::new(),
        };
        for manifest in &bundle.manifests {
            let files = bundle.files.values().cloned().collect();
            let command = Command::manifest(desk.now(), manifest.note.bytes(), files);
            desk.apply("a manifest", None, &command)?;
        }
        Ok(desk)
    }

    /// What may be read of the state.
    pub fn view(&self) -> View<'_, Memory> {
        View::new(&self.memory)
    }

    /// Everything recorded so far but the manifest, in order.
    pub fn notes(&self) -> &[Noted] {
        &self.notes
    }

    /// Signs what `leaf` makes of a header, applies it and keeps the note.
    pub fn record(
        &mut self,
        what: &'static str,
        signers: &[&SignerKey],
        leaf: impl FnOnce(Header) -> Leaf,
    ) -> Result<Outcome, Error> {
        let header = Header {
            election: self.keys.election.clone(),
            genesis: Some(self.keys.genesis),
            id: caucus::SubmissionId::from_bytes(self.random.id()),
            time: self.time,
        };
        let leaf = leaf(header);
        let note = chair::sign(&leaf, signers)?;
        self.record_again(what, leaf.unit().cloned(), note)
    }

    /// Applies a note, perhaps once more.
    pub fn record_again(
        &mut self,
        what: &'static str,
        unit: Option<UnitId>,
        note: SignedNote,
    ) -> Result<Outcome, Error> {
        let command = Command {
            at: self.now(),
            act: Act::Note {
                bytes: note.bytes().to_vec(),
            },
        };
        let outcome = self.apply(what, unit.as_ref(), &command)?;
        self.notes.push(Noted {
            what,
            unit,
            note,
            outcome: outcome.clone(),
        });
        Ok(outcome)
    }

    /// The hash of the unit's head, and its number.
    pub fn head(&self, unit: &UnitId) -> Result<Option<(LeafHash, u64)>, Error> {
        let head = self.view().head(unit)?;
        Ok(head.map(|head| (head.hash, head.seq)))
    }

    /// The figures that stand for a unit.
    pub fn sheet(&self, unit: &UnitId) -> Result<Option<Worksheet>, Error> {
        let unit = self.view().unit(unit)?;
        Ok(unit.and_then(|unit| unit.worksheet))
    }

    /// Where the units stand now.
    pub fn standings(&self) -> Result<Standings, Error> {
        let mut standings = Standings::default();
        let view = self.view();
        for unit in view.units()? {
            let Some(unit) = view.unit(&unit.id)? else {
                continue;
            };
            let count = match unit.standing {
                Standing::Silent => &mut standings.silent,
                Standing::Received => &mut standings.received,
                Standing::Verified => &mut standings.verified,
                Standing::Held => &mut standings.held,
            };
            *count = count.saturating_add(1);
            for code in unit.held_for {
                let count = standings.held_for.entry(code.to_string()).or_default();
                *count = count.saturating_add(1);
            }
        }
        Ok(standings)
    }

    /// What stands on the reported basis.
    pub fn results(&self) -> Result<Option<Results>, Error> {
        Ok(self.view().results(Basis::Reported)?)
    }

    /// What stands when every leaf is applied again from the first.
    pub fn recomputed(&self) -> Result<Option<Results>, Error> {
        let view = self.view();
        let mut leaves = Vec::new();
        for index in 0..view.tree_size()?.get() {
            leaves.extend(view.leaf(LeafIndex::new(index))?);
        }
        let again = ledger::replay(leaves, &self.bundle.files)?;
        Ok(View::new(&again).results(Basis::Reported)?)
    }

    fn apply(
        &mut self,
        what: &'static str,
        unit: Option<&UnitId>,
        command: &Command,
    ) -> Result<Outcome, Error> {
        let (outcome, changes) = apply(&self.memory, command)?;
        if let Outcome::Refused { refusal, .. } = outcome {
            return Err(Error::Refused {
                what,
                about: unit.map_or_else(|| "the contest".to_owned(), ToString::to_string),
                refusal,
            });
        }
        self.memory.absorb(changes);
        Ok(outcome)
    }

    fn now(&self) -> UnixMillis {
        UnixMillis::new(self.time.get().saturating_mul(1000))
    }
}
