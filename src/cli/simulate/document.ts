import type { Peak } from "../../simulate/load-meter.ts";
import type { DeadlineAnswer, Prediction, Spread } from "../../simulate/predict.ts";
import { binsOf } from "./chart.ts";
import type { SimulationDocument } from "./shape.ts";

const seriesCount = 200;

export function documentOf(prediction: Prediction): SimulationDocument {
  const { scenario, scale, retries, deadline } = prediction;
  return {
    name: scenario.name,
    seed: prediction.seed,
    bytes: scenario.data.bytes,
    workers: scenario.workers.count,
    pure_transfer_ms: prediction.pureTransferMs,
    capped_transfer_ms: prediction.cappedTransferMs,
    duration_ms: prediction.durationMs,
    duration_without_failures_ms: prediction.withoutFailuresMs,
    error: prediction.error,
    source_bytes_read: Math.round(prediction.sourceBytes),
    peak_second: peakOf(prediction.peakSecond),
    peak_minute: peakOf(prediction.peakMinute),
    budget_used: prediction.budgetUsed,
    verification_lag: spreadOf(prediction.verificationLagMs),
    worker_deaths: prediction.workerDeaths,
    worker_stalls: prediction.workerStalls,
    coordinator_deaths: prediction.coordinatorDeaths,
    taken_over: spreadOf(prediction.takeoverMs),
    retries,
    failed_entries: prediction.failedEntries,
    deadline: deadlineOf(deadline),
    scale: {
      chunk_bytes: scale.chunkBytes,
      real_chunk_bytes: scale.realChunkBytes,
      detail_ms: prediction.detailMs,
      events_until_ms: prediction.simulatedUntilMs,
    },
    series: seriesOf(prediction),
  };
}

function peakOf({ bytesPerSecond, ofCap }: Peak): SimulationDocument["peak_second"] {
  return { bytes_per_second: bytesPerSecond, of_cap: ofCap };
}

function spreadOf(spread: Spread | null): SimulationDocument["taken_over"] {
  return spread === null ? null : { median_ms: spread.median, most_ms: spread.most };
}

function deadlineOf(deadline: DeadlineAnswer | null): SimulationDocument["deadline"] {
  if (deadline === null) return null;
  const { deadlineMs, isMet, requiredBytesPerSecond, needed } = deadline;
  return {
    deadline_ms: deadlineMs,
    met: isMet,
    required_bytes_per_second: requiredBytesPerSecond,
    needed:
      needed === null
        ? null
        : {
            cap_bytes_per_second: needed.capBytesPerSecond,
            workers: needed.workers,
            duration_ms: needed.durationMs,
          },
  };
}

function seriesOf({ stretches }: Prediction): SimulationDocument["series"] {
  const [first, last] = [stretches[0], stretches.at(-1)];
  if (first === undefined || last === undefined) return [];
  const widthMs = (last.from + last.ms - first.from) / seriesCount;
  return binsOf(stretches, seriesCount).map(({ source, verified, cap }, index) => ({
    from_ms: index * widthMs,
    source_bytes_per_second: source,
    verified_bytes_per_second: verified,
    cap_bytes_per_second: cap,
  }));
}
