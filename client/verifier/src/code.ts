/**
 * Codes that people read to each other: 80 bits of a hash and 10 check bits in Crockford's base 32,
 * `G2HP-YXPC-V819-BHS9-FA`. A handle and a check against misreading, never a proof.
 */
import { concat, equal, fromHash, sha256, utf8 } from "./bytes.js";

const SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH = 18;

function checkBits(prefix: Uint8Array): bigint {
  const [first = 0, second = 0] = sha256(concat(utf8("precinct-tally/code\0"), prefix));
  return BigInt(((first << 8) | second) >> 6);
}

export function codeOf(hash: Uint8Array): string {
  const prefix = hash.subarray(0, 10);
  const number = prefix.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const bits = (number << 10n) | checkBits(prefix);
  let symbols = "";
  for (let at = LENGTH - 1; at >= 0; at--) symbols += SYMBOLS.charAt(Number((bits >> BigInt(5 * at)) & 31n));
  return symbols.replace(/(.{4})(?=.)/g, "$1-");
}

/** The ten bytes of a code as people type it: any case, O for 0, I and L for 1, hyphens anywhere. */
export function parseCode(text: string): Uint8Array | null {
  const symbols = text.replace(/[- ]/g, "").toUpperCase().replace(/O/g, "0").replace(/[IL]/g, "1");
  if (!/^[\x20-\x7e]*$/.test(text) || symbols.length !== LENGTH) return null;
  let bits = 0n;
  for (const symbol of symbols) {
    const value = SYMBOLS.indexOf(symbol);
    if (value < 0) return null;
    bits = (bits << 5n) | BigInt(value);
  }
  const prefix = new Uint8Array(10);
  for (let at = 0; at < 10; at++) prefix[at] = Number((bits >> BigInt(10 + 8 * (9 - at))) & 255n);
  return checkBits(prefix) === (bits & 1023n) ? prefix : null;
}

/** Whether a text is a code exactly as it is printed. */
export function isPrintedCode(text: string): boolean {
  const prefix = parseCode(text);
  return prefix !== null && codeOf(prefix) === text;
}

/** What was published before the night: the whole hash of manifest version 1, or its code. */
export type Fingerprint = { whole: Uint8Array } | { prefix: Uint8Array };

export function parseFingerprint(text: string): Fingerprint | null {
  const trimmed = text.trim();
  const whole = fromHash(trimmed);
  if (whole !== null) return { whole };
  const prefix = parseCode(trimmed);
  return prefix === null ? null : { prefix };
}

export const pins = (pinned: Fingerprint, genesis: Uint8Array): boolean =>
  "whole" in pinned ? equal(pinned.whole, genesis) : equal(pinned.prefix, genesis.subarray(0, 10));
