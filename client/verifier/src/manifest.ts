/** The manifest: who takes part, with which keys, and the hashes of the election's files. */
import { fromHash } from "./bytes.js";
import { Lines, dash, fields, hashText, number, oneOf, positive } from "./lines.js";
import { VerifierKey, isName, parseKey } from "./note.js";

export const ROLES = ["admin", "authority", "observer", "operator", "publisher", "registrar", "reviewer"];

export interface NodeLine { ordinal: bigint; id: string; log: VerifierKey; cosigner: VerifierKey }
export interface WitnessLine { id: string; key: VerifierKey }
export interface PersonKey { role: string; key: VerifierKey }
export interface CountedFile { count: bigint; hash: string }

export interface Manifest {
  election: string;
  genesis: string | null;
  version: bigint;
  previous: string | null;
  kind: string;
  origin: string;
  recovered: { origin: string; size: bigint; root: string } | null;
  lost: string[];
  threshold: bigint;
  keys: PersonKey[];
  nodes: NodeLine[];
  spares: NodeLine[];
  witnesses: WitnessLine[];
  receiptPolicy: string;
  finalPolicy: string;
  roll: CountedFile;
  roster: CountedFile;
  rules: string;
}

/** How many nodes must have cosigned a receipt: a majority of the node lines. */
export const receiptQuorum = (manifest: Manifest): number => Math.floor(manifest.nodes.length / 2) + 1;

/** At final level: floor((n + f) / 2) + 1, where one node of three or more may lie. */
export function finalQuorum({ nodes }: Manifest): number {
  const mayLie = nodes.length >= 3 ? 1 : 0;
  return Math.floor((nodes.length + mayLie) / 2) + 1;
}

const key = (type: number) => (text: string): VerifierKey | null => {
  const parsed = parseKey(text);
  return parsed?.type === type ? parsed : null;
};

const originName = (text: string): string | null => {
  const fits = /^[a-z0-9./-]{1,64}$/.test(text);
  return fits && !text.startsWith("precinct-tally/") && text !== "cosignature/v1" ? text : null;
};

const nodeId = (text: string): string | null =>
  /^[a-z0-9][a-z0-9-]{0,31}$/.test(text) && !["none", "nodes", "outside", "final"].includes(text) ? text : null;

function machine(text: string): NodeLine | null {
  const [ordinal = "", name = "", logKey = "", cosignerKey = ""] = fields(text, 4) ?? [];
  const place = positive(ordinal);
  const id = nodeId(name);
  const log = key(1)(logKey);
  const cosigner = key(4)(cosignerKey);
  if (place === null || place > 63n || id === null || log === null || cosigner === null) return null;
  return { ordinal: place, id, log, cosigner };
}

function witness(text: string): WitnessLine | null {
  const [name = "", vkey = ""] = fields(text, 2) ?? [];
  const id = nodeId(name);
  const parsed = key(4)(vkey);
  return id === null || parsed === null ? null : { id, key: parsed };
}

function person(text: string): (PersonKey & { text: string }) | null {
  const [role = "", vkey = ""] = fields(text, 2) ?? [];
  const parsed = key(1)(vkey);
  return ROLES.includes(role) && parsed !== null ? { role, key: parsed, text } : null;
}

function authority(text: string): { threshold: bigint; names: string[] } | null {
  const [count = "", ...names] = text.split(" ");
  const threshold = positive(count);
  const ascend = names.every((name, at) => isName(name) && (at === 0 || (names[at - 1] ?? "") < name));
  return threshold !== null && names.length > 0 && ascend ? { threshold, names } : null;
}

function counted(text: string): CountedFile | null {
  const [count = "", hash = ""] = fields(text, 2) ?? [];
  const value = number(count);
  return value === null || hashText(hash) === null ? null : { count: value, hash };
}

const named = (word: string) => (text: string): string | null =>
  text.startsWith(`${word} `) ? hashText(text.slice(word.length + 1)) : null;

/** Reads the lines behind the header, and refuses what contradicts itself. */
export function readManifest(lines: Lines, election: string, genesis: string | null): Manifest {
  const version = lines.value("version", positive);
  const previous = lines.value("previous", dash(hashText)) || null;
  const successor = lines.flag("successor");
  const kind = lines.value("kind", oneOf("live", "rehearsal"));
  const origin = lines.value("origin", originName);
  const recovered = lines.optional("recovered", (text) => {
    const [old = "", size = "", root = ""] = fields(text, 3) ?? [];
    const leaves = positive(size);
    return originName(old) === null || leaves === null || fromHash(root) === null ? null : { origin: old, size: leaves, root };
  });
  const lost = lines.list("lost", hashText, (hash) => hash);
  const { threshold, names } = lines.value("authority", authority);
  const keys = lines.list("key", person, (line) => line.text);
  const nodes = lines.list("node", machine, (node) => node.ordinal);
  const spares = lines.list("spare", machine, (node) => node.ordinal);
  const witnesses = lines.list("witness", witness, (line) => line.id);
  const opens = lines.value("opens", number);
  const closes = lines.value("closes", number);
  const manifest: Manifest = {
    election, genesis, version, previous, kind, origin, recovered, lost, threshold, keys, nodes, spares, witnesses,
    receiptPolicy: lines.value("policy", named("receipt")),
    finalPolicy: lines.value("policy", named("final")),
    roll: lines.value("roll", counted),
    roster: lines.value("roster", counted),
    rules: lines.value("rules", hashText),
  };
  const wrong = fault(manifest, names, successor) ?? (opens > closes ? "it closes before it opens" : null);
  if (wrong !== null) throw lines.fault(wrong);
  return manifest;
}

const NEEDED: [string, number][] = [
  ["admin", 2], ["authority", 1], ["operator", 2], ["publisher", 2], ["registrar", 2], ["reviewer", 2],
];

/** What contradicts itself in one manifest, in words. */
function fault(manifest: Manifest, names: string[], successor: boolean): string | null {
  const { origin, keys, nodes, spares, witnesses, recovered, lost } = manifest;
  const first = manifest.version === 1n;
  if (first !== (manifest.genesis === null) || first !== (manifest.previous === null)) {
    return "version 1, and it alone, has neither genesis nor predecessor";
  }
  if (first && (successor || recovered !== null || lost.length > 0)) return "version 1 follows nothing";
  if (recovered?.origin === origin) return "a recovered log needs a new origin";
  if (recovered === null && lost.length > 0) return "`lost` belongs to a recovered log";
  const authorities = keys.filter(({ role }) => role === "authority").map((line) => line.key.name).sort();
  if (authorities.join(" ") !== names.join(" ")) return "the names are not those of the authority's keys";
  if (manifest.threshold > BigInt(names.length)) return "the threshold is above the number of names";
  for (const [role, least] of NEEDED) {
    if (keys.filter((line) => line.role === role).length < least) return `role ${role} needs ${least} keys`;
  }
  if (nodes.length === 0) return "at least one node";
  if (nodes.length + witnesses.length + 1 > 32) return "more nodes and witnesses than a checkpoint has lines";
  const machines = [...nodes, ...spares];
  if (machines.some((node) => node.log.name !== origin || node.cosigner.name !== `${origin}/${node.id}`)) {
    return "a node's key is not named for it";
  }
  const outsiders = [...keys.map((line) => line.key), ...witnesses.map((line) => line.key)];
  if (outsiders.some(({ name }) => name === origin || name.startsWith(`${origin}/`))) return "a node's name";
  const cosigners = machines.map((node) => node.cosigner);
  const all = [...outsiders, ...cosigners, ...machines.map((node) => node.log)];
  const twice = <T>(values: T[]): boolean => new Set(values).size !== values.length;
  if (twice(machines.map((node) => node.ordinal))) return "an ordinal stands twice";
  if (twice([...machines.map((node) => node.id), ...witnesses.map((line) => line.id)])) return "an id stands twice";
  if (twice([...outsiders, ...cosigners].map((vkey) => vkey.name))) return "a key name stands twice";
  if (twice(all.map((vkey) => vkey.public.join()))) return "a key stands twice";
  return null;
}
