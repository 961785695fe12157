//! The configuration of a node: one TOML file, every field documented here, unknown fields
//! refused. Reading it opens no other file and binds nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use merkle::Hash;
use serde::Deserialize;

/// A node's configuration. Paths are relative to the folder of the file they stand in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The node's id in the manifest, for example `n1`.
    pub id: String,
    /// Where the databases, the identity and the published checkpoints live. Made if absent.
    pub data_dir: PathBuf,
    /// The node's two secret keys.
    pub keys: Keys,
    /// Which election this node serves.
    pub election: Election,
    /// The public listener: gRPC over TLS.
    pub api: Api,
    /// The listener for the other nodes: gRPC over mutual TLS.
    pub peers: Peers,
    /// The listener for whoever runs the node: plain HTTP, so keep it on loopback.
    pub operations: Operations,
    /// Outside witnesses that this node asks while it leads; the same on all nodes.
    #[serde(default)]
    pub witnesses: Vec<Witness>,
    /// Who publishes the results, as files of results say it.
    #[serde(default)]
    pub publisher: Publisher,
    /// How log lines look and which are written.
    #[serde(default)]
    pub log: Log,
    /// How much work is taken on at once.
    #[serde(default)]
    pub limits: Limits,
    /// Timings of consensus; the same on all nodes.
    #[serde(default)]
    pub raft: Raft,
}

/// Files of secret keys: each one line `PRIVATE+KEY+<name>+<key id>+<base64>`, or encrypted as
/// `tally node keygen` writes them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Signs checkpoints for the log. Its name is the log's origin.
    pub log: PathBuf,
    /// Cosigns checkpoints. Its name is the origin, a slash and the node's id.
    pub cosigner: PathBuf,
    /// A file with the passphrase of encrypted keys, one line. Without it the service manager's
    /// credential `tally-passphrase` is used, where there is one.
    pub passphrase_file: Option<PathBuf>,
}

/// Which election this node serves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Election {
    /// SHA-256 of the text of manifest version 1, in base64 (44 characters). The node serves no
    /// other election, whatever anybody sends it.
    pub fingerprint: Fingerprint,
}

/// The pinned hash of the first manifest, which is the election's genesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Fingerprint(pub Hash);

/// The public listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Address and port to bind.
    pub listen: SocketAddr,
    /// `host:port` under which clients reach it.
    pub advertise: HostPort,
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// The listener for the other nodes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// Address and port to bind.
    pub listen: SocketAddr,
    /// `host:port` under which the other nodes reach it.
    pub advertise: HostPort,
    /// Certificate chain, PEM. Its names are the DNS name `<id>.tally.internal` and the URI
    /// `tally://<election>/node/<ordinal>`; it serves both ends of a connection.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The authority that signed the certificates of all nodes, PEM.
    pub ca: PathBuf,
}

/// A host name or address with a port, as others write it down.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HostPort(String);

/// The listener for whoever runs the node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operations {
    /// Address and port to bind.
    pub listen: SocketAddr,
}

/// Who publishes the results. It stands in exported files and decides nothing; the same on all
/// nodes, so that their files are the same.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Publisher {
    /// The party in full; without it the election's token.
    pub name: Option<String>,
    /// Its short form; without it the election's token.
    pub abbreviation: Option<String>,
    /// What people call the state; without it the title of the rules.
    pub state: Option<String>,
    /// The day of the caucuses by the calendar of the place, `2020-02-03`; without it the day, in
    /// UTC, on which the manifest opens the night.
    pub day: Option<CalendarDay>,
}

/// A day as it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CalendarDay(pub export::Day);

impl TryFrom<String> for CalendarDay {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        export::Day::parse(&text)
            .map(Self)
            .ok_or("a day is written as `2020-02-03`")
    }
}

/// An outside witness: a server of `c2sp.org/tlog-witness` that somebody else runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Its id on the manifest's witness lines, such as `w1`; the key stands there.
    pub id: String,
    /// Where it is: `https://witness.example`; plain `http` only on this machine.
    pub url: WitnessUrl,
    /// The authority that signed its certificate, PEM; without it those that the system trusts.
    pub ca: Option<PathBuf>,
}

/// The address of a witness, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WitnessUrl(String);

impl WitnessUrl {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for WitnessUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let Ok(url) = reqwest::Url::parse(&text) else {
            return Err("a witness's address is a URL such as `https://witness.example`");
        };
        let here = url.host_str().is_some_and(|host| {
            let address = host.trim_start_matches('[').trim_end_matches(']');
            let parsed = address.parse::<std::net::IpAddr>();
            host == "localhost" || parsed.is_ok_and(|address| address.is_loopback())
        });
        match url.scheme() {
            "https" => Ok(Self(text.trim_end_matches('/').to_owned())),
            "http" if here => Ok(Self(text.trim_end_matches('/').to_owned())),
            _ => Err("a witness is asked over `https`; plain `http` only on this machine"),
        }
    }
}

/// How log lines look and which are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text`, `json`, or `auto`: text on a terminal, JSON elsewhere.
    pub format: LogFormat,
    /// A level, or directives such as `info,replica=debug`.
    pub level: String,
    /// A file to which every event of consensus and cosigning is added, for a check of the run
    /// afterwards. None by default.
    pub trace: Option<PathBuf>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much work is taken on at once. What is beyond is refused before any signature is looked at.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Submissions in progress, those waiting for their receipt included. Each holds at most one
    /// note of 8 KiB and its receipt.
    pub submissions_in_flight: usize,
    /// Notes in progress that name no key in force, or come from where signatures failed lately.
    pub strangers_in_flight: usize,
    /// Reads in progress: results, receipts, entries, proofs.
    pub reads_in_flight: usize,
    /// Streams of results open at once.
    pub watchers: usize,
    /// Connections on the API's port. Beyond it the one that has rested longest is closed; one
    /// source has at most half of them. A resting one costs about 50 KB, and a file descriptor.
    pub connections: usize,
    /// Log entries that may be committed and not yet applied before submissions are turned away.
    pub apply_backlog_entries: u64,
    /// Free bytes on the data directory's disk below which submissions are turned away. RocksDB
    /// cannot reopen on a full disk, so the floor must leave room for its own files.
    pub free_bytes_floor: u64,
}

/// Timings of consensus, in milliseconds. A heartbeat should be at least four times the slowest
/// round trip, the shortest election at least three times the slowest fsync with a round trip.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Raft {
    /// Between two heartbeats of the leader.
    pub heartbeat_ms: u64,
    /// The shortest time after which a follower that hears nothing asks for votes.
    pub election_min_ms: u64,
    /// The longest.
    pub election_max_ms: u64,
    /// Log entries kept although a snapshot covers them, and after how many a snapshot is made. A node that
    /// was away for longer gets a snapshot instead of entries.
    pub keep_entries: u64,
}

/// Why a configuration cannot be used. One sentence, with the file and where in it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration `{}` cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not a configuration.
    #[error("configuration `{}`, line {line}: {reason}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Values that contradict each other.
    #[error("configuration `{}`: {reason}", file.display())]
    Contradictory {
        /// The file.
        file: PathBuf,
        /// Which, and what would be right.
        reason: &'static str,
    },
}

/// Longest name of a host with its port: a DNS name has at most 253 characters.
const MAX_HOST_PORT: usize = 260;

impl Config {
    /// Reads and checks the file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable {
            file: file.to_owned(),
            source,
        })?;
        Self::parse(&text, file)
    }

    /// Checks the text of `file` and resolves its paths.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Malformed {
            file: file.to_owned(),
            line: line_of(text, error.span()),
            reason: error.message().replace('\n', " "),
        })?;
        if let Some(reason) = config.contradiction() {
            let file = file.to_owned();
            return Err(ConfigError::Contradictory { file, reason });
        }
        config.resolve(file.parent().unwrap_or_else(|| Path::new("")));
        Ok(config)
    }

    fn contradiction(&self) -> Option<&'static str> {
        let Raft {
            heartbeat_ms,
            election_min_ms,
            election_max_ms,
            keep_entries,
        } = self.raft;
        let Limits {
            submissions_in_flight,
            strangers_in_flight,
            reads_in_flight,
            watchers,
            connections,
            ..
        } = self.limits;
        if note::KeyName::parse(&self.id).is_err() || self.id.contains('/') {
            return Some("`id` is the node's id in the manifest, such as `n1`");
        }
        if heartbeat_ms == 0 || election_min_ms < heartbeat_ms.saturating_mul(2) {
            return Some("`raft.election_min_ms` must be at least twice `raft.heartbeat_ms`");
        }
        if election_max_ms <= election_min_ms {
            return Some("`raft.election_max_ms` must be above `raft.election_min_ms`");
        }
        if keep_entries == 0 {
            return Some("`raft.keep_entries` must be at least 1");
        }
        let places = [
            submissions_in_flight,
            strangers_in_flight,
            reads_in_flight,
            watchers,
            connections,
        ];
        if places.contains(&0) {
            return Some("a limit of zero in `[limits]` would refuse everything");
        }
        if telemetry::logging::check_filter(&self.log.level).is_err() {
            return Some("`log.level` is a level such as `info`, or `target=level` directives");
        }
        None
    }

    fn resolve(&mut self, folder: &Path) {
        let paths = [
            &mut self.data_dir,
            &mut self.keys.log,
            &mut self.keys.cosigner,
            &mut self.api.certificate,
            &mut self.api.key,
            &mut self.peers.certificate,
            &mut self.peers.key,
            &mut self.peers.ca,
        ];
        let authorities = self.witnesses.iter_mut().filter_map(|it| it.ca.as_mut());
        let optional = self.keys.passphrase_file.iter_mut().chain(authorities);
        let optional = optional.chain(self.log.trace.iter_mut());
        for path in paths.into_iter().chain(optional) {
            *path = folder.join(&path);
        }
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        note::b64::decode_hash(&text)
            .map(Self)
            .ok_or("a fingerprint is 32 bytes in base64, 44 characters")
    }
}

impl TryFrom<String> for HostPort {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let sound = text.len() <= MAX_HOST_PORT
            && text.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
            });
        if sound {
            Ok(Self(text))
        } else {
            Err("an address for others is `host:port`")
        }
    }
}

impl HostPort {
    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            level: "info".to_owned(),
            trace: None,
        }
    }
}

impl From<LogFormat> for telemetry::logging::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Auto => Self::Auto,
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            submissions_in_flight: 1024,
            strangers_in_flight: 64,
            reads_in_flight: 128,
            watchers: 256,
            connections: 4_096,
            apply_backlog_entries: 5_000,
            free_bytes_floor: 64 * 1024 * 1024,
        }
    }
}

impl Default for Raft {
    /// A leader that is killed is replaced within about a third of a second, and a scheduling
    /// delay of 100 ms on a busy machine with two cores does not yet cost an election.
    fn default() -> Self {
        Self {
            heartbeat_ms: 40,
            election_min_ms: 120,
            election_max_ms: 160,
            keep_entries: 20_000,
        }
    }
}

/// The line a byte range begins on, from 1.
fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let before = span
        .and_then(|span| text.get(..span.start))
        .unwrap_or_default();
    before.matches('\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"id = "n1"
data_dir = "data"
[keys]
log = "log.key"
cosigner = "/etc/tally/cosigner.key"
[election]
fingerprint = "pNgKP1jPBLeCw2qKYUmJL/yvZuGmxJcOenjTNarqrPg="
[api]
listen = "127.0.0.1:7101"
advertise = "localhost:7101"
certificate = "api.pem"
key = "api.key"
[peers]
listen = "127.0.0.1:7201"
advertise = "localhost:7201"
certificate = "peer.pem"
key = "peer.key"
ca = "../ca.pem"
[operations]
listen = "127.0.0.1:7301"
"#;

    fn problem(text: &str) -> String {
        Config::parse(text, Path::new("nodes/n1/node.toml"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = Config::parse(SOUND, Path::new("nodes/n1/node.toml")).unwrap();
        assert_eq!(config.data_dir, Path::new("nodes/n1/data"));
        assert_eq!(config.keys.cosigner, Path::new("/etc/tally/cosigner.key"));
        assert_eq!(config.peers.ca, Path::new("nodes/n1/../ca.pem"));
    }

    #[test]
    fn the_example_for_operators_parses() {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/node.example.toml");
        Config::load(Path::new(example)).unwrap();
    }

    /// Each fault is one sentence with the file and the line.
    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (from, to, expected) in [
            ("id = \"n1\"\n", "", "line 1: missing field `id`"),
            (
                "[operations]",
                "[operation]",
                "line 19: unknown field `operation`, expected one of `id`, `data_dir`, `keys`, `election`, `api`, `peers`, `operations`, `witnesses`, `publisher`, `log`, `limits`, `raft`",
            ),
            (
                "listen = \"127.0.0.1:7101\"",
                "listen = \"7101\"",
                "line 9: invalid socket address syntax",
            ),
            (
                "localhost:7201",
                "localhost",
                "line 15: an address for others is `host:port`",
            ),
            (
                "pNgKP1jPBLeC",
                "PNG",
                "line 7: a fingerprint is 32 bytes in base64, 44 characters",
            ),
            ("[keys]", "[keys", "line 3: unclosed table, expected `]`"),
            (
                "[operations]",
                "[[witnesses]]\nid = \"w1\"\nurl = \"http://witness.example\"\n[operations]",
                "line 21: a witness is asked over `https`; plain `http` only on this machine",
            ),
        ] {
            assert!(SOUND.contains(from), "{from}");
            let sentence = problem(&SOUND.replacen(from, to, 1));
            assert_eq!(
                sentence,
                format!("configuration `nodes/n1/node.toml`, {expected}")
            );
        }
    }

    #[test]
    fn values_that_contradict_each_other_are_named() {
        for (lines, expected) in [
            (
                "[raft]\nheartbeat_ms = 100\n",
                "`raft.election_min_ms` must be at least twice `raft.heartbeat_ms`",
            ),
            (
                "[raft]\nelection_max_ms = 120\n",
                "`raft.election_max_ms` must be above `raft.election_min_ms`",
            ),
            (
                "[raft]\nkeep_entries = 0\n",
                "`raft.keep_entries` must be at least 1",
            ),
            (
                "[limits]\nwatchers = 0\n",
                "a limit of zero in `[limits]` would refuse everything",
            ),
            (
                "[log]\nlevel = \"a=b=c\"\n",
                "`log.level` is a level such as `info`, or `target=level` directives",
            ),
        ] {
            let sentence = problem(&format!("{SOUND}{lines}"));
            assert_eq!(
                sentence,
                format!("configuration `nodes/n1/node.toml`: {expected}")
            );
        }
    }

    #[test]
    fn an_absent_file_is_named() {
        let error = Config::load(Path::new("/nonexistent/node.toml")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("configuration `/nonexistent/node.toml` cannot be read")
        );
    }
}
