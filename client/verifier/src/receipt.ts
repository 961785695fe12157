/**
 * A receipt in its three forms: the `.tlog-proof` file, its JSON, and the text of a QR code. Read,
 * not believed.
 */
import { base64, decimal, equal, fromBase45, fromBase64, fromHash, fromUtf8, utf8 } from "./bytes.js";
import { Election, inForce } from "./election.js";
import { MAX_PROOF_HASHES, leafHash, rootFromPath } from "./merkle.js";
import { Malformed, SignatureLine, SignedCheckpoint, VerifierKey, cosignedAt, parseCheckpoint, verifies, checkpointText } from "./note.js";

export interface Receipt {
  /** The exact bytes of the leaf; null where only its hash is known. */
  entry: Uint8Array | null;
  leaf: Uint8Array;
  index: bigint;
  path: Uint8Array[];
  signed: SignedCheckpoint;
}

const MAX_BYTES = 65_536;

/** Reads a `.tlog-proof`, or the same as JSON. */
export function parseReceipt(bytes: Uint8Array): Receipt {
  if (bytes.length > MAX_BYTES) throw new Malformed(1, `more than ${MAX_BYTES} bytes`);
  const text = fromUtf8(bytes);
  if (text === null) throw new Malformed(1, "not UTF-8");
  return text.startsWith("{") ? fromJson(text) : fromProof(text);
}

function fromProof(text: string): Receipt {
  const cut = text.indexOf("\n\n");
  if (cut < 0) throw new Malformed(1, "no empty line before the checkpoint");
  const [heading, extra = "", place = "", ...hashes] = text.slice(0, cut).split("\n");
  if (heading !== "c2sp.org/tlog-proof@v1") throw new Malformed(1, "not a receipt");
  const entry = extra.startsWith("extra ") ? fromBase64(extra.slice(6)) : null;
  if (entry === null) throw new Malformed(2, "expected `extra <base64 of the entry>`");
  const index = place.startsWith("index ") ? decimal(place.slice(6)) : null;
  if (index === null) throw new Malformed(3, "expected `index <number>`");
  return whole(entry, index, hashes, text.slice(cut + 2));
}

function whole(entry: Uint8Array, index: bigint, hashes: readonly unknown[], checkpoint: string): Receipt {
  if (hashes.length > MAX_PROOF_HASHES) throw new Malformed(4, `more than ${MAX_PROOF_HASHES} hashes`);
  const path = hashes.map((line, at) => {
    const hash = typeof line === "string" ? fromHash(line) : null;
    if (hash === null) throw new Malformed(4 + at, "expected the base64 of a hash");
    return hash;
  });
  return { entry, leaf: leafHash(entry), index, path, signed: parseCheckpoint(utf8(checkpoint)) };
}

function fromJson(text: string): Receipt {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Malformed(1, "not JSON");
  }
  const { format, entry, index, inclusion, checkpoint } = parsed as Record<string, unknown>;
  const bytes = typeof entry === "string" ? fromBase64(entry) : null;
  const isIndex = typeof index === "number" && Number.isSafeInteger(index) && index >= 0;
  if (format !== "precinct-tally/receipt/v1" || bytes === null || !isIndex || !Array.isArray(inclusion)
    || typeof checkpoint !== "string") {
    throw new Malformed(1, "not a receipt in JSON");
  }
  return whole(bytes, BigInt(index), inclusion, checkpoint);
}

/** The file of a whole receipt; reading it gives the same receipt again. */
export function toProof({ entry, index, path }: Receipt, checkpoint: string): string {
  const hashes = path.map((hash) => `${base64(hash)}\n`).join("");
  return `c2sp.org/tlog-proof@v1\nextra ${base64(entry ?? new Uint8Array())}\nindex ${index}\n${hashes}\n${checkpoint}`;
}

/**
 * Reads the text of a QR code and rebuilds the checkpoint: `PT1:` and base45 of
 * `01 | genesis[0:8] | leaf 32 | u32 index | u32 size | u8 p | p*32 | u8 s | s*(u8 ref, body)`.
 * Names, ids and the origin come from the manifest, the root from the path. What the report says is
 * known only where its note is handed over too, and that note must be the one that is named.
 */
export function parseQr(text: string, election: Election, entry: Uint8Array | null): Receipt {
  const trimmed = text.replace(/^[\n\r\t]+|[\n\r\t]+$/g, "");
  const bytes = trimmed.startsWith("PT1:") && trimmed.length <= 8_192 ? fromBase45(trimmed.slice(4)) : null;
  const malformed = new Malformed(1, "the text of the QR code is cut short or was changed");
  if (bytes === null) throw malformed;
  let at = 0;
  const take = (count: number): Uint8Array => {
    at += count;
    if (at > bytes.length) throw malformed;
    return bytes.slice(at - count, at);
  };
  const integer = (count: number): number => take(count).reduce((sum, byte) => sum * 256 + byte, 0);
  if (integer(1) !== 1) throw malformed;
  if (!equal(take(8), election.genesis.subarray(0, 8))) {
    throw new Malformed(1, "the QR code is of another election than the bundle");
  }
  const leaf = take(32);
  const index = BigInt(integer(4));
  const size = BigInt(integer(4));
  const hashes = integer(1);
  if (hashes > MAX_PROOF_HASHES) throw malformed;
  const path = Array.from({ length: hashes }, () => take(32));
  const count = integer(1);
  if (count === 0 || count > 32) throw malformed;
  const lines = Array.from({ length: count }, () => {
    const ref = integer(1);
    return { ref, body: take(ref < 0x40 ? 64 : 72) };
  });
  const ascend = lines.every(({ ref }, line) => line === 0 || (lines[line - 1]?.ref ?? 0) < ref);
  if (at !== bytes.length || !ascend) throw malformed;
  if (entry !== null && !equal(leafHash(entry), leaf)) {
    throw new Malformed(1, "the note is not the report that the QR code names");
  }
  const root = rootFromPath(index, size, leaf, path);
  if (root === null) throw malformed;
  let fallback: SignedCheckpoint | null = null;
  for (const { manifest: { origin } } of [...election.versions].reverse()) {
    const version = inForce(election, origin, size);
    if (version === null) continue;
    const { nodes, witnesses } = version.manifest;
    const keyOf = (ref: number): VerifierKey | undefined => {
      if (ref >= 0x80) return witnesses[ref - 0x80]?.key;
      const node = nodes.find(({ ordinal }) => ordinal === BigInt(ref & 0x3f));
      return ref < 0x40 ? node?.log : node?.cosigner;
    };
    const keys = lines.map(({ ref }) => keyOf(ref));
    if (keys.includes(undefined)) continue;
    const checkpoint = { origin, size, root };
    const rebuilt: SignatureLine[] = lines.map(({ body }, line) => {
      const { name = "", id = "" } = keys[line] ?? {};
      return { name, id, body };
    });
    const holds = rebuilt.some((line, place) => {
      const key = keys[place];
      return key !== undefined
        && (verifies(key, checkpointText(checkpoint), line) || cosignedAt(key, checkpoint, line) !== null);
    });
    const signed = { checkpoint, lines: rebuilt };
    if (holds) return { entry, leaf, index, path, signed };
    fallback ??= signed;
  }
  if (fallback === null) throw new Malformed(1, "the QR code refers to keys that this bundle does not have");
  return { entry, leaf, index, path, signed: fallback };
}
