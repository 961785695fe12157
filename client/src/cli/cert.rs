//! `tally cert`: an authority and certificates for a desk or a rehearsal.

use std::path::{Path, PathBuf};

use caucus::ElectionId;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::files;
use super::output::Output;
use crate::certificate::{self, Authority, Description, NodeName, Pair};
use crate::clock::{Clock as _, SystemClock};
use crate::disk::write_secret;

/// Make and show certificates for the nodes' listeners.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
`tally election new` makes all of these already. Use `cert` to renew one, or for a node elsewhere.

Example:
  tally cert init ca --election caucus-2028
  tally cert issue n4 --ca ca --election caucus-2028 --id n4 --ordinal 4 --host n4.example
  tally cert show n4/api.crt")]
pub(crate) enum Verb {
    Init(Init),
    Issue(Issue),
    Show(Show),
}

/// Make an authority: ca.crt, which everyone may have, and ca.key, which signs.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder to write to.
    folder: PathBuf,
    /// The contest's name.
    #[arg(long, value_name = "NAME")]
    election: ElectionId,
}

/// Issue a node's two certificates: api.crt for clients, peer.crt for the other nodes.
#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The folder to write to.
    folder: PathBuf,
    /// The folder with ca.crt and ca.key.
    #[arg(long, value_name = "DIR")]
    ca: PathBuf,
    /// The contest's name.
    #[arg(long, value_name = "NAME")]
    election: ElectionId,
    /// The node's id in the manifest.
    #[arg(long)]
    id: String,
    /// The node's ordinal in the manifest.
    #[arg(long)]
    ordinal: u64,
    /// A name or address clients use besides localhost; may be given several times.
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
}

/// Say what a certificate holds for, and until when.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// PEM files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Wrote {
    files: Vec<String>,
}

#[derive(Serialize)]
struct Shown {
    certificates: Vec<Description>,
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::Init(init) => init.run(output),
            Verb::Issue(issue) => issue.run(output),
            Verb::Show(show) => show.run(output),
        }
    }
}

impl Init {
    fn run(self, output: Output) -> Outcome {
        let authority = Authority::new(&self.election, SystemClock::start().unix())
            .map_err(|error| cannot_make(&error))?;
        tell(output, write(&self.folder, &[("ca", authority.pair())])?)
    }
}

impl Issue {
    fn run(self, output: Output) -> Outcome {
        let read = |name: &str| files::read_text(&self.ca.join(name));
        let pair = Pair {
            certificate: read("ca.crt")?,
            key: read("ca.key")?,
        };
        let authority = Authority::open(pair).map_err(|error| cannot_make(&error))?;
        let node = NodeName {
            election: &self.election,
            id: &self.id,
            ordinal: self.ordinal,
        };
        let now = SystemClock::start().unix();
        let api = authority
            .api(&node, &self.hosts, now)
            .map_err(|error| cannot_make(&error))?;
        let peer = authority
            .peer(&node, now)
            .map_err(|error| cannot_make(&error))?;
        tell(
            output,
            write(&self.folder, &[("api", &api), ("peer", &peer)])?,
        )
    }
}

impl Show {
    fn run(self, output: Output) -> Outcome {
        let describe = |file: &PathBuf| {
            certificate::describe(&files::read_text(file)?).map_err(|error| {
                Failure::new(Exit::Usage, format!("cannot show `{}`", file.display()))
                    .because(&error)
            })
        };
        let certificates = self
            .files
            .iter()
            .map(describe)
            .collect::<Outcome<Vec<_>>>()?;
        let shown = Shown { certificates };
        output.result("tally.certificates/v1", &shown, || {
            let texts: Vec<String> = shown.certificates.iter().map(words).collect();
            texts.join("\n\n")
        })?;
        Ok(Exit::Done)
    }
}

fn words(about: &Description) -> String {
    let kind = if about.authority { "authority" } else { "node" };
    format!(
        "subject  {}\nissuer   {}\nkind     {kind}\nnames    {}\nholds    {} to {}\nsha256   {}",
        about.subject,
        about.issuer,
        if about.names.is_empty() {
            "-".to_owned()
        } else {
            about.names.join(", ")
        },
        about.not_before,
        about.not_after,
        about.sha256,
    )
}

fn write(folder: &Path, pairs: &[(&str, &Pair)]) -> Outcome<Vec<String>> {
    let failed = |path: &Path| {
        let what = format!("cannot write `{}`", path.display());
        move |error: std::io::Error| Failure::new(Exit::Failed, what).because(&error)
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let mut written = Vec::new();
    for (name, pair) in pairs {
        let key = folder.join(format!("{name}.key"));
        let certificate = folder.join(format!("{name}.crt"));
        if key.exists() {
            return Err(
                Failure::new(Exit::Usage, format!("`{}` exists", key.display()))
                    .now("choose another folder; keys are never overwritten"),
            );
        }
        write_secret(&key, &pair.key).map_err(failed(&key))?;
        std::fs::write(&certificate, &pair.certificate).map_err(failed(&certificate))?;
        written.extend([certificate.display().to_string(), key.display().to_string()]);
    }
    Ok(written)
}

fn tell(output: Output, files: Vec<String>) -> Outcome {
    let wrote = Wrote { files };
    output.result("tally.files/v1", &wrote, || wrote.files.join("\n"))?;
    Ok(Exit::Done)
}

fn cannot_make(error: &certificate::Error) -> Failure {
    Failure::new(Exit::Failed, "cannot make the certificate").because(error)
}
