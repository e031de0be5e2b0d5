/**
 * The contract of a table: what must hold of the rows that go on, and the decision where it does not. Checks run in the
 * order in which they stand; a value that one of them has changed is what the next one sees. NULL passes all but `not_null`.
 */
import type { RowValue } from "../model/row-value.ts";
import { compileCheck, type Key, keyFor, type RunCheck } from "./checks.ts";
import type { TableShape } from "./column-rule.ts";
import { configInvalid, unknownName } from "./config-error.ts";
import type { Check, Decision, TableContract } from "./contract-shape.ts";
import { RowFailure } from "./table-map.ts";
import { Unfit } from "./unfit.ts";

/** How often a check did not hold in a batch, and what was decided. */
export interface Tally {
  readonly column: string;
  readonly check: Check["check"] | "unique";
  readonly decision: Decision;
  readonly rows: number;
}

interface ColumnCheck {
  readonly column: string;
  readonly at: number;
  readonly check: Check["check"];
  readonly decision: Decision;
  readonly run: RunCheck;
}

interface UniqueCheck {
  /** Their names, with commas between them. */
  readonly column: string;
  readonly check: "unique";
  readonly places: readonly number[];
  readonly decision: Exclude<Decision, "coerce">;
  readonly keyOf: (values: readonly RowValue[]) => Key;
}

/** Made ready for a table; every batch begins with `begin`. */
export class Contract {
  readonly #checks: readonly ColumnCheck[];
  readonly #uniques: readonly UniqueCheck[];

  /** @param shape of the target @throws config_invalid naming the table, the column and what is wrong */
  constructor(contract: TableContract, shape: TableShape) {
    if ((contract.columns ?? []).length + (contract.unique ?? []).length === 0)
      throw configInvalid(`the contract of ${shape.name} checks nothing`, "Remove it, or say what must hold.");
    this.#checks = (contract.columns ?? []).flatMap(({ column, checks }) => {
      const at = placeOf(column, shape);
      const { type } = shape.columns[at] as TableShape["columns"][number];
      return checks.map((check) => {
        const where = `the contract's check ${check.check} of ${column} of ${shape.name}`;
        return { column, at, check: check.check, decision: check.decision, run: compileCheck(check, { where, type }) };
      });
    });
    this.#uniques = (contract.unique ?? []).map(({ columns, decision }) => {
      const places = columns.map((column) => placeOf(column, shape));
      const types = places.map((at) => (shape.columns[at] as TableShape["columns"][number]).type);
      return { column: columns.join(", "), check: "unique", places, decision, keyOf: keyFor(types) };
    });
  }

  begin(): BatchCheck {
    return new BatchCheck(this.#checks, this.#uniques);
  }
}

function placeOf(column: string, shape: TableShape): number {
  const names = shape.columns.map(({ name }) => name);
  const at = names.indexOf(column);
  if (at >= 0) return at;
  throw unknownName(`the contract speaks of the column ${column}, which ${shape.name} does not have`, column, names);
}

/** The rows of one batch, in their order. */
export class BatchCheck {
  readonly #checks: readonly ColumnCheck[];
  readonly #uniques: readonly UniqueCheck[];
  /** For each check, those of columns first. */
  readonly #violations: number[];
  readonly #seen: readonly Set<Key>[];

  constructor(checks: readonly ColumnCheck[], uniques: readonly UniqueCheck[]) {
    this.#checks = checks;
    this.#uniques = uniques;
    this.#violations = Array.from({ length: checks.length + uniques.length }, () => 0);
    this.#seen = uniques.map(() => new Set());
  }

  /** @param row changed in place where a check coerces @returns null when it goes on */
  check(row: RowValue[]): RowFailure | null {
    for (let index = 0; index < this.#checks.length; index += 1) {
      const { column, at, check, decision, run } = this.#checks[index] as ColumnCheck;
      const value = row[at] as RowValue;
      if ((value === null) !== (check === "not_null")) continue;
      const result = run(value);
      if (Object.is(result, value)) continue;
      this.#violations[index] = (this.#violations[index] as number) + 1;
      if (!(result instanceof Unfit)) row[at] = result;
      // What cannot be coerced is rejected: it must not go on as it is.
      else if (decision !== "accept") return new RowFailure(column, result, decision === "stop");
    }
    return this.#checkUnique(row);
  }

  /** Only rows that pass all else take a place: one that is rejected does not stand in the way of a good one. */
  #checkUnique(row: readonly RowValue[]): RowFailure | null {
    const keys = this.#uniques.map(({ places, keyOf }) => {
      const values = places.map((at) => row[at] as RowValue);
      return values.includes(null) ? null : keyOf(values);
    });
    for (const [index, { column, decision }] of this.#uniques.entries()) {
      const key = keys[index] as Key | null;
      if (key === null || !(this.#seen[index] as Set<Key>).has(key)) continue;
      const place = this.#checks.length + index;
      this.#violations[place] = (this.#violations[place] as number) + 1;
      if (decision !== "accept") return new RowFailure(column, notUnique, decision === "stop");
    }
    for (const [index, key] of keys.entries()) if (key !== null) (this.#seen[index] as Set<Key>).add(key);
    return null;
  }

  /** Of checks that did not hold at least once. */
  tallies(): readonly Tally[] {
    const found: Tally[] = [];
    for (const [index, rows] of this.#violations.entries()) {
      if (rows === 0) continue;
      const { length } = this.#checks;
      const { column, check, decision } =
        index < length ? (this.#checks[index] as ColumnCheck) : (this.#uniques[index - length] as UniqueCheck);
      found.push({ column, check, decision, rows });
    }
    return found;
  }
}

const notUnique = new Unfit("not_unique", "is in the batch a second time");
