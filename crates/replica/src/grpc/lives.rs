//! Which data directories take part.
//!
//! A node that lost its directory keeps its certificate, and has forgotten whom it voted for and
//! what it acknowledged. The life of a directory tells it from the one before: the members name one
//! for each node, every call names its own and the one that it means, every answer its own, and
//! whoever is another goes no further.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

use super::LIFE;

/// The life of a node's data directory as the members have it; none of a node that is not known to
/// be one of them.
pub type LifeOf = Arc<dyn Fn(u64) -> Option<String> + Send + Sync>;

/// This node's own life, and the others' as far as they are known.
#[derive(Clone)]
pub struct Lives {
    own: Arc<str>,
    of: LifeOf,
    strangers: Arc<Strangers>,
}

impl fmt::Debug for Lives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lives")
            .field("own", &self.own)
            .finish_non_exhaustive()
    }
}

impl Lives {
    /// The life of this node's directory, and where those of the others are found.
    pub fn new(own: impl Into<Arc<str>>, of: LifeOf) -> Self {
        Self {
            own: own.into(),
            of,
            strangers: Arc::default(),
        }
    }

    /// The life of this node's directory.
    pub(super) fn own(&self) -> &str {
        &self.own
    }

    /// Whether `from` calls with the directory that the members have of it. Of a node that is not
    /// known the certificate alone counts: this node's log may lag behind the change that let it in.
    pub(super) fn check_caller(&self, from: u64, life: &str) -> Result<(), String> {
        match (self.of)(from) {
            Some(expected) if expected != life => {
                self.strangers.meet(from, &expected, life);
                Err(another(from, &expected, life))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The sentence that a node with another directory is refused with.
pub(super) fn another(node: u64, expected: &str, found: &str) -> String {
    format!(
        "the members have node {node} with data directory {expected}, and this is {found}: a node \
         that lost its directory has forgotten what it promised, and must be replaced"
    )
}

/// The life that an answer names.
pub(super) fn named(metadata: &MetadataMap) -> Option<&str> {
    metadata.get(LIFE).and_then(|life| life.to_str().ok())
}

/// A life as metadata. One that cannot be any is sent as an empty one, which fits nobody.
pub(super) fn value(life: &str) -> MetadataValue<Ascii> {
    life.parse()
        .unwrap_or_else(|_| MetadataValue::from_static(""))
}

/// Says once of each directory that it is not the one it should be.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<BTreeMap<u64, String>>);

impl Strangers {
    pub(super) fn meet(&self, node: u64, expected: &str, found: &str) {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if met.get(&node).is_none_or(|last| last != found) {
            met.insert(node, found.to_owned());
            tracing::error!(
                peer = node,
                expected,
                found,
                "a node has lost its data directory and what it promised; it is left out and must \
                 be replaced"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Lives, another};

    #[test]
    fn a_caller_is_held_against_what_the_members_have_of_it() {
        let known = |node| (node == 2).then(|| "old".to_owned());
        let lives = Lives::new("own", Arc::new(known));
        lives.check_caller(2, "old").unwrap();
        let refused = lives.check_caller(2, "new").unwrap_err();
        assert_eq!(refused, another(2, "old", "new"));
        assert!(lives.check_caller(2, "").is_err());
        lives.check_caller(4, "any").unwrap();
    }
}
