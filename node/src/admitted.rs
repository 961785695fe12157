//! Whether this data directory takes part in its cluster.
//!
//! ```abnf
//! admitted    = "admitted to its cluster before the first leaf" LF
//!               "members" SP base64 LF        ; SHA-256 over the members it begins with
//!               ["agreed" LF]                 ; a founder was told so, or it founded the cluster
//!             / "admitted to its cluster by an order" LF
//!             / "shut out of its cluster" LF reason LF
//! ```
//! A new directory has promised nothing and voted for nobody. If it took part by itself, a node
//! that lost its disk could vote again in a term in which it had voted, and acknowledge as one of
//! a majority what it no longer holds. So it is let in once, and until then no other node is heard.
//!
//! Being let in gives nobody a place in a cluster that runs: the members name the data directories
//! that they began with. It takes every member to begin, each agrees to one set of members in its
//! life, and whoever holds a log agrees to none; so nobody founds a second cluster beside the first.
//!
//! A directory that turns out to be an old copy of itself has forgotten, too. It is shut out for
//! good, and does not start again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use merkle::Hash;
use note::b64;
use replica::grpc::CertificateCheck;
use store::DurableFile;

use crate::start_error::StartError;

/// What the file says of a directory that was let in before the start.
const BEFORE: &str = "admitted to its cluster before the first leaf\n";

/// What it says of one that joined later.
const JOINED: &str = "admitted to its cluster by an order\n";

/// What it says of a directory that is an old copy; the reason follows.
const SHUT_OUT: &str = "shut out of its cluster\n";

/// The directory's place in its cluster.
#[derive(Debug)]
pub(crate) struct Admitted {
    file: DurableFile,
    place: Mutex<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    /// Let in before the start, to begin with these members.
    Before {
        members: Hash,
        agreed: bool,
    },
    Joined,
}

/// Why a directory is not let in, or does not agree.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAdmitted {
    /// Not as what is asked for.
    #[error("{0}")]
    Otherwise(&'static str),
    /// The disk.
    #[error("the admission could not be kept on this node's disk")]
    Disk(#[from] store::Error),
}

impl Admitted {
    /// Reads what was decided for this directory.
    pub(crate) fn open(file: DurableFile) -> Result<Self, StartError> {
        let text = file.read_sealed()?;
        if let Some(reason) = text.as_deref().and_then(|text| text.strip_prefix(SHUT_OUT)) {
            return Err(shut_out(reason.trim()));
        }
        let place = match &text {
            None => Place::Outside,
            Some(text) => Place::parse(text).ok_or_else(|| StartError::Identity {
                what: format!(
                    "`{}` is none of this version's: it does not say with which members this \
                     directory began",
                    file.path().display()
                ),
                advice: "run the version that made it, or replace the node with `tally cluster \
                         replace`",
            })?,
        };
        let place = Mutex::new(place);
        Ok(Self { file, place })
    }

    /// Shuts the directory out, now and at every start. It holds from now on, also if it cannot be
    /// kept on disk.
    pub(crate) fn shut_out(&self, reason: &str) -> StartError {
        *self.place() = Place::Outside;
        if let Err(error) = self.file.replace_sealed(&format!("{SHUT_OUT}{reason}\n")) {
            tracing::error!(%error, "that the directory is shut out could not be kept on disk");
        }
        shut_out(reason)
    }

    /// Whether other nodes are heard.
    pub(crate) fn is(&self) -> bool {
        *self.place() != Place::Outside
    }

    /// Lets the directory take part in a cluster that begins with these members, by their hash.
    /// Until it has agreed to some, others may be given.
    pub(crate) fn admit(&self, members: Hash) -> Result<(), NotAdmitted> {
        let mut place = self.place();
        match *place {
            Place::Before { members: known, .. } if known == members => Ok(()),
            Place::Before { agreed: true, .. } => Err(NotAdmitted::Otherwise(
                "this node has agreed to begin with other members before; to begin with these, \
                 empty its data directory",
            )),
            Place::Joined => Err(NotAdmitted::Otherwise(
                "this node was let into a cluster that runs",
            )),
            Place::Outside | Place::Before { .. } => self.keep(
                &mut place,
                Place::Before {
                    members,
                    agreed: false,
                },
            ),
        }
    }

    /// Agrees to begin with these members, and from now on with no others.
    pub(crate) fn agree(&self, members: Hash) -> Result<(), NotAdmitted> {
        let mut place = self.place();
        match *place {
            Place::Before {
                members: known,
                agreed,
            } if known == members => {
                if agreed {
                    return Ok(());
                }
                let agreed = true;
                self.keep(&mut place, Place::Before { members, agreed })
            }
            Place::Before { .. } | Place::Joined | Place::Outside => Err(NotAdmitted::Otherwise(
                "this node was not let in to begin with these members",
            )),
        }
    }

    /// Lets the directory take part as one that an order has added.
    pub(crate) fn join(&self) -> Result<(), store::Error> {
        let mut place = self.place();
        if *place == Place::Outside {
            self.file.replace_sealed(JOINED)?;
            *place = Place::Joined;
        }
        Ok(())
    }

    fn keep(&self, place: &mut Place, new: Place) -> Result<(), NotAdmitted> {
        self.file.replace_sealed(&new.text())?;
        *place = new;
        Ok(())
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn text(&self) -> String {
        match self {
            Self::Outside => String::new(),
            Self::Joined => JOINED.to_owned(),
            Self::Before { members, agreed } => {
                let agreed = if *agreed { "agreed\n" } else { "" };
                format!("{BEFORE}members {}\n{agreed}", b64::encode_hash(members))
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if text == JOINED {
            return Some(Self::Joined);
        }
        let rest = text.strip_prefix(BEFORE)?.strip_prefix("members ")?;
        let (members, rest) = rest.split_once('\n')?;
        let members = b64::decode_hash(members)?;
        let agreed = match rest {
            "" => false,
            "agreed\n" => true,
            _ => return None,
        };
        Some(Self::Before { members, agreed })
    }
}

fn shut_out(reason: &str) -> StartError {
    StartError::Identity {
        what: format!("this data directory is an old copy: {reason}"),
        advice: "put the newest directory back, or replace the node with `tally cluster replace`",
    }
}

/// The peers' door: first whether this node takes part, then who is calling.
pub(crate) fn door(
    admitted: std::sync::Arc<Admitted>,
    names: CertificateCheck,
) -> CertificateCheck {
    std::sync::Arc::new(move |extensions, from| {
        if !admitted.is() {
            return Err(
                "this node's data directory is new and was not let into the cluster".to_owned(),
            );
        }
        names(extensions, from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_let_in_once_and_shut_out_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Admitted::open(DurableFile::new(folder.path().join("admitted")));
        let admitted = open().unwrap();
        assert!(!admitted.is());
        admitted.join().unwrap();
        assert!(open().unwrap().is());
        let ends = admitted
            .shut_out("it signed 9 leaves and holds 4")
            .to_string();
        assert!(!admitted.is());
        let refused = open().unwrap_err();
        assert_eq!((refused.to_string(), refused.exit_code()), (ends, 78));
    }

    #[test]
    fn a_directory_agrees_to_one_set_of_members_in_its_life() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Admitted::open(DurableFile::new(folder.path().join("admitted"))).unwrap();
        let members = |n| merkle::sha256(&[n]);
        let admitted = open();
        admitted.agree(members(1)).unwrap_err();
        admitted.admit(members(1)).unwrap();
        open().agree(members(2)).unwrap_err();
        admitted.admit(members(2)).unwrap();
        admitted.agree(members(1)).unwrap_err();
        admitted.agree(members(2)).unwrap();
        let again = open();
        again.admit(members(2)).unwrap();
        again.agree(members(2)).unwrap();
        again.admit(members(1)).unwrap_err();
        again.agree(members(1)).unwrap_err();
    }

    #[test]
    fn one_that_joined_begins_no_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let file = DurableFile::new(folder.path().join("admitted"));
        let admitted = Admitted::open(file.clone()).unwrap();
        admitted.join().unwrap();
        for admitted in [admitted, Admitted::open(file).unwrap()] {
            admitted.admit(merkle::sha256(b"members")).unwrap_err();
            admitted.agree(merkle::sha256(b"members")).unwrap_err();
        }
    }

    #[test]
    fn a_file_that_names_no_members_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = DurableFile::new(folder.path().join("admitted"));
        file.replace_sealed(BEFORE).unwrap();
        let refused = Admitted::open(file).unwrap_err();
        assert_eq!(refused.exit_code(), 78);
        assert!(
            refused
                .to_string()
                .contains("does not say with which members")
        );
    }
}
