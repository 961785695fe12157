//! The receipt file: one way to write it, and everything else refused.

use merkle::sha256;
use note::UnixSeconds;
use proptest::prelude::*;
use receipt::UnverifiedReceipt;

use crate::fixture::receipt;

#[test]
fn a_receipt_reads_back_byte_for_byte() {
    let bytes = receipt().to_bytes();
    assert_eq!(UnverifiedReceipt::parse(&bytes).unwrap().to_bytes(), bytes);
    assert!(bytes.starts_with(b"c2sp.org/tlog-proof@v1\nextra "));
}

#[test]
fn a_file_outside_the_grammar_is_no_receipt() {
    let whole = String::from_utf8(receipt().to_bytes()).unwrap();
    assert!(UnverifiedReceipt::parse(whole.as_bytes()).is_ok());
    let entry = whole.lines().nth(1).unwrap().to_owned();
    for (from, to) in [
        ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v2\n"),
        ("c2sp.org/tlog-proof@v1\n", ""),
        ("@v1\n", "@v1\r\n"),
        (&format!("{entry}\n"), ""),
        (&format!("{entry}\n"), &format!("{entry}\n{entry}\n")),
        ("extra ", "extra  "),
        ("extra ", "Extra "),
        ("index 1\n", "index 01\n"),
        ("index 1\n", "index +1\n"),
        ("index 1\n", "index 1 \n"),
        ("index 1\n", "index\n"),
        ("index 1\n", "index 1\n\n"),
        ("index 1\n", "index 18446744073709551616\n"),
        ("index 1\n", "index 1\nAAAA\n"),
        ("\n13\n", "\n013\n"),
        ("\n13\n", "\n13\nextension\n"),
        ("\n13\n", "\n9007199254740993\n"),
        ("\n\n", "\n"),
        ("\n\n", "\n\n\n"),
    ] {
        let broken = whole.replacen(from, to, 1);
        assert_ne!(broken, whole, "{from:?}");
        assert!(
            UnverifiedReceipt::parse(broken.as_bytes()).is_err(),
            "{from:?} -> {to:?}"
        );
    }
    for broken in [
        whole.strip_suffix('\n').unwrap().to_owned(),
        format!("{whole}\n"),
        format!("{whole}x"),
        format!("\n{whole}"),
        whole.replacen("index 1\n", &format!("index 1\n{}", "AAAA\n".repeat(64)), 1),
    ] {
        assert!(UnverifiedReceipt::parse(broken.as_bytes()).is_err());
    }
}

#[test]
fn more_than_63_hashes_or_32_lines_or_64_kib_are_not_looked_at() {
    let receipt = receipt();
    let checkpoint = receipt.checkpoint().checkpoint();
    let hash = note::b64::encode_hash(&sha256(b"x")) + "\n";
    let whole = String::from_utf8(receipt.to_bytes()).unwrap();
    let with = |count| whole.replacen("index 1\n", &format!("index 1\n{}", hash.repeat(count)), 1);
    let own = receipt.proof().hashes.len();
    assert!(UnverifiedReceipt::parse(with(63 - own).as_bytes()).is_ok());
    assert!(UnverifiedReceipt::parse(with(64 - own).as_bytes()).is_err());
    let mut crowded = whole;
    for number in 0..33 {
        let name = note::KeyName::parse(&format!("w{number}")).unwrap();
        let key = note::CosignerKey::from_seed(name, [9; 32]);
        crowded.push_str(&key.cosign(checkpoint, UnixSeconds::new(1)).to_string());
        crowded.push('\n');
    }
    assert!(UnverifiedReceipt::parse(crowded.as_bytes()).is_err());
    let huge = vec![b'x'; UnverifiedReceipt::MAX_BYTES + 1];
    assert!(matches!(
        UnverifiedReceipt::parse(&huge),
        Err(receipt::ReceiptError::TooLarge { .. })
    ));
}

proptest! {
    #[test]
    fn reading_a_receipt_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = UnverifiedReceipt::parse(&bytes);
    }

    /// What is read is written again byte for byte, however the file was damaged.
    #[test]
    fn a_damaged_receipt_reads_as_itself_or_not_at_all(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = receipt().to_bytes();
        for (place, byte) in changes {
            *place.get_mut(&mut bytes) = byte;
        }
        if let Ok(receipt) = UnverifiedReceipt::parse(&bytes) {
            prop_assert_eq!(receipt.to_bytes(), bytes);
        }
    }
}
