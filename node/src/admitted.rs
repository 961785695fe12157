//! Whether this data directory takes part in its cluster.
//!
//! A new directory has promised nothing and voted for nobody. If it took part by itself, a node
//! that lost its disk could vote again in a term in which it had voted, and acknowledge as one of
//! a majority what it no longer holds. So it is let in once, before the cluster starts, and until
//! then no other node is heard.

use std::sync::atomic::{AtomicBool, Ordering};

use replica::grpc::CertificateCheck;
use store::DurableFile;

/// What the file says.
const TEXT: &str = "admitted to its cluster before the first leaf\n";

/// The directory's place in its cluster.
#[derive(Debug)]
pub(crate) struct Admitted {
    file: DurableFile,
    is: AtomicBool,
}

impl Admitted {
    /// Reads what was decided for this directory.
    pub(crate) fn open(file: DurableFile) -> Result<Self, store::Error> {
        let is = AtomicBool::new(file.read_sealed()?.is_some());
        Ok(Self { file, is })
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
