//! An order to the machines, signed by an administrator.

use note::{SignedNote, SignerKey, UnixSeconds};
use receipt::{Election, Order, OrderVerb};

use crate::chair;
use crate::random::SystemRandom;

/// How long an order holds, in seconds. Nodes take none that holds for more than 300.
const HOLDS: u64 = 60;

/// The order to do this, on what was seen (see [`Order::expects`]), given now.
pub(crate) fn sign(
    election: &Election,
    key: &SignerKey,
    now: UnixSeconds,
    expects: u64,
    verb: OrderVerb,
) -> Result<SignedNote, note::NoteError> {
    let order = Order {
        header: chair::header(election, &mut SystemRandom, now),
        until: UnixSeconds::new(now.get().saturating_add(HOLDS)),
        expects,
        verb,
    };
    let text = order.text();
    SignedNote::assemble(&text, vec![key.sign(&text)])
}
