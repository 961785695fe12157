//! Three nodes and a moved clock. A leader that replicates one history to one follower and another
//! history to the other gets a majority of cosignatures for both: consensus cannot prevent it. The
//! gossip, one round a second past the leader, finds it out within two seconds, and names the
//! leader. Where every node is honest nobody is ever accused, whatever is late or lost.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use merkle::{Hash, LeafHash, Nodes, TreeSize, leaf_hash, node_hash, prove_consistency, root_at};
use note::{
    Checkpoint, CosignerKey, KeyName, Origin, SignatureLine, SignedCheckpoint, SignerKey,
    UnixSeconds, VerifierKey,
};
use proptest::prelude::*;
use witness::LastSigned;
use witness::gate::{Asked, Clocks, Decision, OwnRoots, consider};
use witness::gossip::{Beginning, Comparison, Contradiction, Gossip, NodeKeys, Stand};

const ORIGIN: &str = "tally.example/split";

/// Between two rounds of gossip, and how soon a split view must be found out.
const PERIOD: u64 = 1_000;
const WITHIN: u64 = 2_000;

/// For how long the followers then hear nothing of each other: longer than what they heard counts.
const SILENCE: u64 = 7_000;

/// Leaves in the largest tree.
const LEAVES: usize = 256;

fn origin() -> Origin {
    Origin::parse(ORIGIN).unwrap()
}

/// A history that leaves the common one after `fork` leaves.
struct History {
    leaves: Vec<LeafHash>,
    /// At every size.
    roots: Vec<Hash>,
}

impl History {
    fn new(name: &str, fork: usize) -> Rc<Self> {
        let leaf = |leaf| {
            let name = if leaf < fork { "both" } else { name };
            leaf_hash(format!("{name} {leaf}").as_bytes())
        };
        let mut history = Self {
            leaves: (0..LEAVES).map(leaf).collect(),
            roots: Vec::new(),
        };
        let roots = (0..=LEAVES).map(|leaves| root_at(&history, size(leaves)).unwrap());
        history.roots = roots.collect();
        Rc::new(history)
    }
}

impl Nodes for History {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        if level == 0 {
            let leaf = self.leaves[usize::try_from(index).unwrap()];
            return Ok(*leaf.as_hash());
        }
        let (left, right) = (
            self.node(level - 1, 2 * index)?,
            self.node(level - 1, 2 * index + 1)?,
        );
        Ok(node_hash(&left, &right))
    }
}

fn size(leaves: usize) -> TreeSize {
    TreeSize::new(u64::try_from(leaves).unwrap())
}

fn leaves(size: TreeSize) -> usize {
    usize::try_from(size.get()).unwrap()
}

struct Hand {
    log: SignerKey,
    cosigner: CosignerKey,
}

impl Hand {
    fn of(ordinal: u64) -> Self {
        let seed = u8::try_from(ordinal).unwrap();
        let name = KeyName::parse(&format!("{ORIGIN}/n{ordinal}")).unwrap();
        Self {
            log: SignerKey::from_seed(origin().key_name().clone(), [100 + seed; 32]),
            cosigner: CosignerKey::from_seed(name, [seed; 32]),
        }
    }
}

fn manifest() -> Vec<NodeKeys> {
    let line = |ordinal| {
        let hand = Hand::of(ordinal);
        NodeKeys {
            ordinal,
            log: hand.log.verifier().clone(),
            cosigner: hand.cosigner.verifier().clone(),
        }
    };
    (1..=3).map(line).collect()
}

/// An honest node, all its decisions made by the shipped code.
struct Node {
    ordinal: u64,
    hand: Hand,
    history: Rc<History>,
    holds: usize,
    last: Option<(LastSigned, SignedCheckpoint)>,
    published: BTreeMap<TreeSize, SignedCheckpoint>,
    gossip: Gossip,
    stopped: bool,
    /// Evidence with the moment it was found.
    evidence: Vec<(u64, String)>,
}

impl Node {
    fn new(ordinal: u64, history: Rc<History>) -> Self {
        Self {
            ordinal,
            hand: Hand::of(ordinal),
            history,
            holds: 0,
            last: None,
            published: BTreeMap::new(),
            gossip: Gossip::new(ordinal, origin()),
            stopped: false,
            evidence: Vec::new(),
        }
    }

    fn root(&self, size: TreeSize) -> Option<Hash> {
        (leaves(size) <= self.holds).then(|| self.history.roots[leaves(size)])
    }

    fn signs(&self, now: u64) -> bool {
        !self.stopped && self.gossip.stand(3, Duration::from_millis(now)) == Stand::Sound
    }

    fn cosign(&mut self, checkpoint: &Checkpoint, now: u64) -> Option<SignatureLine> {
        if !self.signs(now) {
            return None;
        }
        let asked = Asked {
            size: checkpoint.size,
            root: checkpoint.root,
        };
        let own = OwnRoots {
            at_asked: self.root(asked.size),
            at_last: self
                .last
                .as_ref()
                .and_then(|(last, _)| self.root(last.size)),
        };
        let seconds = UnixSeconds::new(now / 1_000);
        let clocks = Clocks {
            own: seconds,
            median: seconds,
        };
        let last = self.last.as_ref().map(|(last, _)| last);
        match consider(last, &asked, &own, &clocks) {
            Decision::Sign { state, .. } | Decision::SignAgain { state, .. } => {
                let line = self.hand.cosigner.cosign(checkpoint, state.time);
                let signed = SignedCheckpoint::new(checkpoint.clone(), line.clone());
                self.last = Some((state, signed));
                Some(line)
            }
            decision @ (Decision::NotYet
            | Decision::Behind { .. }
            | Decision::Mismatch { .. }
            | Decision::Rewrite { .. }
            | Decision::Clock { .. }) => {
                assert!(!decision.stops(), "{decision:?}");
                None
            }
        }
    }

    /// This node's own head, with the lines published for it.
    fn own(&self, size: TreeSize) -> Option<SignedCheckpoint> {
        let checkpoint = Checkpoint {
            origin: origin(),
            size,
            root: self.root(size)?,
        };
        let line = self.hand.log.sign(&checkpoint.text());
        let published = self.published.get(&size);
        let same = published.filter(|known| *known.checkpoint() == checkpoint);
        let lines = same.map(SignedCheckpoint::lines).unwrap_or_default();
        let own = SignedCheckpoint::new(checkpoint, line);
        Some(lines.iter().cloned().fold(own, SignedCheckpoint::with_line))
    }

    /// A head of another tree, held against this node's newest published one.
    fn across(&self, head: &SignedCheckpoint) -> Option<Contradiction> {
        let (from, (to, larger)) = (head.checkpoint().size, self.published.last_key_value()?);
        let proof = prove_consistency(self.history.as_ref(), from, *to).ok()?;
        let root = self.root(from)?;
        Contradiction::across(&keys(), head, Beginning { root, proof }, larger)
    }

    /// What it tells another node: what it signed last, and what it has published.
    fn tells(&self) -> Vec<SignedCheckpoint> {
        let published = self.published.last_key_value();
        let signed = self.last.iter().map(|(_, signed)| signed);
        signed
            .chain(published.map(|(_, signed)| signed))
            .cloned()
            .collect()
    }

    fn hear(&mut self, from: u64, told: Vec<SignedCheckpoint>, now: u64) {
        let due = self.gossip.due(size(self.holds));
        let at = Duration::from_millis(now);
        for head in told.into_iter().chain(due) {
            let own = self.own(head.checkpoint().size);
            let heard = self.gossip.hear(&manifest(), own.as_ref(), &head, at);
            let Some(heard) = heard else { continue };
            let peer = Hand::of(from).cosigner;
            if let Some(own) = heard
                .own
                .filter(|_| heard.signers.contains(peer.verifier()))
            {
                self.gossip.note(from, own, at);
            }
            if heard.own == Some(Comparison::Differs) && self.gossip.stand(3, at) == Stand::Outvoted
            {
                self.stopped = true;
            }
            if heard.own == Some(Comparison::Differs)
                && let Some(found) = self.across(&head)
            {
                self.gossip.convict(&manifest(), &found);
                self.evidence.push((now, found.to_text()));
            }
            if let Some(found) = heard.contradiction {
                self.evidence.push((now, found.to_text()));
            }
        }
    }
}

/// A checkpoint that node 1 leads to: its own lines, and the follower's if it signs.
fn round(root: Hash, of: TreeSize, follower: &mut Node, now: u64) -> SignedCheckpoint {
    let checkpoint = Checkpoint {
        origin: origin(),
        size: of,
        root,
    };
    let leader = Hand::of(1);
    let signed = SignedCheckpoint::new(checkpoint.clone(), leader.log.sign(&checkpoint.text()));
    let time = UnixSeconds::new(now / 1_000);
    let signed = signed.with_line(leader.cosigner.cosign(&checkpoint, time));
    let line = follower.cosign(&checkpoint, now);
    line.into_iter().fold(signed, SignedCheckpoint::with_line)
}

fn cosigners(signed: &SignedCheckpoint) -> usize {
    let nodes = manifest();
    let signed_by = |node: &&NodeKeys| signed.line_of(&node.cosigner).is_some();
    nodes.iter().filter(signed_by).count()
}

/// The whole run, seen from outside.
struct Split {
    began: u64,
    nodes: [Node; 2],
}

/// At which sizes node 1 has the branches cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sizes {
    /// Both at every size.
    Same,
    /// One at even sizes and one at odd ones, so that it never signs two roots of one size.
    Apart,
}

/// Node 1 leads, honestly up to `fork` leaves and twice from then on. A leaf is added every
/// `pace` milliseconds, on each branch, followed by a round; the followers gossip each at its own
/// point of the second, and a message takes `delay`. Two seconds into the split the leader cuts the
/// followers off from each other.
fn equivocate(fork: usize, pace: u64, points: [u64; 2], delay: u64, sizes: Sizes) -> Split {
    let branches = [History::new("x", fork), History::new("y", fork)];
    let mut nodes = [
        Node::new(2, Rc::clone(&branches[0])),
        Node::new(3, Rc::clone(&branches[1])),
    ];
    let began = pace * u64::try_from(fork + 1).unwrap();
    let mut messages: Vec<(u64, usize, Vec<SignedCheckpoint>)> = Vec::new();
    for now in 0..began + WITHIN + SILENCE {
        let leaf = usize::try_from(now / pace).unwrap();
        if now % pace == 0 && (1..=LEAVES).contains(&leaf) {
            for (parity, (node, branch)) in nodes.iter_mut().zip(&branches).enumerate() {
                node.holds = leaf;
                if sizes == Sizes::Apart && leaf % 2 != parity {
                    continue;
                }
                let signed = round(branch.roots[leaf], size(leaf), node, now);
                if cosigners(&signed) >= 2 {
                    node.published.insert(size(leaf), signed);
                }
            }
        }
        for (from, point) in points.into_iter().enumerate() {
            if now % PERIOD == point && now < began + WITHIN {
                let to = 1 - from;
                messages.push((now + delay, to, nodes[from].tells()));
                // The other answers with its own heads.
                let answer = nodes[to].tells();
                messages.push((now + 2 * delay, from, answer));
            }
        }
        let (arrived, on_the_way) = messages.into_iter().partition(|(at, _, _)| *at <= now);
        messages = on_the_way;
        let arrived: Vec<(u64, usize, Vec<SignedCheckpoint>)> = arrived;
        for (_, to, told) in arrived {
            let from = nodes[1 - to].ordinal;
            nodes[to].hear(from, told, now);
        }
    }
    Split { began, nodes }
}

fn keys() -> Vec<VerifierKey> {
    let nodes = manifest().into_iter();
    nodes.flat_map(|node| [node.log, node.cosigner]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The leader gets its two majorities. Within two seconds an honest node holds evidence that
    /// verifies by public keys alone and names the leader and nobody else, and neither honest node
    /// signs any more, so neither branch gets another receipt, even once they are cut off from each
    /// other.
    #[test]
    fn a_leader_that_shows_two_histories_is_named_within_two_seconds(
        fork in 0..6_usize,
        pace in 60..400_u64,
        points in [0..PERIOD, 0..PERIOD],
        delay in 0..200_u64,
        sizes in prop_oneof![Just(Sizes::Same), Just(Sizes::Apart)],
    ) {
        let split = equivocate(fork, pace, points, delay, sizes);
        let published = |node: &Node| node.published.last_key_value().map_or(0, |(size, _)| size.get());
        let shared = u64::try_from(fork).unwrap();
        let forked = split.nodes.iter().all(|node| published(node) > shared);
        if sizes == Sizes::Apart && !forked {
            // Found out before the second history had a receipt.
            return Ok(());
        }
        prop_assert!(forked, "consensus alone does not prevent it");
        let leader = [
            Hand::of(1).log.verifier().clone(),
            Hand::of(1).cosigner.verifier().clone(),
        ];
        let mut named_at = None;
        for (found, text) in split.nodes.iter().flat_map(|node| &node.evidence) {
            let proof = Contradiction::parse(text, &keys()).unwrap();
            for key in proof.double_signers() {
                prop_assert!(leader.contains(key), "{key} is honest");
            }
            if !proof.double_signers().is_empty() {
                named_at = named_at.into_iter().chain([*found]).min();
            }
        }
        let named_at = named_at.expect("the leader is named");
        prop_assert!(named_at <= split.began + WITHIN, "named {named_at}, began {}", split.began);
        let end = split.began + WITHIN + SILENCE;
        for node in &split.nodes {
            prop_assert!(!node.signs(end), "node {} signs on", node.ordinal);
            let newest = published(node);
            let all = (split.began + WITHIN) / pace;
            prop_assert!(newest <= all, "receipts went on after it was found out");
        }
    }

    /// Three honest nodes, one of them leading, entries and gossip late or lost: nothing is found,
    /// and no node stops.
    #[test]
    fn honest_nodes_are_never_accused(
        steps in proptest::collection::vec((0..3_usize, 0..3_usize, 0..4_usize, any::<bool>()), 1..120),
    ) {
        let tree = History::new("both", LEAVES);
        let mut nodes = [1, 2, 3].map(|ordinal| Node::new(ordinal, Rc::clone(&tree)));
        let mut waiting: Vec<(usize, usize, Vec<SignedCheckpoint>)> = Vec::new();
        for (step, (one, other, more, lost)) in steps.into_iter().enumerate() {
            let now = 300 * u64::try_from(step).unwrap();
            let node = &mut nodes[one];
            node.holds = (node.holds + more).min(LEAVES);
            let holds = node.holds;
            let checkpoint = Checkpoint { origin: origin(), size: size(holds), root: tree.roots[holds] };
            if more > 0 {
                let line = Hand::of(nodes[one].ordinal).log.sign(&checkpoint.text());
                let lines: Vec<_> =
                    nodes.iter_mut().filter_map(|node| node.cosign(&checkpoint, now)).collect();
                let signed = lines
                    .into_iter()
                    .fold(SignedCheckpoint::new(checkpoint, line), SignedCheckpoint::with_line);
                if cosigners(&signed) >= 2 {
                    nodes[other].published.insert(size(holds), signed);
                }
            }
            if one != other && !lost {
                waiting.push((one, other, nodes[one].tells()));
            }
            // The newest message overtakes the older ones now and then.
            if step % 3 != 0 && let Some((from, to, told)) = waiting.pop() {
                let from = nodes[from].ordinal;
                nodes[to].hear(from, told, now);
            }
            for node in &nodes {
                prop_assert_eq!(&node.evidence, &[]);
                prop_assert!(node.signs(now));
            }
        }
    }
}
