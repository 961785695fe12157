//! Where a log is: the nodes, or web servers with its files; and on whose word it is believed.

use std::path::{Path, PathBuf};

use merkle::sha256;
use receipt::{Bundle, Election, Fingerprint};

use crate::answer::Trouble;
use crate::cli::args::{Network, Trust};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::{files, trust};
use crate::log::archive::{ArchiveError, write_evidence_of};
use crate::log::folder::Folder;
use crate::log::source::{Source, Web};
use crate::random::{Random as _, SystemRandom};

/// The web servers at these addresses, or the nodes when there are none.
pub(in crate::cli) fn sources(addresses: &[String], network: &Network) -> Outcome<Vec<Source>> {
    if addresses.is_empty() {
        let connections = network.connect()?;
        let nodes = 0..connections.addresses().count();
        let node = |node| Source::Node {
            connections: connections.clone(),
            node,
        };
        return Ok(nodes.map(node).collect());
    }
    let webs = webs(addresses, network)?;
    Ok(webs.into_iter().map(Source::Web).collect())
}

/// The web servers at these addresses, known by the certificate of `--ca` where it is given.
pub(super) fn webs(addresses: &[String], network: &Network) -> Outcome<Vec<Web>> {
    let authority = network.ca.as_deref().map(files::read).transpose()?;
    let open = |address: &String| {
        Web::open(address, authority.as_deref()).map_err(|error| {
            Failure::new(Exit::Usage, "cannot set up the connection").because(&error)
        })
    };
    addresses.iter().map(open).collect()
}

/// The fingerprint to hold a bundle against: as given, else that of the bundle of `--bundle`, else
/// that of the bundle which an archive has.
pub(in crate::cli) fn pin(trust: &Trust, archive: &Path) -> Outcome<Fingerprint> {
    if let Some(given) = trust.fingerprint {
        return Ok(given);
    }
    let packed = Folder::at(archive).bundle();
    let trust = Trust {
        bundle: trust
            .bundle
            .clone()
            .or_else(|| packed.is_dir().then_some(packed)),
        fingerprint: None,
    };
    if trust.bundle.is_none() {
        return Err(Failure::new(Exit::Usage, "no election to archive")
            .why("neither a fingerprint nor a bundle was given")
            .now("give --fingerprint CODE, as it was published before the night"));
    }
    let opened = trust::open_folder(&trust)?;
    Ok(Fingerprint::of(*opened.election.genesis()))
}

/// The bundle that the first source serves which answers, held against the fingerprint.
pub(in crate::cli) async fn bundle(
    sources: &[Source],
    pin: Fingerprint,
) -> Outcome<(Bundle, Election)> {
    let mut failure = Failure::new(Exit::NoAnswer, "nobody gives the election bundle");
    for source in sources {
        match source.bundle().await {
            Ok(bundle) => {
                let election = Election::open(&bundle, pin).map_err(|error| {
                    let what = format!("`{}` serves another election", source.name());
                    Failure::new(Exit::Invalid, what)
                        .because(&error)
                        .now("check the address and the fingerprint")
                })?;
                return Ok((bundle, election));
            }
            Err(trouble) => failure = failure.why(format!("{}: {trouble}", source.name())),
        }
    }
    Err(failure)
}

/// Why an archive was not written, in words, and how the command ends. A fork is kept as a file.
pub(super) fn failure(folder: &Folder, source: &str, error: &ArchiveError) -> Failure {
    let what = format!("the log of `{source}` was not archived");
    match error {
        ArchiveError::Source(Trouble::Misbehaved(_)) | ArchiveError::Checkpoint(_) => {
            Failure::new(Exit::Invalid, what).because(error)
        }
        ArchiveError::Source(_) => Failure::new(Exit::NoAnswer, what).because(error),
        ArchiveError::File(_) => Failure::new(Exit::Invalid, what)
            .because(error)
            .now("archive into an empty folder, and keep this one if the checkpoint in it matters"),
        ArchiveError::Forked(fork) => {
            let failure = Failure::new(Exit::Invalid, what).because(error);
            match write_evidence_of(folder, fork) {
                Ok(file) => failure.now(format!(
                    "both are signed: show `{}` to the party, the campaigns and the press",
                    file.display()
                )),
                Err(error) => failure.because(&error),
            }
        }
        ArchiveError::Recovered { .. } => Failure::new(Exit::Usage, what).because(error),
        ArchiveError::Disk(_) | ArchiveError::Bundle(_) => {
            Failure::new(Exit::Failed, what).because(error)
        }
    }
}

/// A folder that is gone when it is dropped.
#[derive(Debug)]
pub(in crate::cli) struct Passing(PathBuf);

impl Passing {
    /// A new folder for temporary files.
    pub(in crate::cli) fn new() -> Passing {
        let name = sha256(&SystemRandom.id()).to_hex();
        Passing(std::env::temp_dir().join(format!("tally-log-{name}")))
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
