//! The requests with which `torchwood` tests its `litewitness`: another implementation's log, and
//! what a witness has to answer.

use std::path::{Path, PathBuf};

use note::{Algorithm, CheckpointError, KeyName, NoteError, Origin, UnixSeconds, VerifierKey};
use serde_json::Value;
use witness::{AddCheckpoint, Considered, Decline, LastSeen, RequestError, Witness};

/// The vectors beside the checkout, or below where `TALLY_SHARED` says. Absent, the test says so
/// and proves nothing; in CI that is a failure.
fn vectors() -> Option<Value> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("TALLY_SHARED").map_or(beside, PathBuf::from);
    let file = shared.join("data/vectors/tlog_witness_litewitness.json");
    if let Ok(bytes) = std::fs::read(&file) {
        return Some(serde_json::from_slice(&bytes).unwrap());
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "cannot read {}",
        file.display()
    );
    println!("skipped: cannot read {}", file.display());
    None
}

/// Nine requests in a row to one witness that remembers. The vectors are of 2025; since then an
/// unknown log became 404. And where there the second request's signature is wrong, here its base64
/// is already not canonical.
#[test]
fn nine_requests_of_another_log_are_answered_as_there() {
    let Some(file) = vectors() else { return };
    let origin =
        "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
    let public = merkle::Hash::from_hex(file["log_public_key_hex"].as_str().unwrap()).unwrap();
    let name = KeyName::parse(origin).unwrap();
    let log = VerifierKey::new(name, Algorithm::Ed25519, public.as_bytes()).unwrap();
    let witness = Witness::new(Origin::parse(origin).unwrap(), vec![log], vec![], 0).unwrap();

    let mut last: Option<LastSeen> = None;
    let mut answers = vec![];
    for step in file["steps"].as_array().unwrap() {
        let body = step["request_body"].as_str().unwrap().as_bytes();
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(error) => {
                let inside =
                    RequestError::Checkpoint(CheckpointError::Note(NoteError::Malformed {
                        line: 5,
                        what: "a signature is canonical base64",
                    }));
                assert_eq!(error, inside);
                answers.push(400);
                continue;
            }
        };
        assert_eq!(request.to_bytes(), body);
        match witness.consider(last.as_ref(), &request, UnixSeconds::new(1)) {
            Considered::Cosign {
                checkpoint, seen, ..
            } => {
                assert_eq!((seen.size, seen.root), (checkpoint.size, checkpoint.root));
                last = Some(seen);
                answers.push(200);
            }
            Considered::Decline(decline) => {
                if let Decline::Conflict { seen } = decline {
                    assert_eq!(Some(seen), last.map(|last| last.size));
                }
                answers.push(decline.status());
            }
        }
    }
    assert_eq!(answers, [200, 400, 404, 422, 422, 200, 409, 200, 409]);
}
