/** A second verifier of receipts, written from the papers: what a page, a command or a test calls. */
export * from "./bytes.js";
export * from "./code.js";
export * from "./ed25519.js";
export { BadBundle, inForce, latest, openBundle } from "./election.js";
export type { Election, Version } from "./election.js";
export { isOf, parseEntry } from "./leaf.js";
export type { Leaf } from "./leaf.js";
export * from "./merkle.js";
export { bundleFrom } from "./node.js";
export type { Get } from "./node.js";
export * from "./note.js";
export * from "./policy.js";
export { parseQr, parseReceipt, toProof } from "./receipt.js";
export type { Receipt } from "./receipt.js";
export { verify } from "./verify.js";
export type { Check, Reason, Verdict, Verification } from "./verify.js";
