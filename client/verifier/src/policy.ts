/** c2sp.org/tlog-policy files: which keys are trusted, and how many of them must have signed. */
import { decimal } from "./bytes.js";
import { Malformed, SignedCheckpoint, VerifierKey, claims, cosignedAt, parseKey, sameKey, verifies, checkpointText } from "./note.js";

interface Group { name: string; needed: number; members: string[] }

export interface Policy {
  logs: VerifierKey[];
  witnesses: { name: string; key: VerifierKey }[];
  groups: Group[];
  /** Null: the log's own signature is enough. */
  quorum: string | null;
}

const MAX_BYTES = 65_536;
const MAX_LISTED = 64;

export function parsePolicy(text: string): Policy {
  const policy: Policy & { decided: boolean } = { logs: [], witnesses: [], groups: [], quorum: null, decided: false };
  if (text.length > MAX_BYTES) throw new Malformed(1, `more than ${MAX_BYTES} bytes`);
  if (text !== "" && !text.endsWith("\n")) throw new Malformed(1, "the last line does not end");
  const names = new Set<string>();
  const members = new Set<string>();
  text.slice(0, -1).split("\n").forEach((line, at) => {
    const refuse = (what: string): never => { throw new Malformed(at + 1, what); };
    if (/[\x00-\x08\x0b-\x1f\x7f]/.test(line)) refuse("a control character");
    const items = line.split(/[ \t]+/).filter((item) => item !== "");
    const [word = "", name = "", third = "", ...rest] = items;
    const define = (): void => {
      if (name === "none" || names.has(name)) refuse(`\`${name}\` is taken`);
      names.add(name);
    };
    const read = (vkey: string, type: number, known: VerifierKey[]): VerifierKey => {
      const key = parseKey(vkey);
      if (key?.type !== type) return refuse("not a key of the type that its line asks for");
      if (known.some((other) => sameKey(other, key))) refuse("a key stands twice");
      if (known.length >= MAX_LISTED) refuse("too many lines of one kind");
      return key;
    };
    if (word === "" || word.startsWith("#")) return;
    if (word === "log" && (items.length === 2 || items.length === 3)) {
      policy.logs.push(read(name, 1, policy.logs));
    } else if (word === "witness" && (items.length === 3 || items.length === 4)) {
      const key = read(third, 4, policy.witnesses.map((witness) => witness.key));
      define();
      policy.witnesses.push({ name, key });
    } else if (word === "group" && rest.length > 0) {
      for (const member of rest) {
        if (!names.has(member) || members.has(member)) refuse(`\`${member}\` is no name, or in a group already`);
        members.add(member);
      }
      const needed = third === "all" ? rest.length : third === "any" ? 1 : Number(decimal(third, 64n) ?? 0n);
      if (needed < 1 || needed > rest.length || policy.groups.length >= MAX_LISTED) refuse("`all`, `any` or 1 to all");
      define();
      policy.groups.push({ name, needed, members: rest });
    } else if (word === "quorum" && items.length === 2) {
      if (policy.decided) refuse("a second `quorum` line");
      if (name !== "none" && !names.has(name)) refuse(`\`${name}\` is not defined above`);
      policy.quorum = name === "none" ? null : name;
      policy.decided = true;
    } else {
      refuse("expected `log`, `witness`, `group` or `quorum`");
    }
  });
  if (!policy.decided) throw new Malformed(1, "there is no `quorum` line");
  return policy;
}

/** Whether these witnesses, by the policy's names, are a quorum. */
export function quorumMet(policy: Policy, signedBy: ReadonlySet<string>): boolean {
  const met = new Set(policy.witnesses.map(({ name }) => name).filter((name) => signedBy.has(name)));
  for (const group of policy.groups) {
    if (group.members.filter((member) => met.has(member)).length >= group.needed) met.add(group.name);
  }
  return policy.quorum === null || met.has(policy.quorum);
}

/** Whether a log signed, the quorum is met, and no line of a key named in the policy fails. */
export function satisfied(policy: Policy, { checkpoint, lines }: SignedCheckpoint): boolean {
  const signedBy = new Set<string>();
  let logs = 0;
  for (const line of lines) {
    const log = policy.logs.find((key) => claims(key, line));
    const witness = policy.witnesses.find(({ key }) => claims(key, line));
    if (log !== undefined) {
      if (log.name !== checkpoint.origin || !verifies(log, checkpointText(checkpoint), line)) return false;
      logs += 1;
    } else if (witness !== undefined) {
      if (cosignedAt(witness.key, checkpoint, line) === null) return false;
      signedBy.add(witness.name);
    }
  }
  return (logs > 0 || policy.logs.length === 0) && quorumMet(policy, signedBy);
}

/** The same rule, whatever comments, spaces and addresses its file has. */
export function samePolicy(a: Policy, b: Policy): boolean {
  const said = ({ logs, witnesses, groups, quorum }: Policy): string =>
    JSON.stringify([logs.map((key) => key.text), witnesses.map(({ name, key }) => [name, key.text]), groups, quorum]);
  return said(a) === said(b);
}
