//! `tally node`: a node's own keys, made on the node.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyfile::SecretKey;
use note::{CosignerKey, Origin, SignerKey};
use receipt::NodeId;
use serde::Serialize;

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::files;
use super::output::Output;
use super::secrets::{self, Passphrases};
use crate::random::{Random as _, SystemRandom};

/// Make a node's keys, on the node.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Keygen(Keygen),
}

/// Make a node's two keys, encrypted, and print its line for the manifest.
#[derive(Debug, Args)]
#[command(after_help = "\
The secrets are made here and never leave the node: only the printed line goes to the authority. An
id is never used again, nor an ordinal; a node that lost its keys comes back under new ones. The
passphrase is asked for, or read from a file; the node takes it from `keys.passphrase_file` or from
the credential `tally-passphrase` of the service manager.

Example:
  tally node keygen --id n1 --ordinal 1 --origin tally.example/caucus-2028 --out /etc/tally")]
pub(crate) struct Keygen {
    /// The node's id, such as n1.
    #[arg(long, value_name = "ID", value_parser = node_id)]
    id: NodeId,
    /// The node's number in consensus; the number of an id that ends with one, without this.
    #[arg(long, value_name = "NUMBER")]
    ordinal: Option<u64>,
    /// The log's name.
    #[arg(long, value_parser = super::election::origin)]
    origin: Origin,
    /// The folder for log.key and cosigner.key; neither may exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A spare: it counts for nothing until it replaces a node.
    #[arg(long)]
    spare: bool,
    /// Write the keys unencrypted, for a desk.
    #[arg(long, conflicts_with = "files")]
    plain: bool,
    #[command(flatten)]
    passphrases: Passphrases,
}

#[derive(Serialize)]
struct Made {
    line: String,
    log_key: String,
    cosigner_key: String,
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::Keygen(keygen) => keygen.run(output),
        }
    }
}

impl Keygen {
    fn run(self, output: Output) -> Outcome {
        let ordinal = self
            .ordinal
            .or_else(|| {
                self.id
                    .as_str()
                    .trim_start_matches(|c: char| !c.is_ascii_digit())
                    .parse()
                    .ok()
            })
            .filter(|ordinal| (1..=receipt::MAX_ORDINAL).contains(ordinal))
            .ok_or_else(|| {
                Failure::new(Exit::Usage, "which number has this node?")
                    .now("give --ordinal NUMBER, one that no node has had before")
            })?;
        let name = self.origin.cosigner(self.id.as_str()).map_err(|error| {
            Failure::new(Exit::Usage, "the node's key cannot be named").because(&error)
        })?;
        let origin = self.origin.key_name().clone();
        let log = SecretKey::Signer(SignerKey::from_seed(origin, SystemRandom.seed()));
        let cosigner = SecretKey::Cosigner(CosignerKey::from_seed(name, SystemRandom.seed()));
        let passphrase = if self.plain {
            None
        } else {
            Some(self.passphrases.new_passphrase(output)?)
        };
        let text = |key: &SecretKey| match &passphrase {
            None => Ok(key.to_plain()),
            Some(passphrase) => secrets::seal(key, passphrase),
        };
        let files = [("log.key", &log), ("cosigner.key", &cosigner)]
            .map(|(file, key)| (self.out.join(file), key));
        if let Some((file, _)) = files.iter().find(|(file, _)| file.exists()) {
            return Err(
                Failure::new(Exit::Usage, format!("`{}` exists", file.display()))
                    .now("keys are never overwritten; a lost key comes back as a new node"),
            );
        }
        files::make_folder(&self.out)?;
        for (file, key) in &files {
            secrets::write_new(file, &text(key)?)?;
        }
        let [(log_file, _), (cosigner_file, _)] = &files;
        let keyword = if self.spare { "spare" } else { "node" };
        let made = Made {
            line: format!(
                "{keyword} {ordinal} {} {} {}",
                self.id,
                log.verifier(),
                cosigner.verifier()
            ),
            log_key: log_file.display().to_string(),
            cosigner_key: cosigner_file.display().to_string(),
        };
        output.say("the secrets stay here; this line goes to the authority, for the manifest:");
        output.result("tally.node-keys/v1", &made, || made.line.clone())?;
        Ok(Exit::Done)
    }
}

fn node_id(text: &str) -> Result<NodeId, String> {
    NodeId::parse(text)
        .ok_or_else(|| "an id is 1 to 32 of a-z 0-9 and `-`, first a letter or digit".to_owned())
}
