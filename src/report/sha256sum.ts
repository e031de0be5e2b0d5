import type { Writable } from "node:stream";
import { must } from "../base/assert.ts";
import type { BytePath } from "../model/path.ts";
import type { ReportSink } from "./build.ts";
import { pathOfName } from "./leaf.ts";
import { LineWriter } from "./line-writer.ts";
import type { ReportEntry } from "./schema.ts";

export interface Sha256sum {
  readonly sink: ReportSink;
  readonly withoutDigest: () => number;
  readonly flush: () => Promise<void>;
}

/** Before the names that a list cannot hold, where they stand among the rest. */
export const withoutDigestPrefix = "# no digest of the whole file: ";

/**
 * A list that `sha256sum -c` takes in the root of the target (GNU coreutils 9 and later for names with a carriage
 * return). Names go out as the raw bytes that they are. Files that are on the target and have no digest of their whole
 * content go to `without`, or stand as comments among the rest, which `sha256sum -c` passes over.
 */
export function sha256sumSink(out: Writable, without: Writable | null): Sha256sum {
  const sums = new LineWriter(out, "latin1");
  const others = without === null ? sums : new LineWriter(without, "latin1");
  const prefix = without === null ? withoutDigestPrefix : "";
  let missing = 0;
  return {
    sink: {
      entry(entry) {
        if (!isFileThere(entry)) return null;
        const { name, isEscaped } = escapeName(
          must(pathOfName(entry.path, entry.path_bytes_base64), "we made this name"),
        );
        if (entry.sha256 !== null) return sums.write(`${isEscaped ? "\\" : ""}${entry.sha256}  ${name}\n`);
        missing += 1;
        return others.write(`${prefix}${name}\n`);
      },
    },
    withoutDigest: () => missing,
    async flush() {
      await sums.flush();
      await others.flush();
    },
  };
}

function isFileThere({ kind, outcome }: ReportEntry): boolean {
  const isThere = outcome === "verified" || outcome === "identical" || outcome === "unchanged";
  return isThere && (kind === "file" || kind === "hardlink");
}

const escapes = new Map([
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
]);

/** As coreutils do: the line begins with a backslash where its name holds an escape. */
function escapeName(path: BytePath): { readonly name: string; readonly isEscaped: boolean } {
  const name = path.replaceAll(/[\\\n\r]/g, (character) => escapes.get(character) as string);
  return { name, isEscaped: name !== path };
}
