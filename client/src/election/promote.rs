//! From a rehearsal to the night: what is taken over, and the proof that nothing else is.
//!
//! A rehearsal's public log shows its vouchers, and its keys have been used by many hands; whatever
//! of that stood in the live contest would let a rehearsal's secret count. Roster, rules, the names
//! of people and the addresses are taken over; every key, voucher, name of a log and id is new.

use std::collections::BTreeSet;

use caucus::Roll;
use receipt::leaf::Role;
use receipt::{Manifest, Version};

use super::make::{Made, Names};

/// The people of a manifest by role, each by the last part of the key's name. The authority's keys
/// are named by the contest, not by people.
pub fn names_of(manifest: &Manifest) -> Names {
    let mut names = Names::new();
    for person in &manifest.keys {
        if person.role != Role::Authority {
            let name = person.key.name().as_str();
            let last = name.rsplit('/').next().unwrap_or(name);
            names.entry(person.role).or_default().push(last.to_owned());
        }
    }
    names
}

/// What the live election would share with the rehearsal, in words; it must be nothing.
pub fn carried_over(rehearsal: &[Version], live: &Made) -> Vec<String> {
    let mut shared = BTreeSet::new();
    let new = Identities::of(
        &live.content,
        &Roll::parse(&live.files.roll).unwrap_or_default(),
    );
    for version in rehearsal {
        let manifest = version.manifest();
        if manifest.header.election == live.content.header.election {
            shared.insert(format!("the name of the election, {}", live.plan.election));
        }
        if manifest.origin == live.content.origin {
            shared.insert(format!("the name of the log, {}", live.content.origin));
        }
        if manifest.header.id == live.content.header.id || *version.hash() == live.genesis {
            shared.insert("the manifest itself".to_owned());
        }
        let old = Identities::of(manifest, version.roll());
        let keys = new
            .keys
            .iter()
            .filter(|(key, _)| old.keys.iter().any(|(old, _)| old == key));
        shared.extend(keys.map(|(_, name)| format!("the key of {name}")));
        let vouchers = new.vouchers.intersection(&old.vouchers);
        shared.extend(vouchers.map(|(unit, _)| format!("a voucher of {unit}")));
    }
    shared.into_iter().collect()
}

/// Everything of a version that somebody could use who knows its secret.
struct Identities {
    /// The bytes of each public key, in base64 with its type, and whose it is.
    keys: BTreeSet<(String, String)>,
    /// Unit and hash of each voucher.
    vouchers: BTreeSet<(String, String)>,
}

impl Identities {
    fn of(manifest: &Manifest, roll: &Roll) -> Self {
        let people = manifest.keys.iter().map(|person| person.key.to_string());
        let machines = manifest.nodes.iter().chain(&manifest.spares);
        let machines = machines.flat_map(|node| [node.log.to_string(), node.cosigner.to_string()]);
        let chairs = roll.keys().map(|(_, _, vkey)| vkey.to_owned());
        let split = |vkey: String| {
            let mut parts = vkey.splitn(3, '+').map(str::to_owned);
            let name = parts.next().unwrap_or_default();
            // Without the key id, which covers the name: the same key under another name is shared.
            (parts.nth(1).unwrap_or_default(), name)
        };
        Self {
            keys: people.chain(machines).chain(chairs).map(split).collect(),
            vouchers: roll
                .vouchers()
                .map(|(unit, hash)| (unit.to_string(), hash.to_owned()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use caucus::{ElectionId, Rules};
    use note::{Origin, UnixSeconds};
    use receipt::{Election, ElectionKind};

    use super::*;
    use crate::election::{NodePlan, Plan, make, small_roster};
    use crate::random::SeededRandom;

    fn made(name: &str, kind: ElectionKind, seed: u64) -> Made {
        let rules = Rules::iowa_2020();
        let plan = Plan {
            election: ElectionId::parse(name).unwrap(),
            origin: Origin::parse_election(&format!("tally.example/{name}")).unwrap(),
            kind,
            roster: small_roster(2, &rules).unwrap(),
            rules,
            nodes: NodePlan::on_loopback(3, 7100).unwrap(),
            opens: UnixSeconds::new(100),
            closes: UnixSeconds::new(200),
            vouchers_per_unit: 2,
            witnesses: Vec::new(),
        };
        make(plan, &mut SeededRandom::new(seed), UnixSeconds::new(50)).unwrap()
    }

    /// The same seed under other names makes the same keys: every one of them is found although it
    /// is called otherwise, and so is every voucher.
    #[test]
    fn every_key_and_voucher_that_would_be_carried_over_is_named() {
        let rehearsal = made("dry-run", ElectionKind::Rehearsal, 7);
        let opened = Election::open(&rehearsal.bundle, rehearsal.fingerprint).unwrap();
        let shared = carried_over(opened.versions(), &made("night", ElectionKind::Live, 7));
        for expected in [
            "the key of night/hq/registrar-2",
            "the key of night/P-0001/b",
            "the key of tally.example/night/n3",
            "a voucher of P-0002",
        ] {
            assert!(
                shared.iter().any(|line| line == expected),
                "{expected}: {shared:?}"
            );
        }
        let other = made("night", ElectionKind::Live, 8);
        assert_eq!(
            carried_over(opened.versions(), &other),
            Vec::<String>::new()
        );
    }
}
