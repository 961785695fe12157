//! `tally recover manifest`: the version that goes on from a copy of a lost log.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use merkle::sha256;
use note::{Origin, SignedNote};
use receipt::leaf::Role;
use receipt::{Election, Leaf, NodeId, NodeLine, ShortCode};
use serde::Serialize;

use crate::bundle;
use crate::certificate::{Authority, Pair};
use crate::cli::args::Trust;
use crate::cli::election::{addresses, origin};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::Output;
use crate::cli::secrets::Passphrases;
use crate::cli::trust::Opened;
use crate::cli::{files, trust};
use crate::clock::{Clock as _, SystemClock};
use crate::election::{Desk, NodeKeys, NodePlan, Recovering, make_node, recovering, write_node};
use crate::random::SystemRandom;

/// Make the version that goes on from a copy of the log, under a new name and with new nodes.
#[derive(Debug, Args)]
#[command(after_help = "\
The text is written unsigned, with its policy files: carry the folder to the authority, have
`manifest.txt` signed, and put the note and the policies into the bundle's folder. Each new node's
line comes from the keys that were made on it. The old name, old ids and old keys are never used
again.

With --development, for a desk: keys, certificates and configurations of the new nodes are made here
and the authority's keys of that folder sign at once.

Examples:
  tally recover manifest --from copy --origin tally.example/caucus/r2 --out recovery \\
      --line r11.line --line r12.line --line r13.line
  tally recover manifest --from copy --origin tally.example/caucus/r2 --out recovery \\
      --development night --node 127.0.0.1:7200,127.0.0.1:7201,127.0.0.1:7202 …")]
pub(crate) struct Manifest {
    /// A copy of the log: the longest that is sound. Without it, the first manifest alone.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The new log's name.
    #[arg(long, value_parser = origin)]
    origin: Origin,
    /// Where to write; a new folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A file with a new node's line: `<ordinal> <id> <log vkey> <cosigner vkey>`.
    #[arg(
        long = "line",
        value_name = "FILE",
        required_unless_present = "development"
    )]
    lines: Vec<PathBuf>,
    /// The folder that `election new --development` made.
    #[arg(long, value_name = "DIR", conflicts_with = "lines", requires = "node")]
    development: Option<PathBuf>,
    /// Addresses of one new node: clients, peers, operations; once for each.
    #[arg(long = "node", value_name = "IP:PORT,IP:PORT,IP:PORT", value_parser = addresses)]
    node: Vec<[SocketAddr; 3]>,
    #[command(flatten)]
    passphrases: Passphrases,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Written {
    folder: String,
    version: u64,
    origin: String,
    size: u64,
    root: String,
    code: String,
    signed: bool,
    node_configs: Vec<String>,
}

impl Manifest {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let election = &opened.election;
        let leaves = super::copy_of(self.from.as_deref(), &opened)?;
        let now = SystemClock::start().unix();
        let mut random = SystemRandom;
        let made = self.new_nodes(election, &mut random)?;
        let nodes = if made.is_empty() {
            self.lines
                .iter()
                .map(|file| read_line(file))
                .collect::<Outcome<Vec<_>>>()?
        } else {
            made.iter().map(|(_, keys)| keys.line()).collect()
        };
        let recovering = recovering(
            election,
            &leaves,
            self.origin.clone(),
            nodes,
            &mut random,
            now,
        )
        .map_err(|error| {
            Failure::new(Exit::Usage, "there is no version to go on with").because(&error)
        })?;
        files::make_folder(&self.out)?;
        let text = recovering.manifest.text();
        files::write_new(&self.out.join("manifest.txt"), text.as_bytes())?;
        let [receipt, fin] = &recovering.policies;
        files::write_new(&self.out.join("policy.receipt.txt"), receipt.as_bytes())?;
        files::write_new(&self.out.join("policy.final.txt"), fin.as_bytes())?;
        let node_configs = match &self.development {
            Some(development) => {
                self.write_desk(output, development, &opened, &recovering, &made)?
            }
            None => Vec::new(),
        };
        self.say(output, &recovering, node_configs)
    }

    /// Keys of the new nodes, for a desk; on the night each is made on its node.
    fn new_nodes(
        &self,
        election: &Election,
        random: &mut SystemRandom,
    ) -> Outcome<Vec<(NodePlan, NodeKeys)>> {
        let lines = election
            .versions()
            .iter()
            .map(receipt::Version::manifest)
            .flat_map(|manifest| manifest.nodes.iter().chain(&manifest.spares));
        let last = lines.map(|line| line.ordinal).max().unwrap_or(0);
        let mut made = Vec::new();
        for (addresses, ordinal) in self.node.iter().zip(last.saturating_add(1)..) {
            let [api, peers, operations] = *addresses;
            let id = NodeId::parse(&format!("r{ordinal}"))
                .ok_or_else(|| Failure::new(Exit::Usage, "too many nodes for their ids"))?;
            let plan = NodePlan {
                ordinal,
                id,
                api,
                peers,
                operations,
            };
            let keys = make_node(&self.origin, &plan, random)
                .map_err(|error| Failure::new(Exit::Usage, "cannot make keys").because(&error))?;
            made.push((plan, keys));
        }
        Ok(made)
    }

    /// Signs the version, and writes the bundle with it and the new nodes' folders.
    fn write_desk(
        &self,
        output: Output,
        development: &Path,
        opened: &Opened,
        recovering: &Recovering,
        made: &[(NodePlan, NodeKeys)],
    ) -> Outcome<Vec<String>> {
        let note = sign(output, &self.passphrases, development, recovering)?;
        files::write_new(&self.out.join("manifest.note"), note.bytes())?;
        let mut whole = opened.bundle.clone();
        whole.manifests.push(receipt::BundledManifest {
            note,
            leaf: None,
            receipt: None,
        });
        for file in &recovering.policies {
            let bytes = file.clone().into_bytes();
            whole.files.insert(sha256(&bytes), bytes);
        }
        let folder = self.out.join("bundle");
        bundle::write_folder(&whole, &folder).map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot write `{}`", folder.display()))
                .because(&error)
        })?;
        let (authority, now) = (authority(development)?, SystemClock::start().unix());
        let desk = Desk {
            election: opened.election.id(),
            genesis: opened.election.genesis(),
            authority: &authority,
            witnesses: &[],
        };
        let write = |(plan, keys): &(NodePlan, NodeKeys)| {
            let folder = self.out.join("nodes").join(plan.id.as_str());
            write_node(&folder, &desk, plan, keys, now)
                .map(|config| config.display().to_string())
                .map_err(|error| {
                    Failure::new(Exit::Failed, "a node's folder was not written").because(&error)
                })
        };
        made.iter().map(write).collect()
    }

    fn say(&self, output: Output, recovering: &Recovering, node_configs: Vec<String>) -> Outcome {
        let manifest = &recovering.manifest;
        let Some(recovered) = &manifest.recovered else {
            return Err(Failure::new(Exit::Failed, "the version recovers nothing"));
        };
        let written = Written {
            folder: self.out.display().to_string(),
            version: manifest.version,
            origin: manifest.origin.to_string(),
            size: recovered.size.get(),
            root: note::b64::encode_hash(&recovered.root),
            code: ShortCode::of(&sha256(manifest.text().as_bytes())).to_string(),
            signed: self.development.is_some(),
            node_configs,
        };
        output.result("tally.recovery-manifest/v1", &written, || {
            let next = if written.signed {
                "signed with the authority's keys of that folder; start the new nodes, then `tally recover start`"
            } else {
                "have manifest.txt signed by the authority, then put note and policies into the bundle"
            };
            format!(
                "manifest {} recovers {} leaves under {}, code {}\n{next}",
                written.version, written.size, written.origin, written.code
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Signs with as many of the authority's keys as must.
fn sign(
    output: Output,
    passphrases: &Passphrases,
    development: &Path,
    recovering: &Recovering,
) -> Outcome<SignedNote> {
    let folder = development.join("keys").join(Role::Authority.to_string());
    let text = recovering.manifest.text();
    let need = usize::try_from(recovering.manifest.authority.threshold).unwrap_or(usize::MAX);
    let lines = (1..=need)
        .map(|number| {
            let file = folder.join(format!("A{number}.key"));
            let key = passphrases.signer(output, &file)?;
            Ok(key.sign(&text))
        })
        .collect::<Outcome<Vec<_>>>()?;
    let unsound = |error: String| Failure::new(Exit::Usage, "the version is not sound").why(error);
    let note = SignedNote::assemble(&text, lines).map_err(|error| unsound(error.to_string()))?;
    Leaf::parse(&note).map_err(|error| unsound(error.to_string()))?;
    Ok(note)
}

fn authority(development: &Path) -> Outcome<Authority> {
    let pair = Pair {
        certificate: files::read_text(&development.join("ca.crt"))?,
        key: files::read_text(&development.join("ca.key"))?,
    };
    Authority::open(pair).map_err(|error| {
        Failure::new(Exit::Usage, "the certificate authority cannot be used").because(&error)
    })
}

/// A node's line, as a manifest has it.
fn read_line(file: &Path) -> Outcome<NodeLine> {
    let text = files::read_text(file)?;
    let line = text.trim_end();
    let line = line.strip_prefix("node ").unwrap_or(line);
    let words: Vec<&str> = line.split(' ').collect();
    let parsed = match words.as_slice() {
        [ordinal, id, log, cosigner] => (|| {
            Some(NodeLine {
                ordinal: caucus::parse_number(ordinal)?,
                id: NodeId::parse(id)?,
                log: note::VerifierKey::parse(log).ok()?,
                cosigner: note::VerifierKey::parse(cosigner).ok()?,
            })
        })(),
        _ => None,
    };
    parsed.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("`{}` is not a node's line", file.display()),
        )
        .now("it is `<ordinal> <id> <log vkey> <cosigner vkey>`, as the node's keys were made")
    })
}
