//! A receipt stays small: beside its entry at most 1.8 KiB for logs of up to a million leaves, and its QR code
//! within version 25.

use client::form::Handed;
use qrcode::{EcLevel, QrCode, Version};
use receipt::CompactReceipt;

use crate::log::Log;

const MOST_BYTES: usize = 1_843;
const LARGEST_CODE: i16 = 25;

#[test]
fn receipts_stay_small_up_to_a_million_leaves() {
    for (nodes, signers) in [
        (3, &[1, 2][..]),
        (3, &[1, 2, 3]),
        (5, &[1, 2, 3]),
        (5, &[1, 2, 3, 4, 5]),
    ] {
        let mut log = Log::of_night(12, nodes);
        for size in [13, 300, 1_766, 200_000, 1_000_000] {
            log.grow_to(size);
            let receipt = log.receipt(3, signers);
            assert!(receipt.verify(&log.election).receipt().is_some());
            let entry = note::b64::encode(receipt.entry()).len();
            let beside = receipt.to_bytes().len() - entry;
            let text = CompactReceipt::of(&receipt, &log.election)
                .unwrap()
                .to_text();
            assert!(matches!(
                Handed::read(text.as_bytes()),
                Ok(Handed::Compact(_))
            ));
            let code = QrCode::with_error_correction_level(&text, EcLevel::L).unwrap();
            let Version::Normal(version) = code.version() else {
                panic!("a receipt is no micro code")
            };
            println!(
                "{size} leaves, {} of {nodes} nodes: {beside} bytes beside the entry, QR version {version}",
                signers.len()
            );
            assert!(beside <= MOST_BYTES, "{beside} bytes");
            assert!(version <= LARGEST_CODE, "version {version}");
        }
    }
}
