/** Results as a Markdown table. */
import type { ComparisonResult, SideResult } from "./comparison.ts";

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

const header = [
  "| case | Godwit | its peer | ratio | bound | Godwit CPU | peer's CPU | Godwit peak | peer's peak | facts |",
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
];

function cell(side: SideResult | null, show: (side: SideResult) => string): string {
  return side === null ? "–" : show(side);
}

function row(result: ComparisonResult): string {
  const { ours, theirs, ratio, ratioMax } = result;
  const facts = Object.entries(ours?.facts ?? {}).map(([name, value]) => `${name} ${value.toFixed(1)}`);
  const cells = [
    result.name,
    cell(ours, (side) => seconds(side.wallMsMedian)),
    cell(theirs, (side) => seconds(side.wallMsMedian)),
    ratio === null ? "–" : ratio.toFixed(2),
    ratioMax === null ? "–" : `≤ ${ratioMax.toFixed(2)}`,
    cell(ours, (side) => seconds(side.cpuMsMedian)),
    cell(theirs, (side) => seconds(side.cpuMsMedian)),
    cell(ours, (side) => megabytes(side.peakBytesMax)),
    cell(theirs, (side) => megabytes(side.peakBytesMax)),
    facts.join(", "),
  ];
  return `| ${cells.join(" | ")} |`;
}

export function asTable(results: readonly ComparisonResult[]): string {
  return [...header, ...results.map(row)].join("\n");
}
