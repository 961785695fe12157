//! The acceptance rule, pinned case by case. It is part of what nodes must agree on: were a
//! dependency or a feature to change it, these fail.

use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use note::{Algorithm, KeyError, SignatureLine, VerifierKey};
use serde_json::Value;

use crate::fixtures::{hex, hex32, name, shared, signer, vectors};

/// Whether the rule accepts, whatever the key: a key's enrolment is another question.
fn accepts(key: &str, message: &[u8], signature: &str) -> bool {
    let Ok(signature) = Signature::from_slice(&hex(signature)) else {
        return false;
    };
    VerifyingKey::from_bytes(&hex32(key))
        .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Whether a note with this key and signature would be accepted: the key is enrolled, and the
/// rule accepts.
fn note_accepts(key: &str, text: &str, signature: &str) -> Result<bool, KeyError> {
    let key = VerifierKey::new(name("vector"), Algorithm::Ed25519, &hex32(key))?;
    let line = SignatureLine {
        name: name("vector"),
        id: key.id(),
        body: hex(signature),
    };
    Ok(key.verifies(text, &line))
}

fn field<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

/// C2SP CCTV: all combinations of points of low order and encodings that are not canonical.
#[test]
fn of_914_edge_cases_the_43_that_every_implementation_accepts_are_accepted() {
    let Some(cases) = vectors("cctv_ed25519vectors.json") else {
        return;
    };
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 914);
    let (mut accepted, mut enrolled, mut both) = (0, 0, 0);
    for case in cases {
        let (key, message, signature) =
            (field(case, "key"), field(case, "msg"), field(case, "sig"));
        let harmless = case["flags"].as_array().is_none_or(|flags| {
            let known = ["low_order_component_A", "low_order_component_R"];
            flags
                .iter()
                .all(|flag| known.contains(&flag.as_str().unwrap()))
        });
        let accepts = accepts(key, message.as_bytes(), signature);
        assert_eq!(accepts, harmless, "case {}", case["number"]);
        accepted += usize::from(accepts);
        if let Ok(verified) = note_accepts(key, message, signature) {
            assert_eq!(verified, accepts, "case {}", case["number"]);
            enrolled += 1;
            both += usize::from(verified);
        }
    }
    assert_eq!((accepted, both), (43, 1));
    assert!(enrolled > both, "some signature of a sound key is refused");
}

/// The table of "Taming the many EdDSAs": small and mixed order, S out of range, encodings. Cases
/// 6 and 7 would turn valid if `legacy_compatibility` were switched on anywhere in the build.
#[test]
fn of_twelve_disputed_signatures_only_the_fourth_is_accepted() {
    let Some(cases) = vectors("speccheck_cases.json") else {
        return;
    };
    let row: String = cases
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            let message = hex(field(case, "message"));
            let accepted = accepts(field(case, "pub_key"), &message, field(case, "signature"));
            if accepted { 'V' } else { 'X' }
        })
        .collect();
    assert_eq!(row, "XXXVXXXXXXXX");
}

/// R is the identity and S is k times the secret scalar, so the equation holds: only the holder of
/// the key can make such a signature, and verifiers disagree about it. A lenient one accepts.
#[test]
fn a_signature_of_a_sound_key_with_r_of_small_order_is_refused() {
    let text = "first line\nsecond line\n";
    let s = "cb823e98f9cb2334bbfed0a92a99da0dd4bcff817204c4cf3bcd62caa0ed4804";
    let body = hex(&format!("01{}{s}", "00".repeat(31)));
    let key = signer("chair").verifier().clone();
    let lenient = VerifyingKey::from_bytes(key.public_bytes()).unwrap();
    let signature = Signature::from_slice(&body).unwrap();
    #[expect(clippy::disallowed_methods, reason = "shows what the one rule refuses")]
    let accepted = ed25519_dalek::Verifier::verify(&lenient, text.as_bytes(), &signature);
    assert!(accepted.is_ok());
    assert!(!key.verifies(
        text,
        &SignatureLine {
            name: name("chair"),
            id: key.id(),
            body
        }
    ));
}

#[test]
fn wycheproof_is_agreed_with_in_all_151_cases() {
    let Some(file) = vectors("wycheproof_ed25519_test.json") else {
        return;
    };
    let mut cases = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let key = field(&group["publicKey"], "pk");
        for case in group["tests"].as_array().unwrap() {
            let (message, signature) = (hex(field(case, "msg")), field(case, "sig"));
            let valid = field(case, "result") == "valid";
            assert_eq!(
                accepts(key, &message, signature),
                valid,
                "case {}",
                case["tcId"]
            );
            if let Ok(text) = str::from_utf8(&message) {
                assert_eq!(
                    note_accepts(key, text, signature),
                    Ok(valid),
                    "case {}",
                    case["tcId"]
                );
            }
            cases += 1;
        }
    }
    assert_eq!(cases, 151);
}

/// Each line is secret and public key, public key, message, signature and message, in hex.
#[test]
fn the_first_128_reference_signatures_are_made_byte_for_byte_and_verify() {
    let Some(file) = shared("data/vectors/ed25519_sign_input_128.txt") else {
        return;
    };
    let file = String::from_utf8(file).unwrap();
    assert_eq!(file.lines().count(), 128);
    for line in file.lines() {
        let fields: Vec<_> = line.split(':').collect();
        let (secret, _) = fields[0].split_at(64);
        let (public, message) = (fields[1], hex(fields[2]));
        let (signature, _) = fields[3].split_at(128);
        let signer = SigningKey::from_bytes(&hex32(secret));
        assert_eq!(signer.verifying_key().to_bytes(), hex32(public));
        let made = ed25519_dalek::Signer::sign(&signer, &message);
        assert_eq!(made.to_bytes().to_vec(), hex(signature));
        assert!(accepts(public, &message, signature));
    }
}
