/** The figures of a sheet: attendees, votes of both alignments, delegates, ties, evidence. */
import { Lines, fields, hashText, number, oneOf, token } from "./lines.js";

export interface Figures { attendees: bigint | null; first: bigint; final: bigint }

/** Reads the figures; `-` for a cell that could not be read stands in an attest alone. */
export function readFigures(lines: Lines, dashAllowed: boolean): Figures {
  const cell = (text: string): { count: bigint | null } | null => {
    if (dashAllowed && text === "-") return { count: null };
    const count = number(text);
    return count === null ? null : { count };
  };
  const attendees = lines.value("attendees", cell).count;
  const votes = lines.list("votes", (text) => {
    const [round = "", group = "", count = ""] = fields(text, 3) ?? [];
    const read = cell(count);
    if (oneOf("1", "2")(round) === null || token(group) === null || read === null) return null;
    return { key: `${round} ${group}`, round, count: read.count ?? 0n };
  }, (vote) => vote.key);
  lines.list("delegates", (text) => {
    const [group = "", count = ""] = fields(text, 2) ?? [];
    return token(group) !== null && cell(count) !== null ? group : null;
  }, (group) => group);
  lines.list("tie", tie, undefined, 16);
  lines.list("evidence", evidence, (hash) => hash, 16);
  const total = (round: string): bigint =>
    votes.filter((vote) => vote.round === round).reduce((sum, vote) => sum + vote.count, 0n);
  return { attendees, first: total("1"), final: total("2") };
}

function tie(text: string): string | null {
  const [kind = "", groups = "", won = "", by = ""] = fields(text, 4) ?? [];
  const names = groups.split(",");
  const ascend = names.every((name, at) => token(name) !== null && (at === 0 || (names[at - 1] ?? "") < name));
  const sound = names.length >= 2 && ascend && names.includes(won);
  return sound && oneOf("award", "reduce", "merge")(kind) && oneOf("coin", "straws")(by) ? text : null;
}

function evidence(text: string): string | null {
  const [hash = "", media = "", bytes = ""] = fields(text, 3) ?? [];
  const isMedia = media.length <= 64 && /^[a-z0-9.+-]+\/[a-z0-9.+-]+$/.test(media);
  return isMedia && number(bytes) !== null ? hashText(hash) : null;
}
