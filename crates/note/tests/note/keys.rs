//! Keys as text, and what is not enrolled.

use merkle::Hash;
use note::{
    Algorithm, CosignerKey, KeyError, KeyId, SecretKeyError, SignerKey, UnixSeconds, VerifierKey,
    b64,
};
use proptest::prelude::*;

use crate::fixtures::{checkpoint, cosigner, hex32, name, signer};

/// The pair in the documentation of Go's `golang.org/x/mod/sumdb/note`.
#[test]
fn gos_own_key_pair_is_read_and_derived() {
    let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let key = SignerKey::from_secret_text(secret).unwrap();
    assert_eq!(key.verifier().to_string(), public);
    assert_eq!(key.to_secret_text(), secret);
    assert_eq!(VerifierKey::parse(public).as_ref(), Ok(key.verifier()));
}

#[test]
fn a_key_text_with_anything_changed_is_refused() {
    let key = signer("chair").verifier().clone();
    let text = key.to_string();
    assert_eq!(VerifierKey::parse(&text), Ok(key.clone()));
    let public = *key.public_bytes();
    let of_type = |byte: u8| b64::encode([&[byte], public.as_slice()].concat());
    let is = key.id();
    let id = is.to_string();
    let stated = KeyId::from_bytes([0; 4]);
    for (changed, error) in [
        (String::new(), KeyError::Malformed),
        (text.replace('+', " "), KeyError::Malformed),
        (text.replacen('+', "", 1), KeyError::Malformed),
        (format!("{text}\n"), KeyError::Malformed),
        (format!("{text}="), KeyError::Malformed),
        (format!(" {text}"), KeyError::Malformed),
        (text.replacen(&id, "8329961A", 1), KeyError::Malformed),
        (
            text.replacen(&id, "00000000", 1),
            KeyError::WrongId { is, stated },
        ),
        (format!("chair+{id}+"), KeyError::Malformed),
        (
            format!("chair+{id}+{}", b64::encode([1; 32])),
            KeyError::Malformed,
        ),
        (
            format!("chair+{id}+{}", b64::encode([1; 34])),
            KeyError::Malformed,
        ),
        (
            format!("chair+{id}+{}", of_type(2)),
            KeyError::UnknownType { byte: 2 },
        ),
        (
            format!("chair+{id}+{}", of_type(6)),
            KeyError::UnknownType { byte: 6 },
        ),
    ] {
        assert_eq!(VerifierKey::parse(&changed), Err(error), "{changed:?}");
        assert_eq!(
            VerifierKey::parse_enrolled(&changed),
            Err(error),
            "{changed:?}"
        );
    }
    // Under another name or type it is another key, with another id.
    let renamed = VerifierKey::parse(&text.replacen("chair", "choir", 1));
    assert!(
        matches!(renamed, Err(KeyError::WrongId { .. })),
        "{renamed:?}"
    );
    let retyped = VerifierKey::parse(&format!("chair+{id}+{}", of_type(4)));
    assert!(
        matches!(retyped, Err(KeyError::WrongId { .. })),
        "{retyped:?}"
    );
}

/// The points are those of the CCTV and speccheck vectors.
#[test]
fn a_key_that_verifiers_disagree_about_is_not_enrolled() {
    let zeros = "00".repeat(31);
    for (public, error) in [
        // y = 2 is on no point.
        (format!("02{zeros}"), KeyError::NoPoint),
        // The identity, a point of order 2, two of order 4 and 8.
        (format!("01{zeros}"), KeyError::Weak),
        (format!("ec{}7f", "ff".repeat(30)), KeyError::Weak),
        (format!("00{zeros}"), KeyError::Weak),
        (
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa".into(),
            KeyError::Weak,
        ),
        // y = p, which is y = 0 said otherwise; x = 0 with a sign.
        (format!("ed{}7f", "ff".repeat(30)), KeyError::NotCanonical),
        (format!("ec{}ff", "ff".repeat(30)), KeyError::NotCanonical),
        // A sound point with a point of small order added.
        (
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d".into(),
            KeyError::Torsion,
        ),
        (
            "10eb7c3acfb2bed3e0d6ab89bf5a3d6afddd1176ce4812e38d9fd485058fdb1f".into(),
            KeyError::Torsion,
        ),
    ] {
        let key = VerifierKey::new(name("k"), Algorithm::Ed25519, &hex32(&public));
        assert_eq!(key, Err(error), "{public}");
    }
}

/// Only 19 values of y have a second encoding, y + p. Not all of them are on a point.
#[test]
fn no_second_encoding_of_a_point_is_enrolled() {
    for low in 0xed..=0xff_u8 {
        for sign in [0x7f, 0xff] {
            let mut public = [0xff; 32];
            (public[0], public[31]) = (low, sign);
            let key = VerifierKey::new(name("k"), Algorithm::Ed25519, &public);
            assert!(
                matches!(key, Err(KeyError::NotCanonical | KeyError::NoPoint)),
                "{key:?}"
            );
        }
    }
}

#[test]
fn a_secret_key_is_read_as_its_own_kind_only_and_never_shown() {
    let (signer, cosigner) = (signer("node"), cosigner("node"));
    let (text, other) = (signer.to_secret_text(), cosigner.to_secret_text());
    assert_eq!(
        SignerKey::from_secret_text(&text).unwrap().seed(),
        signer.seed()
    );
    assert_eq!(
        CosignerKey::from_secret_text(&other).unwrap().seed(),
        cosigner.seed()
    );
    let refused = |text: &str| SignerKey::from_secret_text(text).map(|_| ()).unwrap_err();
    assert_eq!(refused(&other), SecretKeyError::OtherKind);
    assert_eq!(
        CosignerKey::from_secret_text(&text)
            .map(|_| ())
            .unwrap_err(),
        SecretKeyError::OtherKind
    );
    assert_eq!(
        refused(&signer.verifier().to_string()),
        SecretKeyError::Malformed
    );
    assert_eq!(refused(&format!("{text}\n")), SecretKeyError::Malformed);
    assert_eq!(refused(""), SecretKeyError::Malformed);
    let renamed = refused(&text.replace("+node+", "+nude+"));
    assert!(
        matches!(renamed, SecretKeyError::WrongId { .. }),
        "{renamed:?}"
    );
    for shown in [format!("{signer:?}"), format!("{cosigner:?}")] {
        assert!(!shown.contains(&b64::encode(signer.seed())), "{shown}");
        assert!(
            !shown.contains(&Hash::from_bytes(signer.seed()).to_hex()),
            "{shown}"
        );
        assert!(!shown.contains("PRIVATE"), "{shown}");
    }
}

#[test]
fn a_key_does_the_work_of_its_kind_only() {
    let (signer, cosigner) = (signer("log.example"), cosigner("log.example/n1"));
    let checkpoint = checkpoint("log.example", 7, "root");
    let time = UnixSeconds::new(1_706_576_460);
    let signed = signer.sign(&checkpoint.text());
    let cosigned = cosigner.cosign(&checkpoint, time);
    assert!(signer.verifier().verifies(&checkpoint.text(), &signed));
    assert_eq!(
        cosigner
            .verifier()
            .verify_cosignature(&checkpoint, &cosigned),
        Some(time)
    );
    assert!(!cosigner.verifier().verifies(&checkpoint.text(), &cosigned));
    assert_eq!(
        signer.verifier().verify_cosignature(&checkpoint, &signed),
        None
    );
    // The same seed and name make another key of another kind, and their lines do not mix.
    let twin = SignerKey::from_seed(name("log.example/n1"), cosigner.seed());
    assert_ne!(twin.verifier().id(), cosigner.verifier().id());
    assert!(!twin.verifier().verifies(&checkpoint.text(), &cosigned));
}

#[test]
fn a_cosignature_holds_for_its_time_and_checkpoint_only() {
    let cosigner = cosigner("log.example/n1");
    let key = cosigner.verifier();
    let time = UnixSeconds::new(1_706_576_460);
    let signed = checkpoint("log.example", 7, "root");
    let line = cosigner.cosign(&signed, time);
    for other in [
        checkpoint("log.example", 8, "root"),
        checkpoint("log.example", 7, "toor"),
        checkpoint("bog.example", 7, "root"),
    ] {
        assert_eq!(key.verify_cosignature(&other, &line), None, "{other:?}");
    }
    let mut later = line.clone();
    later.body[7] ^= 1;
    assert_eq!(key.verify_cosignature(&signed, &later), None);
    let mut cut = line.clone();
    cut.body.pop();
    assert_eq!(key.verify_cosignature(&signed, &cut), None);
    let mut longer = line.clone();
    longer.body.push(0);
    assert_eq!(key.verify_cosignature(&signed, &longer), None);
    let stranger = crate::fixtures::cosigner("log.example/n2");
    assert_eq!(stranger.verifier().verify_cosignature(&signed, &line), None);
}

proptest! {
    #[test]
    fn every_seed_makes_a_key_that_is_enrolled_and_reads_back(seed in any::<[u8; 32]>()) {
        let key = SignerKey::from_seed(name("any"), seed);
        let read = VerifierKey::parse(&key.verifier().to_string());
        prop_assert_eq!(read.as_ref(), Ok(key.verifier()));
        let stored = VerifierKey::parse_enrolled(&key.verifier().to_string());
        prop_assert_eq!(stored.as_ref(), Ok(key.verifier()));
        let enrolled =
            VerifierKey::new(name("any"), Algorithm::Ed25519, key.verifier().public_bytes());
        prop_assert_eq!(enrolled.as_ref(), Ok(key.verifier()));
        let secret = SignerKey::from_secret_text(&key.to_secret_text());
        prop_assert_eq!(secret.map(|key| key.seed()), Ok(seed));
    }
}
