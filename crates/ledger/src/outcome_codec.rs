//! An outcome as bytes, for the answer that one node passes on to another. It is not kept: the
//! log keeps commands.
//!
//! ```text
//! outcome   small kind (1 recorded, 2 corrected, 3 rival, 4 superseded, 5 already recorded,
//!           6 applied, 7 refused, 8 stray), then leaf, head or option head, refusal as the kind has them
//! leaf      number index, hash
//! head      number index, hash, number seq
//! refusal   small place of its code in `Refusal::ALL_CODES`, then its fields in order
//! ```

use alloc::vec::Vec;

use caucus::{Refusal, UnitId};

use crate::codec::{Reader, What, Writer};
use crate::outcome::{Head, LeafRef, Outcome};

impl Outcome {
    /// The outcome as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Self::Recorded { leaf, head } => write_with_head(&mut writer, 1, leaf, head),
            Self::Corrected { leaf, head } => write_with_head(&mut writer, 2, leaf, head),
            Self::Rival { leaf, head } => {
                leaf.write(writer.small(3));
                write_option(&mut writer, head.as_ref());
            }
            Self::Superseded { leaf, head } => write_with_head(&mut writer, 4, leaf, head),
            Self::AlreadyRecorded { leaf, head } => {
                leaf.write(writer.small(5));
                write_option(&mut writer, head.as_ref());
            }
            Self::Applied { leaf, head } => {
                leaf.write(writer.small(6));
                write_option(&mut writer, head.as_ref());
            }
            Self::Refused { refusal, head } => {
                write_refusal(writer.small(7), refusal);
                write_option(&mut writer, head.as_ref());
            }
            Self::Stray { leaf } => leaf.write(writer.small(8)),
        }
        writer.finish()
    }

    /// Reads what [`Outcome::encode`] wrote; the error says what is wrong with other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        Reader::whole(bytes, |reader| {
            Ok(match reader.small()? {
                1 => Self::Recorded {
                    leaf: LeafRef::read(reader)?,
                    head: Head::read(reader)?,
                },
                2 => Self::Corrected {
                    leaf: LeafRef::read(reader)?,
                    head: Head::read(reader)?,
                },
                3 => Self::Rival {
                    leaf: LeafRef::read(reader)?,
                    head: reader.option(Head::read)?,
                },
                4 => Self::Superseded {
                    leaf: LeafRef::read(reader)?,
                    head: Head::read(reader)?,
                },
                5 => Self::AlreadyRecorded {
                    leaf: LeafRef::read(reader)?,
                    head: reader.option(Head::read)?,
                },
                6 => Self::Applied {
                    leaf: LeafRef::read(reader)?,
                    head: reader.option(Head::read)?,
                },
                7 => Self::Refused {
                    refusal: read_refusal(reader)?,
                    head: reader.option(Head::read)?,
                },
                8 => Self::Stray {
                    leaf: LeafRef::read(reader)?,
                },
                _ => return Err("an unknown outcome"),
            })
        })
    }
}

fn write_with_head(writer: &mut Writer, kind: u8, leaf: &LeafRef, head: &Head) {
    leaf.write(writer.small(kind));
    head.write(writer);
}

fn write_option(writer: &mut Writer, head: Option<&Head>) {
    writer.option(head, |writer, head| head.write(writer));
}

fn write_refusal(writer: &mut Writer, refusal: &Refusal) {
    let place = Refusal::ALL_CODES
        .iter()
        .position(|code| *code == refusal.code());
    // A code outside the list can not be read back, which the reader reports.
    writer.small(
        place
            .and_then(|place| u8::try_from(place).ok())
            .unwrap_or(u8::MAX),
    );
    match refusal {
        Refusal::TooLarge { bytes, limit } => {
            writer.number(*bytes).number(*limit);
        }
        Refusal::Malformed { line, what } => {
            writer.number(u64::from(*line)).text(what);
        }
        Refusal::WrongElection { expected, found } => {
            writer.text(expected).text(found);
        }
        Refusal::UnknownUnit { unit } => {
            writer.text(unit.as_str());
        }
        Refusal::TooFewSigners { need, got } => {
            writer.number(u64::from(*need)).number(u64::from(*got));
        }
        Refusal::VoucherUsed { leaf } => {
            writer.number(*leaf);
        }
        Refusal::BadManifest { what } | Refusal::BadAmendment { what } => {
            writer.text(what);
        }
        Refusal::UnknownKey
        | Refusal::WrongRole
        | Refusal::RevokedKey
        | Refusal::BadSignature
        | Refusal::IdReuse
        | Refusal::VoucherMissing
        | Refusal::VoucherUnknown
        | Refusal::Stale
        | Refusal::TooMany
        | Refusal::WrongGroups
        | Refusal::EvidenceMissing
        | Refusal::HasHead
        | Refusal::NoManifest
        | Refusal::MissingFile
        | Refusal::FewRegistrars
        | Refusal::UnknownTarget
        | Refusal::NotActivated
        | Refusal::NotOpen
        | Refusal::NotTakable
        | Refusal::Answered => {}
    }
}

fn read_refusal(reader: &mut Reader<'_>) -> Result<Refusal, What> {
    let place = usize::from(reader.small()?);
    Ok(
        match Refusal::ALL_CODES.get(place).copied().unwrap_or_default() {
            "too_large" => Refusal::TooLarge {
                bytes: reader.number()?,
                limit: reader.number()?,
            },
            "malformed" => Refusal::Malformed {
                line: read_u32(reader)?,
                what: reader.string()?,
            },
            "wrong_election" => Refusal::WrongElection {
                expected: reader.string()?,
                found: reader.string()?,
            },
            "unknown_unit" => Refusal::UnknownUnit {
                unit: UnitId::parse(reader.text()?).map_err(|_| "a unit's id that is none")?,
            },
            "unknown_key" => Refusal::UnknownKey,
            "wrong_role" => Refusal::WrongRole,
            "too_few_signers" => Refusal::TooFewSigners {
                need: read_u32(reader)?,
                got: read_u32(reader)?,
            },
            "revoked_key" => Refusal::RevokedKey,
            "bad_signature" => Refusal::BadSignature,
            "id_reuse" => Refusal::IdReuse,
            "voucher_missing" => Refusal::VoucherMissing,
            "voucher_unknown" => Refusal::VoucherUnknown,
            "voucher_used" => Refusal::VoucherUsed {
                leaf: reader.number()?,
            },
            "stale" => Refusal::Stale,
            "too_many" => Refusal::TooMany,
            "wrong_groups" => Refusal::WrongGroups,
            "evidence_missing" => Refusal::EvidenceMissing,
            "has_head" => Refusal::HasHead,
            "no_manifest" => Refusal::NoManifest,
            "bad_manifest" => Refusal::BadManifest {
                what: reader.string()?,
            },
            "missing_file" => Refusal::MissingFile,
            "few_registrars" => Refusal::FewRegistrars,
            "unknown_target" => Refusal::UnknownTarget,
            "not_activated" => Refusal::NotActivated,
            "not_open" => Refusal::NotOpen,
            "not_takable" => Refusal::NotTakable,
            "answered" => Refusal::Answered,
            "bad_amendment" => Refusal::BadAmendment {
                what: reader.string()?,
            },
            _ => return Err("an unknown refusal"),
        },
    )
}

fn read_u32(reader: &mut Reader<'_>) -> Result<u32, What> {
    u32::try_from(reader.number()?).map_err(|_| "a number beyond 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use merkle::{LeafHash, LeafIndex};

    fn refusals() -> Vec<Refusal> {
        vec![
            Refusal::TooLarge {
                bytes: 9000,
                limit: 8192,
            },
            Refusal::Malformed {
                line: 3,
                what: "expected `id`".into(),
            },
            Refusal::WrongElection {
                expected: "a".into(),
                found: "b".into(),
            },
            Refusal::UnknownUnit {
                unit: UnitId::parse("P-1").unwrap(),
            },
            Refusal::UnknownKey,
            Refusal::WrongRole,
            Refusal::TooFewSigners { need: 2, got: 1 },
            Refusal::RevokedKey,
            Refusal::BadSignature,
            Refusal::IdReuse,
            Refusal::VoucherMissing,
            Refusal::VoucherUnknown,
            Refusal::VoucherUsed { leaf: 7 },
            Refusal::Stale,
            Refusal::TooMany,
            Refusal::WrongGroups,
            Refusal::EvidenceMissing,
            Refusal::HasHead,
            Refusal::NoManifest,
            Refusal::BadManifest {
                what: "the roll".into(),
            },
            Refusal::MissingFile,
            Refusal::FewRegistrars,
            Refusal::UnknownTarget,
            Refusal::NotActivated,
            Refusal::NotOpen,
            Refusal::NotTakable,
            Refusal::Answered,
            Refusal::BadAmendment {
                what: "there is no county".into(),
            },
        ]
    }

    fn outcomes() -> Vec<Outcome> {
        let hash = LeafHash::from_bytes([7; 32]);
        let leaf = LeafRef {
            index: LeafIndex::new(3),
            hash,
        };
        let head = Head {
            index: LeafIndex::new(2),
            hash,
            seq: 5,
        };
        let mut outcomes = vec![
            Outcome::Recorded { leaf, head },
            Outcome::Corrected { leaf, head },
            Outcome::Rival {
                leaf,
                head: Some(head),
            },
            Outcome::Rival { leaf, head: None },
            Outcome::Superseded { leaf, head },
            Outcome::AlreadyRecorded {
                leaf,
                head: Some(head),
            },
            Outcome::Stray { leaf },
            Outcome::Applied { leaf, head: None },
            Outcome::Applied {
                leaf,
                head: Some(head),
            },
        ];
        for refusal in refusals() {
            outcomes.push(Outcome::Refused {
                refusal: refusal.clone(),
                head: None,
            });
            outcomes.push(Outcome::Refused {
                refusal,
                head: Some(head),
            });
        }
        outcomes
    }

    #[test]
    fn every_refusal_is_among_those_tested() {
        let tested: Vec<_> = refusals().iter().map(Refusal::code).collect();
        assert_eq!(tested, Refusal::ALL_CODES);
    }

    #[test]
    fn every_outcome_reads_back() {
        for outcome in outcomes() {
            let bytes = outcome.encode();
            assert_eq!(Outcome::decode(&bytes), Ok(outcome));
            for length in 0..bytes.len() {
                assert!(Outcome::decode(&bytes[..length]).is_err());
            }
            assert!(Outcome::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        }
    }
}
