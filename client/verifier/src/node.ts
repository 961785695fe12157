/**
 * The election bundle as a node hands it out over HTTP: the list of manifest versions, their notes, the receipts
 * that place later versions, and the files they name. What comes is believed no more than files from anywhere else.
 */
import { BadBundle } from "./election.js";
import { fromHash, fromUtf8, hex } from "./bytes.js";
import { parseEntry } from "./leaf.js";
import { leafHash } from "./merkle.js";

/** The bytes at an address; null where there is nothing. Rejects when nobody answers. */
export type Get = (address: string) => Promise<Uint8Array | null>;

/** How many versions are asked for at most, whatever the list says. */
const MOST_VERSIONS = 1_000;

/** Everything that `openBundle` needs, from the node at `base` (`https://host:port`). */
export async function bundleFrom(base: string, get: Get): Promise<Uint8Array[]> {
  const read = async (path: string): Promise<Uint8Array> => {
    const bytes = await get(new URL(path, base).href);
    if (bytes === null) throw new BadBundle(`the node has no \`${path}\``);
    return bytes;
  };
  const notes: Uint8Array[] = [];
  for (const version of versions(await read("/v1/manifests"))) notes.push(await read(`/v1/manifests/${version}`));
  const receipts: Uint8Array[] = [];
  const named = new Set<string>();
  for (const note of notes) {
    const manifest = parseEntry(note).leaf.manifest;
    if (manifest === null) throw new BadBundle("what the node calls a manifest is none");
    const { receiptPolicy, finalPolicy, roll, roster, rules } = manifest;
    for (const hash of [receiptPolicy, finalPolicy, roll.hash, roster.hash, rules]) named.add(hash);
    if (manifest.version > 1n) receipts.push(await read(`/v1/receipts/${hex(leafHash(note))}`));
  }
  const files = await Promise.all([...named].map((hash) => read(`/v1/files/${hex(fromHash(hash) ?? new Uint8Array())}`)));
  return [...notes, ...receipts, ...files];
}

function versions(list: Uint8Array): number[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(fromUtf8(list) ?? "");
  } catch {
    parsed = null;
  }
  if (!Array.isArray(parsed) || parsed.length > MOST_VERSIONS) throw new BadBundle("the node's list of manifests is none");
  return parsed.map((one: { version?: unknown } | null) => {
    if (typeof one?.version !== "number") throw new BadBundle("the node's list of manifests is none");
    return one.version;
  });
}
