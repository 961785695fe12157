//! A refusal on the wire: its code, its words, and the leaf it speaks of.

use caucus::Refusal;

use crate::v1;

impl From<&Refusal> for v1::Refusal {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code().to_owned(),
            message: refusal.to_string(),
            advice: refusal.advice().to_owned(),
            leaf_index: leaf_of(refusal),
        }
    }
}

/// The code of a refusal as this version knows it; `None` for one that a later version added,
/// whose `message` and `advice` are still fit to be shown.
pub fn known_code(refusal: &v1::Refusal) -> Option<&'static str> {
    Refusal::ALL_CODES
        .into_iter()
        .find(|code| *code == refusal.code)
}

fn leaf_of(refusal: &Refusal) -> Option<u64> {
    if let Refusal::VoucherUsed { leaf } = refusal {
        Some(*leaf)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_code_and_its_leaf() {
        let wire = v1::Refusal::from(&Refusal::VoucherUsed { leaf: 12 });
        assert_eq!(known_code(&wire), Some("voucher_used"));
        assert_eq!(wire.leaf_index, Some(12));
        assert!(!wire.message.is_empty() && !wire.advice.is_empty());
        assert_eq!(v1::Refusal::from(&Refusal::Stale).leaf_index, None);
    }

    #[test]
    fn a_code_of_a_later_version_is_not_mistaken_for_a_known_one() {
        let wire = v1::Refusal {
            code: "too_late".to_owned(),
            ..v1::Refusal::default()
        };
        assert_eq!(known_code(&wire), None);
    }
}
