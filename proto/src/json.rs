//! What is said in JSON over HTTP and handed on as files, where a program of others wants no protobuf.

use note::b64;
use receipt::{ReceiptLevel, UnverifiedReceipt};
use serde::{Deserialize, Serialize};

/// A receipt in JSON:
///
/// ```text
/// {"format":"precinct-tally/receipt/v1","entry":base64,"index":number,
///  "inclusion":[base64, …],"checkpoint":"…","level":"receipt"|"final"}
/// ```
///
/// It says what the `.tlog-proof` file says and nothing more; `level` is what its maker found and is
/// never believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptJson {
    /// [`ReceiptJson::FORMAT`].
    pub format: String,
    /// The exact bytes of the leaf.
    pub entry: String,
    /// Its place in the log.
    pub index: u64,
    /// The hashes that lead to the root, the leaf's sibling first.
    pub inclusion: Vec<String>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
    /// How much it proves, as its maker found.
    pub level: String,
}

impl ReceiptJson {
    /// What the form calls itself.
    pub const FORMAT: &'static str = "precinct-tally/receipt/v1";

    /// The form of this receipt.
    pub fn new(receipt: &UnverifiedReceipt, level: ReceiptLevel) -> Self {
        let hashes = &receipt.proof().hashes;
        Self {
            format: Self::FORMAT.to_owned(),
            entry: b64::encode(receipt.entry()),
            index: receipt.index().get(),
            inclusion: hashes.iter().map(b64::encode_hash).collect(),
            checkpoint: String::from_utf8_lossy(&receipt.checkpoint().to_bytes()).into_owned(),
            level: level.to_string(),
        }
    }
}
