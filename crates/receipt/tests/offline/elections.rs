//! What makes a bundle an election.

use merkle::{TreeSize, sha256};
use note::{Origin, SignedCheckpoint};
use receipt::leaf::Role;
use receipt::{Bundle, BundleError, Effect, Election, Fingerprint, Manifest, Policy, Recovered};

use crate::fixture::{
    Log, ORIGIN, ROSTER, bundle, chair, election, endorse, files, genesis, log_key_of, manifest,
    next, node_cosignature, node_line, person, roll, sign, signed, with_policies,
};

const NEW_ORIGIN: &str = "tally.example/caucus-2028-ia/r2";

fn open(bundle: &Bundle) -> Result<Election, BundleError> {
    Election::open(bundle, Fingerprint::of(genesis()))
}

fn does_not_follow(bundle: &Bundle, why: &str) {
    match open(bundle) {
        Err(BundleError::DoesNotFollow { what, .. }) => assert!(what.contains(why), "{what}"),
        other => panic!("expected {why:?}, got {other:?}"),
    }
}

/// Version 2: node n2 is replaced by the spare n4.
fn replaced() -> Manifest {
    let mut second = next(&manifest());
    let spare = second.spares.pop().unwrap();
    second.nodes.remove(1);
    second.nodes.push(spare);
    second.effect = Effect::OnceActivated;
    with_policies(second)
}

/// Version 2 on a new log that goes on from the first 5 leaves of the old one.
fn recovered() -> Manifest {
    let mut second = next(&manifest());
    second.recovered = Some(Recovered {
        origin: Origin::parse_election(ORIGIN).unwrap(),
        size: TreeSize::new(5),
        root: sha256(b"root"),
    });
    second.origin = Origin::parse_election(NEW_ORIGIN).unwrap();
    second.nodes = (11..=13)
        .map(|n| node_line(NEW_ORIGIN, n, &format!("r{n}")))
        .collect();
    second.spares.clear();
    with_policies(second)
}

#[test]
fn a_bundle_opens_with_its_hash_or_its_code() {
    let bundle = bundle(&[(&manifest(), None)]);
    let whole = Fingerprint::of(genesis());
    for pinned in [
        whole,
        Fingerprint::parse(&whole.code().to_string()).unwrap(),
    ] {
        let election = Election::open(&bundle, pinned).unwrap();
        assert_eq!(election.genesis(), &genesis());
        assert_eq!(election.latest().roster().unit_count(), 2);
    }
    let other = Election::open(&bundle, Fingerprint::of(sha256(b"another")));
    assert!(matches!(other, Err(BundleError::NotPinned { .. })));
}

#[test]
fn the_order_of_files_and_versions_does_not_matter() {
    let (first, second) = (manifest(), replaced());
    let mut heap: Vec<Vec<u8>> = files(&[&first, &second]).into_values().collect();
    heap.insert(3, endorse(&second).bytes().to_vec());
    heap.push(endorse(&first).bytes().to_vec());
    heap.push(b"a letter that nobody asked for\n".to_vec());
    let election = open(&Bundle::from_files(heap)).unwrap();
    assert_eq!(election.versions().len(), 2);
    assert_eq!(
        election.latest().manifest().version,
        1,
        "nothing says that version 2 is in force"
    );
}

#[test]
fn every_file_must_be_there_and_be_what_it_should() {
    let whole = bundle(&[(&manifest(), None)]);
    for hash in whole.files.keys() {
        let mut without = whole.clone();
        without.files.remove(hash);
        assert!(matches!(
            open(&without),
            Err(BundleError::MissingFile { .. })
        ));
        let mut changed = whole.clone();
        changed.files.insert(*hash, b"changed".to_vec());
        assert_eq!(open(&changed).unwrap_err(), BundleError::WrongHash);
    }
    assert_eq!(
        open(&Bundle::default()).unwrap_err(),
        BundleError::NoManifest
    );
}

/// Opens an election whose first manifest was changed, with these files beside the usual ones.
fn open_changed(
    change: impl FnOnce(&mut Manifest),
    more: &[String],
) -> Result<Election, BundleError> {
    let mut first = manifest();
    change(&mut first);
    let mut bundle = bundle(&[(&first, None)]);
    for file in more {
        bundle
            .files
            .insert(sha256(file.as_bytes()), file.clone().into_bytes());
    }
    Election::open(&bundle, Fingerprint::of(first.genesis()))
}

#[test]
fn the_policy_files_are_the_quorums_that_follow_from_the_manifest() {
    let mut weaker = manifest();
    weaker.nodes.pop();
    for wrong in [
        Policy::receipt_for(&weaker).to_string(),
        Policy::final_file(&manifest()),
        Policy::receipt_for(&manifest())
            .to_string()
            .replace("group nodes 2", "group nodes 1"),
    ] {
        let opened = open_changed(
            |manifest| manifest.receipt_policy = sha256(wrong.as_bytes()),
            std::slice::from_ref(&wrong),
        );
        assert!(
            matches!(
                opened,
                Err(BundleError::BadFile {
                    what: "receipt policy",
                    ..
                })
            ),
            "{wrong}"
        );
    }
    let receipt = Policy::receipt_for(&manifest()).to_string();
    let opened = open_changed(
        |manifest| manifest.final_policy = sha256(receipt.as_bytes()),
        std::slice::from_ref(&receipt),
    );
    assert!(matches!(
        opened,
        Err(BundleError::BadFile {
            what: "final policy",
            ..
        })
    ));
    // Comments and white space do not change a policy.
    let commented =
        format!("# majority\n\n{}", Policy::receipt_for(&manifest())).replace(' ', "\t");
    let commented = commented.replace("#\t", "# ");
    let opened = open_changed(
        |manifest| manifest.receipt_policy = sha256(commented.as_bytes()),
        std::slice::from_ref(&commented),
    );
    assert!(opened.is_ok(), "{opened:?}");
}

#[test]
fn without_an_outside_witness_nothing_is_ever_final() {
    let mut alone = manifest();
    alone.witnesses.clear();
    let alone = with_policies(alone);
    let file = Policy::final_file(&alone);
    assert!(
        Policy::parse(&file).is_err(),
        "nobody may take it for a policy: {file}"
    );
    let election =
        Election::open(&bundle(&[(&alone, None)]), Fingerprint::of(alone.genesis())).unwrap();
    assert!(election.latest().final_policy().is_none());
}

#[test]
fn counts_and_names_in_the_files_are_held_against_the_manifest() {
    let bad = |opened: Result<Election, BundleError>, file: &str| match opened {
        Err(BundleError::BadFile { what, .. }) => assert_eq!(what, file),
        other => panic!("{file}: {other:?}"),
    };
    bad(
        open_changed(|manifest| manifest.roster.count = 3, &[]),
        "roster",
    );
    bad(
        open_changed(|manifest| manifest.roll.count = 5, &[]),
        "roll",
    );
    let with_roll = |file: String| {
        let count = u64::try_from(file.lines().count()).unwrap();
        open_changed(
            |manifest| {
                manifest.roll = receipt::CountedFile {
                    count,
                    hash: sha256(file.as_bytes()),
                };
            },
            std::slice::from_ref(&file),
        )
    };
    assert!(with_roll(roll()).is_ok());
    // A key under another unit's name; a unit that is not in the roster; one key for two slots.
    bad(
        with_roll(format!("P-1 a {}\n", chair("P-2", "a").verifier())),
        "roll",
    );
    bad(
        with_roll(format!("P-9 a {}\n", chair("P-9", "a").verifier())),
        "roll",
    );
    let [name_a, name_b] = ["a", "b"].map(|slot| chair("P-1", slot).verifier().name().clone());
    let one = chair("P-1", "a").seed();
    let [a, b] = [name_a, name_b].map(|name| note::SignerKey::from_seed(name, one));
    bad(
        with_roll(format!("P-1 a {}\nP-1 b {}\n", a.verifier(), b.verifier())),
        "roll",
    );
    let roster = ROSTER
        .replace("Second", "2nd")
        .replace("roster/v1", "roster/v2");
    let opened = open_changed(
        |manifest| manifest.roster.hash = sha256(roster.as_bytes()),
        std::slice::from_ref(&roster),
    );
    bad(opened, "roster");
}

#[test]
fn version_2_is_signed_by_the_authority_of_version_1() {
    let mut second = next(&manifest());
    // The new version names an authority of its own, which has not been in charge until now.
    let own = person(Role::Authority, 7).verifier().clone();
    second.keys.retain(|person| person.role != Role::Authority);
    second.keys.push(receipt::PersonKey {
        role: Role::Authority,
        key: own.clone(),
    });
    second
        .keys
        .sort_by_key(|person| format!("{} {}", person.role, person.key));
    second.authority = receipt::Authority {
        threshold: 1,
        names: vec![own.name().clone()],
    };
    let mut bundle = bundle(&[(&manifest(), None), (&second, Some(7))]);
    assert_eq!(open(&bundle).unwrap().latest().manifest().version, 2);
    bundle.manifests[1].note = sign(&second.text(), &[person(Role::Authority, 7)]);
    assert!(matches!(
        open(&bundle),
        Err(BundleError::NotEndorsed { version: 2, .. })
    ));
}

#[test]
fn a_version_follows_from_the_one_before_it() {
    let first = manifest();
    let after = |change: fn(&mut Manifest), leaf: Option<u64>| {
        let mut second = next(&manifest());
        change(&mut second);
        let second = with_policies(second);
        bundle(&[(&manifest(), None), (&second, leaf)])
    };
    assert!(open(&after(|_| {}, Some(7))).is_ok());
    does_not_follow(
        &after(|it| it.version = 3, Some(7)),
        "number is not one more",
    );
    does_not_follow(
        &after(|it| it.previous = Some(sha256(b"x")), Some(7)),
        "not in the bundle",
    );
    does_not_follow(
        &after(|it| it.header.genesis = Some(sha256(b"x")), Some(7)),
        "another election",
    );
    does_not_follow(
        &after(|it| it.kind = receipt::ElectionKind::Rehearsal, Some(7)),
        "rehearsal",
    );
    does_not_follow(&after(|_| {}, Some(0)), "leaf");
    let third = next(&next(&first));
    let bundle = bundle(&[(&first, None), (&next(&first), None), (&third, Some(9))]);
    does_not_follow(&bundle, "the version before it is not");
}

/// A version can be followed by several signed before the night, but in one log by one of them only:
/// whoever claims a leaf for a second one claims what no log can have.
#[test]
fn of_two_successors_one_is_in_force() {
    let mut other = next(&manifest());
    other.effect = Effect::OnceActivated;
    let (one, other) = (replaced(), with_policies(other));
    let both = |leaf| bundle(&[(&manifest(), None), (&one, Some(7)), (&other, leaf)]);
    assert!(open(&both(None)).is_ok(), "one waits for its activation");
    does_not_follow(&both(Some(9)), "follows the same version");
}

#[test]
fn ordinals_and_ids_are_never_used_again() {
    let again = |change: fn(&mut Manifest)| {
        let mut second = next(&manifest());
        change(&mut second);
        bundle(&[(&manifest(), None), (&with_policies(second), Some(7))])
    };
    // Node 2 leaves, and another machine takes its ordinal, or its name.
    does_not_follow(
        &again(|it| it.nodes[1] = node_line(ORIGIN, 2, "n9")),
        "was another",
    );
    does_not_follow(
        &again(|it| {
            it.nodes.remove(1);
            it.nodes.push(node_line(ORIGIN, 9, "n2"));
        }),
        "was another",
    );
    let bundle = bundle(&[(&manifest(), None), (&replaced(), Some(7))]);
    assert!(open(&bundle).is_ok(), "a spare keeps its own line");
}

#[test]
fn the_version_in_force_is_the_one_at_the_checkpoints_size() {
    let bundle = bundle(&[(&manifest(), None), (&replaced(), Some(7))]);
    let election = open(&bundle).unwrap();
    let origin = Origin::parse_election(ORIGIN).unwrap();
    let at = |size| {
        election
            .in_force(&origin, TreeSize::new(size))
            .unwrap()
            .manifest()
            .version
    };
    assert_eq!([at(1), at(7), at(8), at(100)], [1, 1, 2, 2]);
    assert!(election.in_force(&origin, TreeSize::ZERO).is_none());
    let stranger = Origin::parse_election("tally.example/other").unwrap();
    assert!(election.in_force(&stranger, TreeSize::new(9)).is_none());
}

#[test]
fn a_recovered_log_goes_on_under_a_new_name_and_the_old_receipts_stay_good() {
    let second = recovered();
    let election = open(&bundle(&[(&manifest(), None), (&second, None)])).unwrap();
    assert_eq!(election.latest().manifest().version, 2);
    let (old, new) = [ORIGIN, NEW_ORIGIN]
        .map(|text| Origin::parse_election(text).unwrap())
        .into();
    let at = |origin: &Origin, size| {
        election
            .in_force(origin, TreeSize::new(size))
            .map(|version| version.manifest().version)
    };
    assert_eq!(at(&old, 100), Some(1));
    assert_eq!(at(&new, 6), Some(2));
    assert_eq!(
        at(&new, 5),
        None,
        "nothing smaller is ever signed under the new name"
    );
    assert!(
        crate::fixture::receipt()
            .verify(&election)
            .receipt()
            .is_some()
    );

    let mut elsewhere = recovered();
    elsewhere.recovered.as_mut().unwrap().origin = Origin::parse_election("x/y").unwrap();
    does_not_follow(
        &bundle(&[(&manifest(), None), (&elsewhere, None)]),
        "another log",
    );
    let mut renamed = next(&manifest());
    renamed.origin = Origin::parse_election(NEW_ORIGIN).unwrap();
    renamed.nodes = recovered().nodes;
    renamed.spares.clear();
    let renamed = bundle(&[(&manifest(), None), (&with_policies(renamed), Some(5))]);
    does_not_follow(&renamed, "only a recovery");
}

/// The old log had 8 leaves, the new one goes on from 5: a receipt of leaf 7 still holds and says
/// that its report has to be sent again; one of leaf 1 says nothing of the kind.
#[test]
fn a_receipt_proves_what_a_recovery_lost() {
    let election = open(&bundle(&[(&manifest(), None), (&recovered(), None)])).unwrap();
    let mut log = Log::with(b"another leaf", 7);
    log.push(crate::fixture::report().bytes());
    let late = log.receipt(7, signed(&log.checkpoint(ORIGIN), &["n1", "n2"]));
    let verification = late.verify(&election);
    let lost = verification.receipt().unwrap().lost().unwrap();
    assert_eq!(lost.size, TreeSize::new(5));
    assert!(verification.summary().contains("LOST SINCE"));
    let early = crate::fixture::receipt().verify(&election);
    assert_eq!(early.receipt().unwrap().lost(), None);
}

/// A leaf that the new log took over was signed under the versions of the old one.
#[test]
fn under_a_recovered_log_an_old_leafs_author_is_known_by_the_old_roll() {
    let mut second = recovered();
    second.roll = first_roll_without_chairs();
    let mut bundle = bundle(&[(&manifest(), None), (&second, None)]);
    bundle.files.insert(second.roll.hash, Vec::new());
    let election = open(&bundle).unwrap();
    let log = Log::with(crate::fixture::report().bytes(), 6);
    let checkpoint = log.checkpoint(NEW_ORIGIN);
    let line = log_key_of(NEW_ORIGIN, "r11").sign(&checkpoint.text());
    let nodes = ["r11", "r12"].map(|node| node_cosignature(&checkpoint, node));
    let signed = nodes
        .into_iter()
        .fold(SignedCheckpoint::new(checkpoint, line), |signed, line| {
            signed.with_line(line)
        });
    let verification = log.receipt(1, signed).verify(&election);
    let held = verification.receipt().unwrap();
    assert!(matches!(held.author(), receipt::Author::Known(people) if people.len() == 1));
}

fn first_roll_without_chairs() -> receipt::CountedFile {
    receipt::CountedFile {
        count: 0,
        hash: sha256(b""),
    }
}

#[test]
fn a_version_that_was_lost_with_the_majority_stays_known_and_is_not_the_latest() {
    let lost = replaced();
    let mut second = recovered();
    second.lost = vec![sha256(lost.text().as_bytes())];
    let bundle = bundle(&[(&manifest(), None), (&lost, Some(7)), (&second, None)]);
    let election = open(&bundle).unwrap();
    assert_eq!(election.latest().manifest().origin.as_str(), NEW_ORIGIN);
    let old = Origin::parse_election(ORIGIN).unwrap();
    let version = election.in_force(&old, TreeSize::new(8)).unwrap();
    assert_eq!(version.hash(), &sha256(lost.text().as_bytes()));
}

#[test]
fn a_manifests_own_receipt_places_it() {
    let first = manifest();
    let log = Log::with(crate::fixture::report().bytes(), 9);
    let checkpoint = log.checkpoint(ORIGIN);
    let good = log
        .receipt(0, signed(&checkpoint, &["n1", "n2"]))
        .to_bytes();
    let of_a_report = log
        .receipt(1, signed(&checkpoint, &["n1", "n2"]))
        .to_bytes();
    let short = log.receipt(0, signed(&checkpoint, &["n1"])).to_bytes();
    for (receipt, holds) in [(good, true), (of_a_report, false), (short, false)] {
        let mut bundle = bundle(&[(&first, None)]);
        bundle.manifests[0].receipt = Some(receipt);
        assert_eq!(open(&bundle).is_ok(), holds, "{:?}", open(&bundle).err());
    }
    assert_eq!(election().versions().len(), 1);
}
