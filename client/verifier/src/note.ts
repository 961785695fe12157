/**
 * Signed notes, verifier keys, checkpoints and cosignatures: c2sp.org/signed-note, tlog-checkpoint and
 * tlog-cosignature, read more strictly than they ask. What was signed is never encoded again.
 */
import { base64, concat, decimal, equal, fromBase64, fromHash, fromUtf8, hex, sha256, utf8 } from "./bytes.js";
import { keyIsSound, verifyStrict } from "./ed25519.js";

/** A text outside its grammar: which line, and what should stand there. */
export class Malformed extends Error {
  constructor(readonly line: number, readonly what: string) {
    super(`line ${line}: ${what}`);
  }
}

export interface Limits { bytes: number; lines: number }
export const NOTE: Limits = { bytes: 8_192, lines: 512 };
export const MANIFEST: Limits = { bytes: 49_152, lines: 1_024 };
const MAX_SIGNATURES = 32;
const CHECKPOINT: Limits = { bytes: 16_384, lines: 3 + 1 + MAX_SIGNATURES };

export interface SignatureLine { name: string; id: string; body: Uint8Array }
export interface SignedNote { bytes: Uint8Array; text: string; signatures: SignatureLine[] }

export const isName = (text: string): boolean => /^[!-*,-~]{1,128}$/.test(text);

export const countLines = (text: string): number => text.split("\n").length - 1;

function signatureLine(line: string, number: number): SignatureLine {
  const parts = line.split(" ");
  const [dash, name, encoded] = parts;
  if (parts.length !== 3 || dash !== "\u2014" || name === undefined || encoded === undefined || !isName(name)) {
    throw new Malformed(number, "a signature line is a dash, a name and base64");
  }
  const bytes = fromBase64(encoded);
  if (bytes === null || bytes.length < 5) {
    throw new Malformed(number, "a signature is canonical base64 of a key id and more");
  }
  return { name, id: hex(bytes.subarray(0, 4)), body: bytes.slice(4) };
}

export function parseNote(bytes: Uint8Array, limits: Limits = MANIFEST): SignedNote {
  if (bytes.length > limits.bytes) throw new Malformed(1, `more than ${limits.bytes} bytes`);
  const note = fromUtf8(bytes);
  if (note === null) throw new Malformed(1, "not UTF-8");
  if (countLines(note) > limits.lines) throw new Malformed(1, `more than ${limits.lines} lines`);
  // The first blank line ends the text. Some parsers cut at the last one; a note with a single
  // blank line is the same note to all of them.
  const cut = note.indexOf("\n\n");
  if (cut <= 0 || note.startsWith("\n")) throw new Malformed(1, "text and signatures stand around a blank line");
  const text = note.slice(0, cut + 1);
  if (!/^[\n -~]*$/.test(text)) throw new Malformed(1, "the text is printable ASCII");
  const block = note.slice(cut + 2);
  const first = countLines(text) + 2;
  if (!block.endsWith("\n")) throw new Malformed(first, "the note ends with a complete signature line");
  const lines = block.slice(0, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw new Malformed(first, "too many signatures");
  const signatures = lines.map((line, below) => signatureLine(line, first + below));
  const keys = new Set(signatures.map((line) => `${line.name} ${line.id}`));
  if (keys.size !== signatures.length) throw new Malformed(first, "a key signs once");
  return { bytes, text, signatures };
}

/** `0x01` signs texts, `0x04` cosigns checkpoints and nothing else. */
export type KeyType = 1 | 4;
export interface VerifierKey { text: string; name: string; id: string; type: KeyType; public: Uint8Array }

/** Reads `<name>+<key id>+<base64>` and examines the key, which may then be enrolled. */
export function parseKey(text: string): VerifierKey | null {
  // Base64 may hold a `+` too: only the first two separate.
  const match = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/.exec(text);
  if (match === null) return null;
  const [, name = "", id = "", encoded = ""] = match;
  const bytes = fromBase64(encoded);
  if (!isName(name) || bytes?.length !== 33) return null;
  const type = bytes[0];
  if (type !== 1 && type !== 4) return null;
  const computed = hex(sha256(concat(utf8(`${name}\n`), bytes)).subarray(0, 4));
  const key = bytes.slice(1);
  return computed === id && keyIsSound(key) ? { text, name, id, type, public: key } : null;
}

export const claims = (key: VerifierKey, line: SignatureLine): boolean =>
  key.name === line.name && key.id === line.id;

export const sameKey = (a: VerifierKey, b: VerifierKey): boolean =>
  a.type === b.type && equal(a.public, b.public);

/** Whether `line` is this key's signature over `text`. */
export function verifies(key: VerifierKey, text: string, line: SignatureLine): boolean {
  return key.type === 1 && claims(key, line) && verifyStrict(key.public, utf8(text), line.body);
}

export interface Checkpoint { origin: string; size: bigint; root: Uint8Array }
export interface SignedCheckpoint { checkpoint: Checkpoint; lines: SignatureLine[] }

export const MAX_SIZE = 2n ** 53n;

export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${base64(root)}\n`;

export function parseCheckpoint(bytes: Uint8Array): SignedCheckpoint {
  const note = parseNote(bytes, CHECKPOINT);
  const lines = note.text.slice(0, -1).split("\n");
  const [origin = "", size = "", root = ""] = lines;
  // Extension lines are allowed by the specification and advised against: not every tool reads them.
  if (lines.length !== 3) throw new Malformed(1, "a checkpoint has exactly three lines");
  if (!isName(origin)) throw new Malformed(1, "a checkpoint begins with a log's origin");
  const leaves = decimal(size, MAX_SIZE);
  if (leaves === null) throw new Malformed(2, "a checkpoint's size is at most 2^53");
  const hash = fromHash(root);
  if (hash === null) throw new Malformed(3, "a checkpoint's root is 32 bytes in base64");
  return { checkpoint: { origin, size: leaves, root: hash }, lines: note.signatures };
}

/** When this key cosigned, in seconds; null if `line` is not its valid cosignature. */
export function cosignedAt(key: VerifierKey, checkpoint: Checkpoint, line: SignatureLine): bigint | null {
  if (key.type !== 4 || !claims(key, line) || line.body.length !== 72) return null;
  const time = line.body.subarray(0, 8).reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  const message = `cosignature/v1\ntime ${time}\n${checkpointText(checkpoint)}`;
  return verifyStrict(key.public, utf8(message), line.body.subarray(8)) ? time : null;
}
