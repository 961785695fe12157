//! The node's two secret keys, read from their files and held against each other.

use std::path::Path;

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
        let text = read(&config.keys.log)?;
        let log = SignerKey::from_secret_text(text.trim_end())
            .map_err(|error| unusable(&config.keys.log, &error))?;
        let text = read(&config.keys.cosigner)?;
        let cosigner = CosignerKey::from_secret_text(text.trim_end())
            .map_err(|error| unusable(&config.keys.cosigner, &error))?;
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

fn read(file: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(file).map_err(|error| unusable(file, &error))
}

fn unusable(file: &Path, reason: &impl ToString) -> StartError {
    StartError::Credential {
        what: "secret key",
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}
