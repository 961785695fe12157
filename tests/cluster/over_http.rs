//! Notes handed in and receipts asked for over HTTP: by their leaf, by the code that was read aloud, and while
//! there is none yet.

use std::time::Duration;

use merkle::leaf_hash;
use note::SignedCheckpoint;
use receipt::{ShortCode, UnverifiedReceipt};
use reqwest::StatusCode;
use serde_json::Value;
use tests::stage::Stage;

use crate::http_door::{Door, TEXT};

/// A receipt by the leaf's hash and by the code that was read aloud, as file and as JSON, and whether what it
/// is for still stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_found_by_hash_and_by_spoken_code() {
    let stage = Stage::open(3).await.unwrap();
    let held = stage.report(0).await.unwrap().receipt;
    let (unit, _) = stage.unit(0).unwrap();
    let (silent, _) = stage.unit(1).unwrap();
    let statuses = stage.cluster.settled(2).await.unwrap();
    let door = Door::of(&stage, statuses.last().unwrap().ordinal);
    let verified = |bytes: &[u8]| {
        let receipt = UnverifiedReceipt::parse(bytes).unwrap();
        let verification = receipt.verify(&stage.cluster.election);
        let receipt = verification.receipt().expect("a receipt that holds");
        assert_eq!(receipt.leaf_hash(), held.leaf_hash());
    };

    let (hash, code) = (held.leaf_hash(), held.code().to_string());
    for handle in [
        hash.to_hex(),
        code.clone(),
        code.to_lowercase(),
        code.replace('-', "%20"),
        code.replace('-', ""),
    ] {
        let said = door.get(&format!("/v1/receipts/{handle}")).await;
        assert_eq!(said.header("vary"), "accept");
        verified(&said.kept(TEXT, "no-cache"));
        let said = door.get_json(&format!("/v1/receipts/{handle}")).await;
        assert_eq!(said.json()["level"], "receipt");
        let json = said.kept("application/json", "no-cache");
        verified(&client::form::from_json(&json).unwrap().to_bytes());
    }

    let changed = if code.ends_with('0') { '1' } else { '0' };
    let misread: String = code.chars().take(code.len() - 1).chain([changed]).collect();
    let said = door.get(&format!("/v1/receipts/{misread}")).await;
    said.refused(StatusCode::BAD_REQUEST, "its check letters do not fit");
    for handle in ["7", "P-0001", &hash.to_hex().to_uppercase()] {
        let said = door.get(&format!("/v1/receipts/{handle}")).await;
        said.refused(StatusCode::BAD_REQUEST, "a leaf hash");
    }
    let nobody = leaf_hash(b"nobody sent this");
    let spoken = ShortCode::of_leaf(&nobody).to_string();
    for handle in [nobody.to_hex(), spoken] {
        let said = door.get(&format!("/v1/receipts/{handle}")).await;
        said.refused(StatusCode::NOT_FOUND, "no such leaf");
    }

    let stands = door.get(&format!("/v1/units/{unit}/head")).await;
    let expected = serde_json::json!({
        "unit": unit.as_str(), "index": held.index().get(), "leaf_hash": hash.to_hex(), "seq": 1,
    });
    assert_eq!(stands.json(), expected);
    stands.kept("application/json", "no-cache");
    let said = door.get(&format!("/v1/units/{silent}/head")).await;
    said.refused(StatusCode::NOT_FOUND, "no report stands for");
    let said = door.get("/v1/units/a%20b/head").await;
    said.refused(StatusCode::BAD_REQUEST, "cannot be the id of a unit");
}

/// The same note through HTTP as through gRPC, at any node: one leaf, however often and in whichever form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_is_handed_in_over_http() {
    let stage = Stage::open(3).await.unwrap();
    let note = stage.note(0).unwrap();
    let json = [("content-type", "application/json")];
    let wrapped = serde_json::json!({ "note": std::str::from_utf8(note.bytes()).unwrap() });
    let wrapped = wrapped.to_string().into_bytes();

    let mut effects = Vec::new();
    for ordinal in stage.cluster.ordinals() {
        let door = Door::of(&stage, ordinal);
        let plain = door.post(&[], note.bytes()).await;
        let in_json = door.post(&json, &wrapped).await;
        for said in [plain, in_json] {
            assert_eq!(said.status, StatusCode::OK, "{}", said.text());
            effects.push(said.header("tally-effect").to_owned());
            let receipt = UnverifiedReceipt::parse(&said.body).unwrap();
            assert_eq!((receipt.entry(), receipt.index().get()), (note.bytes(), 1));
            let verification = receipt.verify(&stage.cluster.election);
            assert!(verification.receipt().is_some());
        }
        let accept = door
            .post(&[("accept", "application/json")], note.bytes())
            .await;
        let receipt = client::form::from_json(&accept.body).unwrap();
        assert_eq!(receipt.entry(), note.bytes());
    }
    let (first, again) = effects.split_first().unwrap();
    assert_eq!(first, "recorded");
    assert!(
        again.iter().all(|effect| effect == "already_recorded"),
        "{again:?}"
    );

    let door = Door::of(&stage, 1);
    refusals(&stage, &door, &json).await;
    let statuses = stage.cluster.settled(2).await.unwrap();
    assert_eq!(statuses[0].tree_size, 2);
}

/// What is not recorded says why, in the status and in words.
async fn refusals(stage: &Stage, door: &Door, json: &[(&str, &str)]) {
    let said = door.post(&[], b"junk").await;
    assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
    let refusal = said.json();
    assert_eq!(refusal["status"], "refused");
    assert_eq!(refusal["code"], "malformed");
    assert_eq!(refusal["head"], Value::Null);
    assert!(!refusal["advice"].as_str().unwrap().is_empty());

    let other = stage.note(1).unwrap();
    let changed = String::from_utf8(other.bytes().to_vec()).unwrap();
    let changed = changed.replacen("\ntime ", "\ntime 1", 1);
    let said = door.post(&[], changed.as_bytes()).await;
    assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(said.json()["code"], "bad_signature");

    let said = door.post(&[], &[b'x'; 9_000]).await;
    assert_eq!(said.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(said.json()["code"], "too_large");
    let said = door.post(&[], &vec![b'x'; 20_000]).await;
    assert_eq!(said.status, StatusCode::PAYLOAD_TOO_LARGE);
    let said = door.post(json, b"{\"text\":\"junk\"}").await;
    said.refused(StatusCode::BAD_REQUEST, "send the note itself");
    let said = door.get("/v1/submissions").await;
    assert_eq!(said.status, StatusCode::METHOD_NOT_ALLOWED);
}

/// While too few nodes cosign a report is recorded and has no receipt, and the answer looks like none. Nothing
/// of it is in the public log. When they cosign again the receipt is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_is_not_receipted() {
    let stage = Stage::open(3).await.unwrap();
    stage.cluster.settled(1).await.unwrap();
    for ordinal in [2, 3] {
        stage.cluster.stop(ordinal).await.unwrap();
        let folder = stage.cluster.folder(ordinal).unwrap().join("data");
        std::fs::write(folder.join("cosigning.stopped"), STOPPED).unwrap();
        stage.cluster.start_node(ordinal).unwrap();
    }
    let patience = Duration::from_secs(20);
    let leader = async || stage.cluster.leader().await;
    stage
        .cluster
        .wait("a leader", patience, leader)
        .await
        .unwrap();

    let note = stage.note(0).unwrap();
    let hash = leaf_hash(note.bytes());
    let expected = serde_json::json!({
        "status": "recorded-not-receipted", "index": 1, "leaf_hash": hash.to_hex(),
    });
    let door = Door::of(&stage, 1);
    let mut said = door.post(&[], note.bytes()).await;
    // The nodes have just come back: a note that nobody could take is sent again, as every chair's is.
    while said.status == StatusCode::SERVICE_UNAVAILABLE {
        said = door.post(&[], note.bytes()).await;
    }
    assert_eq!(said.status, StatusCode::ACCEPTED, "{}", said.text());
    assert_eq!(said.json(), expected);
    let handle = format!("/v1/receipts/{}", hash.to_hex());
    let said = door.get(&handle).await;
    assert_eq!((said.status, said.json()), (StatusCode::ACCEPTED, expected));

    let checkpoint = door.get("/checkpoint").await;
    let signed = SignedCheckpoint::parse(&checkpoint.body).unwrap();
    assert_eq!(signed.checkpoint().size.get(), 1);
    let said = door.get("/tile/entries/000.p/2").await;
    said.refused(StatusCode::NOT_FOUND, "1 leaves");

    for ordinal in [2, 3] {
        stage.cluster.stop(ordinal).await.unwrap();
        let folder = stage.cluster.folder(ordinal).unwrap().join("data");
        std::fs::remove_file(folder.join("cosigning.stopped")).unwrap();
        stage.cluster.start_node(ordinal).unwrap();
    }
    stage.cluster.settled(2).await.unwrap();
    let receipt = UnverifiedReceipt::parse(&door.get(&handle).await.body).unwrap();
    let verification = receipt.verify(&stage.cluster.election);
    assert!(verification.receipt().is_some());
}

/// A node's own word that it stopped cosigning, as it stands on its disk.
const STOPPED: &str = "stopped for a test of receipts that are not there yet\ncheck ac51e6a3\n";
