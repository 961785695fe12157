/**
 * An election as a verifier knows it: a bundle of manifests and files, opened against the fingerprint
 * that was published before the night.
 */
import { base64, equal, fromHash, fromUtf8, sha256, utf8 } from "./bytes.js";
import { Fingerprint, codeOf, pins } from "./code.js";
import { BadFile, Roll, Unit, parseRoll, parseRoster, parseRules } from "./files.js";
import { isManifestText, parseEntry } from "./leaf.js";
import { Manifest, NodeLine, finalQuorum, receiptQuorum } from "./manifest.js";
import { SignedNote, VerifierKey, claims, parseKey, verifies } from "./note.js";
import { Policy, parsePolicy, samePolicy } from "./policy.js";
import { Receipt, parseReceipt } from "./receipt.js";
import { verify } from "./verify.js";

/** A bundle that cannot be trusted, and why. */
export class BadBundle extends Error {}

export interface Version {
  manifest: Manifest;
  note: SignedNote;
  /** H(text), as texts write it. */
  hash: string;
  /** Its leaf; a version without one is not in force. */
  leaf: bigint | null;
  receiptPolicy: Policy;
  /** Null where there is no outside witness: then nothing reaches final level. */
  finalPolicy: Policy | null;
  roll: Roll;
  roster: Map<string, Unit>;
}

export interface Election { id: string; genesis: Uint8Array; genesisText: string; versions: Version[] }

type Link = Pick<Version, "manifest" | "note" | "hash" | "leaf">;

/** Opens a heap of files. Names and order do not matter: what a file is, its content says. */
export function openBundle(files: readonly Uint8Array[], pinned: Fingerprint | null): Election {
  const byHash = new Map<string, Uint8Array>();
  const notes: SignedNote[] = [];
  const receipts: Receipt[] = [];
  for (const file of files) {
    const receipt = attempt(() => parseReceipt(file));
    if (isManifestText(file)) {
      const { leaf, note } = attempt(() => parseEntry(file)) ?? { leaf: null, note: null };
      if (leaf === null || note === null) throw new BadBundle("a manifest is malformed");
      notes.push(note);
    } else if (receipt !== null) {
      receipts.push(receipt);
    } else {
      byHash.set(base64(sha256(file)), file);
    }
  }
  const links = chain(notes, receipts, pinned);
  const [first] = links;
  if (first === undefined) throw new BadBundle("there is no manifest");
  const parsed = new Map<string, unknown>();
  const election: Election = {
    id: first.manifest.election,
    genesis: fromHash(first.hash) ?? new Uint8Array(),
    genesisText: first.hash,
    versions: links.map((link) => withFiles(link, byHash, parsed)),
  };
  // A manifest's receipt that is at hand must hold, and place it where it is said to stand.
  for (const link of links) {
    const own = receipts.find(({ entry }) => entry !== null && equal(entry, link.note.bytes));
    if (own === undefined) continue;
    const verdict = verify(own, election).verdict;
    if (verdict.kind !== "recorded" || link.leaf !== own.index) throw new BadBundle("a manifest's receipt does not hold");
  }
  return election;
}

function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null;
  }
}

function chain(notes: SignedNote[], receipts: Receipt[], pinned: Fingerprint | null): Link[] {
  const links = new Map<string, Link>();
  for (const note of notes) {
    const manifest = parseEntry(note.bytes).leaf.manifest;
    if (manifest === null) throw new BadBundle("not a manifest");
    const hash = base64(sha256(utf8(note.text)));
    const receipt = receipts.find(({ entry }) => entry !== null && equal(entry, note.bytes));
    const implied = manifest.version === 1n ? 0n : manifest.recovered?.size ?? null;
    if (implied !== null && receipt !== undefined && receipt.index !== implied) {
      throw new BadBundle("a manifest's receipt puts it at another leaf than its own");
    }
    const leaf = implied ?? receipt?.index ?? null;
    if (!links.has(hash)) links.set(hash, { manifest, note, hash, leaf });
  }
  const sorted = [...links.values()].sort((a, b) =>
    Number(a.manifest.version - b.manifest.version) || (a.hash < b.hash ? -1 : 1));
  const firsts = sorted.filter(({ manifest }) => manifest.version === 1n);
  const [first] = firsts;
  if (first === undefined || firsts.length !== 1) throw new BadBundle("the bundle needs exactly one manifest of version 1");
  const genesis = fromHash(first.hash) ?? new Uint8Array();
  if (pinned !== null && !pins(pinned, genesis)) {
    throw new BadBundle(`the bundle is of ${codeOf(genesis)}, which is not the fingerprint that was given`);
  }
  endorsed(first.manifest, first);
  for (const link of sorted.filter((other) => other !== first)) {
    const before = links.get(link.manifest.previous ?? "");
    const refuse = (what: string): never => {
      throw new BadBundle(`manifest version ${link.manifest.version} does not follow: ${what}`);
    };
    if (before === undefined) return refuse("the version before it is not in the bundle");
    const wrong = unfollowing(before, link, first) ?? renamed(links, link);
    if (wrong !== null) refuse(wrong);
    endorsed(before.manifest, link);
  }
  const inForce = sorted.filter(({ leaf }) => leaf !== null);
  for (const [at, link] of inForce.entries()) {
    for (const other of inForce.slice(at + 1)) {
      if (link.manifest.origin !== other.manifest.origin) continue;
      if (link.leaf === other.leaf || link.manifest.previous === other.manifest.previous) {
        throw new BadBundle("two versions are in force at one place");
      }
    }
  }
  return sorted;
}

function endorsed(by: Manifest, { manifest, note }: Link): void {
  const authority = by.keys.filter(({ role }) => role === "authority").map(({ key }) => key);
  for (const line of note.signatures) {
    const key = authority.find((one) => claims(one, line));
    if (key === undefined || !verifies(key, note.text, line)) {
      throw new BadBundle(`\`${line.name}\` did not sign manifest version ${manifest.version} for the authority`);
    }
  }
  // A note has no two lines of one key, and a manifest no key twice: lines are signers.
  if (BigInt(note.signatures.length) < by.threshold) {
    throw new BadBundle(`too few of the authority signed manifest version ${manifest.version}`);
  }
}

function unfollowing(before: Link, link: Link, first: Link): string | null {
  const [old, now] = [before.manifest, link.manifest];
  if (now.genesis !== first.hash || now.election !== old.election) return "it names another election";
  if (now.version !== old.version + 1n) return "its number is not one more";
  if (now.kind !== old.kind) return "a rehearsal stays a rehearsal, the night the night";
  if (now.recovered === null && now.origin !== old.origin) return "only a recovery changes the origin";
  if (now.recovered !== null && now.recovered.origin !== old.origin) return "it recovers another log";
  if (link.leaf !== null && before.leaf === null) return "it is in force and the version before it is not";
  if (link.leaf !== null && before.leaf !== null && link.leaf <= before.leaf) return "its leaf is not behind";
  return null;
}

/** Ordinals and ids are never used again; after a recovery no key is. */
function renamed(links: ReadonlyMap<string, Link>, link: Link): string | null {
  const machines = ({ nodes, spares }: Manifest): NodeLine[] => [...nodes, ...spares];
  const same = (a: VerifierKey, b: VerifierKey): boolean => equal(a.public, b.public);
  const now = machines(link.manifest);
  let before = links.get(link.manifest.previous ?? "");
  for (; before !== undefined; before = links.get(before.manifest.previous ?? "")) {
    const sameLog = before.manifest.origin === link.manifest.origin;
    for (const old of machines(before.manifest)) {
      const reused = now.some((node) => {
        const keys = [same(node.log, old.log), same(node.cosigner, old.cosigner)];
        if (!sameLog) return keys.includes(true);
        const unchanged = node.ordinal === old.ordinal && node.id === old.id && !keys.includes(false);
        return (node.ordinal === old.ordinal || node.id === old.id) && !unchanged;
      });
      if (reused) return `node ${old.id} was another before`;
    }
  }
  return null;
}

function withFiles(link: Link, files: ReadonlyMap<string, Uint8Array>, parsed: Map<string, unknown>): Version {
  const { manifest } = link;
  const once = <T>(what: string, hash: string, read: (text: string) => T): T => {
    const known = parsed.get(`${what} ${hash}`);
    if (known !== undefined) return known as T;
    const bytes = files.get(hash);
    if (bytes === undefined) throw new BadBundle(`the ${what} of manifest version ${manifest.version} is missing`);
    const text = fromUtf8(bytes);
    try {
      if (text === null) throw new BadFile("not text");
      const value = read(text);
      parsed.set(`${what} ${hash}`, value);
      return value;
    } catch (error) {
      const why = error instanceof Error ? error.message : "";
      throw new BadBundle(`the ${what} of manifest version ${manifest.version}: ${why}`);
    }
  };
  const receiptPolicy = once("receipt policy", manifest.receiptPolicy, parsePolicy);
  if (!samePolicy(receiptPolicy, derived(manifest, false))) throw new BadBundle("the receipt policy is not the nodes' majority");
  // Without an outside witness the file has no `quorum` line, so that no reader can take it for met.
  const finalPolicy = manifest.witnesses.length === 0
    ? once("final policy", manifest.finalPolicy, (text) => ({ none: unreachable(text, manifest) })) && null
    : once("final policy", manifest.finalPolicy, parsePolicy);
  if (finalPolicy !== null && !samePolicy(finalPolicy, derived(manifest, true))) {
    throw new BadBundle("the final policy is not the strong quorum and an outside witness");
  }
  const pools = once("rules", manifest.rules, parseRules);
  const roster = once("roster", manifest.roster.hash, parseRoster);
  const roll = once("roll", manifest.roll.hash, parseRoll);
  if (BigInt(roster.size) !== manifest.roster.count) throw new BadBundle("the roster has not as many units as its manifest says");
  if (BigInt(roll.lines) !== manifest.roll.count) throw new BadBundle("the roll has not as many lines as its manifest says");
  for (const { id, pool } of roster.values()) {
    if (pool !== null && !pools.has(pool)) throw new BadBundle(`the pool of \`${id}\` is not in the rules`);
  }
  chairs(manifest, roll, roster);
  return { ...link, receiptPolicy, finalPolicy, roll, roster };
}

/** The policy that follows from a manifest: quorums count its node lines. */
function derived(manifest: Manifest, isFinal: boolean): Policy {
  const { nodes, witnesses } = manifest;
  const needed = isFinal ? finalQuorum(manifest) : receiptQuorum(manifest);
  const groups = [{ name: "nodes", needed, members: nodes.map(({ id }) => id) }];
  if (isFinal) {
    groups.push({ name: "outside", needed: 1, members: witnesses.map(({ id }) => id) });
    groups.push({ name: "final", needed: 2, members: ["nodes", "outside"] });
  }
  return {
    logs: nodes.map(({ log }) => log),
    witnesses: [
      ...nodes.map(({ id, cosigner }) => ({ name: id, key: cosigner })),
      ...witnesses.map(({ id, key }) => ({ name: id, key })),
    ],
    groups,
    quorum: isFinal ? "final" : "nodes",
  };
}

function unreachable(text: string, manifest: Manifest): true {
  const nodes = manifest.nodes;
  const lines = [
    ...nodes.map(({ log }) => `log ${log.text}`),
    ...nodes.map(({ id, cosigner }) => `witness ${id} ${cosigner.text}`),
    `group nodes ${finalQuorum(manifest)} ${nodes.map(({ id }) => id).join(" ")}`,
    "# no outside witness is named, so nothing reaches final level",
  ];
  if (text !== lines.map((line) => `${line}\n`).join("")) throw new BadFile("not what follows from the manifest");
  return true;
}

/** Chairs' keys are named for unit and slot, the units are the roster's, and no key stands twice. */
function chairs(manifest: Manifest, roll: Roll, roster: ReadonlyMap<string, Unit>): void {
  const encoded = (vkey: string): string => vkey.split("+").slice(2).join("+");
  const seen = new Set(manifest.keys.map(({ key }) => encoded(key.text)));
  for (const [place, vkey] of roll.keys) {
    const name = `${manifest.election}/${place.replace(" ", "/")}`;
    if (vkey.split("+")[0] !== name) throw new BadBundle(`the key of ${place} must be named \`${name}\``);
    if (seen.has(encoded(vkey))) throw new BadBundle(`the key of ${place} stands twice`);
    seen.add(encoded(vkey));
  }
  for (const unit of roll.units) {
    if (!roster.has(unit)) throw new BadBundle(`unit \`${unit}\` of the roll is not in the roster`);
  }
}

/** The version in force for a checkpoint: the last one of that log whose leaf the tree contains. */
export function inForce(election: Election, origin: string, size: bigint): Version | null {
  return election.versions
    .filter(({ manifest, leaf }) => manifest.origin === origin && leaf !== null && leaf < size)
    .reduce<Version | null>((best, one) => ((best?.leaf ?? -1n) <= (one.leaf ?? -1n) ? one : best), null);
}

/** The newest version in force that no recovery has dropped. */
export function latest(election: Election): Version {
  const lost = new Set(election.versions.flatMap(({ manifest }) => manifest.lost));
  const standing = election.versions.filter(({ leaf, hash }) => leaf !== null && !lost.has(hash));
  return standing.at(-1) ?? election.versions[0] as Version;
}

/** The version in force at a leaf. Leaves that a recovered log took over were judged by the old one. */
export function inForceAtLeaf(election: Election, origin: string, index: bigint): Version {
  const here = inForce(election, origin, index + 1n);
  if (here !== null) return here;
  const recovered = election.versions.find(({ manifest }) => manifest.origin === origin)?.manifest.recovered;
  return recovered != null && index < recovered.size && recovered.origin !== origin
    ? inForceAtLeaf(election, recovered.origin, index)
    : latest(election);
}

/** The recovery that went on from a log, if there was one. */
export function recoveryOf(election: Election, origin: string): Manifest["recovered"] {
  return election.versions.map(({ manifest }) => manifest.recovered).find((recovered) => recovered?.origin === origin) ?? null;
}

/** The key of a unit's slot as the roll has it; null if there is none or it is unsound. */
export function chairKey(version: Version, unit: string, slot: string): VerifierKey | null {
  const key = parseKey(version.roll.keys.get(`${unit} ${slot}`) ?? "");
  return key?.type === 1 ? key : null;
}
