//! Which nodes agree with this one, as far as the gossip of the last seconds tells.
//!
//! The root covers leaves only, and the leader could show two nodes two histories. So the nodes
//! compare roots and digests without it. A difference alone does not say who is wrong: a node
//! stops only when it cannot see a majority of the manifest's nodes, itself included, on its side.
//! Until that is known it does not sign.
//!
//! A node whose key is proven to have signed two histories counts for neither side. Once a signed
//! head contradicted this node's tree, silence is no agreement any more: whoever shows two
//! histories may also keep the nodes from hearing each other.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

/// An answer older than this says nothing about now: five rounds of gossip.
pub const FRESH: Duration = Duration::from_secs(5);

/// What one exchange with a peer showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Something was comparable, and all of it was equal.
    Agrees,
    /// Something comparable differed.
    Differs,
}

/// What a node makes of its peers' comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// Nobody differs and nothing signed contradicts this node, or a majority with it agrees.
    Sound,
    /// Somebody differs or something signed does, and no majority has been seen on either side: do
    /// not sign.
    InDoubt,
    /// A majority differs from this node: its state is the wrong one.
    Outvoted,
}

/// The newest comparison with each peer.
#[derive(Debug, Default)]
pub struct Agreement {
    newest: BTreeMap<u64, (Comparison, Duration)>,
    distrusted: BTreeSet<u64>,
    disputed: bool,
}

impl Agreement {
    /// Notes what an exchange with `peer` showed at `now`, time since any fixed instant.
    pub fn note(&mut self, peer: u64, comparison: Comparison, now: Duration) {
        self.newest.insert(peer, (comparison, now));
    }

    /// The key of `peer` is proven to have signed two histories: what it says counts no more.
    pub fn distrust(&mut self, peer: u64) {
        self.distrusted.insert(peer);
    }

    /// A signed head contradicts this node's own tree. From now on a majority must be heard to
    /// agree.
    pub const fn dispute(&mut self) {
        self.disputed = true;
    }

    /// Where this node stands among `nodes` nodes of the manifest, itself included.
    pub fn stand(&self, nodes: usize, now: Duration) -> Stand {
        let majority = nodes / 2 + 1;
        let count = |wanted| {
            let fresh = |at: Duration| now.saturating_sub(at) <= FRESH;
            self.newest
                .iter()
                .filter(|(peer, _)| !self.distrusted.contains(peer))
                .filter(|(_, (found, at))| *found == wanted && fresh(*at))
                .count()
        };
        let (agreeing, differing) = (count(Comparison::Agrees) + 1, count(Comparison::Differs));
        let unopposed = differing == 0 && !self.disputed;
        if unopposed || agreeing >= majority {
            Stand::Sound
        } else if differing >= majority {
            Stand::Outvoted
        } else {
            Stand::InDoubt
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Peers are `a`grees, `d`iffers or `-` silent; all heard now.
    fn stand(peers: &str) -> Stand {
        let mut agreement = Agreement::default();
        for (peer, found) in (2..).zip(peers.chars()) {
            match found {
                'a' => agreement.note(peer, Comparison::Agrees, FRESH),
                'd' => agreement.note(peer, Comparison::Differs, FRESH),
                _ => {}
            }
        }
        agreement.stand(peers.len() + 1, FRESH)
    }

    #[test]
    fn only_a_node_outside_the_majority_stops() {
        for (peers, expected) in [
            ("--", Stand::Sound),
            ("a-", Stand::Sound),
            ("ad", Stand::Sound),
            ("d-", Stand::InDoubt),
            ("dd", Stand::Outvoted),
            ("aadd", Stand::Sound),
            ("addd", Stand::Outvoted),
            ("add-", Stand::InDoubt),
        ] {
            assert_eq!(stand(peers), expected, "{peers}");
        }
    }

    #[test]
    fn what_was_heard_long_ago_does_not_count() {
        let mut agreement = Agreement::default();
        agreement.note(2, Comparison::Differs, Duration::ZERO);
        assert_eq!(agreement.stand(3, FRESH), Stand::InDoubt);
        assert_eq!(
            agreement.stand(3, FRESH + Duration::from_millis(1)),
            Stand::Sound
        );
        agreement.note(2, Comparison::Agrees, FRESH);
        assert_eq!(agreement.stand(3, FRESH * 2), Stand::Sound);
    }

    #[test]
    fn a_node_that_signed_two_histories_counts_for_neither_side() {
        let mut agreement = Agreement::default();
        agreement.note(2, Comparison::Agrees, FRESH);
        agreement.note(3, Comparison::Differs, FRESH);
        assert_eq!(agreement.stand(3, FRESH), Stand::Sound);
        agreement.distrust(2);
        assert_eq!(agreement.stand(3, FRESH), Stand::InDoubt);
        agreement.distrust(3);
        assert_eq!(agreement.stand(3, FRESH), Stand::Sound);
    }

    #[test]
    fn after_a_contradiction_silence_is_no_agreement() {
        let mut agreement = Agreement::default();
        agreement.dispute();
        assert_eq!(agreement.stand(3, FRESH), Stand::InDoubt);
        agreement.note(2, Comparison::Agrees, FRESH);
        assert_eq!(agreement.stand(3, FRESH), Stand::Sound);
        let later = FRESH * 3;
        assert_eq!(agreement.stand(3, later), Stand::InDoubt);
        agreement.note(2, Comparison::Differs, later);
        agreement.note(3, Comparison::Differs, later);
        assert_eq!(agreement.stand(3, later), Stand::Outvoted);
    }
}
