#!/usr/bin/env node
// Checks receipts offline and prints every check.
//
//   verify.mjs FILE... --bundle DIR [--fingerprint CODE] [--note FILE] [--quiet]
//
// FILE is a `.tlog-proof`, its JSON, or the text of a QR code; `-` reads standard input. A QR code names
// its report by a hash; --note hands the report over. Ends as `tally receipt verify` does: 0 if all
// hold, 10 if one does not (or the bundle does not), 11 if one cannot be judged, 2 for a wrong command.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import * as tally from "../dist/index.js";

const [DONE, USAGE, INVALID, CANNOT_VERIFY] = [0, 2, 10, 11];
const MARKS = { passed: "\u2713", failed: "\u2717", not_checked: "\u2013" };
const say = (text) => process.stdout.write(`${text}\n`);

function usage(what) {
  process.stderr.write(`error: ${what}\n  now: verify.mjs FILE... --bundle DIR [--fingerprint CODE] [--note FILE] [--quiet]\n`);
  process.exit(USAGE);
}

function parseArguments(words) {
  const given = { files: [], bundle: null, fingerprint: null, note: null, quiet: false };
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    const value = () => words[(at += 1)] ?? usage(`\`${word}\` needs a value`);
    if (word === "--bundle") given.bundle = value();
    else if (word === "--fingerprint") given.fingerprint = value();
    else if (word === "--note") given.note = value();
    else if (word === "--quiet") given.quiet = true;
    else if (word.startsWith("--")) usage(`there is no \`${word}\``);
    else given.files.push(word);
  }
  if (given.files.length === 0) usage("no receipt was named");
  if (given.bundle === null) usage("no election bundle: give --bundle DIR");
  return given;
}

function read(file) {
  try {
    return new Uint8Array(readFileSync(file === "-" ? 0 : file));
  } catch (error) {
    return usage(`cannot read \`${file}\`: ${error.message}`);
  }
}

function readBundle(folder) {
  let names = [];
  try {
    names = readdirSync(folder).map((name) => join(folder, name));
  } catch (error) {
    usage(`cannot read the bundle: ${error.message}`);
  }
  return names.filter((name) => statSync(name).isFile()).map(read);
}

function judge(file, election, note, quiet) {
  const lines = [];
  let exit = INVALID;
  let summary;
  try {
    const bytes = read(file);
    const text = tally.fromUtf8(bytes);
    const isQr = text?.trimStart().startsWith("PT1:") ?? false;
    const receipt = isQr ? tally.parseQr(text, election, note) : tally.parseReceipt(bytes);
    const result = tally.verify(receipt, election);
    lines.push(...result.checks.map((check) => `  ${MARKS[check.result]} ${check.sentence}`));
    lines.push(...result.ignored.map((line) => `  \u2013 ${line}`));
    summary = result.summary;
    const kind = result.verdict.kind;
    exit = kind === "invalid" ? INVALID : kind.startsWith("recorded") ? DONE : CANNOT_VERIFY;
  } catch (error) {
    if (!(error instanceof tally.Malformed)) throw error;
    summary = `NOT A RECEIPT: ${error.message}.`;
  }
  say(quiet ? `${file}: ${summary}` : ["", file, ...lines, summary].join("\n"));
  return exit;
}

const given = parseArguments(process.argv.slice(2));
const pinned = given.fingerprint === null ? null
  : tally.parseFingerprint(given.fingerprint) ?? usage("the fingerprint was misread: its check letters do not fit");
let election;
try {
  election = tally.openBundle(readBundle(given.bundle), pinned);
} catch (error) {
  if (!(error instanceof tally.BadBundle)) throw error;
  process.stderr.write(`error: the bundle in \`${given.bundle}\` does not hold\n  why: ${error.message}\n`);
  process.exit(INVALID);
}
const code = tally.codeOf(election.genesis);
if (!given.quiet) {
  if (tally.latest(election).manifest.kind === "rehearsal") say("REHEARSAL: a receipt of a rehearsal counts for nothing else.\n");
  say(pinned === null
    ? `\u2013 No fingerprint was given, so the bundle is taken at its word: ${code}.\n  Compare this code with the published one.`
    : `\u2713 The bundle is the one whose fingerprint you gave: ${code}.`);
}
const note = given.note === null ? null : read(given.note);
const exits = given.files.map((file) => judge(file, election, note, given.quiet));
process.exitCode = [INVALID, CANNOT_VERIFY].find((exit) => exits.includes(exit)) ?? DONE;
