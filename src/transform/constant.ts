/** Values that a map or a contract names, as JSON has them, as values of a column. */
import { z } from "zod";
import { type ColumnType, columnTypeName } from "../model/column-type.ts";
import type { RowValue } from "../model/row-value.ts";
import { castBetween } from "./casts.ts";
import { configInvalid } from "./config-error.ts";
import { Unfit } from "./unfit.ts";

/** It is cast to the column's type. Longer numbers than a double holds are written as texts. */
export const constant = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export type Constant = z.infer<typeof constant>;

export interface ConstantPlace {
  /** Begins every message. */
  readonly where: string;
  /** Such as `default`. */
  readonly role: string;
}

/** @throws config_invalid when the type does not hold it */
export function valueOf(given: Constant, type: ColumnType, { where, role }: ConstantPlace): RowValue {
  const own = typeOfConstant(given, where);
  if (own === null) return null;
  const cast = castBetween(own, type);
  if (cast === null)
    throw configInvalid(
      `${where}: its ${role} is of type ${columnTypeName(own)}, which cannot become ${columnTypeName(type)}`,
      "Write it in quotes, as a text, or another one.",
    );
  const value = cast(own.kind === "decimal" ? String(given) : given);
  if (!(value instanceof Unfit)) return value;
  throw configInvalid(
    `${where}: its ${role} ${value.what}`,
    `Write one that ${columnTypeName(type)} holds, in quotes if need be.`,
  );
}

/** A number with a fraction is a decimal, as it is written. @returns null for NULL, which is of none @throws config_invalid */
export function typeOfConstant(given: Constant, where: string): ColumnType | null {
  if (typeof given === "string") return { kind: "text", length: null, isPadded: false };
  if (typeof given === "boolean") return { kind: "boolean" };
  if (given === null) return null;
  if (!Number.isInteger(given)) return { kind: "decimal", precision: null, scale: null };
  if (Number.isSafeInteger(given)) return { kind: "integer", bits: 64, isUnsigned: false };
  throw configInvalid(`${where} has a number that JSON does not hold exactly`, "Write it in quotes.");
}
