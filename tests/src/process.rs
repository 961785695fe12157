//! One `tally-node` process on this machine: started, killed, asked to stop, measured. It knows nothing of
//! what the process does.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// A node's process. Dropping it kills the process.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    log: PathBuf,
}

impl NodeProcess {
    /// Starts `binary --config <config>` behind the words of `prefix`, a command that becomes the one
    /// behind it; what it prints goes to `log`, after what is there already.
    pub fn start(
        prefix: &[String],
        binary: &Path,
        config: &Path,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("open `{}`", log.display()))?;
        let mut command = match prefix.split_first() {
            None => Command::new(binary),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(binary);
                command
            }
        };
        let child = command
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start `{}`", binary.display()))?;
        Ok(Self {
            child,
            log: log.to_path_buf(),
        })
    }

    /// The process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// SIGKILL: the process gets no chance to write anything more.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("kill the node")
    }

    /// SIGTERM, then waits for the process to end by itself.
    pub async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.child.wait().await.context("wait for the node")
    }

    /// Waits for the process to end by itself.
    pub async fn ended(mut self) -> anyhow::Result<ExitStatus> {
        self.child.wait().await.context("wait for the node")
    }

    /// Whether it ended already, and how.
    pub fn has_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends `signal` to the process.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.pid()?, signal).context("signal the node")
    }

    /// Memory in RAM, in KiB (`VmRSS` of proc(5)).
    pub fn resident_kib(&self) -> anyhow::Result<u64> {
        let id = self.child.id().context("the node has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        let number = line.trim().trim_end_matches("kB").trim();
        number.parse().with_context(|| format!("read `{line}`"))
    }

    /// What the process has printed so far, over all its lives.
    pub fn printed(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// Lets the process outlive this one, and says its id.
    pub fn leave_running(self) -> anyhow::Result<u32> {
        let id = self.child.id().context("the node has ended")?;
        // The handle kills the process when dropped; forgetting it is how the process stays.
        std::mem::forget(self);
        Ok(id)
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        let id = self.child.id().context("the node has ended")?;
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
        ensure!(pid.is_some(), "{id} is no process id");
        pid.context("no process id")
    }
}
