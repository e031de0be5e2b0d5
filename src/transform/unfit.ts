/** Why a cell is not what it should be. Told without the value: it goes to logs as well, and rows never do. */
import type { RowValue } from "../model/row-value.ts";

export const unfitReasons = [
  /** Text that is no number, date, uuid or JSON, or no word for true or false. */
  "unreadable",
  /** Too large, too small, or no number at all where one is needed. */
  "out_of_range",
  /** Digits, parts of a second or a fraction would be lost. */
  "inexact",
  "too_long",
  /** A date that no calendar has, such as `0000-00-00`. */
  "no_such_date",
  /** Bytes that are no UTF-8. */
  "not_utf8",
  /** The expression could not be worked out for this row. */
  "expression",
  /** What the expression gives is of a kind that never becomes the column's type. */
  "no_cast",
  "null",
  "range",
  "length",
  "pattern",
  "values",
  "not_unique",
] as const;
export type UnfitReason = (typeof unfitReasons)[number];

/** Stands where a value would: there is none. Made once for a column, not for each row. */
export class Unfit {
  readonly reason: UnfitReason;
  /** One line, such as `is no int4: out of range`. */
  readonly what: string;

  constructor(reason: UnfitReason, what: string) {
    this.reason = reason;
    this.what = what;
  }
}

/** @param value never null @returns the value in its new form, or why it has none */
export type Cast = (value: RowValue) => RowValue | Unfit;

export const unchanged: Cast = (value) => value;

/** One after the other, as long as there is a value. */
export function inTurn(first: Cast, second: Cast): Cast {
  if (first === unchanged) return second;
  if (second === unchanged) return first;
  return (value) => {
    const between = first(value);
    return between instanceof Unfit ? between : second(between);
  };
}
