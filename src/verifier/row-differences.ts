/** What was found of rows that differ in one table: how many, and some of them in words. */
import { visible } from "../base/visible.ts";

/** Of one row, by column; null for NULL. */
export type Values = ReadonlyMap<string, string | null>;

const toldRowsMax = 20;
const valueCharactersMax = 60;
/** Before the first character that differs, so many of those that do not are shown. */
const leadCharacters = 12;
const lineCharactersMax = 400;

export class RowDifferences {
  rowsOurs = 0;
  rowsTheirs = 0;
  missing = 0;
  extra = 0;
  different = 0;
  /** Not all were counted. */
  isAtLeast = false;
  readonly #lines: string[] = [];
  #told = 0;
  #toldRows = 0;
  #outside = 0;

  get isEmpty(): boolean {
    return this.missing + this.extra + this.different === 0;
  }

  /** How many more may be told. */
  get room(): number {
    return toldRowsMax - this.#told;
  }

  /** Of one row that stands so often on either side. */
  countRows(ours: number, theirs: number): void {
    this.missing += Math.max(0, ours - theirs);
    this.extra += Math.max(0, theirs - ours);
  }

  /** @param rows of the other side in all; those that no range holds have no key */
  countOutside(rows: number): void {
    this.#outside = rows - this.rowsTheirs;
    this.extra += this.#outside;
    this.rowsTheirs = rows;
  }

  tellChanged(key: readonly string[], ours: Values, theirs: Values): void {
    const names = [...ours.keys()].filter((name) => ours.get(name) !== theirs.get(name));
    const row = key.map((name) => `${name}=${literal(ours.get(name) ?? null, null)}`).join(", ");
    const side = (values: Values, others: Values): string =>
      names.map((name) => `${name}=${literal(values.get(name) ?? null, others.get(name) ?? null)}`).join(", ");
    this.#told += 1;
    this.#toldRows += 1;
    this.#lines.push(line("-", `${row}: ${side(ours, theirs)}`), line("+", `${row}: ${side(theirs, ours)}`));
  }

  /** A row that stands more often on one side. */
  tellCounted(values: Values, ours: number, theirs: number): void {
    const row = [...values].map(([name, value]) => `${name}=${literal(value, null)}`).join(", ");
    this.#told += 1;
    this.#toldRows += Math.abs(ours - theirs);
    // Where it stands once on one side alone, the sign says all.
    if (ours + theirs === 1) this.#lines.push(line(ours > theirs ? "-" : "+", row));
    else this.#lines.push(line("-", row, ` (${times(ours)})`), line("+", row, ` (${times(theirs)})`));
  }

  text(): { readonly summary: string; readonly lines: readonly string[] } {
    const parts = [
      [this.missing, "missing"],
      [this.extra, "extra"],
      [this.different, "different"],
    ] as const;
    const counts = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
    const atLeast = this.isAtLeast ? "at least " : "";
    const lines = [...this.#lines];
    if (this.#outside > 0) lines.push(`+ ${this.#outside} with NULL in what is the key here`);
    const more = this.missing + this.extra + this.different - this.#toldRows - this.#outside;
    if (more > 0) lines.push(`  and ${atLeast}${more} more`);
    return {
      summary: `other rows: ${atLeast}${counts.join(", ")}; ${this.rowsOurs} here, ${this.rowsTheirs} there`,
      lines,
    };
  }
}

function times(count: number): string {
  return count === 1 ? "once" : count === 0 ? "not at all" : `${count} times`;
}

function line(sign: "-" | "+", text: string, end = ""): string {
  const cut = text.length > lineCharactersMax ? `${text.slice(0, lineCharactersMax)}…` : text;
  return visible(`${sign} ${cut}${end}`);
}

/** Shortened to where it differs from the other one; from its start where there is none. */
function literal(value: string | null, other: string | null): string {
  if (value === null) return "NULL";
  let from = 0;
  if (other !== null && value.length > valueCharactersMax) {
    while (from < value.length && value[from] === other[from]) from += 1;
    from = Math.max(0, Math.min(from - leadCharacters, value.length - valueCharactersMax));
  }
  const part = value.slice(from, from + valueCharactersMax).replaceAll("'", "''");
  const isCut = from + valueCharactersMax < value.length;
  return `${from > 0 ? "…" : ""}'${part}'${isCut ? "…" : ""}`;
}
