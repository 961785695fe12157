//! Programs of ours started as anybody starts them: a node with variables of its own, and one call of
//! `tally` whose answer is JSON.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::cluster::beside_this_program;

/// A node that was started by its configuration alone. Dropping it kills the process.
#[derive(Debug)]
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a node; what it prints goes to `node.log` beside its configuration.
    pub fn node(config: &Path, variables: &[(&str, &Path)]) -> anyhow::Result<Self> {
        let log = config.with_file_name("node.log");
        let output = File::options().create(true).append(true).open(&log)?;
        let child = Command::new(beside_this_program("tally-node")?)
            .arg("--config")
            .arg(config)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .context("start a node")?;
        Ok(Self { child, log })
    }

    /// Waits for the process to end by itself; also answers what it printed.
    pub async fn ended(mut self) -> anyhow::Result<(ExitStatus, String)> {
        let status = self.child.wait().await?;
        Ok((status, std::fs::read_to_string(self.log)?))
    }

    /// SIGKILL.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("kill the node")
    }
}

/// What a call of `tally --json` came to.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The exit code.
    pub code: i32,
    /// The line of JSON; null where there was none.
    pub json: Value,
}

impl Answer {
    /// A field of the answer.
    pub fn field(&self, name: &str) -> &Value {
        self.json.get(name).unwrap_or(&Value::Null)
    }

    /// A number of the answer; an error where there is none.
    pub fn number(&self, name: &str) -> anyhow::Result<u64> {
        let number = self.field(name).as_u64();
        number.with_context(|| format!("no number `{name}` in {}", self.json))
    }

    /// A list of the answer, empty where there is none.
    pub fn list(&self, name: &str) -> &[Value] {
        self.field(name).as_array().map_or(&[], Vec::as_slice)
    }

    /// The answer, if the call ended with 0.
    pub fn done(self) -> anyhow::Result<Self> {
        if self.code != 0 {
            bail!("`tally` ended with {}: {}", self.code, self.json);
        }
        Ok(self)
    }
}

/// Calls `tally --json` with these words and no variable of this program's that means something to it.
pub async fn tally<W: AsRef<std::ffi::OsStr>>(words: &[W]) -> anyhow::Result<Answer> {
    let mut command = Command::new(beside_this_program("tally")?);
    for name in [
        "TALLY_NODES",
        "TALLY_CA",
        "TALLY_BUNDLE",
        "TALLY_FINGERPRINT",
        "TALLY_OUTBOX",
        "TALLY_KEY",
    ] {
        command.env_remove(name);
    }
    let output = command
        .arg("--json")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .await
        .context("start `tally`")?;
    let text = String::from_utf8(output.stdout)?;
    let json = text.lines().last().map(serde_json::from_str).transpose()?;
    Ok(Answer {
        code: output.status.code().context("`tally` was killed")?,
        json: json.unwrap_or(Value::Null),
    })
}
