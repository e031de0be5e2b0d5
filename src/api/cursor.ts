import { z } from "zod";
import type { JobPlace } from "../ports/overview.ts";
import { invalid } from "./problem.ts";

/** Where a list goes on: opaque to those who carry it. */
const cursorShape = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[A-Za-z0-9_-]+$/, "is no cursor: take the `next_cursor` of the page before");

export const nextCursor = z
  .string()
  .nullable()
  .describe("give it as `cursor` to get the next page; null after the last one");

export function pageQuery(limitUsual: number, limitMax: number) {
  return {
    limit: z.coerce.number().int().min(1).max(limitMax).default(limitUsual).describe("how many at most"),
    cursor: cursorShape.optional().describe("`next_cursor` of the page before"),
  };
}

const id = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);
const jobPlace = z.tuple([z.int().nonnegative(), id]);
const number = z.tuple([z.int().nonnegative()]);
const word = z.tuple([id]);

export function jobCursor(place: JobPlace): string {
  return encode([place.createdAt, place.id]);
}

export function jobPlaceOf(cursor: string | undefined): JobPlace | null {
  if (cursor === undefined) return null;
  const [createdAt, jobId] = decode(cursor, jobPlace);
  return { createdAt, id: jobId };
}

export function numberCursor(value: number): string {
  return encode([value]);
}

export function numberOf(cursor: string | undefined): number | null {
  return cursor === undefined ? null : decode(cursor, number)[0];
}

export function wordCursor(value: string): string {
  return encode([value]);
}

export function wordOf(cursor: string | undefined): string | null {
  return cursor === undefined ? null : decode(cursor, word)[0];
}

/** The cursor after a page, by its last element; null for a page that was not full. */
export function after<T>(page: readonly T[], limit: number, cursorOf: (last: T) => string): string | null {
  const last = page.at(-1);
  return last === undefined || page.length < limit ? null : cursorOf(last);
}

function encode(value: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
}

function decode<S extends z.ZodType>(cursor: string, shape: S): z.output<S> {
  try {
    const parsed = shape.safeParse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
    if (parsed.success) return parsed.data;
  } catch {
    // Not JSON: no cursor of ours.
  }
  throw invalid([{ field: "query cursor", detail: "is no cursor: take the `next_cursor` of the page before" }]);
}
