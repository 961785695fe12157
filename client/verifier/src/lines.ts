/** A cursor over the lines of a text: keywords, single spaces, and the values between them. */
import { decimal, fromHash } from "./bytes.js";
import { Malformed } from "./note.js";

/** The largest number that a signed text states, which every reader of JSON keeps exactly. */
export const MOST = 2n ** 53n - 1n;

export const number = (text: string): bigint | null => decimal(text, MOST);
export const positive = (text: string): bigint | null => {
  const value = number(text);
  return value !== null && value > 0n ? value : null;
};
export const token = (text: string): string | null => (/^[A-Za-z0-9._-]{1,32}$/.test(text) ? text : null);
export const hashText = (text: string): string | null => (fromHash(text) === null ? null : text);
export const oneOf = (...words: string[]) => (text: string): string | null => (words.includes(text) ? text : null);

/** `-` for nothing, written as an empty text here, or a value. */
export const dash = (read: (text: string) => string | null) => (text: string): string | null =>
  text === "-" ? "" : read(text);

/** Exactly so many fields between single spaces. */
export function fields(text: string, count: number): string[] | null {
  const parts = text.split(" ");
  return parts.length === count && parts.every((part) => part !== "") ? parts : null;
}

export class Lines {
  private readonly lines: string[];
  private at = 0;

  constructor(text: string) {
    if (!text.endsWith("\n")) throw new Malformed(1, "the text does not end with a line feed");
    this.lines = text.slice(0, -1).split("\n");
    const bad = this.lines.findIndex((line) => !/^[ -~]+$/.test(line));
    if (bad >= 0) throw new Malformed(bad + 1, "a line is empty or not printable ASCII");
  }

  fault(what: string): Malformed {
    return new Malformed(this.at + 1, what);
  }

  peek(): string | undefined {
    return this.lines[this.at];
  }

  has(keyword: string): boolean {
    return this.peek()?.startsWith(`${keyword} `) ?? false;
  }

  flag(line: string): boolean {
    const found = this.peek() === line;
    if (found) this.at += 1;
    return found;
  }

  exactly(line: string): void {
    if (!this.flag(line)) throw this.fault(`expected \`${line}\``);
  }

  value<T>(keyword: string, read: (text: string) => T | null): T {
    const value = this.has(keyword) ? read((this.peek() ?? "").slice(keyword.length + 1)) : null;
    if (value === null) throw this.fault(`expected \`${keyword} …\``);
    this.at += 1;
    return value;
  }

  optional<T>(keyword: string, read: (text: string) => T | null): T | null {
    return this.has(keyword) ? this.value(keyword, read) : null;
  }

  /** All lines with this keyword; their keys ascend strictly, where `key` is given. */
  list<T, K extends string | bigint>(
    keyword: string, read: (text: string) => T | null, key?: (value: T) => K, most = Number.MAX_SAFE_INTEGER,
  ): T[] {
    const values: T[] = [];
    while (this.has(keyword)) {
      const before = values.at(-1);
      if (values.length >= most) throw this.fault(`more than ${most} \`${keyword}\` lines`);
      const value = this.value(keyword, read);
      if (key !== undefined && before !== undefined && !(key(before) < key(value))) {
        throw this.fault(`the \`${keyword}\` lines must ascend, each one once`);
      }
      values.push(value);
    }
    return values;
  }

  end(): void {
    if (this.at < this.lines.length) throw this.fault("a line that does not belong here");
  }
}
