/** What a case is given, and how it chooses what it runs. */
import { join } from "node:path";
import { compare, type Comparison, type ComparisonResult, type Side } from "./comparison.ts";
import { godwitIsBuilt, removeOld } from "./sides.ts";

export interface Setting {
  /** Holds sources, targets and state. */
  readonly scratch: string;
  readonly pairs: number;
  /** 1, or less to try the harness on smaller trees; results are only comparable at 1. */
  readonly scale: number;
  readonly only: "godwit" | "peer" | null;
}

export type Case = (setting: Setting) => Promise<readonly ComparisonResult[]>;

export interface Places {
  readonly source: string;
  readonly target: string;
  readonly state: string;
}

export function places(setting: Setting, source: string): Places {
  return { source, target: join(setting.scratch, "target"), state: join(setting.scratch, "state") };
}

export function chosen(setting: Setting, ours: Side, theirs: Side): Pick<Comparison, "ours" | "theirs" | "pairs"> {
  return {
    ours: setting.only !== "peer" && godwitIsBuilt() ? ours : null,
    theirs: setting.only === "godwit" ? null : theirs,
    pairs: setting.pairs,
  };
}

export async function all(setting: Setting, comparisons: readonly Comparison[]): Promise<readonly ComparisonResult[]> {
  const results: ComparisonResult[] = [];
  for (const comparison of comparisons) {
    results.push(...(await compare(comparison)));
    removeOld(places(setting, "").target);
  }
  return results;
}
