/**
 * What a leaf of the log says, as far as a verifier needs it: its type, its election, its unit, who
 * has to have signed it. Every line of every type is held against the grammar all the same.
 */
import { decimal, fromUtf8, sha256, utf8, base64 } from "./bytes.js";
import { isPrintedCode } from "./code.js";
import { Figures, readFigures } from "./figures.js";
import { unitLine } from "./files.js";
import { Lines, dash, fields, hashText, number, oneOf, positive, token } from "./lines.js";
import { MANIFEST, Malformed, NOTE, SignedNote, countLines, isName, parseKey, parseNote } from "./note.js";
import { Manifest, ROLES, readManifest } from "./manifest.js";

export interface Leaf {
  type: string;
  election: string;
  /** The genesis as it is written; null in version 1 of the manifest, which is its own. */
  genesis: string | null;
  text: string;
  unit: string | null;
  signers: SignerRule;
  manifest: Manifest | null;
  report: (Figures & { seq: bigint; supersedes: string }) | null;
}

/** Who must have signed: a role and how many of it, the unit's chair, its second hand, or nobody. */
export type SignerRule =
  | { who: "role"; role: string; least: number }
  | { who: "chair" } | { who: "operator or secretary" } | { who: "nobody" };

const TOTALS = "precinct-tally/totals/v1\n";
const MANIFEST_FIRST_LINE = "precinct-tally/manifest/v1\n";

/** Reads the exact bytes of a leaf: a signed note, or the bare text of derived totals. */
export function parseEntry(entry: Uint8Array): { leaf: Leaf; note: SignedNote | null } {
  const start = fromUtf8(entry.slice(0, MANIFEST_FIRST_LINE.length)) ?? "";
  const derived = start.startsWith(TOTALS);
  const limits = derived || start === MANIFEST_FIRST_LINE ? MANIFEST : NOTE;
  if (derived) {
    const text = entry.length <= limits.bytes ? fromUtf8(entry) : null;
    if (text === null || countLines(text) > limits.lines) throw new Malformed(1, "not a text of its kind's size");
    return { leaf: readLeaf(text), note: null };
  }
  const note = parseNote(entry, limits);
  const keys = note.signatures.map((line) => `${line.name} ${line.id}`);
  if (keys.some((key, at) => at > 0 && !((keys[at - 1] ?? "") < key))) {
    throw new Malformed(1, "signature lines ascend by name and key id");
  }
  const leaf = readLeaf(note.text);
  if (leaf.type === "totals") throw new Malformed(1, "totals are derived and signed by nobody");
  return { leaf, note };
}

export const isManifestText = (bytes: Uint8Array): boolean =>
  fromUtf8(bytes.slice(0, MANIFEST_FIRST_LINE.length)) === MANIFEST_FIRST_LINE;

/** Whether the leaf carries this election's name and genesis. */
export function isOf(leaf: Leaf, election: string, genesis: string): boolean {
  return leaf.election === election && (leaf.genesis ?? base64(sha256(utf8(leaf.text)))) === genesis;
}

function readLeaf(text: string): Leaf {
  const first = text.split("\n", 1)[0] ?? "";
  const type = /^precinct-tally\/([a-z]+)\/v1$/.exec(first)?.[1] ?? "";
  const lines = new Lines(text);
  lines.exactly(first);
  const election = lines.value("election", token);
  const genesis = lines.value("genesis", dash(hashText)) || null;
  const leaf: Leaf = {
    type, election, genesis, text, unit: null, signers: { who: "nobody" }, manifest: null, report: null,
  };
  if (type === "totals") {
    if (genesis === null) throw new Malformed(3, "totals have a genesis");
    totals(lines);
  } else {
    lines.value("id", (id) => (/^[0-9a-f]{32}$/.test(id) ? id : null));
    lines.value("time", number);
    if (type === "manifest") {
      leaf.signers = { who: "role", role: "authority", least: 1 };
      leaf.manifest = readManifest(lines, election, genesis);
    } else {
      if (genesis === null) throw new Malformed(3, "only manifest version 1 has no genesis");
      const read = ACTS[type];
      if (read === undefined) throw new Malformed(1, "not a type of leaf");
      read(lines, leaf);
    }
  }
  lines.end();
  return leaf;
}

type Reader = (lines: Lines, leaf: Leaf) => void;

const by = (role: string, least: number): SignerRule => ({ who: "role", role, least });
const printable = (text: string): string | null => (text.length <= 200 && text.length > 0 ? text : null);
const reason = (lines: Lines): void => void lines.value("reason", printable);
const ofHead = (lines: Lines, leaf: Leaf): void => {
  leaf.unit = lines.value("unit", token);
  lines.value("of", hashText);
};

const submission: Reader = (lines, leaf) => {
  leaf.unit = lines.value("unit", token);
  const seq = lines.value("seq", positive);
  const supersedes = lines.value("supersedes", dash(hashText));
  const channel = lines.optional("channel", oneOf("paper", "phone", "photo"));
  lines.optional("voucher", (code) => (isPrintedCode(code) ? code : null));
  leaf.report = { ...readFigures(lines, false), seq, supersedes };
  leaf.signers = channel === null ? { who: "chair" } : by("operator", 2);
};

const attest: Reader = (lines, leaf) => {
  leaf.unit = lines.value("unit", token);
  lines.value("channel", oneOf("paper", "phone", "photo", "room"));
  readFigures(lines, true);
  leaf.signers = { who: "operator or secretary" };
};

const countAgain: Reader = (lines, leaf) => {
  leaf.unit = lines.value("unit", token);
  readFigures(lines, false);
  lines.value("adopt", oneOf("yes", "no"));
  reason(lines);
  leaf.signers = by("reviewer", 2);
};

const review: Reader = (lines, leaf) => {
  ofHead(lines, leaf);
  const decision = lines.value("decision", oneOf("accept", "ask", "hold", "take"));
  if (decision === "take") lines.value("takes", hashText);
  lines.list("finding", (code) => (/^[A-Za-z0-9_]{1,64}$/.test(code) ? code : null), (code) => code, 256);
  reason(lines);
  leaf.signers = by("reviewer", 1);
};

const voided: Reader = (lines, leaf) => {
  ofHead(lines, leaf);
  reason(lines);
  leaf.signers = by("registrar", 2);
};

const dispute: Reader = (lines, leaf) => {
  ofHead(lines, leaf);
  const cells = lines.list("cell", (text) => {
    const [column = "", group = "", claimed = ""] = fields(text, 3) ?? [];
    const place = column === "attendees" ? group === "-" : token(group) !== null && group !== "-";
    const known = oneOf("attendees", "delegates", "final", "first")(column) !== null;
    return known && place && number(claimed) !== null ? `${column} ${group}` : null;
  }, (cell) => cell, 256);
  if (cells.length === 0) throw lines.fault("expected `cell …`");
  reason(lines);
  leaf.signers = by("observer", 1);
};

const answer: Reader = (lines, leaf) => {
  lines.value("to", hashText);
  lines.value("upheld", oneOf("yes", "no"));
  reason(lines);
  leaf.signers = by("reviewer", 1);
};

const gate: Reader = (lines, leaf) => {
  lines.value("scope", (text) => {
    const [kind = "", id = ""] = fields(text, 2) ?? [];
    return text === "all" || (oneOf("county", "unit")(kind) !== null && token(id) !== null) ? text : null;
  });
  reason(lines);
  leaf.signers = by("publisher", 2);
};

const close: Reader = (lines, leaf) => {
  reason(lines);
  leaf.signers = by("publisher", 2);
};

const activate: Reader = (lines, leaf) => {
  lines.value("manifest", hashText);
  reason(lines);
  leaf.signers = by("admin", 2);
};

const keyReference = (text: string): string | null => {
  const [name = "", id = ""] = fields(text, 2) ?? [];
  return isName(name) && /^[0-9a-f]{8}$/.test(id) ? text : null;
};

const enrol: Reader = (lines, leaf) => {
  let name: string | null = null;
  if (lines.has("unit")) {
    const unit = lines.value("unit", token);
    const slot = lines.value("slot", oneOf("a", "b", "s"));
    name = `${leaf.election}/${unit}/${slot}`;
  } else {
    lines.value("role", oneOf(...ROLES.filter((role) => role !== "authority")));
  }
  lines.value("vkey", (text) => {
    const key = parseKey(text);
    return key?.type === 1 && (name === null || key.name === name) ? key : null;
  });
  lines.optional("replaces", keyReference);
  reason(lines);
  leaf.signers = by("registrar", 2);
};

const revoke: Reader = (lines, leaf) => {
  lines.value("key", keyReference);
  lines.value("earlier", oneOf("doubt", "stand"));
  reason(lines);
  leaf.signers = by("registrar", 2);
};

const roster: Reader = (lines, leaf) => {
  if (lines.has("add")) {
    lines.value("add", unitLine);
  } else if (lines.has("close")) {
    lines.value("close", (text) => (text.startsWith("unit ") ? token(text.slice(5)) : null));
  } else if (lines.has("merge")) {
    lines.value("merge", (text) => {
      const [from = "", into = "", delegates = ""] = fields(text, 3) ?? [];
      const units = token(from) !== null && token(into) !== null && from !== into;
      return units && number(delegates) !== null ? text : null;
    });
  } else {
    lines.value("withdraw", token);
  }
  reason(lines);
  leaf.signers = by("registrar", 2);
};

const ACTS: Record<string, Reader | undefined> = Object.assign(Object.create(null), {
  submission, attest, review, dispute, answer, close, activate, enrol, revoke, roster,
  void: voided, recanvass: countAgain, recount: countAgain, publish: gate, hold: gate,
});

function totals(lines: Lines): void {
  lines.value("of", number);
  lines.list("row", (text) => {
    const [group = "", first = "", final = "", delegates = "", worth = ""] = fields(text, 5) ?? [];
    const sums = [first, final, delegates].every((sum) => decimal(sum) !== null);
    const fraction = worth.length <= 4096 && /^(0|[1-9][0-9]*)\/[1-9][0-9]*$/.test(worth);
    return sums && fraction ? token(group) : null;
  }, (group) => group);
  lines.value("results", hashText);
}
