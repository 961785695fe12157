//! The node's two secret keys, read from their files and held against each other.

use std::path::Path;

use keyfile::{KeyFile, Passphrase};
use note::{CosignerKey, Origin, SignerKey};

use crate::config::Config;
use crate::start_error::StartError;

/// The keys with the log they are for.
#[derive(Debug)]
pub(crate) struct NodeKeys {
    pub(crate) log: SignerKey,
    pub(crate) cosigner: CosignerKey,
    pub(crate) origin: Origin,
}

impl NodeKeys {
    pub(crate) fn load(config: &Config) -> Result<Self, StartError> {
        let (log_file, cosigner_file) = (read(&config.keys.log)?, read(&config.keys.cosigner)?);
        let passphrase = match &config.keys.passphrase_file {
            // A passphrase that nothing needs is not read: plain keys start without it.
            Some(file) if log_file.is_sealed() || cosigner_file.is_sealed() => {
                Some(Passphrase::read(file).map_err(|error| no_passphrase(file, &error))?)
            }
            Some(_) | None => None,
        };
        let log = log_file
            .open(passphrase.as_ref())
            .and_then(keyfile::SecretKey::into_signer)
            .map_err(|error| unopened(&config.keys.log, &error))?;
        let cosigner = cosigner_file
            .open(passphrase.as_ref())
            .and_then(keyfile::SecretKey::into_cosigner)
            .map_err(|error| unopened(&config.keys.cosigner, &error))?;
        let origin = Origin::parse(log.verifier().name().as_str())
            .map_err(|error| unusable(&config.keys.log, &error))?;
        let expected = origin
            .cosigner(&config.id)
            .map_err(|error| unusable(&config.keys.cosigner, &error))?;
        let found = cosigner.verifier().name();
        if *found != expected {
            return Err(StartError::Identity {
                what: format!(
                    "the cosigner key is named `{found}`, but this node's is `{expected}`"
                ),
                advice: "put this node's own key at `keys.cosigner`, or correct `id`",
            });
        }
        if log.seed() == cosigner.seed() {
            return Err(StartError::Identity {
                what: "the log key and the cosigner key are the same".to_owned(),
                advice: "make two keys: a cosignature by a log key is counted by nobody",
            });
        }
        Ok(Self {
            log,
            cosigner,
            origin,
        })
    }
}

fn read(file: &Path) -> Result<KeyFile, StartError> {
    keyfile::read(file).map_err(|error| unopened(file, &error))
}

/// The last cause says most: which byte, which passphrase, which errno.
fn unopened(file: &Path, error: &keyfile::Error) -> StartError {
    if let keyfile::Error::NeedsPassphrase { .. } = error {
        return unusable(
            file,
            &"it is encrypted and there is no passphrase; name its file as `keys.passphrase_file`, \
              or hand it over as the service manager's credential `tally-passphrase`",
        );
    }
    match std::error::Error::source(error) {
        Some(cause) => unusable(file, &cause),
        None => unusable(file, error),
    }
}

fn no_passphrase(file: &Path, error: &keyfile::Error) -> StartError {
    let reason =
        std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    StartError::Credential {
        what: "passphrase",
        file: file.to_owned(),
        reason,
    }
}

fn unusable(file: &Path, reason: &impl ToString) -> StartError {
    StartError::Credential {
        what: "secret key",
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use keyfile::{Salting, SecretKey};
    use note::KeyName;

    use super::*;

    const ORIGIN: &str = "tally.example/desk";

    /// A node's folder with both keys, sealed under `correct horse`, and the configuration of it.
    fn folder(passphrase_line: &str) -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let name = |text: &str| KeyName::parse(text).unwrap();
        let log = SecretKey::Signer(SignerKey::from_seed(name(ORIGIN), [1; 32]));
        let own = format!("{ORIGIN}/n1");
        let cosigner = SecretKey::Cosigner(CosignerKey::from_seed(name(&own), [2; 32]));
        let passphrase = Passphrase::parse("correct horse").unwrap();
        let salting = Salting {
            salt: [3; 16],
            iv: [4; 16],
        };
        for (file, key) in [("log.key", &log), ("cosigner.key", &cosigner)] {
            let text = key.to_sealed(&passphrase, &salting).unwrap();
            keyfile::write_new(&folder.path().join(file), &text).unwrap();
        }
        std::fs::write(folder.path().join("right"), "correct horse\n").unwrap();
        std::fs::write(folder.path().join("wrong"), "battery staple\n").unwrap();
        let example =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/node.example.toml"))
                .unwrap();
        let mut config = Config::parse(&example, Path::new("node.toml")).unwrap();
        config.id = "n1".to_owned();
        config.keys.log = folder.path().join("log.key");
        config.keys.cosigner = folder.path().join("cosigner.key");
        config.keys.passphrase_file =
            (!passphrase_line.is_empty()).then(|| folder.path().join(passphrase_line));
        (folder, config)
    }

    #[test]
    fn sealed_keys_open_with_the_passphrase_of_the_configuration() {
        let (_folder, config) = folder("right");
        let keys = NodeKeys::load(&config).unwrap();
        assert_eq!(keys.origin.as_str(), ORIGIN);
        assert_eq!(keys.log.seed(), [1; 32]);
    }

    /// Each ends the start with 64 and says what to do.
    #[test]
    fn sealed_keys_without_the_right_passphrase_end_the_start_with_a_sentence() {
        for (passphrase, expected) in [
            ("", "name its file as `keys.passphrase_file`"),
            ("wrong", "wrong passphrase for the key `tally.example/desk`"),
            ("absent", "No such file"),
        ] {
            let (_folder, config) = folder(passphrase);
            let error = NodeKeys::load(&config).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.exit_code(), 64);
        }
    }
}
