/**
 * Cells as CEL has values, and back. CEL has no decimals, dates or uuids: they are texts there, so that whoever gives up
 * their exactness writes it down, as `double(row.price)`. A timestamp without a zone is read as if it were UTC.
 */
import { type CelInput, type CelValue, celUint, isCelList, isCelUint } from "@bufbuild/cel";
import { create, isMessage, type Message } from "@bufbuild/protobuf";
import { isReflectMessage } from "@bufbuild/protobuf/reflect";
import { type Duration, DurationSchema, type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type ColumnType, columnTypeName } from "../model/column-type.ts";
import { arrayOf, type ArrayValue, type RowValue, wholeNumber } from "../model/row-value.ts";
import { castBetween } from "./casts.ts";
import { fitOf, unfitFor } from "./fit.ts";
import { type Cast, Unfit } from "./unfit.ts";

export const leastInt = -(2n ** 63n);
export const mostInt = 2n ** 63n - 1n;
export const mostUint = 2n ** 64n - 1n;
/** CEL's timestamps end with these years: https://github.com/google/cel-spec/blob/master/doc/langdef.md#timestamps */
const [leastSecond, mostSecond] = [-62_135_596_800n, 253_402_300_799n];
const microsecondsOfSecond = 1_000_000n;

type ToCel = (value: RowValue) => CelInput | Unfit;

/** @returns how a cell of this type, which is not NULL, is given to an expression */
export function toCelOf(type: ColumnType): ToCel {
  switch (type.kind) {
    case "integer":
      return (value) => {
        const whole = BigInt(value as number);
        return whole > mostInt ? celUint(whole) : whole;
      };
    case "timestamp":
    case "timestamptz":
      return timestampOf;
    case "boolean":
    case "float":
    case "bytes":
      return (value) => value as boolean | number | Uint8Array;
    case "array":
      return listOf(toCelOf(type.element));
    case "decimal":
    case "text":
    case "date":
    case "time":
    case "timetz":
    case "interval":
    case "uuid":
    case "json":
    case "bits":
      return castBetween(type, { kind: "text", length: null, isPadded: false }) as (value: RowValue) => string;
  }
}

const outsideOfCel = new Unfit(
  "expression",
  "is a timestamp that expressions cannot hold: they end with the years 1 and 9999",
);
const manyDimensions = new Unfit("expression", "is an array of several dimensions, which expressions cannot hold");

export function timestampOf(value: RowValue): Timestamp | Unfit {
  if (typeof value === "string" || (typeof value === "number" && !Number.isFinite(value))) return outsideOfCel;
  const whole = BigInt(value as number);
  const rest = ((whole % microsecondsOfSecond) + microsecondsOfSecond) % microsecondsOfSecond;
  const seconds = (whole - rest) / microsecondsOfSecond;
  if (seconds < leastSecond || seconds > mostSecond) return outsideOfCel;
  return create(TimestampSchema, { seconds, nanos: Number(rest) * 1_000 });
}

function listOf(toCel: ToCel): ToCel {
  return (value) => {
    const { dimensions, elements } = value as ArrayValue;
    if (dimensions.length > 1) return manyDimensions;
    const made: CelInput[] = [];
    for (const element of elements) {
      const next = element === null ? null : toCel(element);
      if (next instanceof Unfit) return next;
      made.push(next);
    }
    return made;
  };
}

const int8: ColumnType = { kind: "integer", bits: 64, isUnsigned: false };
const uint8: ColumnType = { kind: "integer", bits: 64, isUnsigned: true };
const float8: ColumnType = { kind: "float", bits: 64 };
const text: ColumnType = { kind: "text", length: null, isPadded: false };

/** @returns how what an expression gives becomes a cell of this type; a kind of value that never can is told as `Unfit` */
export function fromCelTo(type: ColumnType): (value: CelValue) => RowValue | Unfit {
  const never = (what: string): Cast => {
    const unfit = new Unfit("no_cast", `is ${what}, which cannot become ${columnTypeName(type)}`);
    return () => unfit;
  };
  const [ofInt, ofUint] = [castBetween(int8, type) ?? never("an int"), castBetween(uint8, type) ?? never("a uint")];
  const [ofDouble, ofString] = [
    castBetween(float8, type) ?? never("a double"),
    castBetween(text, type) ?? never("a string"),
  ];
  const ofBool = castBetween({ kind: "boolean" }, type) ?? never("a bool");
  const ofBytes = castBetween({ kind: "bytes", length: null }, type) ?? never("bytes");
  const ofMessage = messageTo(type, never("a duration"), never("a timestamp"));
  const ofList = type.kind === "array" ? listTo(type.element) : never("a list");
  const other = never("a map or a type");
  return (value) => {
    switch (typeof value) {
      case "bigint":
        return ofInt(wholeNumber(value));
      case "number":
        return ofDouble(value);
      case "string":
        return ofString(value);
      case "boolean":
        return ofBool(value);
      default:
    }
    if (value === null) return null;
    if (value instanceof Uint8Array) return ofBytes(value);
    if (isCelUint(value)) return ofUint(wholeNumber(value.value));
    if (isCelList(value)) return ofList(value as unknown as RowValue);
    return isReflectMessage(value) ? ofMessage(value.message) : other(null);
  };
}

function listTo(element: ColumnType): (list: unknown) => RowValue | Unfit {
  const from = fromCelTo(element);
  return (list) => {
    const made: RowValue[] = [];
    for (const each of list as Iterable<CelValue>) {
      const next = from(each);
      if (next instanceof Unfit) return next;
      made.push(next);
    }
    return arrayOf(made);
  };
}

function messageTo(type: ColumnType, noDuration: Cast, noTimestamp: Cast): (message: Message) => RowValue | Unfit {
  const inexact = unfitFor(type, "inexact");
  const isMoment = type.kind === "timestamp" || type.kind === "timestamptz";
  const ofTimestamp = isMoment ? fitOf(type) : (castBetween({ kind: "timestamptz", digits: 6 }, type) ?? noTimestamp);
  const ofDuration = castBetween({ kind: "interval" }, type) ?? noDuration;
  return (message) => {
    if (isMessage(message, TimestampSchema)) {
      const moment = microseconds(message);
      return moment === null ? inexact : ofTimestamp(moment);
    }
    if (!isMessage(message, DurationSchema)) return noDuration(null);
    const length = microseconds(message);
    return length === null ? inexact : ofDuration({ months: 0, days: 0, microseconds: length });
  };
}

/** @returns null where there are parts of one */
function microseconds({ seconds, nanos }: Timestamp | Duration): number | bigint | null {
  return nanos % 1_000 === 0 ? wholeNumber(seconds * microsecondsOfSecond + BigInt(nanos / 1_000)) : null;
}
