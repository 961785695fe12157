//! Commands as the log keeps them: `tally.log.v1.Command`, for good.
//!
//! The bytes are made once, where a command is proposed, and never re-made: they go to the log,
//! to the peers and to `apply` as they are. Raft's own messages are `wire.rs`.

use bytes::Bytes;
use prost::Message;

use ledger::{Act, Command, UnixMillis};
use proto::log;

/// Largest encoded command, in bytes: what one entry of the log on disk can hold, less what the
/// entry adds. The largest command there is carries a manifest with its roster and roll, which
/// for 1,765 units come to about 1 MiB.
pub const MAX_COMMAND_BYTES: usize = 15 * 1024 * 1024;

/// The bytes are not a command this version knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not a protobuf message of this type.
    #[error("not a `tally.log.v1.Command`: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// The message names no act, or one of a later version.
    #[error("a command without an act this version knows")]
    NoAct,
    /// The command is larger than [`MAX_COMMAND_BYTES`].
    #[error("a command of {bytes} bytes; the most is {MAX_COMMAND_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// The bytes of a command, as they will stand in the log.
pub fn encode(command: Command) -> Result<Bytes, CodecError> {
    let act = match command.act {
        Act::Note { bytes } => log::command::Act::Note(bytes.into()),
        Act::Manifest { note, files } => log::command::Act::Manifest(log::ManifestAct {
            note: note.into(),
            files: files.into_iter().map(Bytes::from).collect(),
        }),
    };
    let message = log::Command {
        at_unix_ms: command.at.get(),
        act: Some(act),
    };
    let bytes = message.encoded_len();
    if bytes > MAX_COMMAND_BYTES {
        return Err(CodecError::TooLarge { bytes });
    }
    Ok(message.encode_to_vec().into())
}

/// The command that `bytes` of the log are.
pub fn decode(bytes: Bytes) -> Result<Command, CodecError> {
    if bytes.len() > MAX_COMMAND_BYTES {
        return Err(CodecError::TooLarge { bytes: bytes.len() });
    }
    let message = log::Command::decode(bytes)?;
    let act = match message.act.ok_or(CodecError::NoAct)? {
        log::command::Act::Note(bytes) => Act::Note {
            bytes: bytes.into(),
        },
        log::command::Act::Manifest(manifest) => Act::Manifest {
            note: manifest.note.into(),
            files: manifest.files.into_iter().map(Vec::from).collect(),
        },
    };
    Ok(Command {
        at: UnixMillis::new(message.at_unix_ms),
        act,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use ledger::{Act, Command, UnixMillis};

    use super::{CodecError, decode, encode};

    fn commands() -> impl Strategy<Value = Command> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
        let act = prop_oneof![
            bytes().prop_map(|bytes| Act::Note { bytes }),
            (bytes(), proptest::collection::vec(bytes(), 0..6))
                .prop_map(|(note, files)| Act::Manifest { note, files }),
        ];
        (any::<u64>(), act).prop_map(|(at, act)| Command {
            at: UnixMillis::new(at),
            act,
        })
    }

    proptest! {
        #[test]
        fn a_command_comes_back_from_its_bytes(command in commands()) {
            let bytes = encode(command.clone()).unwrap();
            prop_assert_eq!(decode(bytes).unwrap(), command);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(Bytes::from(bytes));
        }

        #[test]
        fn a_cut_command_never_passes_for_the_whole(command in commands(), keep in 0.0..1.0_f64) {
            let bytes = encode(command.clone()).unwrap();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, clippy::as_conversions, reason = "a fraction of a length below 2000")]
            let kept = (bytes.len() as f64 * keep) as usize;
            prop_assume!(kept < bytes.len());
            prop_assert_ne!(decode(bytes.slice(..kept)).ok(), Some(command));
        }
    }

    /// What nodes of this release have written. These bytes are in logs: the test may gain lines,
    /// and a line may never change.
    #[test]
    fn the_log_format_is_what_it_was() {
        let note = Command::note(UnixMillis::new(1_580_774_400_000), *b"note");
        assert_eq!(
            encode(note).unwrap(),
            Bytes::from_static(b"\x08\x80\xc0\xfc\xeb\x80\x2e\x12\x04note")
        );
        let manifest = Command::manifest(
            UnixMillis::new(1),
            *b"m",
            vec![b"roster".to_vec(), Vec::new()],
        );
        let golden = Bytes::from_static(b"\x08\x01\x1a\x0d\x0a\x01m\x12\x06roster\x12\x00");
        assert_eq!(encode(manifest.clone()).unwrap(), golden);
        assert_eq!(decode(golden).unwrap(), manifest);
    }

    /// Field 9 stands for one that a later version added: it is skipped, the act is kept.
    #[test]
    fn an_unknown_field_is_skipped_and_an_unknown_act_refused() {
        let known = decode(Bytes::from_static(b"\x12\x01x\x48\x07")).unwrap();
        assert_eq!(known, Command::note(UnixMillis::new(0), *b"x"));
        assert_eq!(
            decode(Bytes::from_static(b"\x08\x01\x4a\x00")),
            Err(CodecError::NoAct)
        );
    }
}
