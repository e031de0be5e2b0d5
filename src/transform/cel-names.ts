/**
 * What an expression speaks of, found before it is worked out for the first time: columns as `row.NAME` or
 * `row["any name"]`, functions, and names that macros bind. Each place where a column stands becomes a variable of its
 * own, so that a row need not be made an object with names.
 */
import type { FuncResolver } from "./cel.ts";
import type { parse } from "@bufbuild/cel";
import { configInvalid, unknownName } from "./config-error.ts";

type Expr = NonNullable<ReturnType<typeof parse>["expr"]>;
type Call = Extract<Expr["exprKind"], { case: "callExpr" }>["value"];
type Comprehension = Extract<Expr["exprKind"], { case: "comprehensionExpr" }>["value"];

const rowName = "row";
/** What the planner knows by itself, and what parsing makes of macros. */
const operators = new Set(["_&&_", "_||_", "_?_:_", "_[_]", "@not_strictly_false", "__not_strictly_false__"]);
const typeNames = new Set(["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"]);

export interface NamesOptions {
  readonly columns: readonly string[];
  readonly functions: FuncResolver;
  /** Begins every message. */
  readonly where: string;
}

export class CelNames {
  /** By the variable that stands for it now. */
  readonly used = new Map<string, number>();
  readonly #options: NamesOptions;

  constructor(options: NamesOptions) {
    this.#options = options;
  }

  /** @param expr changed in place @throws config_invalid */
  resolve(expr: Expr | undefined, bound: ReadonlySet<string> = new Set()): void {
    const kind = expr?.exprKind;
    switch (kind?.case) {
      case "identExpr":
        this.#checkName(kind.value.name, bound);
        break;
      case "selectExpr":
        if (isRow(kind.value.operand, bound)) this.#useColumn(expr as Expr, kind.value.field, kind.value.testOnly);
        else this.resolve(kind.value.operand, bound);
        break;
      case "callExpr":
        this.#call(expr as Expr, kind.value, bound);
        break;
      case "listExpr":
        for (const element of kind.value.elements) this.resolve(element, bound);
        break;
      case "structExpr":
        for (const { keyKind, value } of kind.value.entries) {
          if (keyKind.case === "mapKey") this.resolve(keyKind.value, bound);
          this.resolve(value, bound);
        }
        break;
      case "comprehensionExpr":
        this.#comprehension(kind.value, bound);
        break;
      case "constExpr":
      case undefined:
    }
  }

  #call(expr: Expr, call: Call, bound: ReadonlySet<string>): void {
    const [first, second] = call.args;
    if (call.function === "_[_]" && isRow(first, bound)) {
      const constant = second?.exprKind.case === "constExpr" ? second.exprKind.value.constantKind : undefined;
      if (constant?.case !== "stringValue")
        throw this.#wrong("row is asked for a column by no fixed name", 'Write the name: row.NAME or row["any name"].');
      this.#useColumn(expr, constant.value, false);
      return;
    }
    // `strings.quote(…)` looks as if it were a method of something called strings.
    const qualified = call.target === undefined ? null : qualifiedName(call.target);
    const isQualified =
      qualified !== null && this.#options.functions.find(`${qualified}.${call.function}`) !== undefined;
    if (!isQualified && call.target !== undefined) this.resolve(call.target, bound);
    if (!isQualified && !operators.has(call.function)) this.#checkFunction(call.function);
    for (const argument of call.args) this.resolve(argument, bound);
  }

  #comprehension(loop: Comprehension, bound: ReadonlySet<string>): void {
    this.resolve(loop.iterRange, bound);
    this.resolve(loop.accuInit, bound);
    const inner = new Set([...bound, loop.iterVar, loop.iterVar2, loop.accuVar]);
    for (const part of [loop.loopCondition, loop.loopStep, loop.result]) this.resolve(part, inner);
  }

  #useColumn(expr: Expr, name: string, isTest: boolean): void {
    const { columns } = this.#options;
    const at = columns.indexOf(name);
    if (at < 0) throw unknownName(`${this.#options.where}: there is no column ${name}`, name, columns);
    if (isTest)
      throw this.#wrong(
        `has(row.${name}) asks whether a column is there`,
        `Every row has it: ask row.${name} != null.`,
      );
    const variable = `column${at}`;
    this.used.set(variable, at);
    expr.exprKind = { case: "identExpr", value: { $typeName: "cel.expr.Expr.Ident", name: variable } };
  }

  #checkName(name: string, bound: ReadonlySet<string>): void {
    if (bound.has(name) || typeNames.has(name) || name === "google") return;
    if (name === rowName) throw this.#wrong("row stands alone", "Name a column of it, as row.NAME.");
    const { columns, where } = this.#options;
    if (columns.includes(name)) throw this.#wrong(`there is no ${name}`, `A column is row.${name}.`);
    throw unknownName(
      `${where}: there is no ${name}`,
      name,
      columns.map((column) => `row.${column}`),
    );
  }

  #checkFunction(name: string): void {
    const { functions, where } = this.#options;
    if (functions.find(name) !== undefined) return;
    const known = [...new Set([...functions].map((each) => each.name))].filter((each) => /^\w+$/.test(each));
    throw unknownName(`${where}: there is no function ${name}`, name, known);
  }

  #wrong(what: string, hint: string): Error {
    return configInvalid(`${this.#options.where}: ${what}`, hint);
  }
}

function isRow(expr: Expr | undefined, bound: ReadonlySet<string>): boolean {
  return expr?.exprKind.case === "identExpr" && expr.exprKind.value.name === rowName && !bound.has(rowName);
}

function qualifiedName({ exprKind }: Expr): string | null {
  if (exprKind.case === "identExpr") return exprKind.value.name;
  if (exprKind.case !== "selectExpr" || exprKind.value.operand === undefined) return null;
  const front = qualifiedName(exprKind.value.operand);
  return front === null ? null : `${front}.${exprKind.value.field}`;
}
