//! Base64 of RFC 4648 section 4, padded and canonical: every value has one text, and no other text
//! is read.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use merkle::Hash;

/// The text of some bytes.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a text; none if it is not exactly what [`encode`] makes of them.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    // The engine refuses missing padding, non-zero pad bits, spaces and other alphabets.
    STANDARD.decode(text).ok()
}

/// The 44 characters that stand for a hash in every signed text.
pub fn encode_hash(hash: &Hash) -> String {
    encode(hash.as_bytes())
}

/// Reads 44 characters as a hash.
pub fn decode_hash(text: &str) -> Option<Hash> {
    Hash::from_slice(&decode(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_one_text() {
        assert_eq!(encode([0xfb, 0xff]), "+/8=");
        assert_eq!(decode("+/8="), Some(vec![0xfb, 0xff]));
        for other in [
            "+/9=", "+/8", "-_8=", "+/8= ", " +/8=", "+/8=\n", "+/8==", "+/8==",
        ] {
            assert_eq!(decode(other), None, "{other:?}");
        }
        assert_eq!(decode(""), Some(vec![]));
    }

    #[test]
    fn a_hash_is_32_bytes() {
        let hash = merkle::sha256(b"");
        assert_eq!(
            encode_hash(&hash),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
        assert_eq!(decode_hash(&encode_hash(&hash)), Some(hash));
        assert_eq!(decode_hash(&encode([0; 31])), None);
        assert_eq!(decode_hash(&encode([0; 33])), None);
    }
}
