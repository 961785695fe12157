//! Certificates for a desk or a rehearsal: one authority per election, one pair per node.
//!
//! ```text
//! ca.crt   ca.key      the authority; clients pin ca.crt
//! api.crt  api.key     a node's public API: DNS localhost, IP 127.0.0.1 and ::1, and names given
//! peer.crt peer.key    a node towards its peers: DNS <id>.tally.internal and
//!                      URI tally://<election>/node/<ordinal>
//! ```
//!
//! Keys are ECDSA P-256 and not encrypted. These certificates say who a *machine* is; nothing in a
//! receipt rests on them.

use caucus::ElectionId;
use note::UnixSeconds;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How long a certificate holds. A contest's machines are made for weeks, not for years; 397 days
/// is the longest that browsers accept.
const DAYS: i64 = 397;

/// A certificate and its key, both as PEM text.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The secret key.
    pub key: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pair").finish_non_exhaustive()
    }
}

/// Why no certificate could be made or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The library refused: a name that is none, or a key that does not parse.
    #[error("make the certificate")]
    Make(#[from] rcgen::Error),
    /// Not a PEM certificate.
    #[error("not a certificate in PEM form")]
    NotACertificate,
}

/// The node a certificate is for.
#[derive(Debug, Clone)]
pub struct NodeName<'a> {
    /// The contest.
    pub election: &'a ElectionId,
    /// The node's id in the manifest.
    pub id: &'a str,
    /// Its ordinal there.
    pub ordinal: u64,
}

/// A certificate authority for one election.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pair: Pair,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new authority.
    pub fn new(election: &ElectionId, now: UnixSeconds) -> Result<Authority, Error> {
        let key = KeyPair::generate()?;
        let mut params = params(&format!("Tally development authority for {election}"), now);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        let pair = Pair {
            certificate,
            key: key.serialize_pem(),
        };
        Ok(Authority {
            issuer: Issuer::new(params, key),
            pair,
        })
    }

    /// Takes up an authority made before.
    pub fn open(pair: Pair) -> Result<Authority, Error> {
        let key = KeyPair::from_pem(&pair.key)?;
        let issuer = Issuer::from_ca_cert_pem(&pair.certificate, key)?;
        Ok(Authority { issuer, pair })
    }

    /// Its own certificate and key.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// The certificate of a node's public API, for this machine and for further host names.
    pub fn api(
        &self,
        node: &NodeName<'_>,
        hosts: &[String],
        now: UnixSeconds,
    ) -> Result<Pair, Error> {
        let mut params = params(&format!("{} api", node.id), now);
        let mut names = Vec::from(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        for host in hosts {
            if !names.contains(host) {
                names.push(host.clone());
            }
        }
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params)
    }

    /// The certificate a node shows its peers, as server and as client.
    pub fn peer(&self, node: &NodeName<'_>, now: UnixSeconds) -> Result<Pair, Error> {
        let mut params = params(&format!("{} peer", node.id), now);
        params.subject_alt_names = vec![
            SanType::DnsName(peer_host(node.id).try_into()?),
            SanType::URI(peer_uri(node).try_into()?),
        ];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.issue(params)
    }

    fn issue(&self, mut params: CertificateParams) -> Result<Pair, Error> {
        let key = KeyPair::generate()?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Pair {
            certificate,
            key: key.serialize_pem(),
        })
    }
}

/// The DNS name under which a node is known to its peers.
pub fn peer_host(id: &str) -> String {
    format!("{id}.tally.internal")
}

/// The name that ties a peer certificate to one ordinal of one election.
pub fn peer_uri(node: &NodeName<'_>) -> String {
    format!("tally://{}/node/{}", node.election, node.ordinal)
}

fn params(common_name: &str, now: UnixSeconds) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    // From yesterday, for machines whose clock is a little behind.
    let (year, month, day) = date(now, -1);
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(now, DAYS - 1);
    params.not_after = rcgen::date_time_ymd(year, month, day);
    params
}

/// Year, month and day so many days after a moment, in UTC.
fn date(now: UnixSeconds, days: i64) -> (i32, u8, u8) {
    const SECONDS: i64 = 24 * 60 * 60;
    let seconds = i64::try_from(now.get()).unwrap_or(i64::MAX);
    let date = jiff::Timestamp::from_second(seconds.saturating_add(days.saturating_mul(SECONDS)))
        .unwrap_or(jiff::Timestamp::MAX)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let part = |value: i8| u8::try_from(value).unwrap_or(1);
    (i32::from(date.year()), part(date.month()), part(date.day()))
}

/// What a certificate says, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Description {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names it holds for.
    pub names: Vec<String>,
    /// First second it holds, RFC 3339.
    pub not_before: String,
    /// Last second it holds, RFC 3339.
    pub not_after: String,
    /// Whether it may sign others.
    pub authority: bool,
    /// SHA-256 of its DER bytes, hexadecimal.
    pub sha256: String,
}

/// Reads the first certificate of a PEM file.
pub fn describe(pem: &str) -> Result<Description, Error> {
    let (_, block) =
        x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|_| Error::NotACertificate)?;
    let (_, certificate) =
        X509Certificate::from_der(&block.contents).map_err(|_| Error::NotACertificate)?;
    let names = certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .map(|extension| {
            extension
                .value
                .general_names
                .iter()
                .map(general_name)
                .collect()
        })
        .unwrap_or_default();
    let time = |seconds: i64| {
        jiff::Timestamp::from_second(seconds)
            .map_or_else(|_| seconds.to_string(), |t| t.to_string())
    };
    Ok(Description {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        names,
        not_before: time(certificate.validity().not_before.timestamp()),
        not_after: time(certificate.validity().not_after.timestamp()),
        authority: certificate.is_ca(),
        sha256: merkle::sha256(&block.contents).to_hex(),
    })
}

fn general_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(host) => format!("DNS {host}"),
        GeneralName::URI(uri) => format!("URI {uri}"),
        GeneralName::IPAddress([a, b, c, d]) => format!("IP {a}.{b}.{c}.{d}"),
        GeneralName::IPAddress(bytes) => <[u8; 16]>::try_from(*bytes).map_or_else(
            |_| "IP ?".to_owned(),
            |ip| format!("IP {}", std::net::Ipv6Addr::from(ip)),
        ),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => "another kind of name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(election: &ElectionId) -> NodeName<'_> {
        NodeName {
            election,
            id: "n2",
            ordinal: 2,
        }
    }

    #[test]
    fn a_peer_certificate_names_the_node_and_its_ordinal() {
        let election = ElectionId::parse("caucus-2028").unwrap();
        let now = UnixSeconds::new(1_700_000_000);
        let authority = Authority::new(&election, now).unwrap();
        let peer = authority.peer(&node(&election), now).unwrap();
        let says = describe(&peer.certificate).unwrap();
        assert_eq!(
            says.names,
            ["DNS n2.tally.internal", "URI tally://caucus-2028/node/2"]
        );
        assert_eq!(says.not_before, "2023-11-13T00:00:00Z");
        assert!(!says.authority);
        assert!(describe(&authority.pair().certificate).unwrap().authority);
    }

    #[test]
    fn an_authority_taken_up_again_issues_for_further_hosts() {
        let election = ElectionId::parse("caucus-2028").unwrap();
        let now = UnixSeconds::new(1_700_000_000);
        let made = Authority::new(&election, now).unwrap();
        let again = Authority::open(made.pair().clone()).unwrap();
        let api = again
            .api(&node(&election), &["tally.example".to_owned()], now)
            .unwrap();
        let says = describe(&api.certificate).unwrap();
        assert_eq!(
            says.names,
            [
                "DNS localhost",
                "IP 127.0.0.1",
                "IP ::1",
                "DNS tally.example"
            ]
        );
        assert_eq!(
            says.issuer,
            "CN=Tally development authority for caucus-2028"
        );
    }

    #[test]
    fn a_key_never_shows_in_debug_output() {
        let election = ElectionId::parse("e").unwrap();
        let authority = Authority::new(&election, UnixSeconds::new(0)).unwrap();
        assert!(!format!("{authority:?} {:?}", authority.pair()).contains("PRIVATE"));
    }
}
