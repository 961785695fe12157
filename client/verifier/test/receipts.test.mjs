// The kept receipts, the same that the Rust verifier's conversations are held with, and what becomes
// of them when something is changed.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import * as tally from "../dist/index.js";

const KEPT = fileURLToPath(new URL("../../tests/cmd/receipt.in/", import.meta.url));
const COMMAND = fileURLToPath(new URL("../bin/verify.mjs", import.meta.url));
const PINNED = "FAPA-QM7F-ERB2-6SK6-T6";
const kept = (name) => new Uint8Array(readFileSync(KEPT + name));
const files = () => readdirSync(`${KEPT}bundle`).map((name) => kept(`bundle/${name}`));
const open = (from = files(), code = PINNED) => tally.openBundle(from, tally.parseFingerprint(code));
const edit = (bytes, from, to) => {
  const text = tally.fromUtf8(bytes);
  assert.ok(text.includes(from), from);
  return tally.utf8(text.replace(from, to));
};

for (const [name, verdict, results] of [
  ["good", { kind: "recorded" }, "ppppppp"],
  ["lonely", { kind: "not_yet_witnessed", need: 2, got: 1 }, "pppfppp"],
  ["moved", { kind: "invalid", reason: "not_included" }, "ppppfpp"],
  ["figures", { kind: "invalid", reason: "not_included" }, "ppppfpf"],
]) {
  test(`the kept receipt \`${name}\` is ${verdict.kind}`, () => {
    const result = tally.verify(tally.parseReceipt(kept(`${name}.receipt`)), open());
    assert.deepEqual({ ...result.verdict, ...verdict }, result.verdict);
    assert.equal(result.checks.map((check) => check.result[0]).join(""), results);
    assert.ok(result.checks.every(({ sentence }) => sentence.endsWith(".")));
  });
}

test("a receipt says the same as a file and as JSON, and is written as it was read", () => {
  const receipt = tally.parseReceipt(kept("good.receipt"));
  const checkpoint = tally.fromUtf8(kept("good.receipt")).split("\n\n").slice(1).join("\n\n");
  assert.deepEqual(tally.utf8(tally.toProof(receipt, checkpoint)), kept("good.receipt"));
  const json = JSON.stringify({
    format: "precinct-tally/receipt/v1", entry: tally.base64(receipt.entry), index: Number(receipt.index),
    inclusion: receipt.path.map(tally.base64), checkpoint, level: "receipt",
  });
  assert.deepEqual(tally.parseReceipt(tally.utf8(json)), receipt);
});

const BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/** The text of a QR code, packed here by hand from design 7.3. */
function qrOf(receipt, election, change = (bytes) => bytes) {
  const { nodes } = tally.latest(election).manifest;
  const u32 = (value) => Uint8Array.of(0, 0, 0, Number(value));
  const lines = receipt.signed.lines.map((line) => {
    const log = nodes.find((node) => node.log.id === line.id);
    const node = nodes.find((one) => one.cosigner.id === line.id);
    return { ref: log ? Number(log.ordinal) : 0x40 + Number(node.ordinal), body: line.body };
  }).sort((a, b) => a.ref - b.ref);
  const bytes = change(tally.concat(
    Uint8Array.of(1), election.genesis.slice(0, 8), receipt.leaf, u32(receipt.index), u32(receipt.signed.checkpoint.size),
    Uint8Array.of(receipt.path.length), ...receipt.path, Uint8Array.of(lines.length),
    ...lines.map(({ ref, body }) => tally.concat(Uint8Array.of(ref), body)),
  ));
  let text = "PT1:";
  for (let at = 0; at < bytes.length; at += 2) {
    const isPair = at + 1 < bytes.length;
    let value = isPair ? bytes[at] * 256 + bytes[at + 1] : bytes[at];
    for (let symbol = 0; symbol < (isPair ? 3 : 2); symbol += 1, value = Math.floor(value / 45)) text += BASE45[value % 45];
  }
  return text;
}

test("a QR code is worth its receipt, with the note and without it", () => {
  const election = open();
  const receipt = tally.parseReceipt(kept("good.receipt"));
  const text = qrOf(receipt, election);
  const withNote = tally.verify(tally.parseQr(text, election, receipt.entry), election);
  assert.equal(withNote.verdict.kind, "recorded");
  const without = tally.verify(tally.parseQr(text, election, null), election);
  assert.equal(without.verdict.kind, "recorded_unread");
  assert.deepEqual(without.checks.slice(-2).map((check) => check.result), ["not_checked", "not_checked"]);
  const other = edit(receipt.entry, "seq 1", "seq 2");
  assert.throws(() => tally.parseQr(text, election, other), /not the report/);
  for (const [place, what] of [[1, /another election/], [0, /changed/]]) {
    const changed = qrOf(receipt, election, (bytes) => bytes.map((byte, at) => (at === place ? byte ^ 1 : byte)));
    assert.throws(() => tally.parseQr(changed, election, null), what);
  }
  const changedLeaf = qrOf(receipt, election, (bytes) => bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte)));
  assert.equal(tally.verify(tally.parseQr(changedLeaf, election, null), election).verdict.kind, "invalid");
});

test("a bundle that is not the pinned one, or was changed in any file, is refused", () => {
  assert.throws(() => open(files(), "26NZ-4N9Y-A1B3-CSC1-KJ"), /not the fingerprint/);
  assert.ok(open(files(), tally.base64(open().genesis)));
  for (const [at, file] of files().entries()) {
    const middle = file.length >> 1;
    const changed = files().with?.(at, file) ?? files();
    changed[at] = file.map((byte, place) => (place === middle ? byte ^ 1 : byte));
    assert.throws(() => open(changed), tally.BadBundle, `file ${at}`);
    assert.throws(() => open(files().filter((_, other) => other !== at)), tally.BadBundle, `file ${at}`);
  }
});

test("a bundle is taken from a node, and believed no more than files", async () => {
  const served = new Map();
  let versions = 0;
  for (const file of files()) {
    const isManifest = tally.fromUtf8(file).startsWith("precinct-tally/manifest/");
    if (isManifest) versions += 1;
    const path = isManifest ? `manifests/${versions}` : `files/${tally.hex(tally.sha256(file))}`;
    served.set(`https://node/v1/${path}`, file);
  }
  assert.equal(versions, 1);
  const list = (text) => served.set("https://node/v1/manifests", tally.utf8(text));
  const get = async (address) => served.get(address) ?? null;
  list('[{"version":1,"leaf":0}]');
  const taken = await tally.bundleFrom("https://node", get);
  assert.deepEqual(open(taken).genesis, open().genesis);
  assert.equal(tally.verify(tally.parseReceipt(kept("good.receipt")), open(taken)).verdict.kind, "recorded");
  served.delete([...served].find(([address, file]) => address.includes("/files/") && taken.includes(file))[0]);
  await assert.rejects(tally.bundleFrom("https://node", get), /the node has no `\/v1\/files\//);
  for (const wrong of ["", "{}", "[{}]", "[null]"]) {
    list(wrong);
    await assert.rejects(tally.bundleFrom("https://node", get), /list of manifests/, wrong);
  }
});

test("a code is read as people type it, and a misread letter is noticed", () => {
  const prefix = tally.parseCode(PINNED);
  assert.deepEqual(tally.parseCode("fapa qm7f erb2 6sk6 t6"), prefix);
  assert.equal(tally.codeOf(prefix), PINNED);
  for (const wrong of ["FAPA-QM7F-ERB2-6SK6-T7", "FAPA-QM7F-ERB2-6SK6-T", "FAPA-QM7F-ERB2-6SK6-U6"]) {
    assert.equal(tally.parseCode(wrong), null, wrong);
  }
});

test("base64 and numbers have one text", () => {
  assert.deepEqual(tally.fromBase64("+/8="), Uint8Array.of(0xfb, 0xff));
  for (const other of ["+/9=", "+/8", "-_8=", "+/8= ", " +/8=", "+/8==", "=+/8", "+=/8"]) {
    assert.equal(tally.fromBase64(other), null, other);
  }
  assert.equal(tally.decimal("18446744073709551615"), 2n ** 64n - 1n);
  for (const other of ["", "00", "007", "+7", " 7", "7 ", "18446744073709551616"]) assert.equal(tally.decimal(other), null);
});

test("a receipt is read in one form only", () => {
  const good = kept("good.receipt");
  for (const [from, to] of [["index 2", "index 02"], ["\n\n", "\r\n\r\n"], ["extra ", "extra"], ["index 2", "index -2"], ["@v1", "@v2"]]) {
    assert.throws(() => tally.parseReceipt(edit(good, from, to)), tally.Malformed, to);
  }
  assert.throws(() => tally.parseReceipt(good.slice(0, -1)), tally.Malformed);
  assert.throws(() => tally.parseReceipt(new Uint8Array(65_537)), /65536 bytes/);
});

const run = (...words) => new Promise((resolve) => {
  execFile(process.execPath, [COMMAND, ...words], (error, out) => resolve({ exit: error === null ? 0 : error.code, out }));
});

test("the command ends as `tally receipt verify` does", async () => {
  const bundle = ["--bundle", `${KEPT}bundle`, "--fingerprint", PINNED];
  const good = await run(`${KEPT}good.receipt`, ...bundle);
  assert.equal(good.exit, 0);
  assert.equal(good.out.match(/^ {2}\u2713 /gm).length, 7);
  assert.match(good.out, /^REHEARSAL/);
  for (const [words, exit] of [
    [[`${KEPT}lonely.receipt`, ...bundle], 11],
    [[`${KEPT}torn.receipt`, ...bundle], 10],
    [[`${KEPT}lonely.receipt`, `${KEPT}moved.receipt`, `${KEPT}good.receipt`, ...bundle], 10],
    [[`${KEPT}good.receipt`, "--bundle", `${KEPT}bundle`, "--fingerprint", "26NZ-4N9Y-A1B3-CSC1-KJ"], 10],
    [[`${KEPT}good.receipt`, "--bundle", `${KEPT}bundle`, "--fingerprint", "misread"], 2],
    [[`${KEPT}good.receipt`], 2],
    [[...bundle], 2],
  ]) {
    assert.equal((await run(...words)).exit, exit, words.join(" "));
  }
});
