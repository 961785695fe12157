//! What an administrator tells the machines to do: an order, signed like a note, that is no leaf.
//!
//! It changes who takes part in consensus or who leads, nothing that is counted, so it is not
//! recorded. Its first line is none that a leaf or a checkpoint has, so neither can be taken for
//! the other. It cannot be replayed: it names the election, ends after a short time, and says what
//! its signer had seen, which is no longer so once it is carried out.
//!
//! ```abnf
//! order       = %s"precinct-tally/order/v1" LF header
//!               %s"until " num LF               ; seconds; not obeyed after that, see `Order::until`
//!               %s"expects " num LF             ; what the signer has seen, see `Order::expects`
//!               (%s"found " hash               ; a cluster, with the members of this hash (`founders`)
//!               / %s"add " ordinal SP incarnation SP address SP address      ; peers', public API
//!               / %s"voters " ordinal *("," ordinal)                        ; ascending, all of them
//!               / %s"leave " ordinal            ; a node without a vote
//!               / %s"transfer " ordinal         ; leadership, to this node
//!               / %s"drain " ordinal
//!               / %s"resume " ordinal) LF
//! ordinal     = positive                        ; 1 to 63
//! incarnation = 32lowhex
//! address     = 1*260(%x21-7E)                  ; host and port
//! ```

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use caucus::parse_number;
use merkle::Hash;
use note::{UnixSeconds, b64};

use crate::leaf::Header;
use crate::lines::{self, Lines, Malformed};
use crate::manifest::MAX_ORDINAL;

const HEAD: &str = "precinct-tally/order/v1";

/// Longest address, in bytes: a DNS name and a port.
const MAX_ADDRESS: usize = 260;

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which election, which order.
    pub header: Header,
    /// It is not obeyed after this time; a founding at any, since it names data directories that may
    /// begin once.
    pub until: UnixSeconds,
    /// What the signer has seen: of a change of members the log position of the membership, of a
    /// transfer the term, of a drain and its end the start of the node's process, of a founding
    /// nothing: zero. An order that expects something else than is so is refused.
    pub expects: u64,
    /// What to do.
    pub verb: OrderVerb,
}

/// What an order says to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderVerb {
    /// Empty nodes begin a cluster with the members of this hash
    /// ([`founders_hash`](crate::founders::founders_hash)).
    Found(Hash),
    /// A node joins without a vote.
    Add {
        /// Its ordinal in the manifest.
        ordinal: u64,
        /// The life of its data directory, 32 lower-case hexadecimal digits.
        incarnation: String,
        /// Where the other nodes reach it.
        peer_address: String,
        /// Where clients reach it.
        api_address: String,
    },
    /// These nodes vote, and no others.
    Voters(BTreeSet<u64>),
    /// A node without a vote leaves.
    Leave(u64),
    /// This node leads from now on.
    Transfer(u64),
    /// This node takes no submissions and does not lead, until it is stopped.
    Drain(u64),
    /// This node takes part fully again.
    Resume(u64),
}

impl Order {
    /// Reads an order.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut lines = Lines::new(text)?;
        lines.exactly(HEAD)?;
        let header = Header::read(&mut lines)?;
        if header.genesis.is_none() {
            return Err(Malformed::new(3, "an order names the genesis"));
        }
        let order = Self {
            header,
            until: lines.value("until", "<seconds>", |text| {
                parse_number(text).map(UnixSeconds::new)
            })?,
            expects: lines.value("expects", "<number>", parse_number)?,
            verb: OrderVerb::read(&mut lines)?,
        };
        lines.end()?;
        if order.text() == text {
            Ok(order)
        } else {
            Err(Malformed::new(1, "not the canonical form of its content"))
        }
    }

    /// What is signed.
    pub fn text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HEAD}\n{}", self.header)?;
        writeln!(f, "until {}", self.until)?;
        writeln!(f, "expects {}", self.expects)?;
        writeln!(f, "{}", self.verb)
    }
}

impl OrderVerb {
    fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        let one = "<ordinal>";
        if let Some(members) = lines.optional("found", "<hash of the members>", lines::hash)? {
            return Ok(Self::Found(members));
        }
        if let Some(add) = lines.optional("add", "<ordinal> <incarnation> <peers> <api>", add)? {
            return Ok(add);
        }
        if let Some(voters) = lines.optional("voters", "<ordinal>,<ordinal>", voters)? {
            return Ok(Self::Voters(voters));
        }
        if let Some(of) = lines.optional("leave", one, ordinal)? {
            return Ok(Self::Leave(of));
        }
        if let Some(of) = lines.optional("transfer", one, ordinal)? {
            return Ok(Self::Transfer(of));
        }
        if let Some(of) = lines.optional("drain", one, ordinal)? {
            return Ok(Self::Drain(of));
        }
        lines.value("resume", one, ordinal).map(Self::Resume)
    }
}

impl fmt::Display for OrderVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(members) => write!(f, "found {}", b64::encode_hash(members)),
            Self::Add {
                ordinal,
                incarnation,
                peer_address,
                api_address,
            } => write!(
                f,
                "add {ordinal} {incarnation} {peer_address} {api_address}"
            ),
            Self::Voters(voters) => {
                let voters: Vec<String> = voters.iter().map(ToString::to_string).collect();
                write!(f, "voters {}", voters.join(","))
            }
            Self::Leave(ordinal) => write!(f, "leave {ordinal}"),
            Self::Transfer(ordinal) => write!(f, "transfer {ordinal}"),
            Self::Drain(ordinal) => write!(f, "drain {ordinal}"),
            Self::Resume(ordinal) => write!(f, "resume {ordinal}"),
        }
    }
}

fn ordinal(text: &str) -> Option<u64> {
    lines::positive(text).filter(|ordinal| *ordinal <= MAX_ORDINAL)
}

fn voters(text: &str) -> Option<BTreeSet<u64>> {
    text.split(',').map(ordinal).collect()
}

fn add(text: &str) -> Option<OrderVerb> {
    let [number, incarnation, peers, api] = lines::fields(text)?;
    let life = incarnation.len() == 32
        && incarnation
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let addresses = [peers, api]
        .iter()
        .all(|address| (1..=MAX_ADDRESS).contains(&address.len()));
    (life && addresses).then_some(())?;
    Some(OrderVerb::Add {
        ordinal: ordinal(number)?,
        incarnation: incarnation.into(),
        peer_address: peers.into(),
        api_address: api.into(),
    })
}

#[cfg(test)]
mod tests {
    use caucus::{ElectionId, SubmissionId};
    use merkle::sha256;

    use super::*;

    fn order(verb: OrderVerb) -> Order {
        Order {
            header: Header {
                election: ElectionId::parse("e").unwrap(),
                genesis: Some(sha256(b"manifest")),
                id: SubmissionId::from_bytes([7; 16]),
                time: UnixSeconds::new(100),
            },
            until: UnixSeconds::new(160),
            expects: 9,
            verb,
        }
    }

    #[test]
    fn every_order_is_read_as_it_was_written() {
        for verb in [
            OrderVerb::Found(sha256(b"members")),
            OrderVerb::Add {
                ordinal: 4,
                incarnation: "0a".repeat(16),
                peer_address: "n4.example:7001".into(),
                api_address: "n4.example:7000".into(),
            },
            OrderVerb::Voters([1, 2, 4].into()),
            OrderVerb::Leave(3),
            OrderVerb::Transfer(2),
            OrderVerb::Drain(63),
            OrderVerb::Resume(1),
        ] {
            let order = order(verb);
            assert_eq!(Order::parse(&order.text()), Ok(order));
        }
    }

    #[test]
    fn what_is_no_order_is_refused() {
        let text = order(OrderVerb::Voters([1, 2].into())).text();
        for (from, to) in [
            ("order/v1", "order/v2"),
            ("voters 1,2", "voters 2,1"),
            ("voters 1,2", "voters 1,1"),
            ("voters 1,2", "voters "),
            ("voters 1,2", "voters 0,1"),
            ("voters 1,2", "voters 1,64"),
            ("voters 1,2", "drain 1,2"),
            ("voters 1,2", "found 1,2"),
            ("voters 1,2", "add 4 0a a:1 b:1"),
            ("voters 1,2\n", "voters 1,2\nleave 3\n"),
            ("expects 9", "expects 09"),
            ("until 160\n", ""),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            assert!(Order::parse(&changed).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn an_order_is_no_leaf() {
        assert!(crate::Leaf::parse_text(&order(OrderVerb::Drain(1)).text()).is_err());
    }
}
