//! A night in memory: an election from a seed, and everything a cluster would record of it.

use caucus::{ElectionId, RawRow, RawWorksheet, Rules, Unit};
use client::chair::{self, Report};
use client::election::{Made, NodePlan, Plan, make, small_roster};
use client::random::SeededRandom;
use ledger::{Act, Command, Memory, Outcome, UnixMillis, View, apply};
use merkle::LeafIndex;
use note::{Checkpoint, Origin, SignedCheckpoint, SignedNote, UnixSeconds};
use receipt::{Election, ElectionKind, UnverifiedReceipt};

pub(crate) const OPENS: u64 = 1_706_576_400;

/// A cluster of one memory: everything it records is what a node would record.
pub(crate) struct Night {
    pub(crate) made: Made,
    pub(crate) election: Election,
    pub(crate) state: Memory,
    random: SeededRandom,
}

/// The night whose receipts are kept under `cmd/`.
pub(crate) fn night() -> Night {
    night_of(2028)
}

/// The same night with keys from this seed.
pub(crate) fn night_of(seed: u64) -> Night {
    let rules = Rules::iowa_2020();
    let plan = Plan {
        election: ElectionId::parse("golden").unwrap(),
        origin: Origin::parse_election("tally.example/golden").unwrap(),
        kind: ElectionKind::Rehearsal,
        roster: small_roster(9, &rules).unwrap(),
        rules,
        nodes: NodePlan::on_loopback(3, 7100).unwrap(),
        opens: UnixSeconds::new(OPENS),
        closes: UnixSeconds::new(OPENS + 21_600),
        vouchers_per_unit: 1,
        witnesses: Vec::new(),
    };
    let mut random = SeededRandom::new(seed);
    let made = make(plan, &mut random, UnixSeconds::new(OPENS - 86_400)).unwrap();
    let election = Election::open(&made.bundle, made.fingerprint).unwrap();
    let mut night = Night {
        made,
        election,
        state: Memory::new(),
        random,
    };
    let files = night.made.bundle.files.values().cloned().collect();
    let note = night.made.manifest.bytes().to_vec();
    let outcome = night.apply(Act::Manifest { note, files });
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    night
}

impl Night {
    pub(crate) fn apply(&mut self, act: Act) -> Outcome {
        let command = Command {
            at: UnixMillis::new(OPENS * 1_000),
            act,
        };
        let (outcome, changes) = apply(&self.state, &command).unwrap();
        self.state.absorb(changes);
        outcome
    }

    pub(crate) fn unit(&self, place: usize) -> Unit {
        self.election
            .latest()
            .roster()
            .units()
            .nth(place)
            .unwrap()
            .clone()
    }

    /// The report of a unit where `people` stand for one group and as many for another.
    pub(crate) fn report(&mut self, place: usize, people: i64) -> SignedNote {
        let unit = self.unit(place);
        let rules = self.election.latest().rules();
        let row = |count: i64| RawRow {
            first: Some(count),
            last: Some(count),
            delegates: Some(i64::from(count > 0)),
        };
        let rows = rules.groups().iter().map(|group| {
            let stands = matches!(group.id.as_str(), "biden" | "warren");
            (group.id.to_string(), row(if stands { people } else { 0 }))
        });
        let raw = RawWorksheet {
            unit: unit.id.to_string(),
            attendees: Some(people * 2),
            groups: rows.collect(),
            ties: Vec::new(),
        };
        let worksheet = raw.check(&unit, rules).unwrap();
        let now = UnixSeconds::new(OPENS + 60);
        let header = chair::header(&self.election, &mut self.random, now);
        let key = &self.made.units[&unit.id].a;
        chair::report(header, Report::first(unit.id, worksheet), key).unwrap()
    }

    /// Records a note and gives its receipt, cosigned by these nodes.
    pub(crate) fn record(&mut self, note: &SignedNote, cosigners: &[usize]) -> UnverifiedReceipt {
        let bytes = note.bytes().to_vec();
        let outcome = self.apply(Act::Note { bytes });
        assert!(matches!(outcome, Outcome::Recorded { .. }), "{outcome:?}");
        self.receipt(outcome.leaf().unwrap().index, cosigners)
    }

    /// The receipt of a leaf under the newest root, cosigned by these nodes.
    pub(crate) fn receipt(&self, leaf: LeafIndex, cosigners: &[usize]) -> UnverifiedReceipt {
        let view = View::new(&self.state);
        let (size, root) = (view.tree_size().unwrap(), view.root().unwrap());
        let proof = view.inclusion(leaf, size).unwrap();
        let origin = self.made.plan.origin.clone();
        let checkpoint = Checkpoint { origin, size, root };
        let log = self.made.nodes[cosigners[0]].log.sign(&checkpoint.text());
        let mut signed = SignedCheckpoint::new(checkpoint.clone(), log);
        for node in cosigners {
            let time = UnixSeconds::new(OPENS + 61);
            signed = signed.with_line(self.made.nodes[*node].cosigner.cosign(&checkpoint, time));
        }
        UnverifiedReceipt::build(view.leaf(leaf).unwrap().unwrap(), leaf, proof, signed)
    }
}
