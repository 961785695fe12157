//! Room for connections among the files that this process may have open.

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::StartError;

/// Files that a node has open without any client: two databases, the peers, the operators.
const OWN: u64 = 2_048;

/// Raises this process's limit of open files as far as `connections` need it, and answers with how
/// many connections there is room for: fewer, where the system does not allow that many.
pub(crate) fn make_room(connections: usize) -> Result<usize, StartError> {
    let wanted = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(OWN);
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(connections);
    }
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    limit.current = Some(allowed);
    setrlimit(Resource::Nofile, limit).map_err(|error| StartError::System {
        action: "raise the limit of open files",
        source: io::Error::from(error),
    })?;
    if allowed >= wanted {
        return Ok(connections);
    }
    let room = allowed.saturating_sub(OWN).max(allowed.div_euclid(4));
    tracing::warn!(
        allowed,
        wanted,
        room,
        "the system allows fewer open files than `limits.connections` needs"
    );
    Ok(usize::try_from(room).unwrap_or(connections))
}
