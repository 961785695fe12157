//! Whether this node should get traffic, as a list of named checks. Whether it should be
//! restarted is another question and never depends on the others: a partition must not become a
//! storm of restarts.

use std::sync::Arc;
use std::time::Duration;

use witness::gossip::Stand;

use crate::barrier;
use crate::core::Core;

/// A state that lags by more than this many log entries is shown too late.
const LAG: u64 = 1_000;

/// How long the check of a read may take.
const READ: Duration = Duration::from_secs(1);

/// One check.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// What is wrong; none when it passed.
    pub(crate) problem: Option<String>,
}

impl Check {
    /// Before the first look.
    pub(crate) fn starting() -> Self {
        Self {
            name: "running",
            problem: Some("starting".to_owned()),
        }
    }

    /// What is wrong, with the check's name; none when it passed.
    pub(crate) fn sentence(&self) -> Option<String> {
        let problem = self.problem.as_ref()?;
        Some(format!("{}: {problem}", self.name))
    }
}

/// All checks, in a fixed order.
pub(crate) async fn checks(core: &Arc<Core>) -> Vec<Check> {
    let status = core.replica.status();
    let lag = status
        .committed
        .unwrap_or_default()
        .saturating_sub(status.applied.unwrap_or_default());
    let initialized = core.initialized();
    let check = |name, wrong: bool, problem: &str| Check {
        name,
        problem: wrong.then(|| problem.to_owned()),
    };
    let mut checks = vec![
        check("running", core.draining.is_cancelled(), "shutting down"),
        check(
            "taking_submissions",
            core.admission.draining() && !core.draining.is_cancelled(),
            "drained by an administrator; it may be stopped",
        ),
        check("store", core.log.stopped().is_some(), "the disk failed"),
        check(
            "initialized",
            !initialized,
            "waits for `tally cluster init`",
        ),
        check("caught_up", lag > LAG, &format!("{lag} entries behind")),
        check(
            "member",
            initialized && !status.members.voters.contains(&status.ordinal),
            "no vote",
        ),
        Check {
            name: "cosigning",
            problem: not_cosigning(core).await,
        },
        check(
            "log",
            core.retired.is(),
            "this log is over; it goes on under another origin",
        ),
        check("leader", status.leader.is_none(), "no leader is known"),
    ];
    let read = if status.leader.is_none() {
        Some("no leader confirms it".to_owned())
    } else {
        match tokio::time::timeout(READ, barrier::pass(core)).await {
            Ok(passed) => passed.err().map(|error| error.to_string()),
            Err(_elapsed) => Some("not confirmed within a second".to_owned()),
        }
    };
    checks.push(Check {
        name: "linearizable_read",
        problem: read,
    });
    checks
}

/// Why this node signs nothing, if it does not.
async fn not_cosigning(core: &Arc<Core>) -> Option<String> {
    if let Some(reason) = core.cosigner.stopped() {
        return Some(reason.trim().to_owned());
    }
    // Where the state cannot be read the node ends; that is another check's.
    let charter = core.charter_now().await.ok()??;
    match core.stand(charter.nodes().len()) {
        Stand::Sound => None,
        Stand::InDoubt | Stand::Outvoted => Some(
            "another node holds another tree, and no majority agrees with this one; see `evidence`"
                .to_owned(),
        ),
    }
}

/// Whether all passed.
pub(crate) fn passed(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.problem.is_none())
}

/// A line a check: `[+]store ok` or `[-]leader failed: no leader is known`.
pub(crate) fn report(checks: &[Check]) -> String {
    let line = |check: &Check| match &check.problem {
        None => format!("[+]{} ok\n", check.name),
        Some(problem) => format!("[-]{} failed: {problem}\n", check.name),
    };
    checks.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_what_failed_and_why() {
        let checks = [
            Check {
                name: "store",
                problem: None,
            },
            Check {
                name: "leader",
                problem: Some("no leader is known".to_owned()),
            },
        ];
        assert_eq!(
            report(&checks),
            "[+]store ok\n[-]leader failed: no leader is known\n"
        );
        assert!(!passed(&checks));
    }
}
