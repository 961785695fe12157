//! The signed heads heard lately, by signer and size.
//!
//! A node compares a head with its own tree, if that reaches so far. It remembers the head as well:
//! a size that its tree has not reached is compared later, and a key that signed two roots is named
//! by the second head even where the node's own tree says nothing.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use merkle::TreeSize;
use note::{Origin, SignedCheckpoint, VerifierKey};

use super::Comparison;
use super::contradiction::{Contradiction, verified};

/// Heads remembered of one signer at most: two minutes of gossip. A signer that sends more drives
/// out its own oldest only, so nobody can make a node forget what another signed.
pub const HEADS_A_SIGNER: usize = 128;

/// What a node remembers of the heads it heard.
#[derive(Clone, Debug)]
pub struct Heads {
    origin: Origin,
    // INVARIANT: at most `HEADS_A_SIGNER` heads a signer; each is of `origin` and every line of it
    // verified when it was heard.
    by_signer: BTreeMap<VerifierKey, BTreeMap<TreeSize, Head>>,
    equivocators: BTreeSet<VerifierKey>,
}

#[derive(Clone, Debug)]
struct Head {
    signed: SignedCheckpoint,
    /// How the node's own tree compared; none while that did not reach so far.
    own: Option<Comparison>,
}

/// What a head showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The known keys that signed it: at least one.
    pub signers: BTreeSet<VerifierKey>,
    /// How it compares with the node's own tree; none where that does not reach so far.
    pub own: Option<Comparison>,
    /// The heaviest contradiction with anything signed that the node knows: of several, one that
    /// names most keys.
    pub contradiction: Option<Contradiction>,
}

impl Heads {
    /// Nothing heard yet of this log.
    pub const fn new(origin: Origin) -> Self {
        Self {
            origin,
            by_signer: BTreeMap::new(),
            equivocators: BTreeSet::new(),
        }
    }

    /// Hears a head. `keys` are the log's and the cosigners' in force at its size; `own` is the
    /// node's own head of that size, signed, if its tree reaches so far. None where it is another
    /// log's or none of the keys signed it: nothing is remembered then.
    pub fn hear(
        &mut self,
        keys: &[VerifierKey],
        own: Option<&SignedCheckpoint>,
        head: &SignedCheckpoint,
    ) -> Option<Heard> {
        let checkpoint = head.checkpoint();
        if checkpoint.origin != self.origin {
            return None;
        }
        let (signed, signers) = verified(keys, head)?;
        let size = checkpoint.size;
        let known = own.into_iter().chain(self.of_size(size));
        let contradiction = known
            .filter_map(|known| Contradiction::between(keys, known, &signed))
            .max_by_key(|found| found.double_signers().len());
        if let Some(found) = &contradiction {
            self.convict(found);
        }
        let own = own.map(|own| {
            if own.checkpoint() == checkpoint {
                Comparison::Agrees
            } else {
                Comparison::Differs
            }
        });
        for signer in &signers {
            let head = Head {
                signed: signed.clone(),
                own,
            };
            self.remember(signer, head);
        }
        Some(Heard {
            signers: signers.into_iter().cloned().collect(),
            own,
            contradiction,
        })
    }

    /// The heads that the node's own tree could not be compared with before and now can, as it
    /// reaches `size`. Each is handed out until it is heard again with the own head beside it.
    pub fn due(&self, size: TreeSize) -> Vec<SignedCheckpoint> {
        let mut due: Vec<SignedCheckpoint> = Vec::new();
        for heads in self.by_signer.values() {
            for head in heads.range(..=size).map(|(_, head)| head) {
                if head.own.is_none() && !due.contains(&head.signed) {
                    due.push(head.signed.clone());
                }
            }
        }
        due
    }

    /// Takes note of a contradiction that was found elsewhere.
    pub fn convict(&mut self, found: &Contradiction) {
        self.equivocators
            .extend(found.double_signers().iter().cloned());
    }

    /// The keys proven to have signed two histories.
    pub const fn equivocators(&self) -> &BTreeSet<VerifierKey> {
        &self.equivocators
    }

    fn of_size(&self, size: TreeSize) -> impl Iterator<Item = &SignedCheckpoint> {
        self.by_signer
            .values()
            .filter_map(move |heads| heads.get(&size))
            .map(|head| &head.signed)
    }

    /// Of two roots the first stays: the second was told as a contradiction.
    fn remember(&mut self, signer: &VerifierKey, head: Head) {
        let heads = self.by_signer.entry(signer.clone()).or_default();
        let size = head.signed.checkpoint().size;
        match heads.get_mut(&size) {
            Some(known) if known.signed.checkpoint() == head.signed.checkpoint() => {
                if head.signed.lines().len() > known.signed.lines().len() {
                    known.signed = head.signed;
                }
                known.own = head.own.or(known.own);
            }
            Some(_) => {}
            None => {
                heads.insert(size, head);
            }
        }
        if heads.len() > HEADS_A_SIGNER {
            heads.pop_first();
        }
    }
}
