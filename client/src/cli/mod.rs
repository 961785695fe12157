//! The command line: what can be asked, and where each verb is answered.
//!
//! Data goes to standard output, talk to standard error; with `--json` the data is one line of
//! JSON with a versioned `schema`. Exit codes are in `exit.rs`, errors say what, why and what now.

mod activate;
mod acts;
mod administrator;
mod args;
mod attest;
mod audit;
mod backup;
mod cert;
mod close;
mod cluster;
mod completions;
mod correct;
mod desk;
mod dispute;
mod draft;
mod election;
mod enrol;
mod evidence;
mod exit;
mod export;
mod failure;
mod files;
mod gate;
mod hands;
mod head;
mod import;
mod key;
mod log;
mod node;
mod of;
mod outbox;
mod outlook;
mod output;
mod prompts;
mod receipt;
mod recount;
mod recover;
mod reference;
mod remarks;
mod results;
mod review;
mod revoke;
mod roster;
mod secrets;
mod send;
mod sheet;
mod sign;
mod status;
mod submit;
mod trace;
mod trust;
mod void;
mod watch;
mod words;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;
use failure::{Failure, Outcome};
use output::Output;

/// Reports, receipts and results of a caucus night, from outside the cluster.
#[derive(Debug, Parser)]
#[command(
    name = "tally",
    version,
    about,
    max_term_width = 100,
    propagate_version = true
)]
#[command(after_help = HELP_AFTER, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    /// Answer with one line of JSON on standard output.
    #[arg(long, global = true)]
    json: bool,
    /// Only data and errors, no talk.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    verb: Verb,
}

const HELP_AFTER: &str = "\
Environment:
  TALLY_NODES        addresses of all nodes, host:port, separated by commas
  TALLY_CA           certificate of the authority that signed the nodes' certificates
  TALLY_BUNDLE       folder of the election bundle
  TALLY_FINGERPRINT  the election's fingerprint, as printed before the night
  TALLY_OUTBOX       folder in which notes are kept until there is a receipt, and after
  `tally election new` writes a file tally.env with all five, to be sourced.

Exit codes:
  0    done
  1    failed; the message says why
  2    the command line, a file or the sheet is wrong; nothing was sent
  3    no node reached, or no receipt in time; the note stays in the outbox
  4    refused by the cluster, with the reason
  5    the cluster answers and is not healthy
  6    recorded as a rival: other figures stand for the unit
  10   a receipt, bundle or log that does not verify
  11   not verifiable with what is at hand, which is not the same as invalid
  130  stopped at a question

Try:
  tally election new --development night
  tally sheet P-0001 > sheet.toml
  tally submit sheet.toml --key night/chairs/P-0001.key
  tally receipt verify P-0001.receipt --bundle night/bundle
";

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(subcommand)]
    Election(election::Verb),
    #[command(subcommand)]
    Cert(cert::Verb),
    #[command(subcommand)]
    Cluster(cluster::Verb),
    #[command(subcommand)]
    Key(key::Verb),
    #[command(subcommand)]
    Node(node::Verb),
    Sheet(sheet::Sheet),
    Submit(submit::Submit),
    Correct(correct::Correct),
    #[command(subcommand)]
    Outbox(outbox::Verb),
    #[command(subcommand)]
    Receipt(receipt::Verb),
    Results(results::Results),
    Watch(watch::Watch),
    Outlook(outlook::Outlook),
    Trace(trace::Trace),
    Export(export::Export),
    CheckExport(export::CheckExport),
    Feed(export::Feed),
    Status(status::Status),
    #[command(subcommand)]
    Log(log::Verb),
    #[command(subcommand)]
    Backup(backup::Verb),
    #[command(subcommand)]
    Recover(recover::Verb),
    Attest(attest::Attest),
    Review(review::Review),
    Void(void::Void),
    Dispute(dispute::Dispute),
    Answer(dispute::Answer),
    Recanvass(recount::Recanvass),
    Recount(recount::Recount),
    Publish(gate::Publish),
    Hold(gate::Hold),
    #[command(subcommand)]
    Roster(roster::Verb),
    Enrol(enrol::Enrol),
    Revoke(revoke::Revoke),
    Close(close::Close),
    Audit(audit::Audit),
    Import(import::Import),
    Activate(activate::Activate),
    Sign(sign::Sign),
    Completions(completions::Completions),
}

/// Runs the command line `tally` was started with.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, arguments.iter().any(|word| word == "--json")),
    };
    let output = Output {
        json: cli.json,
        quiet: cli.quiet,
    };
    match dispatch(cli.verb, output) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit.into()
        }
    }
}

/// What clap has to say: help and version are data, everything else is an error.
fn usage(error: &clap::Error, json: bool) -> ExitCode {
    if error.use_stderr() && json {
        let text = error.render().to_string();
        let what = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        let output = Output { json, quiet: true };
        output.failure(&Failure::new(Exit::Usage, what).now("see `tally --help`"));
        Exit::Usage.into()
    } else if error.use_stderr() {
        let _ = write!(anstream::stderr().lock(), "{}", error.render().ansi());
        Exit::Usage.into()
    } else {
        let _ = write!(anstream::stdout().lock(), "{}", error.render().ansi());
        Exit::Done.into()
    }
}

fn dispatch(verb: Verb, output: Output) -> Outcome {
    match verb {
        Verb::Election(verb) => verb.run(output),
        Verb::Cert(verb) => verb.run(output),
        Verb::Cluster(verb) => verb.run(output),
        Verb::Key(verb) => verb.run(output),
        Verb::Node(verb) => verb.run(output),
        Verb::Sheet(verb) => verb.run(output),
        Verb::Submit(verb) => verb.run(output),
        Verb::Correct(verb) => verb.run(output),
        Verb::Outbox(verb) => verb.run(output),
        Verb::Receipt(verb) => verb.run(output),
        Verb::Results(verb) => verb.run(output),
        Verb::Watch(verb) => verb.run(output),
        Verb::Outlook(verb) => verb.run(output),
        Verb::Trace(verb) => verb.run(output),
        Verb::Export(verb) => verb.run(output),
        Verb::CheckExport(verb) => verb.run(output),
        Verb::Feed(verb) => verb.run(output),
        Verb::Status(verb) => verb.run(output),
        Verb::Log(verb) => verb.run(output),
        Verb::Backup(verb) => verb.run(output),
        Verb::Recover(verb) => verb.run(output),
        Verb::Attest(verb) => verb.run(output),
        Verb::Review(verb) => verb.run(output),
        Verb::Void(verb) => verb.run(output),
        Verb::Dispute(verb) => verb.run(output),
        Verb::Answer(verb) => verb.run(output),
        Verb::Recanvass(verb) => verb.run(output),
        Verb::Recount(verb) => verb.run(output),
        Verb::Publish(verb) => verb.run(output),
        Verb::Hold(verb) => verb.run(output),
        Verb::Roster(verb) => verb.run(output),
        Verb::Enrol(verb) => verb.run(output),
        Verb::Revoke(verb) => verb.run(output),
        Verb::Close(verb) => verb.run(output),
        Verb::Audit(verb) => verb.run(output),
        Verb::Import(verb) => verb.run(output),
        Verb::Activate(verb) => verb.run(output),
        Verb::Sign(verb) => verb.run(output),
        Verb::Completions(verb) => verb.run(),
    }
}

/// Runs a verb that talks to nodes.
fn on_network<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "cannot start").because(&error))?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
