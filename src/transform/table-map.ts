/**
 * The rules of a schema map for one table, made ready: for each column of the target a closure over the row of the
 * source. What is wrong with a rule is said here, before the first row.
 */
import type { Row, RowValue } from "../model/row-value.ts";
import { type Column, ColumnSteps, type Step, type TableShape } from "./column-rule.ts";
import { configInvalid } from "./config-error.ts";
import { compileFilter } from "./expression.ts";
import type { TableRule } from "./schema-map.ts";
import { Unfit } from "./unfit.ts";

/** A row that does not go on because of one of its cells, or of its filter. */
export class RowFailure {
  /** On the target; null: the row as a whole. */
  readonly column: string | null;
  readonly unfit: Unfit;
  readonly isStop: boolean;

  constructor(column: string | null, unfit: Unfit, isStop: boolean) {
    this.column = column;
    this.unfit = unfit;
    this.isStop = isStop;
  }
}

export interface TableMap extends TableShape {
  /** @returns the row of the target; null: filtered */
  readonly apply: (row: Row) => RowValue[] | RowFailure | null;
}

/** @throws config_invalid naming the table, the column and what is wrong */
export function compileTable(rule: TableRule, shape: TableShape): TableMap {
  const steps = stepsOf(rule, shape);
  const columns = steps.map(({ column }) => column);
  const twice = columns.find(({ name }, index) => columns.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined)
    throw configInvalid(
      `two columns of ${shape.name} would be called ${twice.name}`,
      "Give one of them another name by to, or drop it.",
    );
  if (columns.length === 0)
    throw configInvalid(`the rules for ${shape.name} leave no column`, "Leave the whole table out instead.");
  return { name: rule.to ?? shape.name, columns, apply: applyOf(steps, filterOf(rule, shape)) };
}

function applyOf(steps: readonly Step[], filter: Filter | null): TableMap["apply"] {
  const makes = steps.map(({ make }) => make);
  const { length } = makes;
  return (row) => {
    const verdict = filter === null || filter(row);
    if (verdict !== true) return verdict === false ? null : verdict;
    const made: RowValue[] = [];
    for (let index = 0; index < length; index += 1) {
      const value = (makes[index] as Step["make"])(row);
      if (value instanceof Unfit) {
        const { column, isStop } = steps[index] as Step;
        return new RowFailure(column.name, value, isStop);
      }
      made.push(value);
    }
    return made;
  };
}

type Filter = (row: Row) => boolean | RowFailure;

function filterOf(rule: TableRule, shape: TableShape): Filter | null {
  if (rule.filter === undefined) {
    if (rule.on_filter_error === undefined) return null;
    throw configInvalid(`the rules for ${shape.name} have on_filter_error, but no filter`, "Remove it.");
  }
  const keeps = compileFilter(rule.filter, { where: `the filter of ${shape.name}`, columns: shape.columns });
  const isStop = rule.on_filter_error !== "reject";
  return (row) => {
    const verdict = keeps(row);
    return verdict instanceof Unfit ? new RowFailure(null, verdict, isStop) : verdict;
  };
}

/** Columns stay where the source has them; what is made anew, or stands there a second time, follows. */
function stepsOf(rule: TableRule, shape: TableShape): readonly Step[] {
  const first = new Map<string, Step | "dropped">();
  const added: Step[] = [];
  for (const columnRule of rule.columns ?? []) {
    const steps = new ColumnSteps(columnRule, shape);
    const { from } = columnRule;
    if (from === undefined) {
      added.push(steps.added());
      continue;
    }
    const step = columnRule.drop === true ? steps.dropped(from) : steps.moved(from);
    const earlier = first.get(from);
    if (earlier === undefined) first.set(from, step);
    else if (earlier !== "dropped" && step !== "dropped") added.push(step);
    else throw configInvalid(`${steps.where}: one rule drops the column, another is about it too`, "Keep one of them.");
  }
  const own = shape.columns.map(
    (column, at) => first.get(column.name) ?? (rule.rest === "drop" ? "dropped" : kept(column, at)),
  );
  return [...own.filter((step) => step !== "dropped"), ...added];
}

function kept(column: Column, at: number): Step {
  return { column, make: (row) => row[at] as RowValue, isStop: true };
}
