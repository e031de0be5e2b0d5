import { readFileSync } from "node:fs";
import type { BytePath } from "../../model/path.ts";
import type { Cursor } from "../../ports/source.ts";
import { allAhead } from "./ahead.ts";
import { placeError } from "./errors.ts";
import type { Listed, Lister } from "./list.ts";

const pageLength = 256;
const headsAtOnce = 32;

/**
 * Paths below the prefix: one a line, or NUL-separated where the file holds a NUL byte. A leading `./` or `/` is left
 * off; a path with a slash at the end names a directory's marker. Anything else stays: `a//b` is a key of its own.
 * @throws config_invalid
 */
export function readKeyList(file: string): readonly BytePath[] {
  let text: string;
  try {
    text = readFileSync(file, "latin1");
  } catch (error) {
    const what = `the list ${file} cannot be read (${error instanceof Error ? error.message : String(error)})`;
    throw placeError("config_invalid", what, "Give --files-from a file that is there and readable.");
  }
  const keys = new Set<BytePath>();
  for (const line of text.split(text.includes("\0") ? "\0" : "\n")) {
    const key = line.replace(/^(?:\.?\/)+/, "") as BytePath;
    if (key !== "" && key !== ".") keys.add(key);
  }
  return [...keys].toSorted(byBytes);
}

/** The listed keys in listing order, each asked itself. */
export async function* pagesOfList(
  lister: Lister,
  keys: readonly BytePath[],
  after: Cursor | null,
  signal: AbortSignal,
): AsyncGenerator<readonly Listed[]> {
  const rest = after === null ? keys : keys.filter((key) => key > after);
  for (let from = 0; from < rest.length; from += pageLength) {
    const run = (key: BytePath, until: AbortSignal): Promise<Listed> => look(lister, key, until);
    yield await allAhead(rest.slice(from, from + pageLength), { countMax: headsAtOnce, run }, signal);
  }
}

function look(lister: Lister, key: BytePath, signal: AbortSignal): Promise<Listed> {
  const isDirectory = key.endsWith("/");
  return lister.look((isDirectory ? key.slice(0, -1) : key) as BytePath, isDirectory ? "directory" : "file", signal);
}

/** Latin-1 of the bytes: the default order of code units is that of the bytes. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
