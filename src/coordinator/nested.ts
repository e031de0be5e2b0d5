/** A copy into itself never ends, and `--delete` around the source destroys it: both are refused before anything runs. */
import { realpathSync } from "node:fs";
import { GodwitError } from "../base/errors.ts";
import { placeText } from "../model/place.ts";

export interface Places {
  readonly source: string;
  readonly target: string;
  readonly deleting: boolean;
}

/** @throws same_place, target_inside_source */
export function refuseNested({ source, target, deleting }: Places): void {
  const from = realPlace(source);
  const to = realPlace(target);
  if (from === to) {
    throw new GodwitError("same_place", {
      disposition: "fatal",
      what: `${placeText(source)} is both the source and the target`,
      hint: "Name two different places. Symbolic links on the way to them are followed.",
    });
  }
  if (isInside(to, from)) {
    throw new GodwitError("target_inside_source", {
      disposition: "fatal",
      what: `the target ${placeText(target)} lies inside the source ${placeText(source)}`,
      hint: "Each pass would copy what the last one wrote. Name a target outside of the source.",
    });
  }
  if (deleting && isInside(from, to)) {
    throw new GodwitError("target_inside_source", {
      disposition: "fatal",
      what: `the source ${placeText(source)} lies inside the target ${placeText(target)}, and --delete would remove it`,
      hint: "Leave out --delete, or name a target that does not hold the source.",
    });
  }
}

/** Whether one of the two lies in the other, or both are the same. */
export function overlaps(a: string, b: string): boolean {
  const [one, other] = [realPlace(a), realPlace(b)];
  return one === other || isInside(one, other) || isInside(other, one);
}

function isInside(inner: string, outer: string): boolean {
  return inner !== outer && inner.startsWith(outer.endsWith("/") ? outer : `${outer}/`);
}

/** What a place is once symbolic links are followed; of a path that is not there yet, as far as it is there. */
export function realPlace(url: string): string {
  if (!url.startsWith("file://")) return url;
  // One character per byte, since names need not be UTF-8.
  const bytes = Buffer.from(new URL(url).pathname, "utf8")
    .toString("latin1")
    .replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const missing: string[] = [];
  for (let path = bytes; path !== "/" && path !== ""; path = path.slice(0, path.lastIndexOf("/"))) {
    const real = realPath(path);
    if (real !== null) return `file://${[real === "/" ? "" : real, ...missing].join("/")}`;
    missing.unshift(path.slice(path.lastIndexOf("/") + 1));
  }
  return `file:///${missing.join("/")}`;
}

function realPath(path: string): string | null {
  try {
    return realpathSync(Buffer.from(path, "latin1"), { encoding: "buffer" }).toString("latin1");
  } catch {
    return null;
  }
}
