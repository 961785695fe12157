//! Each reason to refuse a note, through the whole way: it is named, and nothing that counts has moved.

use caucus::{ElectionId, UnitId};
use client::answer::{AnswerResult, Effect, Trouble};
use client::{chair, random::SeededRandom};
use merkle::{Hash, LeafHash};
use note::{KeyName, SignedNote, SignerKey, UnixSeconds};
use receipt::leaf::{
    Channel, Earlier, Evidence, Figures, KeyReference, MediaType, Reason, Revoke, Role, Submission,
};
use receipt::{Header, Leaf};
use tests::stage::Stage;

use super::doors::carry;

/// What counts: the tree, the heads and the totals, as a node has them.
async fn what_counts(stage: &Stage) -> (u64, Vec<u8>, Vec<u8>, proto::v1::ResultsSnapshot) {
    let size = stage.cluster.statuses().await[0]
        .as_ref()
        .unwrap()
        .tree_size;
    let statuses = stage.cluster.settled(size).await.unwrap();
    let mut results = stage.cluster.results(statuses[0].ordinal).await.unwrap();
    results.leader_heard_ms_ago = 0;
    (
        statuses[0].tree_size,
        statuses[0].root.to_vec(),
        statuses[0].leaf_digest.to_vec(),
        results,
    )
}

/// Every node refuses these bytes for this reason.
async fn refused(stage: &Stage, note: &[u8], code: &str) {
    for index in 0..3 {
        let answer = carry(stage, index, note).await.unwrap();
        let AnswerResult::Refused(refusal) = answer.result else {
            panic!("{code}: {answer:?}")
        };
        assert_eq!(refusal.code, code, "{}", refusal.message);
        assert!(
            !refusal.message.is_empty() && !refusal.advice.is_empty(),
            "{refusal:?}"
        );
    }
}

/// A submission whose parts a test may change before it is signed.
fn submission(stage: &Stage, n: usize, seed: u64) -> Submission {
    let (unit, worksheet) = stage.unit(n).unwrap();
    let mut random = SeededRandom::new(seed);
    let header = chair::header(
        stage.desk.client.election(),
        &mut random,
        UnixSeconds::new(1),
    );
    let figures = Figures {
        worksheet,
        evidence: Vec::new(),
    };
    Submission {
        header,
        unit,
        seq: 1,
        supersedes: None,
        channel: None,
        voucher: None,
        figures,
    }
}

fn signed(submission: Submission, keys: &[&SignerKey]) -> Vec<u8> {
    chair::sign(&Leaf::from(submission), keys)
        .unwrap()
        .bytes()
        .to_vec()
}

fn registrars(stage: &Stage) -> Vec<&SignerKey> {
    stage
        .people(Role::Registrar)
        .unwrap()
        .iter()
        .take(2)
        .collect()
}

fn operators(stage: &Stage) -> Vec<&SignerKey> {
    stage
        .people(Role::Operator)
        .unwrap()
        .iter()
        .take(2)
        .collect()
}

/// What the grammar forbids, what names the wrong things, and what the wrong hand signed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_authentic_is_refused_by_name() {
    let stage = Stage::open(8).await.unwrap();
    stage.report(0).await.unwrap();
    let before = what_counts(&stage).await;
    let good = stage.note(1).unwrap();
    let key = stage.chair(&submission(&stage, 1, 0).unit).unwrap();

    let text = good.text();
    let spaced = good.bytes().to_vec();
    let with = |from: &str, to: &str| {
        String::from_utf8(spaced.clone())
            .unwrap()
            .replacen(from, to, 1)
            .into_bytes()
    };
    refused(&stage, &with("\nattendees", "\n\nattendees"), "malformed").await;
    refused(&stage, &[good.bytes(), b"\n"].concat(), "malformed").await;
    refused(&stage, &[good.bytes(), b"more"].concat(), "malformed").await;
    refused(&stage, text.as_bytes(), "malformed").await;
    refused(&stage, &vec![b'x'; 9000], "too_large").await;

    let mut foreign = submission(&stage, 1, 1);
    foreign.header.election = ElectionId::parse("another-night").unwrap();
    refused(&stage, &signed(foreign, &[key]), "wrong_election").await;
    let mut rehearsal = submission(&stage, 1, 2);
    rehearsal.header.genesis = Some(Hash::from_bytes([7; 32]));
    refused(&stage, &signed(rehearsal, &[key]), "wrong_election").await;
    let mut unknown = submission(&stage, 1, 3);
    unknown.unit = UnitId::parse("no-such-precinct").unwrap();
    refused(&stage, &signed(unknown, &[key]), "unknown_unit").await;

    let stranger = SignerKey::from_seed(
        KeyName::parse(key.verifier().name().as_str()).unwrap(),
        [9; 32],
    );
    refused(
        &stage,
        &signed(submission(&stage, 1, 4), &[&stranger]),
        "unknown_key",
    )
    .await;
    let neighbour = stage.chair(&submission(&stage, 2, 0).unit).unwrap();
    refused(
        &stage,
        &signed(submission(&stage, 1, 5), &[neighbour]),
        "wrong_role",
    )
    .await;
    let mut alone = submission(&stage, 1, 6);
    alone.channel = Some(Channel::Phone);
    let one = &operators(&stage)[..1];
    refused(&stage, &signed(alone, one), "too_few_signers").await;

    assert_eq!(what_counts(&stage).await, before);
}

/// One bit is flipped at every place of a note; none of them is recorded, and the note itself still is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_is_refused_wherever_it_is() {
    let stage = Stage::open(8).await.unwrap();
    stage.report(0).await.unwrap();
    let before = what_counts(&stage).await;
    let good = stage.note(1).unwrap();
    let mut reasons = std::collections::BTreeSet::new();
    for place in 0..good.bytes().len() {
        let mut bytes = good.bytes().to_vec();
        bytes[place] ^= 1 << (place % 8);
        // Whose signatures fail is let in slowly, and told when to come back.
        let answer = loop {
            match carry(&stage, place % 3, &bytes).await {
                Err(Trouble::Busy(pause)) => tokio::time::sleep(pause).await,
                answer => break answer.unwrap(),
            }
        };
        let AnswerResult::Refused(refusal) = answer.result else {
            panic!("byte {place}: {answer:?}")
        };
        reasons.insert(refusal.code);
    }
    let expected = [
        "bad_signature",
        "malformed",
        "unknown_unit",
        "wrong_election",
    ];
    assert!(
        expected.iter().all(|code| reasons.contains(*code)),
        "{reasons:?}"
    );
    assert_eq!(what_counts(&stage).await, before);
    assert_eq!(stage.report(1).await.unwrap().effect, Effect::Recorded);
}

/// Sends a signed submission until it has its receipt.
async fn recorded(stage: &Stage, bytes: &[u8]) {
    let note = SignedNote::parse(bytes).unwrap();
    stage.desk.send(&note).await.unwrap().receipted().unwrap();
}

/// An id and a voucher are good once, and a report without the chair's key needs one or a photograph.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_used_is_refused_by_name() {
    let stage = Stage::open(8).await.unwrap();
    let operators = operators(&stage);
    let first = submission(&stage, 0, 10);
    let key = stage.chair(&first.unit).unwrap();
    recorded(&stage, &signed(first.clone(), &[key])).await;
    let mut by_phone = submission(&stage, 1, 11);
    by_phone.channel = Some(Channel::Phone);
    by_phone.voucher = Some(stage.cluster.made.units[&by_phone.unit].vouchers[0].clone());
    recorded(&stage, &signed(by_phone.clone(), &operators)).await;
    let before = what_counts(&stage).await;

    let mut reused = first.clone();
    let attendees = reused.figures.worksheet.attendees.get() + 1;
    reused.figures.worksheet.attendees = caucus::People::new(attendees).unwrap();
    refused(&stage, &signed(reused, &[key]), "id_reuse").await;
    let mut again = submission(&stage, 1, 14);
    again.channel = Some(Channel::Phone);
    again.voucher = by_phone.voucher.clone();
    refused(&stage, &signed(again.clone(), &operators), "voucher_used").await;
    again.voucher = None;
    refused(
        &stage,
        &signed(again.clone(), &operators),
        "voucher_missing",
    )
    .await;
    let other = stage.unit(3).unwrap().0;
    again.voucher = Some(stage.cluster.made.units[&other].vouchers[0].clone());
    refused(&stage, &signed(again, &operators), "voucher_unknown").await;
    let mut bare = submission(&stage, 4, 15);
    bare.channel = Some(Channel::Photo);
    refused(
        &stage,
        &signed(bare.clone(), &operators),
        "evidence_missing",
    )
    .await;
    assert_eq!(what_counts(&stage).await, before);

    bare.figures.evidence = vec![Evidence {
        hash: Hash::from_bytes([3; 32]),
        media_type: MediaType::parse("image/jpeg").unwrap(),
        bytes: 1234,
    }];
    recorded(&stage, &signed(bare, &operators)).await;
}

/// A key that two registrars revoked signs nothing any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_refused_by_name() {
    let stage = Stage::open(8).await.unwrap();
    let lost = submission(&stage, 2, 12);
    let key = stage.chair(&lost.unit).unwrap();
    let mut random = SeededRandom::new(13);
    let header = chair::header(
        stage.desk.client.election(),
        &mut random,
        UnixSeconds::new(1),
    );
    let verifier = key.verifier();
    let revoke = Leaf::Revoke(Revoke {
        header,
        key: KeyReference {
            name: verifier.name().clone(),
            id: verifier.id(),
        },
        earlier: Earlier::Stand,
        reason: Reason::parse("left in a taxi").unwrap(),
    });
    let sent = stage.act(&revoke, &registrars(&stage)).await.unwrap();
    sent.receipted().unwrap();
    let before = what_counts(&stage).await;
    refused(&stage, &signed(lost, &[key]), "revoked_key").await;
    assert_eq!(what_counts(&stage).await, before);
}

/// A second authentic report that does not extend the head is recorded as a rival, with a receipt; a
/// correction that does moves the head; a repeated note is the same leaf.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rivals_and_corrections_are_recorded() {
    let stage = Stage::open(4).await.unwrap();
    let first = stage.report(0).await.unwrap();
    let again = stage.report(0).await.unwrap();
    assert_eq!(again.effect, Effect::AlreadyRecorded);
    assert_eq!(again.receipt.index(), first.receipt.index());

    let before = what_counts(&stage).await;
    let rival = submission(&stage, 0, 20);
    let key = stage.chair(&rival.unit).unwrap();
    let mut rival_sheet = rival.clone();
    rival_sheet.figures.worksheet.attendees =
        caucus::People::new(rival.figures.worksheet.attendees.get() + 2).unwrap();
    let note = SignedNote::parse(&signed(rival_sheet, &[key])).unwrap();
    let recorded = stage.desk.send(&note).await.unwrap().receipted().unwrap();
    assert_eq!(recorded.effect, Effect::Rival);
    let after = what_counts(&stage).await;
    assert_eq!(
        (after.0, &after.3.statewide),
        (before.0 + 1, &before.3.statewide)
    );
    let unit = |results: &proto::v1::ResultsSnapshot| {
        results
            .units
            .iter()
            .find(|one| one.unit == rival.unit.as_str())
            .cloned()
            .unwrap()
    };
    assert_eq!((unit(&after.3).rivals, unit(&after.3).seq), (1, 1));

    let mut correction = submission(&stage, 0, 21);
    correction.seq = 2;
    correction.supersedes = Some(LeafHash::from_hash(*first.receipt.leaf_hash().as_hash()));
    let note = SignedNote::parse(&signed(correction, &[key])).unwrap();
    let corrected = stage.desk.send(&note).await.unwrap().receipted().unwrap();
    assert_eq!(corrected.effect, Effect::Corrected);
    let last = what_counts(&stage).await;
    assert_eq!(unit(&last.3).seq, 2);
    let header: &Header = corrected.receipt.leaf().header().unwrap();
    assert_eq!(header.election, *stage.desk.client.election().id());
}
