//! Network namespaces and their devices, made with the program `ip` of iproute2.

use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Context, ensure};
use tun_rs::{DeviceBuilder, SyncDevice};

use super::CLIENT;

/// Below what any link layer takes, so that nothing is ever split.
const MTU: u16 = 1_400;

/// A namespace; dropping it removes it with its device.
#[derive(Debug)]
pub(super) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes the namespace of a node and moves its device into it.
    pub(super) fn make(network: &str, ordinal: u64, address: Ipv4Addr) -> anyhow::Result<Self> {
        let name = format!("tally-{network}-{ordinal}");
        ip(&["netns", "add", &name])?;
        let made = Self { name };
        let (device, address) = (device_name(network, ordinal), format!("{address}/24"));
        ip(&["link", "set", &device, "netns", &made.name])?;
        let inside = |words: &[&str]| ip(&[&["-n", made.name.as_str()], words].concat());
        inside(&["link", "set", "lo", "up"])?;
        inside(&["addr", "add", &address, "dev", &device])?;
        inside(&["link", "set", &device, "up"])?;
        Ok(made)
    }

    /// What to put before a command that is to run here. `ip` becomes that command, so that its
    /// process id is the command's.
    pub(super) fn prefix(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name]
            .map(str::to_owned)
            .into()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = ip(&["netns", "del", &self.name]) {
            anstream::eprintln!("the namespace `{}` stays: {error:#}", self.name);
        }
    }
}

/// The device of a party, in this process's own namespace at first.
pub(super) fn device(network: &str, party: u64) -> anyhow::Result<SyncDevice> {
    DeviceBuilder::new()
        .name(device_name(network, party))
        .mtu(MTU)
        .enable(false)
        .build_sync()
        .context("open a TUN device")
}

/// Gives the test's own device its address.
pub(super) fn address_of_client(network: &str, address: Ipv4Addr) -> anyhow::Result<()> {
    let device = device_name(network, CLIENT);
    ip(&["addr", "add", &format!("{address}/24"), "dev", &device])?;
    ip(&["link", "set", &device, "up"])
}

/// Names of devices have at most 15 bytes.
fn device_name(network: &str, party: u64) -> String {
    format!("tally{network}.{party}")
}

/// Runs `ip` with these words.
pub(super) fn ip(words: &[&str]) -> anyhow::Result<()> {
    let ran = Command::new("ip")
        .args(words)
        .output()
        .context("run `ip`")?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(
        ran.status.success(),
        "`ip {}`: {}",
        words.join(" "),
        said.trim()
    );
    Ok(())
}
