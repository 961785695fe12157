/**
 * Bytes and the few texts that stand for them: base64 as every signed text writes it, hexadecimal,
 * base45 as QR codes carry it. Every value has one text; no other text is read.
 */
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

export const sha256 = (bytes: Uint8Array): Uint8Array => nobleSha256(bytes);

const encoder = new TextEncoder();
export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** The text of well-formed UTF-8; null for anything else. A byte order mark is kept. */
export function fromUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function base64(bytes: Uint8Array): string {
  let out = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const group = bytes.subarray(at, at + 3);
    const bits = ((group[0] ?? 0) << 16) | ((group[1] ?? 0) << 8) | (group[2] ?? 0);
    for (let symbol = 0; symbol < 4; symbol++) {
      out += symbol <= group.length ? BASE64.charAt((bits >> (18 - 6 * symbol)) & 63) : "=";
    }
  }
  return out;
}

/** RFC 4648 section 4, padded, with zero pad bits; null for any other text. */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  let filled = 0;
  for (let at = 0; at < text.length; at += 4) {
    let bits = 0;
    for (let symbol = 0; symbol < 4; symbol++) {
      const isPad = at + symbol >= text.length - padding;
      const value = isPad ? 0 : BASE64.indexOf(text.charAt(at + symbol));
      if (value < 0) return null;
      bits = (bits << 6) | value;
    }
    for (const byte of [bits >> 16, (bits >> 8) & 255, bits & 255]) {
      if (filled < out.length) out[filled++] = byte;
      else if (byte !== 0) return null;
    }
  }
  return out;
}

/** A hash as signed texts write it: 44 characters of base64. */
export function fromHash(text: string): Uint8Array | null {
  const bytes = fromBase64(text);
  return bytes?.length === 32 ? bytes : null;
}

const BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/** RFC 9285; null for any text that no bytes have. */
export function fromBase45(text: string): Uint8Array | null {
  const out: number[] = [];
  for (let at = 0; at < text.length; at += 3) {
    const symbols = Array.from(text.slice(at, at + 3), (symbol) => BASE45.indexOf(symbol));
    if (symbols.length === 1 || symbols.includes(-1)) return null;
    const [low = 0, middle = 0, high = 0] = symbols;
    const value = low + 45 * middle + 2025 * high;
    if (value > (symbols.length === 3 ? 0xffff : 0xff)) return null;
    if (symbols.length === 3) out.push(value >> 8);
    out.push(value & 255);
  }
  return Uint8Array.from(out);
}

/** Digits without a leading zero, so that every number has one text; null above `most`. */
export function decimal(text: string, most: bigint = 2n ** 64n - 1n): bigint | null {
  if (!/^(0|[1-9][0-9]{0,19})$/.test(text)) return null;
  const value = BigInt(text);
  return value <= most ? value : null;
}

/** Orders ASCII texts by their bytes, as every list of the formats ascends. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
