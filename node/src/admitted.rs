//! Whether this data directory takes part in its cluster.
//!
//! A new directory has promised nothing and voted for nobody. If it took part by itself, a node
//! that lost its disk could vote again in a term in which it had voted, and acknowledge as one of
//! a majority what it no longer holds. So it is let in once, before the cluster starts, and until
//! then no other node is heard.
//!
//! A directory that turns out to be an old copy of itself has forgotten, too. It is shut out for
//! good, and does not start again.

use std::sync::atomic::{AtomicBool, Ordering};

use replica::grpc::CertificateCheck;
use store::DurableFile;

use crate::start_error::StartError;

/// What the file says.
const TEXT: &str = "admitted to its cluster before the first leaf\n";

/// What it says of a directory that is an old copy; the reason follows.
const SHUT_OUT: &str = "shut out of its cluster\n";

/// The directory's place in its cluster.
#[derive(Debug)]
pub(crate) struct Admitted {
    file: DurableFile,
    is: AtomicBool,
}

impl Admitted {
    /// Reads what was decided for this directory.
    pub(crate) fn open(file: DurableFile) -> Result<Self, StartError> {
        let text = file.read_sealed()?;
        if let Some(reason) = text.as_deref().and_then(|text| text.strip_prefix(SHUT_OUT)) {
            return Err(shut_out(reason.trim()));
        }
        let is = AtomicBool::new(text.is_some());
        Ok(Self { file, is })
    }

    /// Shuts the directory out, now and at every start. It holds from now on, also if it cannot be
    /// kept on disk.
    pub(crate) fn shut_out(&self, reason: &str) -> StartError {
        self.is.store(false, Ordering::Release);
        if let Err(error) = self.file.replace_sealed(&format!("{SHUT_OUT}{reason}\n")) {
            tracing::error!(%error, "that the directory is shut out could not be kept on disk");
        }
        shut_out(reason)
    }

    /// Whether other nodes are heard.
    pub(crate) fn is(&self) -> bool {
        self.is.load(Ordering::Acquire)
    }

    /// Lets the directory take part, from now on and after every restart.
    pub(crate) fn admit(&self) -> Result<(), store::Error> {
        if !self.is() {
            self.file.replace_sealed(TEXT)?;
            self.is.store(true, Ordering::Release);
        }
        Ok(())
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
        admitted.admit().unwrap();
        assert!(open().unwrap().is());
        let ends = admitted
            .shut_out("it signed 9 leaves and holds 4")
            .to_string();
        assert!(!admitted.is());
        let refused = open().unwrap_err();
        assert_eq!((refused.to_string(), refused.exit_code()), (ends, 78));
    }
}
