//! From flags to a verified election: whose keys are believed, and on whose word.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use receipt::{Bundle, Election, Fingerprint, Leaf};

use super::args::{Network, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use crate::answer::Trouble;
use crate::bundle::{self, FetchError};
use crate::connection::{self, Connections};

/// An election that was verified against a fingerprint.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The bundle as it was read.
    pub(crate) bundle: Bundle,
    /// What it proves.
    pub(crate) election: Arc<Election>,
    /// Whether the fingerprint came from outside the bundle.
    pub(crate) pinned: Pinned,
}

/// Where the fingerprint came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pinned {
    /// It was given.
    Given,
    /// It was taken from the bundle itself: the bundle is believed as it is.
    FromBundle,
}

/// Opens the bundle in the folder of `--bundle`.
pub(crate) fn open_folder(trust: &Trust) -> Outcome<Opened> {
    let folder = trust.bundle.as_ref().ok_or_else(|| {
        Failure::new(Exit::Usage, "no election bundle")
            .now("give --bundle DIR or set TALLY_BUNDLE; `tally election bundle DIR` fetches one")
    })?;
    open_at(folder, trust.fingerprint)
}

fn open_at(folder: &Path, fingerprint: Option<Fingerprint>) -> Outcome<Opened> {
    let bundle = bundle::read_folder(folder).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("cannot read the bundle in `{}`", folder.display()),
        )
        .because(&error)
        .now("`tally election bundle DIR` fetches one from a node")
    })?;
    let (pin, pinned) = match fingerprint {
        Some(given) => (given, Pinned::Given),
        None => (own_fingerprint(&bundle, folder)?, Pinned::FromBundle),
    };
    let election = Election::open(&bundle, pin).map_err(|error| {
        Failure::new(
            Exit::Invalid,
            format!("the bundle in `{}` does not hold", folder.display()),
        )
        .because(&error)
        .now("compare the fingerprint with the one published; fetch the bundle anew")
    })?;
    Ok(Opened {
        bundle,
        election: Arc::new(election),
        pinned,
    })
}

/// The fingerprint that the bundle gives itself.
fn own_fingerprint(bundle: &Bundle, folder: &Path) -> Outcome<Fingerprint> {
    let first = bundle.manifests.iter().find(|bundled| {
        matches!(Leaf::parse(&bundled.note), Ok(Leaf::Manifest(manifest)) if manifest.version == 1)
    });
    first
        .map(|bundled| Fingerprint::of(bundled.note.text_hash()))
        .ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                format!("there is no manifest in `{}`", folder.display()),
            )
        })
}

/// Opens the election for sending: the bundle is fetched from a node and checked against the
/// pinned fingerprint; when no node answers, the one kept here serves, so that a report can be
/// signed and kept without any network.
pub(crate) async fn open_for_sending(
    output: Output,
    trust: &Trust,
    network: &Network,
    outbox: &Path,
) -> Outcome<(Opened, Option<Connections>)> {
    let kept = kept_bundle(trust, outbox)?;
    let pin = match (&kept, trust.fingerprint) {
        (_, Some(given)) => given,
        (Some(opened), None) => Fingerprint::of(*opened.election.genesis()),
        (None, None) => {
            return Err(Failure::new(Exit::Usage, "no election to report to")
                .why("neither a bundle nor a fingerprint was given")
                .now("set TALLY_FINGERPRINT to the published code, or give --bundle DIR"));
        }
    };
    let kept = match kept {
        Some(opened) if network.nodes.is_empty() => {
            output.say("no nodes given: nothing will be sent");
            return Ok((opened, None));
        }
        other => other,
    };
    let connections = network.connect()?;
    match bundle::fetch_to_keep(&connections, pin).await {
        Ok((bundle, election)) => {
            keep_bundle(&bundle, &pin, outbox);
            let opened = Opened {
                bundle,
                election: Arc::new(election),
                pinned: Pinned::Given,
            };
            Ok((opened, Some(connections)))
        }
        Err(FetchError::NoAnswer(error)) => match kept {
            Some(opened) => {
                output.say("no node answers for the bundle; the one kept here is used");
                Ok((opened, Some(connections)))
            }
            None => Err(no_answer("fetch the election bundle", &error)),
        },
        Err(error @ (FetchError::Malformed | FetchError::Untrusted(_))) => Err(Failure::new(
            Exit::Invalid,
            "a node serves another election; nothing was sent",
        )
        .because(&error)
        .now("check the addresses and the fingerprint; if both are right, tell headquarters")),
    }
}

/// Where a fetched bundle is kept, by its fingerprint.
fn cache(outbox: &Path, fingerprint: &Fingerprint) -> PathBuf {
    outbox.join(format!("bundle-{fingerprint}"))
}

fn kept_bundle(trust: &Trust, outbox: &Path) -> Outcome<Option<Opened>> {
    if trust.bundle.is_some() {
        return open_folder(trust).map(Some);
    }
    let Some(fingerprint) = trust.fingerprint else {
        return Ok(None);
    };
    // A bundle fetched before may be damaged or half written; then it is fetched again.
    Ok(open_at(&cache(outbox, &fingerprint), Some(fingerprint)).ok())
}

/// Keeps a bundle for the next time without a network. If that fails, nothing is lost.
fn keep_bundle(bundle: &Bundle, fingerprint: &Fingerprint, outbox: &Path) {
    let _ = bundle::write_folder(bundle, &cache(outbox, fingerprint));
}

/// No node answered, or none could: each with its reason.
pub(crate) fn no_answer(doing: &str, error: &connection::Error) -> Failure {
    let connection::Error::AllFailed(troubles) = error else {
        return Failure::new(Exit::NoAnswer, format!("cannot {doing}")).because(error);
    };
    let reached = troubles.iter().any(|(_, trouble)| match trouble {
        Trouble::Unreachable(_) | Trouble::TimedOut => false,
        Trouble::Unavailable(_) | Trouble::Busy(_) | Trouble::Misbehaved(_) => true,
    });
    let (what, now) = if reached {
        (
            format!("cannot {doing}: no node can answer now"),
            "try again in a moment; `tally status` shows how the nodes are",
        )
    } else {
        (
            format!("cannot {doing}: no node answers"),
            "check the addresses (TALLY_NODES), the certificate (TALLY_CA) and the network",
        )
    };
    troubles
        .iter()
        .fold(
            Failure::new(Exit::NoAnswer, what),
            |failure, (address, trouble)| failure.why(format!("{address}: {trouble}")),
        )
        .now(now)
}
