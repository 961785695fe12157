/**
 * The tree of RFC 6962 and its two proofs, checked as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say.
 */
import { concat, equal, sha256 } from "./bytes.js";

/** More hashes than any tree of a stated size needs are refused before work is done on them. */
export const MAX_PROOF_HASHES = 63;

export const leafHash = (entry: Uint8Array): Uint8Array => sha256(concat(Uint8Array.of(0), entry));

export const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  sha256(concat(Uint8Array.of(1), left, right));

/** The root over some leaves, given their hashes. */
export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (only === undefined) return sha256(new Uint8Array());
  if (leaves.length === 1) return only;
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return nodeHash(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)));
}

/** The root to which a path leads from leaf `index` of `size`; null where its length is wrong. */
export function rootFromPath(index: bigint, size: bigint, leaf: Uint8Array, path: readonly Uint8Array[]): Uint8Array | null {
  if (index >= size || path.length > MAX_PROOF_HASHES) return null;
  let fn = index;
  let sn = size - 1n;
  let root = leaf;
  for (const sibling of path) {
    if (sn === 0n) return null;
    if ((fn & 1n) === 1n || fn === sn) {
      root = nodeHash(sibling, root);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      root = nodeHash(root, sibling);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n ? root : null;
}

/** Whether the tree of `to` leaves begins with the tree of `from`. From nothing nothing is proven. */
export function consistent(
  from: bigint, to: bigint, oldRoot: Uint8Array, newRoot: Uint8Array, proof: readonly Uint8Array[],
): boolean {
  if (from === 0n || from > to || proof.length > 2 * MAX_PROOF_HASHES) return false;
  if (from === to) return proof.length === 0 && equal(oldRoot, newRoot);
  const isPowerOfTwo = (from & (from - 1n)) === 0n;
  const [start, ...rest] = isPowerOfTwo ? [oldRoot, ...proof] : proof;
  if (start === undefined) return false;
  let fn = from - 1n;
  let sn = to - 1n;
  while ((fn & 1n) === 1n) {
    fn >>= 1n;
    sn >>= 1n;
  }
  let fr = start;
  let sr = start;
  for (const hash of rest) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      fr = nodeHash(hash, fr);
      sr = nodeHash(hash, sr);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      sr = nodeHash(sr, hash);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && equal(fr, oldRoot) && equal(sr, newRoot);
}
