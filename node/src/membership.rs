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

#[cfg(test)]
mod tests {
    use testkit::Fixture;

    use super::*;
    use crate::config::HostPort;

    fn address() -> HostPort {
        HostPort::try_from("n1.example:7101".to_owned()).unwrap()
    }

    fn first(fixture: &Fixture) -> (Whoami, PublicKeys) {
        let line = &fixture.content.nodes[0];
        let whoami = Whoami {
            id: line.id.to_string(),
            ordinal: line.ordinal,
            election: fixture.election.to_string(),
            origin: fixture.content.origin.clone(),
            genesis: fixture.genesis(),
            api_address: address(),
            peer_address: address(),
        };
        (
            whoami,
            PublicKeys {
                log: line.log.clone(),
                cosigner: line.cosigner.clone(),
            },
        )
    }

    #[test]
    fn a_node_is_who_its_line_says() {
        let fixture = Fixture::small();
        let (whoami, keys) = first(&fixture);
        check_own_line(&whoami, &keys, &fixture.content).unwrap();
    }

    #[test]
    fn another_id_ordinal_or_key_is_refused_with_a_sentence_that_names_it() {
        let fixture = Fixture::small();
        let (whoami, keys) = first(&fixture);
        let other = &fixture.content.nodes[1];
        let refused = |whoami: &Whoami, keys: &PublicKeys| {
            let error = check_own_line(whoami, keys, &fixture.content).unwrap_err();
            assert_eq!(error.exit_code(), 78);
            error.to_string()
        };
        let stranger = Whoami {
            ordinal: 60,
            ..whoami.clone()
        };
        assert!(refused(&stranger, &keys).starts_with("the manifest has no node 60;"));
        let renamed = Whoami {
            id: "n9".to_owned(),
            ..whoami.clone()
        };
        assert!(refused(&renamed, &keys).contains("the configuration `n9`"));
        let swapped = PublicKeys {
            log: other.log.clone(),
            ..keys.clone()
        };
        assert!(refused(&whoami, &swapped).starts_with("the log key is not the one"));
        let swapped = PublicKeys {
            cosigner: other.cosigner.clone(),
            ..keys
        };
        assert!(refused(&whoami, &swapped).starts_with("the cosigner key is not the one"));
    }
}
