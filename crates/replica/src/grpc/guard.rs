//! The door of the peer listener.
//!
//! Every call says which election it belongs to, who it is from and whom it is meant for. A call
//! from another election, to another node, or from a node that cannot show the certificate of the
//! ordinal it claims, goes no further, and is told both names. The same holds for a call between
//! other data directories than those that the members name (`lives.rs`).

use std::fmt;
use std::sync::Arc;

use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::{Extensions, Request, Response, Status};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::lives::{self, Lives};
use super::{FROM, FROM_LIFE, GENESIS, LIFE, TO, TO_LIFE};

/// Whether the connection behind a call was made with the certificate of node `from`; the text
/// says why not.
pub type CertificateCheck = Arc<dyn Fn(&Extensions, u64) -> Result<(), String> + Send + Sync>;

/// Checks who is calling. As an interceptor it guards any service on the same listener.
#[derive(Clone)]
pub struct PeerGuard {
    genesis: Arc<str>,
    ordinal: u64,
    lives: Lives,
    certificate: CertificateCheck,
}

impl fmt::Debug for PeerGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerGuard")
            .field("genesis", &self.genesis)
            .field("ordinal", &self.ordinal)
            .field("lives", &self.lives)
            .finish_non_exhaustive()
    }
}

impl PeerGuard {
    /// A door for node `ordinal` of the election whose genesis this is.
    pub fn new(
        genesis: impl Into<Arc<str>>,
        ordinal: u64,
        lives: Lives,
        certificate: CertificateCheck,
    ) -> Self {
        Self {
            genesis: genesis.into(),
            ordinal,
            lives,
            certificate,
        }
    }

    /// The ordinal of the node that calls, which it has proven to be.
    pub fn check<T>(&self, request: &Request<T>) -> Result<u64, Status> {
        let metadata = request.metadata();
        let genesis = text(metadata, GENESIS)?;
        if genesis != &*self.genesis {
            return Err(Status::permission_denied(format!(
                "this node belongs to the election of genesis `{}`, the caller to that of `{genesis}`",
                self.genesis
            )));
        }
        let to = ordinal(metadata, TO)?;
        if to != self.ordinal {
            return Err(Status::permission_denied(format!(
                "this is node {}, the caller means node {to}",
                self.ordinal
            )));
        }
        let from = ordinal(metadata, FROM)?;
        (self.certificate)(request.extensions(), from).map_err(Status::unauthenticated)?;
        let (own, meant) = (self.lives.own(), text(metadata, TO_LIFE)?);
        if meant != own {
            let mut refused = Status::permission_denied(lives::another(self.ordinal, meant, own));
            refused.metadata_mut().insert(LIFE, lives::value(own));
            return Err(refused);
        }
        self.lives
            .check_caller(from, text(metadata, FROM_LIFE)?)
            .map_err(Status::permission_denied)?;
        Ok(from)
    }

    /// An answer, with the life of the data directory that it comes from: callers take no other.
    pub fn answer<T>(&self, message: T) -> Response<T> {
        let mut response = Response::new(message);
        let life = lives::value(self.lives.own());
        response.metadata_mut().insert(LIFE, life);
        response
    }
}

impl Interceptor for PeerGuard {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        self.check(&request)?;
        Ok(request)
    }
}

fn text<'a>(metadata: &'a MetadataMap, name: &'static str) -> Result<&'a str, Status> {
    metadata
        .get(name)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| Status::unauthenticated(format!("no `{name}` in the call's metadata")))
}

fn ordinal(metadata: &MetadataMap, name: &'static str) -> Result<u64, Status> {
    let value = text(metadata, name)?;
    value
        .parse()
        .map_err(|_| Status::unauthenticated(format!("`{name}` is no ordinal: `{value}`")))
}

/// Accepts a caller whose certificate, checked against the peers' CA by TLS, names
/// `tally://<election>/node/<ordinal>` as a URI among its alternative names.
pub fn certificate_names(election: &str) -> CertificateCheck {
    let prefix = format!("tally://{election}/node/");
    Arc::new(move |extensions, from| {
        let certificates = extensions
            .get::<TlsConnectInfo<TcpConnectInfo>>()
            .and_then(TlsConnectInfo::peer_certs)
            .ok_or("the caller has shown no certificate")?;
        let leaf = certificates
            .first()
            .ok_or("the caller has shown no certificate")?;
        if names(leaf, &format!("{prefix}{from}")) {
            Ok(())
        } else {
            Err(format!(
                "the caller's certificate is not that of node {from}"
            ))
        }
    })
}

fn names(certificate: &[u8], expected: &str) -> bool {
    let Ok((_, certificate)) = parse_x509_certificate(certificate) else {
        return false;
    };
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else {
        return false;
    };
    alternatives
        .value
        .general_names
        .iter()
        .any(|name| matches!(name, GeneralName::URI(uri) if *uri == expected))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rcgen::{CertificateParams, KeyPair, SanType};
    use tonic::{Code, Request};

    use super::{Lives, PeerGuard, names};

    fn request(genesis: &str, from: &str, to: &str) -> Request<()> {
        let mut request = Request::new(());
        let fields = [
            ("tally-genesis", genesis),
            ("tally-from", from),
            ("tally-to", to),
            ("tally-from-life", "two"),
            ("tally-to-life", "one"),
        ];
        for (name, value) in fields {
            if !value.is_empty() {
                request.metadata_mut().insert(name, value.parse().unwrap());
            }
        }
        request
    }

    /// A certificate check that knows node 2 alone.
    fn guard() -> PeerGuard {
        let check = |_: &tonic::Extensions, from| match from {
            2 => Ok(()),
            _ => Err("not that node".to_owned()),
        };
        let lives = Lives::new(
            "one",
            Arc::new(|node| (node == 2).then(|| "two".to_owned())),
        );
        PeerGuard::new("genesis", 1, lives, Arc::new(check))
    }

    #[test]
    fn a_call_from_or_to_another_data_directory_is_turned_away() {
        for (field, life) in [
            ("tally-from-life", "another"),
            ("tally-to-life", "another"),
            ("tally-from-life", ""),
            ("tally-to-life", ""),
        ] {
            let mut other = request("genesis", "2", "1");
            other.metadata_mut().insert(field, life.parse().unwrap());
            let refused = guard().check(&other).unwrap_err();
            assert_eq!(refused.code(), Code::PermissionDenied, "{field} {life}");
            let says = refused.metadata().get("tally-life").is_some();
            assert_eq!(
                says,
                field == "tally-to-life",
                "whoever is meant says who it is"
            );
            other.metadata_mut().remove(field);
            let refused = guard().check(&other).unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated, "{field}");
        }
        let answer = guard().answer(());
        assert_eq!(answer.metadata().get("tally-life").unwrap(), "one");
    }

    #[test]
    fn a_call_from_the_right_node_to_the_right_node_passes() {
        assert_eq!(guard().check(&request("genesis", "2", "1")).unwrap(), 2);
    }

    #[test]
    fn every_other_call_is_turned_away() {
        let cases = [
            ("another", "2", "1", Code::PermissionDenied),
            ("genesis", "2", "3", Code::PermissionDenied),
            ("genesis", "3", "1", Code::Unauthenticated),
            ("genesis", "two", "1", Code::Unauthenticated),
            ("", "2", "1", Code::Unauthenticated),
            ("genesis", "", "1", Code::Unauthenticated),
            ("genesis", "2", "", Code::Unauthenticated),
        ];
        for (genesis, from, to, code) in cases {
            let refused = guard().check(&request(genesis, from, to)).unwrap_err();
            assert_eq!(refused.code(), code, "{genesis} {from} {to}");
        }
    }

    #[test]
    fn a_certificate_counts_for_the_uri_it_names_and_no_other() {
        let mut params = CertificateParams::new(vec!["n2.tally.internal".to_owned()]).unwrap();
        let uri = "tally://e/node/2".try_into().unwrap();
        params.subject_alt_names.push(SanType::URI(uri));
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        assert!(names(certificate.der(), "tally://e/node/2"));
        assert!(!names(certificate.der(), "tally://e/node/22"));
        assert!(!names(certificate.der(), "tally://other/node/2"));
        assert!(!names(b"not a certificate", "tally://e/node/2"));
    }
}
