//! Where the shared papers and vectors lie, and keys that are no secret.

use std::path::{Path, PathBuf};

use merkle::TreeSize;
use note::{Checkpoint, CosignerKey, KeyName, Origin, SignerKey};
use serde_json::Value;

/// A file beside the checkout, or below where `TALLY_SHARED` says. Absent, the test that asked
/// says so and proves nothing; in CI that is a failure.
pub(crate) fn shared(path: &str) -> Option<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let file = std::env::var_os("TALLY_SHARED")
        .map_or(beside, PathBuf::from)
        .join(path);
    if let Ok(bytes) = std::fs::read(&file) {
        return Some(bytes);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "cannot read {}",
        file.display()
    );
    println!("skipped: cannot read {}", file.display());
    None
}

/// A file of test vectors.
pub(crate) fn vectors(name: &str) -> Option<Value> {
    let bytes = shared(&format!("data/vectors/{name}"))?;
    Some(serde_json::from_slice(&bytes).unwrap())
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        panic!("odd hex {text}")
    };
    pairs
        .iter()
        .map(|[high, low]| digit(*high) << 4 | digit(*low))
        .collect()
}

pub(crate) fn hex32(text: &str) -> [u8; 32] {
    hex(text).try_into().unwrap()
}

pub(crate) fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

pub(crate) fn signer(text: &str) -> SignerKey {
    SignerKey::from_seed(name(text), *merkle::sha256(text.as_bytes()).as_bytes())
}

pub(crate) fn cosigner(text: &str) -> CosignerKey {
    CosignerKey::from_seed(name(text), *merkle::sha256(text.as_bytes()).as_bytes())
}

pub(crate) fn checkpoint(origin: &str, size: u64, root: &str) -> Checkpoint {
    Checkpoint {
        origin: Origin::parse(origin).unwrap(),
        size: TreeSize::new(size),
        root: merkle::sha256(root.as_bytes()),
    }
}
