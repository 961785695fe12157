//! The certificate that a listener shows. Connections made from now on get the newest one; those
//! that are open keep the one they began with.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;

/// What a listener speaks TLS with.
#[derive(Debug, Clone)]
pub(crate) struct Identity(Arc<RwLock<Arc<ServerConfig>>>);

impl Identity {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// The newest.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this one is shown.
    pub(crate) fn exchange(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }
}
