//! Certificates: reading them, who they name, and when they expire. Which certificate may call
//! what is decided at the door (`peers/door.rs`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use caucus::ElectionId;
use replica::grpc::PeerTls;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::{Api, Peers};
use crate::start_error::StartError;

/// Who a certificate between nodes names: `tally://<election>/node/<ordinal>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerName {
    pub(crate) election: ElectionId,
    pub(crate) ordinal: u64,
}

/// This node's credentials towards the others.
pub(crate) struct PeerCredentials {
    pub(crate) name: PeerName,
    /// When the certificate expires, Unix seconds.
    pub(crate) expires: u64,
    server: Arc<ServerConfig>,
    certificate: Vec<u8>,
    key: Vec<u8>,
    authority: Vec<u8>,
}

/// The public listener's certificate with its key, and when it expires (Unix seconds).
pub(crate) fn api(config: &Api) -> Result<(Arc<ServerConfig>, u64), StartError> {
    let unusable = |file: &Path, reason: String| StartError::Credential {
        what: "api certificate",
        file: file.to_owned(),
        reason,
    };
    let chain = chain(&config.certificate, "api certificate")?;
    let expires = expiry(&chain, &config.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| unusable(&config.key, error.to_string()))?;
    let mut server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&config.certificate, error.to_string()))?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((Arc::new(server), expires))
}

impl PeerCredentials {
    pub(crate) fn load(config: &Peers) -> Result<Self, StartError> {
        let read = |file: &PathBuf| {
            std::fs::read(file).map_err(|error| StartError::Credential {
                what: "peer credential",
                file: file.clone(),
                reason: error.to_string(),
            })
        };
        let (certificate, key) = (read(&config.certificate)?, read(&config.key)?);
        let chain = chain(&config.certificate, "peer certificate")?;
        let name = chain
            .first()
            .and_then(peer_name)
            .ok_or_else(|| StartError::Credential {
                what: "peer certificate",
                file: config.certificate.clone(),
                reason: "has no name of the form `tally://<election>/node/<ordinal>`".to_owned(),
            })?;
        Ok(Self {
            name,
            expires: expiry(&chain, &config.certificate)?,
            server: Arc::new(peer_server(config, chain)?),
            certificate,
            key,
            authority: read(&config.ca)?,
        })
    }

    /// For the peer listener: callers must show a certificate of the same authority.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// For calls to the other nodes.
    pub(crate) fn client(&self) -> PeerTls {
        PeerTls {
            ca_pem: self.authority.clone(),
            certificate_pem: self.certificate.clone(),
            key_pem: self.key.clone(),
        }
    }
}

fn peer_server(
    config: &Peers,
    own: Vec<CertificateDer<'static>>,
) -> Result<ServerConfig, StartError> {
    let unusable = |file: &Path, reason: String| StartError::Credential {
        what: "peer credential",
        file: file.to_owned(),
        reason,
    };
    let mut authorities = RootCertStore::empty();
    for authority in chain(&config.ca, "authority of the peers")? {
        authorities
            .add(authority)
            .map_err(|error| unusable(&config.ca, error.to_string()))?;
    }
    let callers = WebPkiClientVerifier::builder(Arc::new(authorities))
        .build()
        .map_err(|error| unusable(&config.ca, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| unusable(&config.key, error.to_string()))?;
    let mut server = ServerConfig::builder()
        .with_client_cert_verifier(callers)
        .with_single_cert(own, key)
        .map_err(|error| unusable(&config.certificate, error.to_string()))?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    Ok(server)
}

/// The node that a certificate names, if it names one.
pub(crate) fn peer_name(certificate: &CertificateDer<'_>) -> Option<PeerName> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = parsed.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| {
        if let GeneralName::URI(uri) = name {
            PeerName::parse(uri)
        } else {
            None
        }
    })
}

impl PeerName {
    fn parse(uri: &str) -> Option<Self> {
        let (election, ordinal) = uri.strip_prefix("tally://")?.split_once("/node/")?;
        Some(Self {
            election: ElectionId::parse(election).ok()?,
            ordinal: note::parse_decimal(ordinal)?,
        })
    }
}

fn chain(file: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let unusable = |reason: String| StartError::Credential {
        what,
        file: file.to_owned(),
        reason,
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(error.to_string()))?;
    if chain.is_empty() {
        return Err(unusable("holds no certificate".to_owned()));
    }
    Ok(chain)
}

fn expiry(chain: &[CertificateDer<'_>], file: &Path) -> Result<u64, StartError> {
    chain
        .first()
        .and_then(|leaf| X509Certificate::from_der(leaf).ok())
        .and_then(|(_, parsed)| u64::try_from(parsed.validity().not_after.timestamp()).ok())
        .ok_or_else(|| StartError::Credential {
            what: "certificate",
            file: file.to_owned(),
            reason: "is not an X.509 certificate".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_named_by_election_and_ordinal() {
        let name = PeerName::parse("tally://caucus-2028-ia/node/2").unwrap();
        assert_eq!(
            (name.election.as_str(), name.ordinal),
            ("caucus-2028-ia", 2)
        );
        for other in [
            "https://caucus-2028-ia/node/2",
            "tally://caucus-2028-ia/node/02",
            "tally://caucus-2028-ia/node/2/",
            "tally://caucus 2028/node/2",
            "tally://caucus-2028-ia/2",
        ] {
            assert_eq!(PeerName::parse(other), None, "{other}");
        }
    }
}
