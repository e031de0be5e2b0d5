/** `simulate --json`. A field is never renamed or removed; new ones may come. */
import { z } from "zod";
import { retryReasons } from "../../simulate/tally.ts";

const count = z.int().nonnegative();
const ms = z.number().nonnegative();
const rate = z.number().nonnegative();
const peak = z.strictObject({
  bytes_per_second: rate,
  of_cap: z.number().nullable().describe("1 is the whole cap that was in force; null without one"),
});
const spread = z.strictObject({ median_ms: ms, most_ms: ms });
const retries = z.strictObject({ count, bytes: count.describe("of the source, read again") });

export const simulationShape = z.strictObject({
  name: z.string().nullable(),
  seed: z.int(),
  bytes: count,
  workers: count,
  pure_transfer_ms: ms.describe("bytes by what the workers move together"),
  capped_transfer_ms: ms.nullable().describe("the same under the caps, by the clock; null: not within 5 years"),
  duration_ms: ms.nullable().describe("predicted; null: not within 5 years"),
  duration_without_failures_ms: ms.nullable(),
  error: z.number().describe("of the duration, as a part of it: two standard errors of the measured pace"),
  source_bytes_read: count,
  peak_second: peak,
  peak_minute: peak,
  budget_used: z
    .number()
    .nullable()
    .describe("of what the caps allowed while the job ran; null: no cap was in force, or none allowed anything"),
  verification_lag: spread.nullable(),
  worker_deaths: count,
  worker_stalls: count,
  coordinator_deaths: count,
  taken_over: spread.nullable().describe("from a worker's death until another had its last chunk"),
  retries: z.strictObject(
    Object.fromEntries(retryReasons.map((reason) => [reason, retries])) as Record<
      (typeof retryReasons)[number],
      typeof retries
    >,
  ),
  failed_entries: count,
  deadline: z
    .strictObject({
      deadline_ms: ms,
      met: z.boolean(),
      required_bytes_per_second: rate.describe("by division"),
      needed: z
        .strictObject({
          cap_bytes_per_second: rate.nullable().describe("at all hours; null: the caps are enough"),
          workers: count.nullable().describe("null: the workers are enough"),
          duration_ms: ms
            .nullable()
            .describe("predicted with these: where it is longer than the deadline, they are not enough"),
        })
        .nullable()
        .describe("what would meet it, simulated too; null when it is met"),
    })
    .nullable(),
  scale: z.strictObject({
    chunk_bytes: count.describe("of a simulated chunk, on average"),
    real_chunk_bytes: count,
    detail_ms: ms.describe("simulated heartbeat by heartbeat"),
    events_until_ms: ms.describe("after that, the job went on as it had been"),
  }),
  series: z
    .array(
      z.strictObject({
        from_ms: ms,
        source_bytes_per_second: rate.nullable(),
        verified_bytes_per_second: rate.nullable(),
        cap_bytes_per_second: rate.nullable(),
      }),
    )
    .describe("the job's time in equal parts"),
});

export type SimulationDocument = z.input<typeof simulationShape>;
