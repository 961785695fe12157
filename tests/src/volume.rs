//! A file system for one node: an ext4 in a file, mounted in a mount namespace of its own, so that it can be
//! filled to the last byte or made to fail without anybody else's disk.
//!
//! A process holds the namespace and ends when this program does, however it ends; the mount goes with the last
//! process in it. It takes root, a loop device and the programs of util-linux and e2fsprogs; whether they are
//! there is asked first, so that a test can say what it lacks.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// Mounts, says so, and stays until its input ends.
const HOLD: &str = r#"mount -o loop,errors=remount-ro "$0" "$1" && echo mounted && exec cat"#;

/// Programs that there must be, each with words on which it does nothing and succeeds.
const PROGRAMS: [(&str, &str); 5] = [
    ("unshare", "-V"),
    ("nsenter", "-V"),
    ("mount", "-V"),
    ("mkfs.ext4", "-V"),
    ("e2fsck", "-V"),
];

/// What the file system counts in. Small files have a block each, so where none is left none is written.
const BLOCK: u64 = 4096;

/// A mounted file system. Dropping it ends its holder.
#[derive(Debug)]
pub struct Volume {
    holder: Child,
    image: PathBuf,
    folder: PathBuf,
}

/// What this machine lacks for a file system of a test's own, if it lacks something.
pub fn lacking() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("root, to mount a file system".to_owned());
    }
    if !Path::new("/dev/loop-control").exists() {
        return Some("/dev/loop-control".to_owned());
    }
    let missing = PROGRAMS
        .iter()
        .find(|(program, word)| run(Command::new(program).arg(word)).is_err())?;
    Some(format!("the program `{}`", missing.0))
}

impl Volume {
    /// Makes a file system of so many megabytes in `image` and mounts it on `folder`.
    pub fn open(image: &Path, folder: &Path, megabytes: u64) -> anyhow::Result<Self> {
        std::fs::File::create(image)?.set_len(megabytes << 20)?;
        std::fs::create_dir_all(folder)?;
        // All of the room is the node's, none is kept for root.
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-m", "0", "-b", &BLOCK.to_string()])
            .arg(image))?;
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", HOLD])
            .args([image, folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("run `unshare`")?;
        let output = holder.stdout.take().context("the holder has no output")?;
        let mut said = String::new();
        BufReader::new(output).read_line(&mut said)?;
        let volume = Self {
            holder,
            image: image.to_owned(),
            folder: folder.to_owned(),
        };
        ensure!(said == "mounted\n", "the file system was not mounted");
        Ok(volume)
    }

    /// What to put before a command that is to see the file system. `nsenter` becomes that command, so that its
    /// process id is the command's.
    pub fn prefix(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), self.namespace()]
    }

    /// Takes room with a file until so many bytes are left, or none.
    pub fn fill(&self, leave: u64) -> anyhow::Result<()> {
        let seen = self.seen();
        let ballast = std::fs::File::options()
            .create(true)
            .append(true)
            .open(seen.join("ballast"))?;
        let mut most = u64::MAX;
        while most >= BLOCK {
            let free = statvfs(&seen)?;
            let spare = (free.f_bavail * free.f_frsize).saturating_sub(leave);
            let wanted = spare.min(most);
            if wanted < BLOCK {
                break;
            }
            let end = ballast.metadata()?.len();
            // The file system needs some of the room itself, to note what is taken.
            match fallocate(&ballast, FallocateFlags::empty(), end, wanted) {
                Ok(()) => {}
                Err(rustix::io::Errno::NOSPC) => most = wanted / 2,
                Err(error) => return Err(error).context("take room"),
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub fn empty(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.seen().join("ballast"))?)
    }

    /// From now on the file system takes nothing, as after an error of the disk below it.
    pub fn fail(&self) -> anyhow::Result<()> {
        self.inside(&["mount", "-o", "remount,abort"], &self.folder)
    }

    /// Examines the file system and mounts it anew, as somebody does who has mended the disk. Nobody may use it.
    pub fn mend(&self) -> anyhow::Result<()> {
        self.inside(&["umount"], &self.folder)?;
        let examined = self.command(&["e2fsck", "-fy"]).arg(&self.image).output()?;
        // 1 says that something was put right.
        ensure!(
            matches!(examined.status.code(), Some(0 | 1)),
            "e2fsck: {}",
            String::from_utf8_lossy(&examined.stdout)
        );
        let image = self.image.display().to_string();
        self.inside(&["mount", "-o", "loop", &image], &self.folder)
    }

    /// The file system as this program sees it, which is not in its namespace.
    fn seen(&self) -> PathBuf {
        let mut path = format!("/proc/{}/root", self.holder.id());
        path.push_str(&self.folder.display().to_string());
        PathBuf::from(path)
    }

    fn inside(&self, words: &[&str], path: &Path) -> anyhow::Result<()> {
        run(self.command(words).arg(path))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(self.namespace()).args(words);
        command
    }

    fn namespace(&self) -> String {
        format!("--mount=/proc/{}/ns/mnt", self.holder.id())
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        if let Err(error) = self.holder.wait() {
            anstream::eprintln!("the holder of a file system: {error}");
        }
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let ran = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{command:?}: {}", said.trim());
    Ok(())
}
