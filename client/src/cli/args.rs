//! Flags that several verbs share. Each can be given by an environment variable.

use std::path::PathBuf;

use clap::Args;
use receipt::Fingerprint;

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::files;
use crate::connection::{Connections, NodeAddress};
use crate::disk::Directory;
use crate::outbox::Outbox;

/// Where the cluster is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct Network {
    /// Addresses of all nodes, separated by commas; any of them will do.
    #[arg(
        long,
        env = "TALLY_NODES",
        value_delimiter = ',',
        value_name = "HOST:PORT",
        hide_env_values = true
    )]
    pub(crate) nodes: Vec<NodeAddress>,
    /// Certificate of the authority that signed the nodes' certificates (PEM).
    #[arg(long, env = "TALLY_CA", value_name = "FILE", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
}

impl Network {
    /// Channels to the nodes; no byte is sent yet.
    pub(crate) fn connect(&self) -> Outcome<Connections> {
        let no_nodes = || {
            Failure::new(Exit::Usage, "no nodes to talk to")
                .now("give --nodes host:port,host:port or set TALLY_NODES")
        };
        let ca = match &self.ca {
            Some(file) if !self.nodes.is_empty() => files::read(file)?,
            None if !self.nodes.is_empty() => {
                return Err(
                    Failure::new(Exit::Usage, "no certificate to know the nodes by")
                        .now("give --ca FILE or set TALLY_CA; `election new` writes ca.crt"),
                );
            }
            Some(_) | None => return Err(no_nodes()),
        };
        Connections::open(&self.nodes, &ca).map_err(|error| {
            Failure::new(Exit::Usage, "cannot set up the connections").because(&error)
        })
    }
}

/// What to trust.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct Trust {
    /// Folder of the election bundle.
    #[arg(long, env = "TALLY_BUNDLE", value_name = "DIR", hide_env_values = true)]
    pub(crate) bundle: Option<PathBuf>,
    /// The election's fingerprint as published: 18 letters and digits, or the whole hash.
    #[arg(long, env = "TALLY_FINGERPRINT", value_name = "CODE", value_parser = fingerprint, hide_env_values = true)]
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// Where notes are kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Outbox")]
pub(crate) struct Kept {
    /// Folder in which every note is kept before it is sent [default: ~/.local/share/tally/outbox].
    #[arg(long, env = "TALLY_OUTBOX", value_name = "DIR", hide_env_values = true)]
    pub(crate) outbox: Option<PathBuf>,
}

impl Kept {
    /// The folder.
    pub(crate) fn folder(&self) -> Outcome<PathBuf> {
        if let Some(folder) = &self.outbox {
            return Ok(folder.clone());
        }
        let data = std::env::var_os("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| {
                std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"))
            });
        data.map(|data| data.join("tally/outbox")).ok_or_else(|| {
            Failure::new(Exit::Usage, "no place for the outbox")
                .why("neither TALLY_OUTBOX nor HOME is set")
                .now("give --outbox DIR")
        })
    }

    /// The outbox, made if it is missing.
    pub(crate) fn open(&self) -> Outcome<Outbox<Directory>> {
        let folder = self.folder()?;
        Directory::open(&folder).map(Outbox::new).map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("cannot open the outbox `{}`", folder.display()),
            )
            .because(&error)
            .now("nothing was sent; give another folder with --outbox DIR")
        })
    }
}

/// Reads a fingerprint as people type it.
pub(crate) fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text).map_err(|error| error.to_string())
}

/// How long to try.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Patience {
    /// Seconds to keep trying before saying "not sent yet, safe here".
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub(crate) wait: u64,
}

impl Patience {
    /// The schedule of retries within these seconds.
    pub(crate) fn schedule(self) -> crate::retry::Schedule {
        crate::retry::Schedule {
            budget: std::time::Duration::from_secs(self.wait),
            ..crate::retry::Schedule::default()
        }
    }
}
