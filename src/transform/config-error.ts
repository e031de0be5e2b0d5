import { GodwitError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { type ColumnType, parseColumnType } from "../model/column-type.ts";

/** @param what where in the map or contract, and what is wrong there */
export function configInvalid(what: string, hint: string, cause?: unknown): GodwitError {
  return new GodwitError("config_invalid", { disposition: "rejected", what, hint, cause });
}

/** @param what such as `the map has rules for a table public.oders, which the source does not have` */
export function unknownName(what: string, name: string, known: readonly string[]): GodwitError {
  const meant = nearest(name, known);
  const shown = known.slice(0, 20).join(", ");
  const all = known.length > 20 ? `${shown} and ${known.length - 20} more` : shown;
  return configInvalid(what, meant === null ? `There are ${all || "none"}.` : `Perhaps ${meant} was meant.`);
}

/** @throws config_invalid that begins with the place */
export function typeNamed(name: string, where: string): ColumnType {
  try {
    return parseColumnType(name);
  } catch (error) {
    if (!(error instanceof GodwitError)) throw error;
    throw configInvalid(`${where}: ${error.what}`, error.hint, error);
  }
}
