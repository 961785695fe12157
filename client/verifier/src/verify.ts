/**
 * Checks a receipt against an election, offline. Every check is made that can be made, each says in
 * one sentence what it found, and the verdict follows from them. "Recorded" says that the report is in
 * the log as shown; whether it is still what stands for the unit only the log itself can tell.
 */
import { equal } from "./bytes.js";
import { codeOf } from "./code.js";
import { Election, Version, chairKey, inForce, inForceAtLeaf, latest, recoveryOf } from "./election.js";
import { Leaf, SignerRule, isOf, parseEntry } from "./leaf.js";
import { Manifest, receiptQuorum } from "./manifest.js";
import { rootFromPath } from "./merkle.js";
import { Malformed, SignatureLine, SignedNote, VerifierKey, checkpointText, claims, cosignedAt, verifies } from "./note.js";
import { quorumMet } from "./policy.js";
import { Receipt } from "./receipt.js";

export type Reason =
  | "outside_tree" | "wrong_log" | "no_log_signature" | "bad_line" | "too_few_nodes" | "not_included"
  | "malformed_entry" | "wrong_election" | "bad_signature" | "wrong_signer" | "wrong_count";

export interface Check { name: string; result: "passed" | "failed" | "not_checked"; reason?: Reason; sentence: string }

export type Verdict =
  | { kind: "recorded" | "recorded_unread"; level: "receipt" | "final"; manifest: bigint; signers: string[]; lost: Manifest["recovered"] }
  | { kind: "not_yet_witnessed"; need: number; got: number }
  | { kind: "needs_newer_bundle"; manifest: bigint }
  | { kind: "invalid"; reason: Reason };

export interface Verification { checks: Check[]; ignored: string[]; verdict: Verdict; summary: string; code: string; leaf: Leaf | null }

const passed = (name: string, sentence: string): Check => ({ name, result: "passed", sentence });
const failed = (name: string, reason: Reason, sentence: string): Check => ({ name, result: "failed", reason, sentence });
const skipped = (name: string, sentence: string): Check => ({ name, result: "not_checked", sentence });

export function verify(receipt: Receipt, election: Election): Verification {
  const { origin, size } = receipt.signed.checkpoint;
  const version = inForce(election, origin, size);
  const lines = version === null ? null : examineLines(receipt, election, version);
  const read = readReport(receipt, election);
  const strangers = "Not checked: the log is not this election's.";
  const author = examineAuthor(receipt, election, read);
  const checks = [
    place(receipt),
    originCheck(receipt, election, version),
    lines?.log ?? skipped("log signature", strangers),
    lines?.cosignatures ?? skipped("cosignatures", strangers),
    inclusion(receipt),
    read.check,
    author.check,
  ];
  const asOf = (version ?? latest(election)).manifest.version;
  const verdict = judge(checks, receipt, election, lines, asOf);
  const summary = summarize(verdict, receipt, read.leaf, author.unknown);
  return { checks, ignored: lines?.ignored ?? [], verdict, summary, code: codeOf(receipt.leaf), leaf: read.leaf };
}

/** Missing signatures are no contradiction: only where nothing else failed do they decide. */
function judge(checks: Check[], receipt: Receipt, election: Election, lines: Lines | null, asOf: bigint): Verdict {
  const reasons = checks.flatMap(({ reason }) => (reason === undefined ? [] : [reason]));
  const wrong = reasons.find((reason) => reason !== "too_few_nodes" && reason !== "no_log_signature");
  if (wrong !== undefined) return { kind: "invalid", reason: wrong };
  const [short] = reasons;
  if (lines === null) return { kind: "invalid", reason: "wrong_log" };
  if (short !== undefined && lines.otherNodes) return { kind: "needs_newer_bundle", manifest: asOf };
  if (short === "too_few_nodes") return { kind: "not_yet_witnessed", need: lines.need, got: lines.nodes.length };
  if (short !== undefined) return { kind: "invalid", reason: short };
  const kind = receipt.entry === null ? "recorded_unread" : "recorded";
  const lost = lostIn(receipt, election);
  return { kind, level: lines.level, manifest: asOf, signers: [...lines.nodes, ...lines.witnesses], lost };
}

/** The recovery that went on from the receipt's log without its leaf, if there was one. */
function lostIn({ index, signed: { checkpoint: { origin } } }: Receipt, election: Election): Manifest["recovered"] {
  const recovered = recoveryOf(election, origin);
  return recovered !== null && index >= recovered.size ? recovered : null;
}

const WHY: Record<Reason, string> = {
  outside_tree: "the leaf lies outside the tree",
  wrong_log: "it is of another log",
  no_log_signature: "no known node signed for the log",
  bad_line: "a signature on the state of the log does not fit",
  too_few_nodes: "too few nodes cosigned",
  not_included: "the report is not in the tree",
  malformed_entry: "the report is malformed",
  wrong_election: "the report is of another election",
  bad_signature: "a signature of the report does not fit",
  wrong_signer: "somebody signed the report who may not",
  wrong_count: "the report has fewer or more signatures than its type has",
};

function summarize(verdict: Verdict, receipt: Receipt, leaf: Leaf | null, unknown: string | null): string {
  switch (verdict.kind) {
    case "invalid":
      return `NOT A RECEIPT: ${WHY[verdict.reason]}.`;
    case "not_yet_witnessed":
      return `NOT YET RECEIPTED: ${verdict.got} of the ${verdict.need} nodes needed have confirmed it. Keep the report and fetch the receipt again.`;
    case "needs_newer_bundle":
      return `CANNOT TELL: nodes signed that manifest ${verdict.manifest} does not name. Fetch the newer election bundle and check again.`;
    case "recorded":
    case "recorded_unread": {
      const level = verdict.level === "final" ? ", final" : "";
      const what = leaf === null ? `a report with the code ${codeOf(receipt.leaf)}`
        : `the ${leaf.type}${leaf.unit === null ? "" : ` of unit ${leaf.unit}`}`;
      const caveat = leaf === null ? " What it says stands in the note, which is not at hand."
        : unknown === null ? "" : ` Who signed it this bundle cannot tell (${unknown}).`;
      const lost = verdict.lost === null ? ""
        : ` BUT LOST SINCE: the log that went on from \`${verdict.lost.origin}\` begins with only ${verdict.lost.size} of its leaves. This receipt proves it; send the note again.`;
      return `RECORDED${level}: ${what} is leaf ${receipt.index} of the log, confirmed by ${verdict.signers.join(", ")}, as of manifest ${verdict.manifest}.${caveat}${lost}`;
    }
  }
}

function place({ index, signed: { checkpoint: { size } } }: Receipt): Check {
  return index < size
    ? passed("place", `The report is leaf ${index} of a log that had ${size} leaves when this receipt was made.`)
    : failed("place", "outside_tree", `There is no leaf ${index} in a log of ${size} leaves.`);
}

function originCheck({ signed: { checkpoint: { origin, size } } }: Receipt, election: Election, version: Version | null): Check {
  if (version !== null) {
    return passed("origin", `The log is \`${origin}\`, the one of election ${election.id}; the keys are those of manifest ${version.manifest.version}.`);
  }
  const own = latest(election).manifest.origin;
  return failed("origin", "wrong_log", own === origin
    ? `The log \`${origin}\` cannot have had only ${size} leaves.`
    : `The receipt is of the log \`${origin}\`; this election's is \`${own}\`.`);
}

function inclusion({ index, leaf, path, signed: { checkpoint: { size, root } } }: Receipt): Check {
  const reached = rootFromPath(index, size, leaf, path);
  return reached !== null && equal(reached, root)
    ? passed("inclusion", `${path.length === 1 ? "1 hash leads" : `${path.length} hashes lead`} from the report to the root: it is in the log exactly as shown here, under the code ${codeOf(leaf)}.`)
    : failed("inclusion", "not_included", "The hashes do not lead from the report to the root: the log does not contain it as shown here.");
}

interface Lines {
  log: Check;
  cosignatures: Check;
  nodes: string[];
  witnesses: string[];
  need: number;
  level: "receipt" | "final";
  ignored: string[];
  /** Whether lines name nodes of this log that the version in force does not have. */
  otherNodes: boolean;
}

/** Verifies every line with the keys of the version in force, and counts distinct keys. */
function examineLines({ signed }: Receipt, election: Election, version: Version): Lines {
  const { checkpoint } = signed;
  const { manifest } = version;
  const logs: string[] = [];
  const nodes: string[] = [];
  const witnesses: string[] = [];
  const ignored: string[] = [];
  let badLog: string | null = null;
  let badCosigner: string | null = null;
  let otherNodes = false;
  for (const line of signed.lines) {
    const log = manifest.nodes.find((one) => claims(one.log, line));
    const node = manifest.nodes.find((one) => claims(one.cosigner, line));
    const witness = manifest.witnesses.find((one) => claims(one.key, line));
    if (log !== undefined) {
      if (verifies(log.log, checkpointText(checkpoint), line)) logs.push(log.id);
      else badLog = line.name;
    } else if (node !== undefined) {
      if (cosignedAt(node.cosigner, checkpoint, line) !== null) nodes.push(node.id);
      else badCosigner = line.name;
    } else if (witness !== undefined) {
      if (cosignedAt(witness.key, checkpoint, line) !== null) witnesses.push(witness.id);
      else badCosigner = line.name;
    } else {
      const known = elsewhere(election, line);
      const fits = known !== null
        && (verifies(known.key, checkpointText(checkpoint), line) || cosignedAt(known.key, checkpoint, line) !== null);
      if (known !== null && !fits) {
        badCosigner = line.name;
        continue;
      }
      const ofThisLog = line.name === checkpoint.origin || line.name.startsWith(`${checkpoint.origin}/`);
      otherNodes ||= known === null ? ofThisLog : known.isNode;
      ignored.push(known === null
        ? `A line of \`${line.name}\` was ignored: this bundle does not know its key ${line.id}.`
        : `\`${line.name}\` signed too; manifest ${manifest.version} does not count it.`);
    }
  }
  const ids = new Set([...nodes, ...witnesses]);
  const need = receiptQuorum(manifest);
  const stand = `${nodes.length} of ${manifest.nodes.length} nodes (${nodes.join(", ")}) state that they hold every leaf up to there; ${need} are needed. `
    + (witnesses.length === 0 ? "No outside witness has signed yet." : `Outside witnesses that signed: ${witnesses.join(", ")}.`);
  return {
    log: badLog !== null ? failed("log signature", "bad_line", `The signature of the log, \`${badLog}\`, does not fit.`)
      : logs.length === 0 ? failed("log signature", "no_log_signature", "No node that this bundle knows signed for the log.")
        : passed("log signature", `The state of the log is signed by node ${logs.join(", ")}.`),
    cosignatures: badCosigner !== null ? failed("cosignatures", "bad_line", `The cosignature of \`${badCosigner}\` does not fit.`)
      : quorumMet(version.receiptPolicy, ids) ? passed("cosignatures", stand)
        : failed("cosignatures", "too_few_nodes", stand),
    nodes, witnesses, need, ignored, otherNodes,
    level: version.finalPolicy !== null && quorumMet(version.finalPolicy, ids) ? "final" : "receipt",
  };
}

/** A key of another version, or of a spare. */
function elsewhere(election: Election, line: SignatureLine): { key: VerifierKey; isNode: boolean } | null {
  for (const { manifest } of election.versions) {
    const machines = [...manifest.nodes, ...manifest.spares].flatMap(({ log, cosigner }) => [log, cosigner]);
    const node = machines.find((key) => claims(key, line));
    if (node !== undefined) return { key: node, isNode: true };
    const witness = manifest.witnesses.find(({ key }) => claims(key, line));
    if (witness !== undefined) return { key: witness.key, isNode: false };
  }
  return null;
}

interface Read { check: Check; leaf: Leaf | null; note: SignedNote | null }

function readReport({ entry }: Receipt, election: Election): Read {
  const name = "report";
  if (entry === null) {
    return { check: skipped(name, "Not checked: the receipt names the report by its hash alone."), leaf: null, note: null };
  }
  let read: { leaf: Leaf; note: SignedNote | null };
  try {
    read = parseEntry(entry);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const sentence = `The report is not one that the log accepts: ${error.message}.`;
    return { check: failed(name, "malformed_entry", sentence), leaf: null, note: null };
  }
  const { leaf, note } = read;
  if (!isOf(leaf, election.id, election.genesisText)) {
    const sentence = `The report is of another election, or of a rehearsal: it does not carry the fingerprint of ${election.id}.`;
    return { check: failed(name, "wrong_election", sentence), leaf: null, note: null };
  }
  return { check: passed(name, describe(leaf, election)), leaf, note };
}

function describe({ type, unit, report }: Leaf, election: Election): string {
  if (report === null) {
    return `It is a note of type ${type}${unit === null ? "" : ` about unit ${unit},`} of election ${election.id}.`;
  }
  const known = latest(election).roster.get(unit ?? "")?.name;
  const nature = report.supersedes === "" ? "the first report" : `report ${report.seq}, a correction,`;
  return `It is ${nature} of unit ${unit}${known === undefined ? "" : ` (${known})`} for election ${election.id}: `
    + `${report.attendees} people signed in, ${report.first} stood at first alignment, ${report.final} at final alignment.`;
}

interface Place { words: string; role: string | null; unit: string | null; slot: string | null }

function examineAuthor(receipt: Receipt, election: Election, { leaf, note }: Read): { check: Check; unknown: string | null } {
  const name = "author";
  if (leaf === null) return { check: skipped(name, "Not checked: there is no report to look at."), unknown: null };
  if (note === null) {
    return { check: passed(name, "Nobody signs derived totals: the nodes compute them, and so can anyone."), unknown: null };
  }
  const refuse = (reason: Reason, who: string): { check: Check; unknown: null } =>
    ({ check: failed(name, reason, `The report's signatures do not hold: ${WHY[reason]}${who}.`), unknown: null });
  const rule = leaf.signers;
  const got = note.signatures.length;
  const alone = rule.who === "chair" || rule.who === "operator or secretary";
  if (alone ? got !== 1 : got < (rule.who === "role" ? rule.least : 1)) return refuse("wrong_count", "");
  let version: Version | null = inForceAtLeaf(election, receipt.signed.checkpoint.origin, receipt.index);
  // A manifest is signed by the authority of the version before it, whichever is in force.
  if (leaf.manifest !== null) {
    const { previous } = leaf.manifest;
    version = (previous === null ? election.versions[0] : election.versions.find(({ hash }) => hash === previous)) ?? null;
  }
  if (version === null) {
    const sentence = "Not checked: the manifest that names its signers is not in this bundle.";
    return { check: skipped(name, sentence), unknown: "its manifest is not at hand" };
  }
  const people: string[] = [];
  let stranger: string | null = null;
  for (const line of note.signatures) {
    const known = keyOf(version, line);
    if (known === null) {
      stranger ??= line.name;
      continue;
    }
    if (!allows(rule, leaf.unit, known.place)) return refuse("wrong_signer", ` (\`${line.name}\`)`);
    if (!verifies(known.key, note.text, line)) return refuse("bad_signature", ` (\`${line.name}\`)`);
    people.push(known.place.words);
  }
  if (stranger !== null) {
    const sentence = `Not checked: the key \`${stranger}\` is not in manifest ${version.manifest.version} or its roll. It may have been enrolled later, and the receipt of that is not at hand.`;
    return { check: skipped(name, sentence), unknown: `key \`${stranger}\`` };
  }
  if (leaf.type === "manifest" && BigInt(people.length) < version.manifest.threshold) return refuse("wrong_count", "");
  return { check: passed(name, `Signed by ${people.join(" and ")}.`), unknown: null };
}

function keyOf(version: Version, line: SignatureLine): { key: VerifierKey; place: Place } | null {
  const person = version.manifest.keys.find(({ key }) => claims(key, line));
  if (person !== undefined) {
    const words = `${line.name}, of role ${person.role}`;
    return { key: person.key, place: { words, role: person.role, unit: null, slot: null } };
  }
  const [election, unit = "", slot = "", ...rest] = line.name.split("/");
  const key = election === version.manifest.election && rest.length === 0 ? chairKey(version, unit, slot) : null;
  if (key === null || !claims(key, line)) return null;
  const hand = slot === "s" ? "the secretary" : "the chair";
  const words = `${hand} of unit ${unit}${slot === "b" ? ", with the sealed spare key" : ""}`;
  return { key, place: { words, role: null, unit, slot } };
}

function allows(rule: SignerRule, unit: string | null, place: Place): boolean {
  switch (rule.who) {
    case "role": return place.role === rule.role;
    case "chair": return place.unit !== null && place.unit === unit && place.slot !== "s";
    case "operator or secretary": return place.role === "operator" || (place.slot === "s" && place.unit === unit);
    case "nobody": return false;
  }
}
