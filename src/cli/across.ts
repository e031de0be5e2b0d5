/** What `doctor` can say only of two places together. */
import { statfsSync } from "node:fs";
import { GodwitError, toGodwitError } from "../base/errors.ts";
import { formatBytes } from "../base/sizes.ts";
import type { Finding } from "../ports/connector.ts";
import { refuseNested } from "../coordinator/nested.ts";
import { placeText } from "../model/place.ts";

export type PlacedFinding = Finding & { readonly place: "source" | "target" | "both" };

interface Pair {
  readonly source: string;
  readonly target: string;
}

export function acrossFindings(pair: Pair, findings: readonly PlacedFinding[]): readonly PlacedFinding[] {
  const all = [apart(pair), names(findings), space(pair), clocks(pair, findings)];
  return all.flatMap((finding) => (finding === null ? [] : [{ place: "both", ...finding }]));
}

function apart(pair: Pair): Finding {
  try {
    refuseNested({ ...pair, deleting: false });
    return { subject: "places", level: "ok", text: "The target lies outside of the source.", error: null };
  } catch (error) {
    const { what, hint, code } = toGodwitError(error);
    if (!(error instanceof GodwitError) || code === "internal") throw error;
    return { subject: "places", level: "problem", text: `${what}. ${hint}`, error: error.toJSON() };
  }
}

/** The connector of a directory tries whether it tells upper case from lower, and notes under `names` when it does not. */
function names(findings: readonly PlacedFinding[]): Finding | null {
  const folds = findings.some(
    ({ place, subject, level }) => place === "target" && subject === "names" && level === "note",
  );
  if (!folds) return null;
  const text = "Names of the source that differ in case alone fall together on the target. Look for such names first.";
  return { subject: "names", level: "note", text, error: null };
}

/** Cheap: the whole file system of the source bounds what the source can hold. `--dry-run` counts exactly. */
function space({ source, target }: Pair): Finding | null {
  const from = statfsOf(source);
  const to = statfsOf(target);
  if (from === null || to === null) return null;
  const fits = to.freeBytes >= from.usedBytes;
  const text = `The source's file system holds ${formatBytes(from.usedBytes)} in all, the target has ${formatBytes(to.freeBytes)} free.`;
  const rest = " Whether the source itself fits, `godwit copy --dry-run` tells exactly.";
  return { subject: "space", level: fits ? "ok" : "note", text: fits ? text : `${text}${rest}`, error: null };
}

function statfsOf(url: string): { usedBytes: number; freeBytes: number } | null {
  if (!url.startsWith("file://")) return null;
  for (let path = placeText(url); ; path = path.slice(0, Math.max(1, path.lastIndexOf("/")))) {
    try {
      const { blocks, bfree, bavail, bsize } = statfsSync(path);
      return { usedBytes: (blocks - bfree) * bsize, freeBytes: bavail * bsize };
    } catch {
      if (path === "/") return null;
    }
  }
}

function clocks({ source, target }: Pair, findings: readonly PlacedFinding[]): Finding | null {
  if (source.startsWith("file:") && target.startsWith("file:")) {
    return {
      subject: "clock",
      level: "ok",
      text: "Both places are looked at by the clock of this machine.",
      error: null,
    };
  }
  const off = findings.some(({ subject, level }) => subject === "clock" && level !== "ok");
  if (!off) return null;
  const text =
    "The clocks of the two places differ: `sync --compare mtime` may take a changed file for an unchanged one.";
  return { subject: "clock", level: "note", text, error: null };
}
