//! Whether this node is the one that the manifest means: its id, its ordinal, and both its keys
//! against its own line.

use note::VerifierKey;
use receipt::Manifest;

use crate::core::Whoami;
use crate::start_error::StartError;

/// The public halves of a node's keys.
#[derive(Debug, Clone)]
pub(crate) struct PublicKeys {
    pub(crate) log: VerifierKey,
    pub(crate) cosigner: VerifierKey,
}

/// Checks this node against its line. A spare's line counts: it stands ready under it.
pub(crate) fn check_own_line(
    whoami: &Whoami,
    keys: &PublicKeys,
    manifest: &Manifest,
) -> Result<(), StartError> {
    let wrong = |what: String, advice| Err(StartError::Identity { what, advice });
    let Whoami { id, ordinal, .. } = whoami;
    let mut lines = manifest.nodes.iter().chain(&manifest.spares);
    let Some(line) = lines.find(|line| line.ordinal == *ordinal) else {
        return wrong(
            format!("the manifest has no node {ordinal}"),
            "check which certificate this node was given in `[peers]`",
        );
    };
    if line.id.as_str() != id {
        return wrong(
            format!(
                "the manifest calls node {ordinal} `{}`, the configuration `{id}`",
                line.id
            ),
            "check `id` and the certificate in `[peers]`",
        );
    }
    if manifest.origin != whoami.origin {
        return wrong(
            format!(
                "the manifest's log is `{}`, the log key's `{}`",
                manifest.origin, whoami.origin
            ),
            "put this election's key at `keys.log`",
        );
    }
    if line.log != keys.log {
        return wrong(
            format!("the log key is not the one the manifest names for `{id}`"),
            "put this node's own key at `keys.log`",
        );
    }
    if line.cosigner != keys.cosigner {
        return wrong(
            format!("the cosigner key is not the one the manifest names for `{id}`"),
            "put this node's own key at `keys.cosigner`",
        );
    }
    Ok(())
}
