/**
 * The value of a cell as it is held between two engines: neither's own form, and without loss. What kind it is, its column
 * says (`column-type.ts`); a value by itself does not tell. docs/reference/canonical-rows.md says what counts as the same.
 *
 * | kind of the column | value |
 * |---|---|
 * | boolean | boolean |
 * | integer | number where it is safe, bigint where not |
 * | decimal | text as the engine gives it, scale included: `1.50`; `NaN`, `Infinity`, `-Infinity` |
 * | float | number; of 32 bits, the number that they stand for |
 * | text | string; enum, domain, range, composite and whatever has no kind of its own as well |
 * | bytes | Uint8Array |
 * | date | days since 1970-01-01, `Infinity`, `-Infinity`; text where no calendar has it (`0000-00-00`) |
 * | time | microseconds since midnight; 24:00 is allowed, and what MySQL has beyond it |
 * | timetz | `TimeWithZone` |
 * | timestamp | microseconds since 1970-01-01 00:00 of the same clock: number where safe, else bigint; `Infinity`, `-Infinity`; text where no calendar has it |
 * | timestamptz | the same, since 1970-01-01 00:00 UTC |
 * | interval | `IntervalValue`, `Infinity`, `-Infinity` |
 * | uuid | text, 36 characters, lower case |
 * | json | its text, as stored |
 * | bits | text of `0` and `1` |
 * | array | `ArrayValue` |
 *
 * Days and microseconds count by the Gregorian calendar, also before it was made, as PostgreSQL does.
 */
export type RowValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | TimeWithZone
  | IntervalValue
  | ArrayValue;

/** The cells of a row, in the order of its table's columns. */
export type Row = readonly RowValue[];

export interface TimeWithZone {
  /** Since midnight there. */
  readonly microseconds: number;
  /** East of UTC is positive. */
  readonly zoneSeconds: number;
}

/** Three numbers, none of which can be turned into another without a calendar: a month has 28 to 31 days, a day 23 to 25 hours. */
export interface IntervalValue {
  readonly months: number;
  readonly days: number;
  readonly microseconds: number | bigint;
}

export interface ArrayValue {
  /** None for an empty array. */
  readonly dimensions: readonly ArrayDimension[];
  /** Of all dimensions, the last index running fastest. */
  readonly elements: readonly RowValue[];
}

export interface ArrayDimension {
  readonly length: number;
  /** The index of the first element: 1 unless somebody asked for another. */
  readonly lowerBound: number;
}

/** A whole number as cells hold it. */
export function wholeNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Those of an array of one dimension, counted from 1. */
export function arrayOf(elements: readonly RowValue[]): ArrayValue {
  return { dimensions: elements.length === 0 ? [] : [{ length: elements.length, lowerBound: 1 }], elements };
}
