//! What a chair holds and anyone can check: the leaves of the log, the election that they belong
//! to, and the receipt that says a leaf is in the log.
//!
//! A *leaf* is the exact bytes of one signed note; [`Leaf`] is what such a note says. A
//! *manifest* names who takes part, with which keys, and which files belong to the election; a
//! [`Bundle`] of manifests and files, opened against a pinned [`Fingerprint`], is an [`Election`].
//! An [`UnverifiedReceipt`] is a file; verified against an election it is a [`Receipt`], or the
//! sentences of a [`Verification`] say why it is not. An [`Order`] to the machines is signed like a
//! note and is no leaf.
//!
//! There is no state here, no network, no clock and no file: what a leaf does to the results is
//! for `ledger`, what the figures mean for `caucus`.
//!
//! # The grammar of leaves
//!
//! One content has one text. Everything outside this grammar is refused. Lists marked *ascending*
//! ascend strictly: numbers by value, all else by the bytes that stand on the line.
//!
//! ```abnf
//! leaf        = note / totals                    ; a note is of the grammar of crate note, its
//!                                                ; signature lines ascending by name and key id,
//!                                                ; at most 8,192 bytes and 512 lines; a manifest,
//!                                                ; and totals, 49,152 bytes and 1,024 lines
//! text        = manifest / activate / submission / attest / review / void / dispute / answer
//!             / recanvass / recount / publish / hold / enrol / revoke / roster / close
//!
//! header      = %s"election " token LF
//!               %s"genesis " (hash / "-") LF     ; "-" in version 1 of the manifest alone
//!               %s"id " 32lowhex LF
//!               %s"time " num LF
//!
//! submission  = %s"precinct-tally/submission/v1" LF header
//!               unit %s"seq " positive LF %s"supersedes " (hash / "-") LF
//!               [%s"channel " (%s"paper" / %s"phone" / %s"photo") LF]
//!               [%s"voucher " code LF]
//!               figures
//! attest      = %s"precinct-tally/attest/v1" LF header
//!               unit %s"channel " (%s"paper" / %s"phone" / %s"photo" / %s"room") LF
//!               figures                          ; here alone a cell may be "-"
//! recanvass   = %s"precinct-tally/recanvass/v1" LF header unit figures adopt reason
//! recount     = %s"precinct-tally/recount/v1" LF header unit figures adopt reason
//!
//! review      = %s"precinct-tally/review/v1" LF header unit of
//!               %s"decision " (%s"accept" / %s"ask" / %s"hold") LF *finding reason
//! review      =/ %s"precinct-tally/review/v1" LF header unit of
//!               %s"decision take" LF %s"takes " hash LF *finding reason
//! finding     = %s"finding " 1*64(ALPHA / DIGIT / "_") LF         ; at most 256, ascending
//! void        = %s"precinct-tally/void/v1" LF header unit of reason
//! dispute     = %s"precinct-tally/dispute/v1" LF header unit of 1*cell reason
//! cell        = %s"cell " column SP num LF                        ; at most 256, ascending
//! column      = %s"attendees -" / ((%s"delegates" / %s"final" / %s"first") SP token)
//! answer      = %s"precinct-tally/answer/v1" LF header
//!               %s"to " hash LF %s"upheld " yesno LF reason
//!
//! publish     = %s"precinct-tally/publish/v1" LF header scope reason
//! hold        = %s"precinct-tally/hold/v1" LF header scope reason
//! scope       = %s"scope " (%s"all" / %s"county " token / %s"unit " token) LF
//! close       = %s"precinct-tally/close/v1" LF header reason
//! activate    = %s"precinct-tally/activate/v1" LF header %s"manifest " hash LF reason
//!
//! enrol       = %s"precinct-tally/enrol/v1" LF header
//!               ((unit %s"slot " ("a" / "b" / "s") LF) / (%s"role " role LF))  ; never authority
//!               %s"vkey " vkey LF [%s"replaces " name SP keyid LF] reason
//! revoke      = %s"precinct-tally/revoke/v1" LF header
//!               %s"key " name SP keyid LF %s"earlier " (%s"doubt" / %s"stand") LF reason
//! roster      = %s"precinct-tally/roster/v1" LF header amendment reason
//! amendment   = %s"add " unit-line LF            ; a unit's line of the roster file
//!             / %s"close unit " token LF
//!             / %s"merge " token SP token SP num LF               ; from, into, delegates
//!             / %s"withdraw " token LF
//!
//! totals      = %s"precinct-tally/totals/v1" LF  ; the bare text is the leaf: nobody signs it
//!               %s"election " token LF %s"genesis " hash LF
//!               %s"of " num LF *row %s"results " hash LF
//! row         = %s"row " token SP sum SP sum SP sum SP fraction LF
//!                                                ; first, final, delegates, SDE; ascending by group
//! sum         = "0" / %x31-39 *DIGIT             ; at most 2^64 - 1
//! fraction    = num "/" num                      ; of any length up to 4,096 characters, not over 0
//!
//! manifest    = %s"precinct-tally/manifest/v1" LF header
//!               %s"version " positive LF %s"previous " (hash / "-") LF [%s"successor" LF]
//!               %s"kind " (%s"live" / %s"rehearsal") LF
//!               %s"origin " origin LF
//!               [%s"recovered " origin SP positive SP hash LF] *(%s"lost " hash LF)
//!               %s"authority " positive 1*(SP name) LF            ; names ascending
//!               *(%s"key " role SP vkey LF)                       ; ascending
//!               1*(%s"node " machine LF) *(%s"spare " machine LF) ; each ascending by ordinal
//!               *(%s"witness " nodeid SP vkey LF)                 ; ascending
//!               %s"opens " num LF %s"closes " num LF
//!               %s"policy receipt " hash LF %s"policy final " hash LF
//!               %s"roll " num SP hash LF          ; lines of the roll file
//!               %s"roster " num SP hash LF        ; units of the roster file
//!               %s"rules " hash LF
//! machine     = positive SP nodeid SP vkey SP vkey                ; ordinal 1 to 63
//! nodeid      = (lower / DIGIT) *31(lower / DIGIT / "-")  ; not none, nodes, outside or final
//! origin      = 1*64(lower / DIGIT / "." / "/" / "-")
//! role        = %s"admin" / %s"authority" / %s"observer" / %s"operator" / %s"publisher"
//!             / %s"registrar" / %s"reviewer"
//!
//! figures     = %s"attendees " count LF
//!               *(%s"votes " ("1" / "2") SP token SP count LF)    ; ascending; 2 is final
//!               *(%s"delegates " token SP count LF)               ; ascending
//!               *16(%s"tie " (%s"award" / %s"reduce" / %s"merge") SP token 1*("," token)
//!                   SP token SP (%s"coin" / %s"straws") LF)       ; groups ascending, then the one
//!                                                ; of them that won or lost; in order of settlement
//!               *16(%s"evidence " hash SP media SP num LF)        ; ascending by hash; bytes
//! count       = num / "-"                        ; "-" in an attest alone
//! unit        = %s"unit " token LF
//! of          = %s"of " hash LF                  ; the leaf that is the unit's head
//! adopt       = %s"adopt " yesno LF
//! reason      = %s"reason " 1*200(%x20-7E) LF
//! yesno       = %s"yes" / %s"no"
//! media       = word "/" word                    ; at most 64 characters
//! word        = 1*(lower / DIGIT / "." / "+" / "-")
//! token       = 1*32(ALPHA / DIGIT / "." / "_" / "-")
//! num         = "0" / positive
//! positive    = %x31-39 *DIGIT                   ; at most 2^53 - 1
//! hash        = 44 base64 characters of 32 bytes ; vkey, name: grammar of crate note
//! keyid       = 8lowhex
//! lowhex      = DIGIT / %x61-66
//! lower       = %x61-7A
//! code        = 4CROCK "-" 4CROCK "-" 4CROCK "-" 4CROCK "-" 2CROCK   ; upper case, see ShortCode
//! ```
//!
//! Two rules stand beside the grammar because ABNF cannot say them. In an `enrol` for a slot the
//! key is named `<election>/<unit>/<slot>`. In a manifest no ordinal, id, key name or public key
//! stands twice (the nodes' log keys share the origin as their name), cosigner keys are named
//! `<origin>/<id>`, the authority's names are those of its keys, and each role has as many keys as
//! its acts need signers: two, of the authority one, of observers none.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod code;
mod compact;
mod election;
mod fingerprint;
pub mod founders;
pub mod leaf;
mod lines;
mod manifest;
mod order;
mod policy;
mod proof;
mod verify;
mod words;

pub use code::{BadCode, ShortCode, VoucherCode};
pub use compact::{CompactError, CompactReceipt};
pub use election::{Bundle, BundleError, BundledManifest, Election, Version};
pub use fingerprint::Fingerprint;
pub use leaf::{Header, Leaf, LeafKind};
pub use lines::Malformed;
pub use manifest::{
    Authority, CountedFile, Effect, ElectionKind, MAX_ORDINAL, Manifest, NodeId, NodeLine,
    NotEndorsed, PersonKey, Recovered, WitnessLine,
};
pub use order::{Order, OrderVerb};
pub use policy::{Evaluation, Policy, PolicyLog, PolicyWitness};
pub use proof::{ReceiptError, UnverifiedReceipt};
pub use verify::{
    Author, Check, CheckName, CheckResult, Cosigner, CosignerPlace, Reason, Receipt, ReceiptLevel,
    Signatory, Unread, Verdict, Verification,
};
