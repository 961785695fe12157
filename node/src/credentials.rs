//! The certificates in use, exchanged while the node runs: their files are looked at every few
//! seconds, and at once on SIGHUP. What cannot be used changes nothing and is said once.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use merkle::{Hash, sha256};
use replica::grpc::GrpcTransport;
use telemetry::{CertificateUse, Metrics};
use tokio_util::sync::CancellationToken;

use crate::StartError;
use crate::clock::Clock;
use crate::config::{Api, Peers};
use crate::doors::identity::Identity;
use crate::tls::{self, PeerCredentials, PeerName};

/// Between two looks at the files.
const PERIOD: Duration = Duration::from_secs(3);

/// The files of both listeners, and what was made of them.
pub(crate) struct Credentials {
    api: Api,
    peers: Peers,
    /// Who this node is: a certificate of another node is not taken.
    name: PeerName,
    transport: Arc<GrpcTransport>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// What the API's listener shows.
    pub(crate) api_identity: Identity,
    /// What the peers' listener shows, and whom it believes.
    pub(crate) peers_identity: Identity,
    seen: Mutex<[Seen; 2]>,
}

/// What the files of one certificate said when they were looked at.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Tried, with success or without.
    tried: Hash,
    /// At the last look.
    last: Hash,
}

/// Whether files must have stayed the same since the last look before they are tried: somebody
/// may be in the middle of writing a certificate and its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    AtOnce,
    WhenSettled,
}

impl Credentials {
    /// Reads both; the node does not start with one that cannot be used.
    pub(crate) fn new(
        api: Api,
        peers: Peers,
        credentials: &PeerCredentials,
        transport: Arc<GrpcTransport>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let (api_config, api_expires) = tls::api(&api)?;
        let expiry = &metrics.certificate_expiry;
        expiry.set(CertificateUse::Api, api_expires);
        expiry.set(CertificateUse::Peers, credentials.expires);
        let seen = [of(&api_files(&api)), of(&peer_files(&peers))];
        Ok(Self {
            name: credentials.name.clone(),
            api,
            peers,
            transport,
            clock,
            metrics,
            api_identity: Identity::new(api_config),
            peers_identity: Identity::new(credentials.server()),
            seen: Mutex::new(seen.map(|hash| Seen {
                tried: hash,
                last: hash,
            })),
        })
    }

    /// Looks at the files again and again until told to stop.
    pub(crate) async fn watch(self: Arc<Self>, stopping: CancellationToken) {
        let mut tick = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stopping.cancelled() => return,
            }
            let own = Arc::clone(&self);
            let _looked = tokio::task::spawn_blocking(move || own.look(Haste::WhenSettled)).await;
        }
    }

    /// Looks at the files and takes over what is new, settled or not.
    pub(crate) fn reload(&self) {
        self.look(Haste::AtOnce);
    }

    fn look(&self, haste: Haste) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let [api, peers] = &mut *seen;
        if api.is_due(of(&api_files(&self.api)), haste) {
            self.said(CertificateUse::Api, self.exchange_api());
        }
        if peers.is_due(of(&peer_files(&self.peers)), haste) {
            self.said(CertificateUse::Peers, self.exchange_peers());
        }
    }

    fn exchange_api(&self) -> Result<u64, StartError> {
        let (config, expires) = tls::api(&self.api)?;
        self.not_over(expires, &self.api.certificate)?;
        self.api_identity.exchange(config);
        Ok(expires)
    }

    fn exchange_peers(&self) -> Result<u64, StartError> {
        let credentials = PeerCredentials::load(&self.peers)?;
        if credentials.name != self.name {
            return Err(StartError::Credential {
                what: "peer certificate",
                file: self.peers.certificate.clone(),
                reason: format!(
                    "is that of node {} of `{}`, not this one's",
                    credentials.name.ordinal, credentials.name.election
                ),
            });
        }
        self.not_over(credentials.expires, &self.peers.certificate)?;
        self.peers_identity.exchange(credentials.server());
        self.transport.renew(&credentials.client());
        Ok(credentials.expires)
    }

    fn not_over(&self, expires: u64, file: &std::path::Path) -> Result<(), StartError> {
        if expires > self.clock.seconds().get() {
            return Ok(());
        }
        Err(StartError::Credential {
            what: "certificate",
            file: file.to_owned(),
            reason: "has expired already".to_owned(),
        })
    }

    fn said(&self, of: CertificateUse, exchanged: Result<u64, StartError>) {
        let failed = &self.metrics.certificate_reload_failed;
        let listener = telemetry::Label::as_str(of);
        match exchanged {
            Ok(expires) => {
                failed.set(of, 0);
                self.metrics.certificate_expiry.set(of, expires);
                tracing::info!(listener, expires, "a new certificate is in use");
            }
            Err(error) => {
                failed.set(of, 1);
                tracing::error!(listener, %error, "a new certificate cannot be used; the one before stays in use");
            }
        }
    }
}

impl Seen {
    fn is_due(&mut self, now: Hash, haste: Haste) -> bool {
        let settled = now == self.last || haste == Haste::AtOnce;
        self.last = now;
        if now == self.tried || !settled {
            return false;
        }
        self.tried = now;
        true
    }
}

fn api_files(api: &Api) -> [&PathBuf; 2] {
    [&api.certificate, &api.key]
}

fn peer_files(peers: &Peers) -> [&PathBuf; 3] {
    [&peers.certificate, &peers.key, &peers.ca]
}

/// A hash over what files hold; one that cannot be read counts as empty.
fn of(files: &[&PathBuf]) -> Hash {
    let mut hashes = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).unwrap_or_default();
        hashes.extend_from_slice(sha256(&bytes).as_bytes());
    }
    sha256(&hashes)
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_tried_once_and_when_they_have_settled() {
        let hash = |byte: u8| sha256(&[byte]);
        let mut seen = Seen {
            tried: hash(0),
            last: hash(0),
        };
        for (now, haste, expected) in [
            (0, Haste::WhenSettled, false),
            (1, Haste::WhenSettled, false),
            (2, Haste::WhenSettled, false),
            (2, Haste::WhenSettled, true),
            (2, Haste::WhenSettled, false),
            (3, Haste::AtOnce, true),
            (3, Haste::AtOnce, false),
        ] {
            assert_eq!(seen.is_due(hash(now), haste), expected, "{now} {haste:?}");
        }
    }
}
