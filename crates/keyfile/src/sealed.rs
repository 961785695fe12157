//! The encrypted part of a key file: PKCS#8 under a passphrase.

use note::VerifierKey;
use pkcs8::der::Decode as _;
use pkcs8::der::pem::LineEnding;
use pkcs8::der::zeroize::Zeroizing;
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef, SecretDocument};

use crate::{Error, Passphrase, SecretKey};

/// Ed25519 (RFC 8410, section 3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// What RFC 7468 calls the encrypted form.
const LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// An OCTET STRING of 32 bytes inside the OCTET STRING of the key (RFC 8410, section 7).
const SEED_HEAD: [u8; 2] = [0x04, 0x20];

/// Cost of a guess: 2^15 blocks of 1 KiB, as OpenSSL and PKCS#8's own readers accept without
/// being told of a higher limit.
const LOG_N: u8 = 15;

/// Random bytes that a sealed key is made with; never the same twice.
#[derive(Debug, Clone, Copy)]
pub struct Salting {
    /// Makes the same passphrase another encryption key.
    pub salt: [u8; 16],
    /// The initialisation vector of the cipher.
    pub iv: [u8; 16],
}

pub(crate) fn seal(
    key: &SecretKey,
    passphrase: &Passphrase,
    salting: &Salting,
) -> Result<String, Error> {
    let unfit = |_| Error::Damaged("it cannot be encoded");
    let mut seed = Zeroizing::new(SEED_HEAD.to_vec());
    seed.extend_from_slice(&key.seed());
    let algorithm = AlgorithmIdentifierRef {
        oid: ED25519,
        parameters: None,
    };
    let seed = pkcs8::der::asn1::OctetStringRef::new(&seed).map_err(unfit)?;
    let info = PrivateKeyInfoRef::new(algorithm, seed);
    let cost = scrypt::Params::new(
        LOG_N,
        scrypt::Params::RECOMMENDED_R,
        scrypt::Params::RECOMMENDED_P,
    )
    .map_err(|_| Error::Damaged("the cost of a guess is out of range"))?;
    let parameters = pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salting.salt, salting.iv)
        .map_err(|_| Error::Damaged("the salt is too long"))?;
    let document = info
        .encrypt_with_params(parameters, passphrase.as_bytes())
        .map_err(|_| Error::Damaged("it cannot be encrypted"))?;
    let pem = document.to_pem(LABEL, LineEnding::LF).map_err(unfit)?;
    Ok(format!("{}\n{}", key.verifier(), pem.as_str()))
}

pub(crate) fn open(
    verifier: &VerifierKey,
    pem: &str,
    passphrase: &Passphrase,
) -> Result<SecretKey, Error> {
    let name = || verifier.name().to_string();
    let (label, document) =
        SecretDocument::from_pem(pem).map_err(|_| Error::Damaged("it is not PEM"))?;
    if label != LABEL {
        return Err(Error::Damaged("it is not labelled ENCRYPTED PRIVATE KEY"));
    }
    let info = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes())
        .map_err(|_| Error::Damaged("it is not PKCS#8"))?;
    // The cipher's padding betrays nearly every wrong passphrase; the structure inside the rest.
    let opened = info
        .decrypt(passphrase.as_bytes())
        .map_err(|_| Error::WrongPassphrase { name: name() })?;
    let inner = PrivateKeyInfoRef::from_der(opened.as_bytes())
        .map_err(|_| Error::WrongPassphrase { name: name() })?;
    if inner.algorithm.oid != ED25519 {
        return Err(Error::Damaged("it is not an Ed25519 key"));
    }
    let seed = inner
        .private_key
        .as_bytes()
        .strip_prefix(&SEED_HEAD)
        .and_then(|seed| <[u8; 32]>::try_from(seed).ok())
        .ok_or(Error::Damaged("its seed does not have 32 bytes"))?;
    let key = SecretKey::of(verifier, seed);
    if key.verifier().public_bytes() == verifier.public_bytes() {
        Ok(key)
    } else {
        Err(Error::OtherKey { name: name() })
    }
}

#[cfg(test)]
mod tests {
    use note::{CosignerKey, KeyName, SignerKey};

    use super::*;
    use crate::KeyFile;

    const SALTING: Salting = Salting {
        salt: [7; 16],
        iv: [9; 16],
    };

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::parse(text).unwrap()
    }

    fn signer(seed: u8) -> SecretKey {
        let name = KeyName::parse("desk/hq/admin-1").unwrap();
        SecretKey::Signer(SignerKey::from_seed(name, [seed; 32]))
    }

    fn sealed(key: &SecretKey) -> String {
        key.to_sealed(&passphrase("correct horse"), &SALTING)
            .unwrap()
    }

    #[test]
    fn both_kinds_come_back_from_both_forms() {
        let name = KeyName::parse("tally.example/desk/n1").unwrap();
        let cosigner = SecretKey::Cosigner(CosignerKey::from_seed(name, [3; 32]));
        for key in [signer(1), cosigner] {
            for text in [key.to_plain(), sealed(&key)] {
                let file = KeyFile::parse(&text).unwrap();
                assert_eq!(file.verifier().to_string(), key.verifier().to_string());
                let opened = file.open(Some(&passphrase("correct horse"))).unwrap();
                assert_eq!(opened.to_plain(), key.to_plain());
            }
        }
    }

    /// Neither the seed nor the plain text of the key stands in a sealed file.
    #[test]
    fn a_sealed_file_shows_the_public_half_and_nothing_of_the_secret() {
        let key = signer(1);
        let text = sealed(&key);
        assert!(text.starts_with(&format!(
            "{}\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
            key.verifier()
        )));
        let secret = key.to_plain();
        let seed = secret.trim_end().rsplit('+').next().unwrap();
        assert!(!text.contains(seed));
        assert!(!text.contains("PRIVATE+KEY"));
    }

    #[test]
    fn a_wrong_passphrase_is_named_and_a_missing_one_asked_for() {
        let (text, wrong) = (sealed(&signer(1)), passphrase("incorrect horse"));
        let open = |with| {
            KeyFile::parse(&text)
                .unwrap()
                .open(with)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            open(Some(&wrong)),
            "wrong passphrase for the key `desk/hq/admin-1`"
        );
        assert!(open(None).contains("is encrypted; give its passphrase"));
    }

    #[test]
    fn the_seed_inside_must_give_the_public_key_outside() {
        let (mine, other) = (sealed(&signer(1)), sealed(&signer(2)));
        let first = mine.lines().next().unwrap();
        let rest = other.split_once('\n').unwrap().1;
        let file = KeyFile::parse(&format!("{first}\n{rest}")).unwrap();
        let error = file.open(Some(&passphrase("correct horse"))).unwrap_err();
        assert!(matches!(error, Error::OtherKey { .. }), "{error}");
    }

    #[test]
    fn no_changed_byte_of_the_encrypted_part_opens_as_another_key() {
        let text = sealed(&signer(1));
        let (first, pem) = text.split_once('\n').unwrap();
        let (_, document) = SecretDocument::from_pem(pem).unwrap();
        // Every seventh byte: each try costs as much as a guess does.
        for place in (0..document.as_bytes().len()).step_by(7) {
            let mut bytes = document.as_bytes().to_vec();
            bytes[place] ^= 1;
            let changed = SecretDocument::try_from(bytes.as_slice());
            let Ok(changed) = changed else { continue };
            let pem = changed.to_pem(LABEL, LineEnding::LF).unwrap();
            let file = KeyFile::parse(&format!("{first}\n{}", pem.as_str())).unwrap();
            assert!(
                file.open(Some(&passphrase("correct horse"))).is_err(),
                "byte {place}"
            );
        }
    }

    #[test]
    fn salt_and_vector_decide_the_bytes_so_the_same_ones_repeat_them() {
        assert_eq!(sealed(&signer(1)), sealed(&signer(1)));
        let other = Salting {
            salt: [8; 16],
            ..SALTING
        };
        let again = signer(1)
            .to_sealed(&passphrase("correct horse"), &other)
            .unwrap();
        assert_ne!(sealed(&signer(1)), again);
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        for text in ["", "\n", "PRIVATE+KEY+x", "hello\nworld\n"] {
            assert!(KeyFile::parse(text).is_err(), "{text:?}");
        }
    }
}
