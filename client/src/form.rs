//! The forms in which a receipt is handed over: the file, JSON, the text of a QR code.
//!
//! The JSON form is [`proto::json::ReceiptJson`]. Nothing is verified here.

use merkle::{InclusionProof, LeafIndex, MAX_PROOF_HASHES};
use note::{SignedCheckpoint, b64};
use proto::json::ReceiptJson;
use receipt::{
    CompactError, CompactReceipt, ReceiptError, ReceiptLevel, ShortCode, UnverifiedReceipt,
};

/// A receipt as it was handed over, in whichever form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// All of it.
    Whole(UnverifiedReceipt),
    /// All but the report, which its hash names.
    Compact(CompactReceipt),
}

/// Why bytes are a receipt in no form.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// Not a `.tlog-proof`, and nothing that looks like another form.
    #[error(transparent)]
    File(#[from] ReceiptError),
    /// Begins as JSON and is not the form.
    #[error("the JSON is not a receipt: {0}")]
    Json(String),
    /// Begins as a QR code's text and is none.
    #[error(transparent)]
    Compact(#[from] CompactError),
}

impl Handed {
    /// Reads a receipt in any form; which one, its first character says.
    pub fn read(bytes: &[u8]) -> Result<Self, FormError> {
        match bytes.trim_ascii_start() {
            [b'{', ..] => from_json(bytes).map(Self::Whole),
            text @ [b'P', b'T', ..] => {
                let text = std::str::from_utf8(text).map_err(|_| CompactError::Malformed)?;
                Ok(Self::Compact(CompactReceipt::parse(text)?))
            }
            _ => Ok(Self::Whole(UnverifiedReceipt::parse(bytes)?)),
        }
    }
}

impl Handed {
    /// The code that people read to each other.
    pub fn code(&self) -> ShortCode {
        match self {
            Self::Whole(receipt) => receipt.code(),
            Self::Compact(compact) => compact.code(),
        }
    }
}

/// The JSON form, on one line.
pub fn to_json(receipt: &UnverifiedReceipt, level: ReceiptLevel) -> String {
    serde_json::to_string(&ReceiptJson::new(receipt, level)).unwrap_or_default()
}

/// Reads the JSON form.
pub fn from_json(bytes: &[u8]) -> Result<UnverifiedReceipt, FormError> {
    let bad = |what: &str| FormError::Json(what.to_owned());
    if bytes.len() > UnverifiedReceipt::MAX_BYTES.saturating_mul(2) {
        return Err(bad("it is larger than any receipt"));
    }
    let json: ReceiptJson =
        serde_json::from_slice(bytes).map_err(|error| FormError::Json(error.to_string()))?;
    if json.format != ReceiptJson::FORMAT {
        return Err(bad("its `format` is not precinct-tally/receipt/v1"));
    }
    if ReceiptLevel::parse(&json.level).is_none() {
        return Err(bad("its `level` is neither receipt nor final"));
    }
    if json.inclusion.len() > MAX_PROOF_HASHES {
        return Err(bad("more hashes than a proof can have"));
    }
    let hashes = json
        .inclusion
        .iter()
        .map(|hash| b64::decode_hash(hash))
        .collect::<Option<_>>()
        .ok_or_else(|| bad("`inclusion` is a list of hashes in base64"))?;
    let entry = b64::decode(&json.entry).ok_or_else(|| bad("`entry` is not base64"))?;
    let checkpoint = SignedCheckpoint::parse(json.checkpoint.as_bytes())
        .map_err(|error| FormError::Json(format!("the checkpoint: {error}")))?;
    let receipt = UnverifiedReceipt::build(
        entry,
        LeafIndex::new(json.index),
        InclusionProof { hashes },
        checkpoint,
    );
    // What no file could say is no receipt: sizes and numbers have the limits of the file's grammar.
    Ok(UnverifiedReceipt::parse(&receipt.to_bytes())?)
}

#[cfg(test)]
mod tests {
    use merkle::{TreeSize, leaf_hash, node_hash};
    use receipt::Election;
    use testkit::Fixture;

    use super::*;

    /// Leaf 1 of 2: the night's first report behind the manifest.
    fn receipt() -> UnverifiedReceipt {
        let fixture = Fixture::small();
        let entry = fixture.submission(&fixture.night.reports[0]);
        let manifest = leaf_hash(fixture.manifest.bytes());
        let root = node_hash(manifest.as_hash(), leaf_hash(entry.bytes()).as_hash());
        let checkpoint = fixture.checkpoint(TreeSize::new(2), root, &[1, 2]);
        let proof = InclusionProof {
            hashes: vec![*manifest.as_hash()],
        };
        UnverifiedReceipt::build(entry.bytes().to_vec(), LeafIndex::new(1), proof, checkpoint)
    }

    #[test]
    fn json_says_what_the_file_says() {
        let receipt = receipt();
        let json = to_json(&receipt, ReceiptLevel::Receipt);
        assert_eq!(from_json(json.as_bytes()).unwrap(), receipt);
        assert_eq!(
            Handed::read(json.as_bytes()).unwrap(),
            Handed::Whole(receipt)
        );
    }

    #[test]
    fn a_form_is_known_by_how_it_begins() {
        let receipt = receipt();
        let whole = Handed::read(&receipt.to_bytes()).unwrap();
        assert_eq!(whole, Handed::Whole(receipt.clone()));
        let fixture = Fixture::small();
        let election = Election::open(&fixture.bundle(), fixture.fingerprint()).unwrap();
        assert!(receipt.verify(&election).receipt().is_some());
        let compact = CompactReceipt::of(&receipt, &election).unwrap();
        let read = Handed::read(compact.to_text().as_bytes()).unwrap();
        assert_eq!(read, Handed::Compact(compact));
    }

    #[test]
    fn json_outside_the_form_is_refused_with_what_is_wrong() {
        let json = to_json(&receipt(), ReceiptLevel::Receipt);
        for (from, to, sentence) in [
            ("receipt/v1", "receipt/v2", "`format`"),
            ("\"receipt\"}", "\"sure\"}", "`level`"),
            ("\"index\":", "\"indexes\":", "unknown field `indexes`"),
            ("\"inclusion\":[\"", "\"inclusion\":[\"A", "`inclusion`"),
            ("\"entry\":\"", "\"entry\":\"*", "`entry`"),
        ] {
            assert!(json.contains(from), "{from}");
            let error = from_json(json.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.to_string().contains(sentence), "{error}");
        }
    }
}
