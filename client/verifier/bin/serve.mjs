// Answers requests in lines of JSON, so that another program's test asks thousands of questions of one
// process: {"bundle":[base64…],"fingerprint":code} once, then {"receipt":base64} or
// {"qr":text,"entry":base64}. Each answer is {"verdict":…,"reason":…,"checks":[…]} on one line.
import { createInterface } from "node:readline";
import * as tally from "../dist/index.js";

let election = null;

function answer(request) {
  try {
    if (request.bundle !== undefined) {
      election = tally.openBundle(request.bundle.map(tally.fromBase64), tally.parseFingerprint(request.fingerprint));
      return { verdict: "opened" };
    }
    const receipt = request.qr === undefined
      ? tally.parseReceipt(tally.fromBase64(request.receipt))
      : tally.parseQr(request.qr, election, request.entry === undefined ? null : tally.fromBase64(request.entry));
    const { verdict, checks } = tally.verify(receipt, election);
    return {
      verdict: verdict.kind,
      reason: verdict.reason ?? null,
      level: verdict.level ?? null,
      checks: checks.map((check) => check.result),
    };
  } catch (error) {
    if (error instanceof tally.BadBundle) return { verdict: "bad_bundle", reason: error.message };
    if (error instanceof tally.Malformed) return { verdict: "malformed", reason: error.message };
    throw error;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
}
