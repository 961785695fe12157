//! Who holds a place now: the roll and the manifest say who held it before the night, and the log's
//! leaves what has changed since. Keys of the night stand in no bundle, so whoever replaces one
//! would otherwise replace the key before it, and leave the lost one in force.

use note::VerifierKey;
use receipt::leaf::{KeyReference, Place};
use receipt::{Election, Leaf};

use crate::audit;
use crate::cli::output::Output;
use crate::connection::Connections;

/// The keys in a place, as the bundle and these leaves say, in the order in which they came.
pub(super) fn holders(election: &Election, leaves: &[Leaf], place: &Place) -> Vec<KeyReference> {
    let latest = election.latest();
    let mut holders: Vec<KeyReference> = match place {
        Place::Slot { unit, slot } => latest.chair_key(unit, *slot).iter().map(named).collect(),
        Place::Role(role) => latest.manifest().keys_of(*role).map(named).collect(),
    };
    for leaf in leaves {
        if let Leaf::Enrol(enrol) = leaf
            && enrol.place == *place
        {
            let new = named(&enrol.key);
            holders.retain(|holder| Some(holder) != enrol.replaces.as_ref() && *holder != new);
            holders.push(new);
        }
        if let Leaf::Revoke(revoke) = leaf {
            holders.retain(|holder| *holder != revoke.key);
        }
    }
    holders
}

/// How leaves name this key.
pub(super) fn named(key: &VerifierKey) -> KeyReference {
    KeyReference {
        name: key.name().clone(),
        id: key.id(),
    }
}

/// The log's leaves from the first node that gives them. Without one the bundle has to do, and that
/// is said: the nodes judge the note by what the log holds, whatever was believed here.
pub(super) async fn leaves(output: Output, connections: Option<&Connections>) -> Vec<Leaf> {
    if let Some(connections) = connections {
        for (node, _) in connections.addresses().enumerate() {
            if let Ok(entries) = audit::fetch_log(connections, node).await {
                let parsed = entries.iter().map(|entry| Leaf::parse_entry(entry));
                return parsed.flatten().map(|(leaf, _)| leaf).collect();
            }
        }
    }
    output.say("no node gives the log; the bundle says who holds the place");
    Vec::new()
}
