/** The rule of a schema map for one column, made ready: where its values come from, and what is done with those that do not fit. */
import { type ColumnType, columnTypeName } from "../model/column-type.ts";
import type { Row, RowValue } from "../model/row-value.ts";
import { castBetween } from "./casts.ts";
import { configInvalid, typeNamed, unknownName } from "./config-error.ts";
import { type Constant, typeOfConstant, valueOf } from "./constant.ts";
import { compileExpression } from "./expression.ts";
import type { ColumnRule } from "./schema-map.ts";
import { type Cast, unchanged, Unfit } from "./unfit.ts";

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly isNullable: boolean;
}

/** A table as its source has it, in the order of its columns. */
export interface TableShape {
  /** With its schema. */
  readonly name: string;
  readonly columns: readonly Column[];
}

/** How a column of the target is made. */
export interface Step {
  readonly column: Column;
  /** Of a row of the source. */
  readonly make: (row: Row) => RowValue | Unfit;
  /** Whether a value that does not fit ends the job, or only its row. */
  readonly isStop: boolean;
}

/** What each kind of rule may have. */
const wordsOf = {
  drop: ["from", "drop"],
  from: ["from", "to", "cast", "default", "on_error"],
  constant: ["to", "constant", "cast"],
  expression: ["to", "expression", "cast", "default", "on_error"],
} as const satisfies Record<string, readonly (keyof ColumnRule)[]>;

/** One rule, where it stands, and what comes of it. Each method throws `config_invalid` that names the place. */
export class ColumnSteps {
  readonly where: string;
  readonly #rule: ColumnRule;
  readonly #shape: TableShape;

  constructor(rule: ColumnRule, shape: TableShape) {
    this.#rule = rule;
    this.#shape = shape;
    this.where = `the rule for ${rule.to ?? rule.from ?? "a column without a name"} of ${shape.name}`;
  }

  dropped(from: string): "dropped" {
    this.#allow("drop");
    this.#source(from);
    return "dropped";
  }

  /** From a column of the source. */
  moved(from: string): Step {
    this.#allow("from");
    const [column, at] = this.#source(from);
    const type = this.#rule.cast === undefined ? column.type : typeNamed(this.#rule.cast, this.where);
    // Without a word about the type there is nothing that could fail.
    const cast = this.#rule.cast === undefined ? unchanged : this.#cast(column.type, type);
    const make =
      cast === unchanged
        ? (row: Row): RowValue => row[at] as RowValue
        : (row: Row): RowValue | Unfit => {
            const value = row[at] as RowValue;
            return value === null ? null : cast(value);
          };
    return this.#step(make, { name: this.#rule.to ?? from, type, isNullable: column.isNullable });
  }

  /** From a constant or an expression. */
  added(): Step {
    const { to, constant, expression } = this.#rule;
    if (to === undefined)
      throw configInvalid(`a rule of ${this.#shape.name} has neither from nor to`, "Say which column it is about.");
    if (expression !== undefined) return this.#expression(to, expression);
    if (constant !== undefined) return this.#constant(to, constant);
    throw configInvalid(`${this.where} has no from, no constant and no expression`, "Say where its values come from.");
  }

  #expression(name: string, expression: string): Step {
    this.#allow("expression");
    if (this.#rule.cast === undefined)
      throw configInvalid(
        `${this.where} has an expression, but no cast`,
        "Say the type of the column by cast, such as int8.",
      );
    const type = typeNamed(this.#rule.cast, this.where);
    const make = compileExpression(expression, type, { where: this.where, columns: this.#shape.columns });
    return this.#step(make, { name, type, isNullable: true });
  }

  #constant(name: string, constant: Constant): Step {
    this.#allow("constant");
    const type =
      this.#rule.cast === undefined ? typeOfConstant(constant, this.where) : typeNamed(this.#rule.cast, this.where);
    if (type === null)
      throw configInvalid(`${this.where} is NULL in every row, of no type`, "Say the type of the column by cast.");
    const value = valueOf(constant, type, { where: this.where, role: "constant" });
    return { column: { name, type, isNullable: value === null }, make: () => value, isStop: true };
  }

  /** With what the rule says of NULL and of failures: what fails with `null` is NULL, so that a default stands in for it. */
  #step(make: Step["make"], column: Column): Step {
    const { default: given = null, on_error: onError = "stop" } = this.#rule;
    if (this.#rule.default === null)
      throw configInvalid(`${this.where} has the default null, which changes nothing`, "Remove it.");
    if (onError === "default" && given === null)
      throw configInvalid(`${this.where} says on_error: default, but has no default`, "Say which one.");
    const standIn = valueOf(given, column.type, { where: this.where, role: "default" });
    const isTolerant = onError === "null" || onError === "default";
    const isNullable = standIn === null && (column.isNullable || isTolerant);
    const step: Step = { column: { ...column, isNullable }, make, isStop: onError === "stop" };
    if (isTolerant)
      return {
        ...step,
        make: (row) => {
          const value = make(row);
          return value instanceof Unfit ? standIn : (value ?? standIn);
        },
      };
    return standIn === null ? step : { ...step, make: (row) => make(row) ?? standIn };
  }

  #source(name: string): readonly [Column, number] {
    const { columns } = this.#shape;
    const at = columns.findIndex((column) => column.name === name);
    if (at >= 0) return [columns[at] as Column, at];
    throw unknownName(
      `${this.where}: the table has no column ${name}`,
      name,
      columns.map((column) => column.name),
    );
  }

  #cast(from: ColumnType, to: ColumnType): Cast {
    const cast = castBetween(from, to);
    if (cast !== null) return cast;
    throw configInvalid(
      `${this.where}: there is no cast from ${columnTypeName(from)} to ${columnTypeName(to)}`,
      "Use an expression that says how one becomes the other, or another type.",
    );
  }

  /** No word that says nothing in this kind of rule. */
  #allow(kind: keyof typeof wordsOf): void {
    const words: readonly string[] = wordsOf[kind];
    const wrong = Object.entries(this.#rule).find(([word, value]) => value !== undefined && !words.includes(word));
    if (wrong !== undefined)
      throw configInvalid(`${this.where} has ${wrong[0]}, which does not go with ${kind}`, "Remove one of them.");
  }
}
