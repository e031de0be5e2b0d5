/** A prediction for people: what was asked, what follows from it, and how sure that is. At most 80 columns. */
import { formatBytes, formatDuration } from "../../base/sizes.ts";
import type { Peak } from "../../simulate/load-meter.ts";
import { type DeadlineAnswer, isCapped, type Prediction, type Spread } from "../../simulate/predict.ts";
import { type RetryReason, retryReasons } from "../../simulate/tally.ts";

const reasonTexts: Readonly<Record<RetryReason, string>> = {
  worker_lost: "worker lost",
  worker_left: "worker left",
  read_error: "read error",
  corrupt_chunk: "corrupt chunk",
  slow_down: "slow down",
};
const never = "not within 5 years";
const nameColumns = 24;

type Row = readonly [name: string, text: string];

/** @param plain ASCII alone */
export function tableOf(prediction: Prediction, plain: boolean): string {
  const { scenario, seed } = prediction;
  const rows: readonly Row[] = [
    ["simulated", whatOf(prediction)],
    ["seed", String(seed)],
    ["", ""],
    ...durationRows(prediction, plain),
    ["", ""],
    ...sourceRows(prediction),
    ["", ""],
    ...troubleRows(prediction),
    ...(prediction.deadline === null ? [] : [["", ""] as const, ...deadlineRows(prediction.deadline, prediction)]),
    ["", ""],
    ...scaleRows(prediction),
  ];
  const title = scenario.name === null ? [] : [scenario.name];
  return [...title, ...rows.map(([name, text]) => `${name.padEnd(nameColumns)}${text}`.trimEnd())].join("\n");
}

function whatOf({ scenario }: Prediction): string {
  const { data, workers } = scenario;
  const more = workers.shifts.reduce((sum, { count }) => sum + count, 0);
  const joined = more === 0 ? "" : ` and ${more} that come later`;
  return `${formatBytes(data.bytes)}, ${workers.count} workers${joined}, ${formatBytes(workers.bytesPerSecond)}/s each`;
}

function durationRows(prediction: Prediction, plain: boolean): readonly Row[] {
  const { pureTransferMs, cappedTransferMs, durationMs, withoutFailuresMs, error } = prediction;
  const about = error >= 0.0005 ? ` ${plain ? "+-" : "±"} ${(error * 100).toFixed(1)} %` : "";
  const isSlower = cappedTransferMs === null || cappedTransferMs > 1.001 * pureTransferMs;
  return [
    ["pure transfer", durationText(pureTransferMs)],
    ...(isSlower ? [["under the caps", durationText(cappedTransferMs)] as const] : []),
    ["without failures", durationText(withoutFailuresMs)],
    ["predicted", `${durationText(durationMs)}${durationMs === null ? "" : about}`],
  ];
}

/** Days count for people from two days on; hours beside them, since that is how arithmetic is told. */
export function durationText(ms: number | null): string {
  if (ms === null) return never;
  const hours = ms / 3_600_000;
  if (hours < 2) return formatDuration(ms);
  return hours < 72 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`;
}

function sourceRows(prediction: Prediction): readonly Row[] {
  const { scenario, sourceBytes, peakSecond, peakMinute, verificationLagMs } = prediction;
  return [
    ["read of the source", formatBytes(sourceBytes)],
    ["peak in 1 s", peakText(peakSecond)],
    ["peak in 1 min", peakText(peakMinute)],
    ["budget used", budgetText(prediction, isCapped(scenario.source))],
    ["verification lag", verificationLagMs === null ? "none seen" : spreadText(verificationLagMs)],
  ];
}

/** @param isCappedAtAll whether the scenario's source has any cap */
export function budgetText(
  { budgetUsed, stretches }: Pick<Prediction, "budgetUsed" | "stretches">,
  isCappedAtAll: boolean,
): string {
  if (budgetUsed !== null) return percent(budgetUsed);
  if (!isCappedAtAll) return "no cap";
  const capped = stretches.filter(({ capBytesPerSecond }) => capBytesPerSecond !== null);
  if (capped.length === 0) return "no cap was in force";
  return capped.length === stretches.length ? "closed all the time" : "closed at times, no cap at others";
}

function peakText({ bytesPerSecond, ofCap }: Peak): string {
  return `${formatBytes(bytesPerSecond)}/s${ofCap === null ? "" : `, ${percent(ofCap)} of the cap`}`;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

function spreadText({ median, most }: Spread): string {
  return `${formatDuration(median)} in the median, ${formatDuration(most)} at most`;
}

function troubleRows(prediction: Prediction): readonly Row[] {
  const { retries, workerDeaths, workerStalls, coordinatorDeaths, takeoverMs, failedEntries, troubles } = prediction;
  const seen = retryReasons.filter((reason) => retries[reason].count > 0);
  const retried = seen.map((reason): Row => [
    `retries: ${reasonTexts[reason]}`,
    `${retries[reason].count}${reason === "slow_down" ? " requests" : ` chunks, ${formatBytes(retries[reason].bytes)} read again`}`,
  ]);
  return [
    ["worker deaths", `${workerDeaths}${workerStalls > 0 ? `, and ${workerStalls} stalled` : ""}`],
    ...(takeoverMs === null ? [] : [["until taken over", spreadText(takeoverMs)] as const]),
    ...(coordinatorDeaths === 0 ? [] : [["coordinator deaths", String(coordinatorDeaths)] as const]),
    ...(seen.length === 0 ? [["retries", "none"] as const] : retried),
    ...(failedEntries === 0 ? [] : [["failed entries", `${failedEntries}, after all tries`] as const]),
    ...Array.from(troubles, ([code, count]): Row => [code, `${count} times`]),
  ];
}

function deadlineRows(deadline: DeadlineAnswer, { scenario }: Prediction): readonly Row[] {
  const { deadlineMs, requiredBytesPerSecond, isMet, needed } = deadline;
  const rows: Row[] = [
    ["deadline", `${durationText(deadlineMs)}: ${isMet ? "met" : "NOT met"}`],
    ["required rate", rateTexts(requiredBytesPerSecond)],
  ];
  if (needed === null) return rows;
  const { capBytesPerSecond: cap, workers, durationMs } = needed;
  const isEnough = durationMs !== null && durationMs <= deadlineMs;
  const wants = [
    ...(cap === null ? [] : [`a cap of ${rateTexts(cap)} at all hours`]),
    ...(workers === null ? [] : [`${workers} workers of ${formatBytes(scenario.workers.bytesPerSecond)}/s`]),
  ];
  const heading = isEnough ? "what would meet it" : "not enough";
  return [
    ...rows,
    ...wants.map((want, index): Row => [index === 0 ? heading : "", want]),
    ["then predicted", `${durationText(durationMs)}${isEnough ? "" : "; the source or the failures hold it up"}`],
  ];
}

/** `1.39 TB/h (386 MB/s)`. */
function rateTexts(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond * 3_600)}/h (${formatBytes(bytesPerSecond)}/s)`;
}

function scaleRows({ scale, simulatedUntilMs, durationMs, detailMs }: Prediction): readonly Row[] {
  const isScaled = scale.chunkBytes > scale.realChunkBytes;
  const part = durationMs === null || simulatedUntilMs >= durationMs ? null : simulatedUntilMs;
  return [
    ["chunks", `of ${mib(scale.chunkBytes)}${isScaled ? ` (real ones: ${mib(scale.realChunkBytes)})` : ""}`],
    ["in detail", `${formatDuration(detailMs)}; else time passes at a measured pace`],
    ...(part === null ? [] : [["events until", `${durationText(part)}; then it went on as it had been`] as const]),
  ];
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 30 ? 1 : 0)} MiB`;
}
