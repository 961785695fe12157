//! What one manifest may say.

use caucus::Rules;
use note::{KeyName, SignerKey};
use receipt::leaf::Role;
use receipt::{Leaf, Malformed, Manifest, NotEndorsed};

use crate::fixture::{
    ORIGIN, chair, cosigner, endorse, genesis, log_key, manifest, next, node_line, person, sign,
};

/// What reading the manifest says after a change.
fn after(change: impl FnOnce(&mut Manifest)) -> Result<Leaf, Malformed> {
    let mut changed = manifest();
    change(&mut changed);
    Leaf::parse_text(&changed.text())
}

fn refused(why: &str, change: impl FnOnce(&mut Manifest)) {
    let malformed = after(change).expect_err(why);
    assert!(
        malformed.what.contains(why),
        "expected {why:?}, got: {malformed}"
    );
}

#[test]
fn nothing_stands_twice() {
    refused("must ascend", |manifest| manifest.nodes[1].ordinal = 1);
    refused("ordinal 3 stands twice", |manifest| {
        manifest.spares[0].ordinal = 3;
    });
    refused("the id `n1` stands twice", |manifest| {
        manifest.spares[0] = node_line(ORIGIN, 4, "n1");
    });
    refused("the id `n1` stands twice", |manifest| {
        manifest.witnesses[0].id = manifest.nodes[0].id.clone();
    });
    refused("must ascend", |manifest| {
        let twice = manifest.keys[0].clone();
        manifest.keys.insert(0, twice);
    });
    refused("stands twice", |manifest| {
        let key = manifest.keys_of(Role::Admin).next().unwrap().clone();
        manifest.keys.push(receipt::PersonKey {
            role: Role::Reviewer,
            key,
        });
        manifest
            .keys
            .sort_by_key(|person| format!("{} {}", person.role, person.key));
    });
}

#[test]
fn a_nodes_two_keys_are_two_keys_with_their_own_names() {
    refused("stands twice", |manifest| {
        let seed = cosigner("n1").seed();
        let log = SignerKey::from_seed(KeyName::parse(ORIGIN).unwrap(), seed);
        manifest.nodes[0].log = log.verifier().clone();
    });
    refused("the log key must be named", |manifest| {
        manifest.nodes[0].log = chair("P-1", "a").verifier().clone();
    });
    refused("the cosigner key must be named", |manifest| {
        manifest.nodes[0].cosigner = cosigner("n9").verifier().clone();
    });
    refused("expected `node ", |manifest| {
        manifest.nodes[0].cosigner = log_key("n1").verifier().clone();
    });
    refused("expected `node ", |manifest| {
        manifest.nodes[0].log = cosigner("n1").verifier().clone();
    });
    refused("an outside witness has a node's name", |manifest| {
        manifest.witnesses[0].key = cosigner("w1").verifier().clone();
    });
    refused("expected `key ", |manifest| {
        manifest.keys[0].key = cosigner("n9").verifier().clone();
    });
}

#[test]
fn ordinals_are_1_to_63_and_ids_are_host_names() {
    refused("expected `node ", |manifest| manifest.nodes[0].ordinal = 0);
    refused("expected `spare ", |manifest| {
        manifest.spares[0].ordinal = 64;
    });
    assert!(after(|manifest| manifest.spares[0].ordinal = 63).is_ok());
    for id in [
        "",
        "N1",
        "n_1",
        "-n",
        "nodes",
        "outside",
        "final",
        "none",
        &"n".repeat(33),
    ] {
        assert!(receipt::NodeId::parse(id).is_none(), "{id:?}");
    }
}

#[test]
fn every_role_has_as_many_keys_as_its_acts_need() {
    for role in Role::ALL {
        let without_one = after(|manifest| {
            let position = manifest
                .keys
                .iter()
                .position(|person| person.role == *role)
                .unwrap();
            let gone = manifest.keys.remove(position);
            manifest
                .authority
                .names
                .retain(|name| name != gone.key.name());
        });
        // Three keys of the authority were named, and nothing needs an observer.
        let may_go = matches!(role, Role::Authority | Role::Observer);
        assert_eq!(without_one.is_ok(), may_go, "{role}");
    }
}

#[test]
fn the_authority_is_its_own_keys() {
    refused("the threshold is above", |manifest| {
        manifest.authority.threshold = 4;
    });
    refused("expected `authority", |manifest| {
        manifest.authority.threshold = 0;
    });
    refused("expected `authority", |manifest| {
        manifest.authority.names.reverse();
    });
    refused("the names are not those", |manifest| {
        manifest.authority.names.pop();
    });
}

#[test]
fn version_1_begins_and_every_other_follows() {
    refused("version 1 says `genesis -`", |manifest| {
        manifest.header.genesis = Some(genesis());
    });
    refused("version 1 says `previous -`", |manifest| {
        manifest.previous = Some(genesis());
    });
    refused("version 1 is no successor", |manifest| {
        manifest.effect = receipt::Effect::OnceActivated;
    });
    refused("version 1 says `genesis -`", |manifest| {
        *manifest = next(manifest);
        manifest.header.genesis = None;
    });
    refused("version 1 says `previous -`", |manifest| {
        *manifest = next(manifest);
        manifest.previous = None;
    });
    refused("`lost` belongs to a recovered log", |manifest| {
        *manifest = next(manifest);
        manifest.lost = vec![genesis()];
    });
    refused("closes before", |manifest| {
        (manifest.opens, manifest.closes) = (manifest.closes, manifest.opens);
    });
}

#[test]
fn a_manifest_without_nodes_is_none() {
    refused("at least one node", |manifest| manifest.nodes.clear());
    refused("more nodes and witnesses", |manifest| {
        manifest.spares.clear();
        manifest.nodes = (1..=31)
            .map(|n| node_line(ORIGIN, n, &format!("n{n}")))
            .collect();
    });
}

/// n nodes: receipt level is a majority, final level overlaps in one node more than may lie.
#[test]
fn quorums_are_counted_over_the_node_lines() {
    for (nodes, receipt, strong) in [
        (1, 1, 1),
        (2, 2, 2),
        (3, 2, 3),
        (4, 3, 3),
        (5, 3, 4),
        (7, 4, 5),
    ] {
        let mut manifest = manifest();
        manifest.nodes = (1..=nodes)
            .map(|n| node_line(ORIGIN, n, &format!("n{n}")))
            .collect();
        assert_eq!(manifest.receipt_quorum(), receipt, "{nodes} nodes");
        assert_eq!(manifest.final_quorum(), strong, "{nodes} nodes");
    }
}

#[test]
fn a_manifest_is_endorsed_by_enough_of_the_authority_and_nobody_else() {
    let manifest = manifest();
    assert_eq!(manifest.endorses(&endorse(&manifest)), Ok(()));
    let text = manifest.text();
    let [one, two] = [1, 2].map(|number| person(Role::Authority, number));
    let alone = sign(&text, &[one]);
    assert_eq!(
        manifest.endorses(&alone),
        Err(NotEndorsed::TooFew { need: 2, got: 1 })
    );
    let one = person(Role::Authority, 1);
    let stranger = sign(&text, &[one, two, person(Role::Registrar, 1)]);
    assert!(matches!(
        manifest.endorses(&stranger),
        Err(NotEndorsed::Stranger { .. })
    ));
    let other = manifest_with_other_times();
    let moved = note::SignedNote::assemble(&text, endorse(&other).signatures().to_vec()).unwrap();
    assert!(matches!(
        manifest.endorses(&moved),
        Err(NotEndorsed::BadSignature { .. })
    ));
}

fn manifest_with_other_times() -> Manifest {
    let mut other = manifest();
    other.closes = other.opens;
    other
}

#[test]
fn genesis_is_the_hash_of_version_1_for_ever() {
    let first = manifest();
    assert_eq!(first.genesis(), merkle::sha256(first.text().as_bytes()));
    assert_eq!(next(&first).genesis(), first.genesis());
    assert_eq!(next(&next(&first)).genesis(), first.genesis());
    assert_eq!(
        first.rules,
        merkle::sha256(Rules::iowa_2020().to_string().as_bytes())
    );
}
