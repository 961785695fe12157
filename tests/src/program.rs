//! One call of the program `tally`, as people type it, whose answer is read as JSON.

use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::cluster::beside_this_program;

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
