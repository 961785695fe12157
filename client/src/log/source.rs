//! Where a log is read: a node over gRPC, or a web server that has the log's files, be it a node's
//! or any other. Nothing that comes from here is believed here.

use std::time::Duration;

use merkle::{EntryBundle, Hash, LeafIndex, sha256};
use note::SignedNote;
use proto::v1;
use receipt::{Bundle, BundledManifest, Leaf};
use serde::Deserialize;

use super::folder::{BUNDLE, CHECKPOINT, decode};
use crate::answer::Trouble;
use crate::bundle::{self, LARGEST_FILE};
use crate::connection::{self, Connections};

/// How long one file or one page of leaves may take.
const PAGE: Duration = Duration::from_secs(10);

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(2);

/// The highest number of a manifest version that a folder is asked for.
const MOST_VERSIONS: u64 = 1_000;

/// A place that has a log.
#[derive(Debug, Clone)]
pub enum Source {
    /// A node's API.
    Node {
        /// Channels to all nodes.
        connections: Connections,
        /// Which of them.
        node: usize,
    },
    /// A web server.
    Web(Web),
}

/// A web server that has the files of a log below one address.
#[derive(Debug, Clone)]
pub struct Web {
    base: String,
    client: reqwest::Client,
}

/// Why a source cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum BadWeb {
    /// It is no address of a web server.
    #[error("`{0}` is not an address: write http://host/path or https://host:port")]
    Address(String),
    /// The certificate or the address cannot be used.
    #[error("set up the connection to `{address}`")]
    SetUp {
        /// The address.
        address: String,
        /// What the library says.
        #[source]
        source: reqwest::Error,
    },
}

/// What a page of `v1/manifests` says of a version.
#[derive(Deserialize)]
struct Listed {
    version: u64,
    leaf: Option<u64>,
}

impl Source {
    /// What to call it.
    pub fn name(&self) -> String {
        match self {
            Self::Node { connections, node } => connections
                .address(*node)
                .map_or_else(String::new, ToString::to_string),
            Self::Web(web) => web.base.clone(),
        }
    }

    /// The newest checkpoint; none if nothing was published yet.
    pub async fn checkpoint(&self) -> Result<Option<Vec<u8>>, Trouble> {
        match self {
            Self::Node { connections, node } => {
                let (bytes, _, _) = crate::audit::fetch_checkpoint(connections, *node).await?;
                Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
            }
            Self::Web(web) => web.get(CHECKPOINT).await,
        }
    }

    /// The leaves of a bundle of entries.
    pub async fn entries(&self, bundle: &EntryBundle) -> Result<Vec<Vec<u8>>, Trouble> {
        match self {
            Self::Node { connections, node } => pages(connections, *node, bundle).await,
            Self::Web(web) => {
                let bytes = web.must(&bundle.path()).await?;
                decode(bundle, &bytes).map_err(|error| Trouble::Misbehaved(error.to_string()))
            }
        }
    }

    /// The election's bundle, not yet held against any fingerprint.
    pub async fn bundle(&self) -> Result<Bundle, Trouble> {
        match self {
            Self::Node { connections, node } => {
                let wire = connections
                    .one(*node, PAGE, |channel| async move {
                        connection::election_client(channel)
                            .get_bundle(v1::GetBundleRequest {})
                            .await
                    })
                    .await?;
                bundle::from_wire(wire).ok_or_else(|| {
                    Trouble::Misbehaved("a manifest that is not a signed note".to_owned())
                })
            }
            Self::Web(web) => match web.get("v1/manifests").await? {
                Some(list) => web.bundle_of_a_node(&list).await,
                None => web.bundle_of_a_folder().await,
            },
        }
    }
}

/// The leaves of a bundle, page after page.
async fn pages(
    connections: &Connections,
    node: usize,
    bundle: &EntryBundle,
) -> Result<Vec<Vec<u8>>, Trouble> {
    let leaves = bundle.leaves();
    let mut entries = Vec::with_capacity(usize::from(bundle.width));
    let mut from = leaves.start;
    while from < leaves.end {
        let request = v1::GetEntriesRequest {
            from,
            limit: leaves.end.saturating_sub(from),
        };
        let page = connections
            .one(node, PAGE, |channel| async move {
                v1::transparency_client::TransparencyClient::new(channel)
                    .get_entries(request)
                    .await
            })
            .await?;
        let got = u64::try_from(page.entries.len()).unwrap_or(u64::MAX);
        if page.from != from || got == 0 || got > request.limit {
            let what = "other leaves than were asked for";
            return Err(Trouble::Misbehaved(what.to_owned()));
        }
        entries.extend(page.entries.iter().map(|entry| entry.to_vec()));
        from = from.saturating_add(got);
    }
    Ok(entries)
}

impl Web {
    /// A web server at this address. With `authority`, a PEM certificate, only servers that it
    /// signed are believed to be themselves; without one, those that this machine believes.
    pub fn open(address: &str, authority: Option<&[u8]>) -> Result<Web, BadWeb> {
        let base = address.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(BadWeb::Address(address.to_owned()));
        }
        let set_up = |source| BadWeb::SetUp {
            address: base.clone(),
            source,
        };
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(PAGE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(pem) = authority {
            let certificate = reqwest::Certificate::from_pem(pem).map_err(set_up)?;
            builder = builder.tls_certs_only([certificate]);
        }
        let client = builder.build().map_err(set_up)?;
        Ok(Web { base, client })
    }

    /// The address below which its files are.
    pub fn address(&self) -> &str {
        &self.base
    }

    /// A file; none if the server does not have it.
    pub async fn get(&self, file: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let url = format!("{}/{file}", self.base);
        let mut answer = self.client.get(url).send().await.map_err(trouble)?;
        match answer.status() {
            reqwest::StatusCode::OK => {}
            reqwest::StatusCode::NOT_FOUND => return Ok(None),
            reqwest::StatusCode::TOO_MANY_REQUESTS | reqwest::StatusCode::SERVICE_UNAVAILABLE => {
                return Err(Trouble::Unavailable(format!("`{file}`: it is busy")));
            }
            status => return Err(Trouble::Misbehaved(format!("`{file}`: {status}"))),
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(trouble)? {
            bytes.extend_from_slice(&chunk);
            if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST_FILE {
                return Err(Trouble::Misbehaved(format!("`{file}` does not end")));
            }
        }
        Ok(Some(bytes))
    }

    async fn must(&self, file: &str) -> Result<Vec<u8>, Trouble> {
        let found = self.get(file).await?;
        found.ok_or_else(|| Trouble::Misbehaved(format!("it does not have `{file}`")))
    }

    /// The bundle as a node serves it: versions by number, files by hash.
    async fn bundle_of_a_node(&self, list: &[u8]) -> Result<Bundle, Trouble> {
        let listed: Vec<Listed> = serde_json::from_slice(list)
            .map_err(|error| Trouble::Misbehaved(format!("`v1/manifests`: {error}")))?;
        let mut bundle = Bundle::default();
        for Listed { version, leaf } in listed {
            let note = self.must(&format!("v1/manifests/{version}")).await?;
            let note = manifest_note(&note)?;
            for (_, hash) in named(&note) {
                if !bundle.files.contains_key(&hash) {
                    let file = self.must(&format!("v1/files/{}", hash.to_hex())).await?;
                    bundle.files.insert(sha256(&file), file);
                }
            }
            bundle.manifests.push(BundledManifest {
                note,
                leaf: leaf.map(LeafIndex::new),
                receipt: None,
            });
        }
        Ok(bundle)
    }

    /// The bundle as an archive has it: files by the names that [`bundle::write_folder`] gives.
    async fn bundle_of_a_folder(&self) -> Result<Bundle, Trouble> {
        let mut files = Vec::new();
        let mut known: Vec<Hash> = Vec::new();
        for version in 1..=MOST_VERSIONS {
            let name = format!("{BUNDLE}/manifest-{version}.note");
            let Some(bytes) = self.get(&name).await? else {
                break;
            };
            for (place, hash) in named(&manifest_note(&bytes)?) {
                if known.contains(&hash) {
                    continue;
                }
                known.push(hash);
                let file = bundle::file_name(place, version);
                files.push(self.must(&format!("{BUNDLE}/{file}")).await?);
            }
            files.push(bytes);
            let receipt = format!("{BUNDLE}/manifest-{version}.receipt");
            files.extend(self.get(&receipt).await?);
        }
        Ok(Bundle::from_files(files))
    }
}

fn manifest_note(bytes: &[u8]) -> Result<SignedNote, Trouble> {
    SignedNote::parse_within(bytes, note::Limits::MANIFEST)
        .map_err(|error| Trouble::Misbehaved(format!("a manifest: {error}")))
}

/// The files that a manifest names; none if the note is no manifest.
fn named(note: &SignedNote) -> Vec<(&'static str, Hash)> {
    match Leaf::parse(note) {
        Ok(Leaf::Manifest(manifest)) => bundle::places(&manifest).to_vec(),
        Ok(_) | Err(_) => Vec::new(),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it takes the place of the error that it reports"
)]
fn trouble(error: reqwest::Error) -> Trouble {
    if error.is_timeout() {
        return Trouble::TimedOut;
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Trouble::Unreachable(cause.to_string())
}
