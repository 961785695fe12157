/**
 * The files that a manifest names. Of the roster a verifier needs units and their names, of the roll
 * the chairs' keys, of the rules the pools of satellites; the figures' arithmetic is not its business,
 * so of the rules' other lines only the form is looked at.
 */
import { compare } from "./bytes.js";
import { fields, number, oneOf, positive, token } from "./lines.js";

export class BadFile extends Error {}

const MAX_DELEGATES = 10_000n;

function linesOf(text: string): string[] {
  if (text === "") return [];
  if (!/^([ -~]+\n)+$/.test(text)) throw new BadFile("lines are printable ASCII and end with LF");
  return text.slice(0, -1).split("\n");
}

const isPlaceName = (text: string): boolean => text.length >= 1 && text.length <= 120 && text.trim() === text;

/** The first `count` words of a line and whatever follows them. */
function words(line: string, count: number): string[] {
  const parts = line.split(" ");
  return [...parts.slice(0, count), parts.slice(count).join(" ")];
}

export interface Unit { id: string; name: string; county: string | null; pool: string | null }

/** Reads `unit …` as the roster writes it. */
export function unitLine(line: string): Unit | null {
  const [keyword, id = "", sort = "", place = "", rest = ""] = words(line, 4);
  if (keyword !== "unit" || token(id) === null || token(place) === null) return null;
  if (sort === "satellite") return isPlaceName(rest) ? { id, name: rest, county: null, pool: place } : null;
  const [count = "", name = ""] = words(rest, 1);
  const delegates = positive(count);
  const sound = sort === "precinct" && delegates !== null && delegates <= MAX_DELEGATES && isPlaceName(name);
  return sound ? { id, name, county: place, pool: null } : null;
}

export function parseRoster(text: string): Map<string, Unit> {
  const [heading, ...lines] = linesOf(text);
  if (heading !== "precinct-tally/roster/v1") throw new BadFile("not a roster");
  const counties = new Set<string>();
  const units = new Map<string, Unit>();
  let last = "";
  for (const line of lines) {
    if (line.startsWith("county ")) {
      const [, id = "", convention = "", state = "", district = "", name = ""] = words(line, 5);
      const sound = token(id) !== null && positive(convention) !== null && number(state) !== null
        && (district === "-" || token(district) !== null) && isPlaceName(name);
      if (!sound || units.size > 0 || compare(last, id) >= 0) throw new BadFile(`\`${line}\``);
      counties.add(id);
      last = id;
      continue;
    }
    if (units.size === 0) last = "";
    const unit = unitLine(line);
    const listed = unit !== null && (unit.county === null || counties.has(unit.county));
    if (!listed || compare(last, unit.id) >= 0) throw new BadFile(`\`${line}\``);
    units.set(unit.id, unit);
    last = unit.id;
  }
  if (units.size === 0) throw new BadFile("no units");
  return units;
}

export interface Roll { lines: number; keys: Map<string, string>; units: Set<string> }

/** Keys by `<unit> <slot>`, as text: whoever uses one examines it. */
export function parseRoll(text: string): Roll {
  const lines = linesOf(text);
  const roll: Roll = { lines: lines.length, keys: new Map(), units: new Set() };
  let last = "";
  for (const line of lines) {
    const [unit = "", slot = "", value = ""] = fields(line, 3) ?? [];
    const voucher = slot === "v" && value.length === 44;
    const key = oneOf("a", "b", "s")(slot) !== null && value.length <= 256;
    const place = `${unit} ${slot}`;
    if (token(unit) === null || !(voucher || key) || last >= line || (key && roll.keys.has(place))) {
      throw new BadFile(`\`${line}\``);
    }
    if (key) roll.keys.set(place, value);
    roll.units.add(unit);
    last = line;
  }
  return roll;
}

const RULE_WORDS = ["title", "viability", "rounding", "half", "satellite", "pool", "group", "national"];

/** The ids of the satellites' pools. */
export function parseRules(text: string): Set<string> {
  const [heading, ...lines] = linesOf(text);
  const inOrder = lines.map((line) => RULE_WORDS.indexOf(words(line, 1)[0] ?? ""));
  if (heading !== "precinct-tally/rules/v1" || inOrder.some((place, at) => place < 0 || place < (inOrder[at - 1] ?? 0))) {
    throw new BadFile("not a rule file");
  }
  return new Set(lines.filter((line) => line.startsWith("pool ")).map((line) => words(line, 2)[1] ?? ""));
}
