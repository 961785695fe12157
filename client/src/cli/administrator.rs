//! Whose key starts a cluster.

use std::path::PathBuf;

use clap::Args;
use note::SignerKey;

use super::failure::Outcome;
use super::output::Output;
use super::secrets::Passphrases;

/// An administrator of the manifest.
#[derive(Debug, Args)]
pub(crate) struct Administrator {
    /// An administrator's secret key, which signs with what members the cluster begins.
    #[arg(long, env = "TALLY_KEY", value_name = "FILE", hide_env_values = true)]
    key: PathBuf,
    #[command(flatten)]
    passphrases: Passphrases,
}

impl Administrator {
    /// The key, opened.
    pub(crate) fn key(&self, output: Output) -> Outcome<SignerKey> {
        self.passphrases.signer(output, &self.key)
    }
}
