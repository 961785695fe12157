// The page: files and text in, each check with its sentence out. Whatever came from outside is set as
// text, never as markup.
import * as tally from "../dist/index.js";

const MARKS = { passed: "\u2713", failed: "\u2717", not_checked: "\u2013" };
const find = (id) => document.getElementById(id);
const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());

/** An element with text inside. */
function made(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

let fetched = null;

async function bundle() {
  const chosen = Array.from(find("bundle").files);
  return chosen.length > 0 ? Promise.all(chosen.map(bytesOf)) : fetched;
}

const get = async (address) => {
  const answer = await fetch(address);
  return answer.ok ? bytesOf(answer) : null;
};

/** The address of a node, as people type it. */
function addressOf(typed) {
  return new URL(typed.includes("://") ? typed : `https://${typed}`);
}

async function fetchBundle() {
  const address = addressOf(find("node").value.trim());
  find("opened").textContent = `Asking ${address.host} \u2026`;
  fetched = await tally.bundleFrom(address.href, get);
  find("opened").textContent = `${fetched.length} files were taken from ${address.host}. What they are worth the fingerprint tells.`;
}

function row(result, sentence) {
  return made("li", result, made("b", "", MARKS[result]), made("span", "", sentence));
}

async function receiptOf(election) {
  const [file] = find("file").files;
  const bytes = file === undefined ? tally.utf8(find("text").value) : await bytesOf(file);
  const text = tally.fromUtf8(bytes) ?? "";
  if (bytes.length === 0) throw new tally.Malformed(1, "no receipt was given");
  if (!text.trimStart().startsWith("PT1:")) return tally.parseReceipt(bytes);
  const [note] = find("note").files;
  return tally.parseQr(text, election, note === undefined ? null : await bytesOf(note));
}

async function check() {
  const rows = [];
  let summary;
  let mark = "failed";
  let report = null;
  try {
    const files = await bundle();
    if (files === null) throw new tally.BadBundle("no election bundle was given");
    const typed = find("fingerprint").value.trim();
    const pinned = typed === "" ? null : tally.parseFingerprint(typed);
    if (typed !== "" && pinned === null) throw new tally.BadBundle("the fingerprint was misread: its check letters do not fit");
    const election = tally.openBundle(files, pinned);
    const code = tally.codeOf(election.genesis);
    rows.push(pinned === null
      ? row("not_checked", `No fingerprint was given, so the bundle is taken at its word: ${code}. Compare this code with the published one.`)
      : row("passed", `The bundle is the one whose fingerprint you gave: ${code}.`));
    if (tally.latest(election).manifest.kind === "rehearsal") {
      rows.push(row("not_checked", "REHEARSAL: a receipt of a rehearsal counts for nothing else."));
    }
    const receipt = await receiptOf(election);
    const result = tally.verify(receipt, election);
    rows.push(...result.checks.map((one) => row(one.result, one.sentence)), ...result.ignored.map((line) => row("not_checked", line)));
    summary = result.summary;
    report = result.leaf?.text ?? null;
    const kind = result.verdict.kind;
    mark = kind === "invalid" ? "failed" : kind === "recorded" && pinned !== null ? "passed" : "not_checked";
  } catch (error) {
    if (error instanceof tally.BadBundle) summary = `THE BUNDLE DOES NOT HOLD: ${error.message}.`;
    else if (error instanceof tally.Malformed) summary = `NOT A RECEIPT: ${error.message}.`;
    else throw error;
  }
  const result = find("result");
  result.replaceChildren(made("h2", "", "What was checked"), made("p", `verdict ${mark}`, summary), made("ul", "", ...rows));
  if (report !== null) {
    const later = "Whether this is still what stands for the unit only the log itself can tell.";
    result.append(made("p", "soft", later), made("pre", "", report));
  }
  result.hidden = false;
  result.scrollIntoView({ block: "start" });
}

find("check").addEventListener("click", check);
find("bundle").addEventListener("change", () => {
  find("opened").textContent = `${find("bundle").files.length} files were chosen.`;
});
find("fetch").addEventListener("click", () => fetchBundle().catch((error) => {
  fetched = null;
  find("opened").textContent = `The bundle could not be taken from that node: ${error.message}. `
    + "Open the node's address in this browser once and see whether it answers, or choose the bundle's files instead.";
}));
