/**
 * The one rule by which a signature counts.
 *
 * A receipt must mean the same to everyone, so the rule has to be the nodes' own: `verify_strict`
 * of ed25519-dalek. Point arithmetic is @noble/curves'; its `verify`, however, is another rule, also
 * with `zip215: false`: there both sides are multiplied by the cofactor 8 before they are compared,
 * so it accepts signatures whose R or A has a small-order component that the nodes refuse. Here:
 *
 * - A and R are read in their canonical encoding only (y below 2^255 - 19, no sign on x = 0);
 * - neither is of small order: for such a key anyone can sign, and such an R binds to nothing;
 * - S is below L, the order of the group, or a signature could be altered without the key;
 * - [S]B = R + [k]A itself, not eight times it, with k = SHA-512(R || A || message) mod L.
 *
 * The 914 edge cases of CCTV tell such rules apart; this one accepts the same 43 as the nodes'.
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, hex } from "./bytes.js";

const { Point } = ed25519;
type Point = InstanceType<typeof Point>;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

/** The point of a canonical encoding that is not of small order. */
function sound(bytes: Uint8Array): Point | null {
  try {
    const point = Point.fromBytes(bytes);
    return point.isSmallOrder() ? null : point;
  } catch {
    return null;
  }
}

/** Answers already given: receipts of one checkpoint carry the same few lines. */
const answers = new Map<string, boolean>();
const MOST_ANSWERS = 1_024;

export function verifyStrict(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64) return false;
  // R, A and message in one hash, and S beside it: two different questions never share an answer.
  const digest = sha512(concat(signature.subarray(0, 32), key, message));
  const question = hex(concat(digest, signature.subarray(32)));
  const known = answers.get(question);
  if (known !== undefined) return known;
  const answer = equationHolds(key, digest, signature);
  if (answers.size >= MOST_ANSWERS) answers.clear();
  answers.set(question, answer);
  return answer;
}

function equationHolds(key: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  const encodedR = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  if (s >= L) return false;
  const a = sound(key);
  const r = sound(encodedR);
  if (a === null || r === null) return false;
  const k = littleEndian(digest) % L;
  return Point.BASE.multiplyUnsafe(s).equals(r.add(a.multiplyUnsafe(k)));
}

/** Whether a key may be enrolled: canonical, not of small order, in the prime-order group. */
export function keyIsSound(key: Uint8Array): boolean {
  return key.length === 32 && (sound(key)?.isTorsionFree() ?? false);
}
