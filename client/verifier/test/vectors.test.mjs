// Other people's vectors. They lie outside the repository: TALLY_SHARED names the folder, else `shared`
// beside the checkout. Where it is missing, each test says so instead of passing in silence.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import * as tally from "../dist/index.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PLACES = [process.env.TALLY_SHARED, join(HERE, "../../../../shared"), join(HERE, "../../../../../shared")];
const SHARED = PLACES.find((place) => place && existsSync(join(place, "data/vectors")));
const skip = SHARED === undefined ? "no vectors: set TALLY_SHARED to the folder that has data/vectors" : false;
const json = (name) => JSON.parse(readFileSync(join(SHARED, "data/vectors", name), "utf8"));
const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

test("of CCTV's 914 edge cases exactly the nodes' 43 are accepted", { skip }, () => {
  const cases = json("cctv_ed25519vectors.json");
  const harmless = new Set(["low_order_component_A", "low_order_component_R"]);
  assert.equal(cases.length, 914);
  let accepted = 0;
  for (const { key, sig, msg, flags, number } of cases) {
    const is = tally.verifyStrict(fromHex(key), tally.utf8(msg), fromHex(sig));
    assert.equal(is, (flags ?? []).every((flag) => harmless.has(flag)), `case ${number}`);
    accepted += is ? 1 : 0;
  }
  assert.equal(accepted, 43);
});

test("speccheck's twelve cases read XXXVXXXXXXXX", { skip }, () => {
  const row = json("speccheck_cases.json").map(({ pub_key, message, signature }) =>
    tally.verifyStrict(fromHex(pub_key), fromHex(message), fromHex(signature)) ? "V" : "X");
  assert.equal(row.join(""), "XXXVXXXXXXXX");
});

test("all 151 of Wycheproof's cases are judged as they say", { skip }, () => {
  let judged = 0;
  for (const { publicKey, tests } of json("wycheproof_ed25519_test.json").testGroups) {
    for (const { tcId, msg, sig, result } of tests) {
      const is = tally.verifyStrict(fromHex(publicKey.pk), fromHex(msg), fromHex(sig));
      assert.equal(is, result === "valid", `test ${tcId}`);
      judged += 1;
    }
  }
  assert.equal(judged, 151);
});

test("128 signatures of Bernstein's list verify, and none over another message", { skip }, () => {
  const lines = readFileSync(join(SHARED, "data/vectors/ed25519_sign_input_128.txt"), "utf8").trim().split("\n");
  assert.equal(lines.length, 128);
  for (const line of lines) {
    const [, key, message, signed] = line.split(":").map(fromHex);
    const signature = signed.slice(0, 64);
    assert.ok(tally.verifyStrict(key, message, signature));
    assert.ok(!tally.verifyStrict(key, tally.concat(message, Uint8Array.of(1)), signature));
  }
});

const bytes = (text) => tally.fromBase64(text ?? "") ?? new Uint8Array();

test("RFC 6962 proofs are judged as transparency-dev's vectors say", { skip }, () => {
  const { inclusion, consistency } = json("rfc6962_merkle.json");
  let judged = 0;
  // Two cases call an empty text a hash and expect it to hold; no parser here lets one through.
  const untyped = ["single-entry/empty-root-and-leaf.json", "additional/sizes-are-equal-one-and-proof-is-empty.json"];
  const judge = (name, vector, prove) => {
    if (untyped.some((end) => name.endsWith(end))) return;
    assert.equal(prove((vector.proof ?? []).map(bytes)), !vector.wantErr, name);
    judged += 1;
  };
  for (const [name, vector] of Object.entries(inclusion)) {
    judge(name, vector, (path) => {
      const root = tally.rootFromPath(BigInt(vector.leafIdx), BigInt(vector.treeSize), bytes(vector.leafHash), path);
      return root !== null && tally.equal(root, bytes(vector.root));
    });
  }
  for (const [name, vector] of Object.entries(consistency)) {
    const { size1, size2, root1, root2 } = vector;
    judge(name, vector, (proof) =>
      tally.consistent(BigInt(size1), BigInt(size2), bytes(root1), bytes(root2), proof));
  }
  assert.equal(judged, 194);
});

test("the tree of eight has the roots of transparency-dev's list", { skip }, () => {
  const { tree } = json("rfc6962_merkle.json");
  const leaves = tree.leaf_inputs_hex.map((leaf) => tally.leafHash(fromHex(leaf)));
  const roots = leaves.map((_, at) => tally.hex(tally.rootOf(leaves.slice(0, at + 1))));
  assert.deepEqual(roots, tree.root_hashes_hex_sizes_1_to_8);
});

const example = (name) => new Uint8Array(readFileSync(join(SHARED, "receipts/examples", name)));
const exampleText = (name) => tally.fromUtf8(example(name));

test("the published example's checkpoints meet the policies that they should", { skip }, () => {
  const receiptPolicy = tally.parsePolicy(exampleText("policy.receipt.txt"));
  const finalPolicy = tally.parsePolicy(exampleText("policy.final.txt"));
  const [good, strong, weak] = ["receipt.tlog-proof", "receipt.final.tlog-proof", "receipt.weak.tlog-proof"]
    .map((name) => tally.parseReceipt(example(name)));
  assert.ok(tally.satisfied(receiptPolicy, good.signed));
  assert.ok(!tally.satisfied(finalPolicy, good.signed));
  assert.ok(tally.satisfied(finalPolicy, strong.signed));
  assert.ok(!tally.satisfied(receiptPolicy, weak.signed));
  for (const { index, leaf, path, signed: { checkpoint } } of [good, strong, weak]) {
    assert.deepEqual(tally.rootFromPath(index, checkpoint.size, leaf, path), checkpoint.root);
    assert.equal(tally.rootFromPath(index + 1n, checkpoint.size, leaf, path)?.join() === checkpoint.root.join(), false);
  }
  assert.equal(tally.codeOf(good.leaf), "G2HP-YXPC-V819-BHS9-FA");
});

test("the published example's log hashes to its checkpoint's root", { skip }, () => {
  const bundle = example("log/tile/entries/000.p/13");
  const leaves = [];
  for (let at = 0; at < bundle.length;) {
    const length = bundle[at] * 256 + bundle[at + 1];
    leaves.push(tally.leafHash(bundle.slice(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  const { checkpoint } = tally.parseCheckpoint(example("log/checkpoint"));
  assert.equal(BigInt(leaves.length), checkpoint.size);
  assert.deepEqual(tally.rootOf(leaves), checkpoint.root);
});
