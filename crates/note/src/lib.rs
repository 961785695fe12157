//! Signed notes, checkpoints and cosignatures as C2SP specifies them (`signed-note`,
//! `tlog-checkpoint`, `tlog-cosignature` version 1), with a grammar stricter than theirs: text in,
//! verified text out.
//!
//! There is no clock, no randomness, no file and no policy here, and nothing knows what a text
//! means: whether enough keys signed, and who may, is decided above. Nothing that was signed is
//! ever re-encoded; a parsed note keeps its exact bytes.
//!
//! ```abnf
//! note       = text LF 1*32signature           ; no bytes before or after
//! text       = 1*line                          ; no blank line inside: the first ends the text
//! line       = 1*(%x20-7E) LF                  ; ASCII only
//! signature  = %xE2.80.94 SP name SP base64 LF ; of key id (4 bytes) and the signature's bytes
//! name       = 1*128(%x21-2A / %x2C-7E)        ; no space, no "+"
//!
//! checkpoint = origin LF num LF hash LF        ; the text of a tree head: exactly three lines
//! origin     = name                            ; an election's own is narrower: see Origin
//! num        = "0" / (%x31-39 *DIGIT)          ; at most 2^53
//! hash       = 44 base64 characters of 32 bytes
//!
//! vkey       = name "+" 8lowhex "+" base64     ; of one type byte and a 32-byte public key
//! secret     = %s"PRIVATE+KEY+" name "+" 8lowhex "+" base64   ; of the type byte and the seed
//! key id     = first 4 bytes of SHA-256(name LF type public-key)
//! base64     = RFC 4648 section 4, padded, canonical: zero pad bits
//! ```
//!
//! | type | signs | signature bytes |
//! | --- | --- | --- |
//! | `0x01` Ed25519 | the text | 64 |
//! | `0x04` cosignature/v1 | `"cosignature/v1" LF "time " num LF` and the checkpoint's text | 8 of time, big-endian, and 64 |
//!
//! # One acceptance rule
//!
//! Which signatures count must be the same on every node, in every tool and in any verifier that
//! others wrote, for a receipt must mean the same everywhere. So signatures are checked one at a
//! time by `ed25519-dalek`'s `verify_strict` alone: whatever it accepts, the common
//! implementations accept too. And a public key is examined once, when it is parsed: it
//! decompresses, is in its canonical encoding, is not of small order and has no torsion.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod b64;
mod checkpoint;
pub mod crockford;
mod decimal;
mod key;
mod limits;
mod line;
mod name;
mod signed_checkpoint;
mod signed_note;
mod signer;
mod time;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use decimal::parse_decimal;
pub use key::{Algorithm, KeyError, VerifierKey};
pub use limits::{Limits, MAX_SIGNATURES};
pub use line::SignatureLine;
pub use name::{BadName, KeyId, KeyName, Origin};
pub use signed_checkpoint::SignedCheckpoint;
pub use signed_note::{NoteError, SignedNote};
pub use signer::{CosignerKey, SecretKeyError, SignerKey};
pub use time::UnixSeconds;
