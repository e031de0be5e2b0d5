/**
 * The histograms that lanes count in shared memory, as one metric: nothing is observed a second time. Their buckets are
 * finer than those that are told; of twelve the last one ends where ours does.
 */
import type { Metric, Registry } from "@prometheus-io/client";
import type { JobId } from "../../model/chunk.ts";
import { bucketMs, bucketsPerDoubling, type ReadLatency } from "../../model/read-latency.ts";

/** From 0.8 ms to 26 s. */
const told = Array.from({ length: 16 }, (_, at) => (at + 3) * bucketsPerDoubling);

interface Told {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class ReadLatencies {
  readonly name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly aggregator = "sum";
  readonly labelNames = ["source"];
  readonly #sourceOf: (jobId: JobId) => string;
  /** Of jobs that are worked on no more, by source. */
  readonly #ended = new Map<string, readonly number[]>();
  readonly #live = new Set<{ readonly jobId: JobId; readonly latency: ReadLatency }>();

  constructor(name: string, help: string, sourceOf: (jobId: JobId) => string) {
    this.name = name;
    this.help = help;
    this.#sourceOf = sourceOf;
  }

  registerIn(registry: Registry): void {
    // A registry asks of a metric what stands here; its type names the library's own classes.
    registry.registerMetric(this as unknown as Metric);
  }

  add(jobId: JobId, latency: ReadLatency): { readonly release: () => void } {
    const live = { jobId, latency };
    this.#live.add(live);
    return {
      release: () => {
        if (!this.#live.delete(live)) return;
        const source = this.#sourceOf(jobId);
        this.#ended.set(source, sumOf(this.#ended.get(source) ?? [], latency.everCounted()));
      },
    };
  }

  reset(): void {
    this.#ended.clear();
  }

  async get(): Promise<unknown> {
    const { name, help, type, aggregator } = this;
    return {
      name,
      help,
      type,
      aggregator,
      values: [...this.#sums()].flatMap(([source, counts]) => this.#told(source, counts)),
    };
  }

  #sums(): ReadonlyMap<string, readonly number[]> {
    const sums = new Map(this.#ended);
    for (const { jobId, latency } of this.#live) {
      const source = this.#sourceOf(jobId);
      sums.set(source, sumOf(sums.get(source) ?? [], latency.everCounted()));
    }
    return sums;
  }

  #told(source: string, counts: readonly number[]): readonly Told[] {
    const upTo = (last: number): number => counts.slice(0, last + 1).reduce((sum, count) => sum + count, 0);
    const bucket = (le: string, value: number): Told => ({
      metricName: `${this.name}_bucket`,
      labels: { source, le },
      value,
    });
    const all = upTo(counts.length);
    const sumMs = counts.reduce((sum, count, index) => sum + count * bucketMs(index), 0);
    return [
      ...told.map((last) => bucket(String(bucketMs(last) / 1_000), upTo(last))),
      bucket("+Inf", all),
      { metricName: `${this.name}_sum`, labels: { source }, value: sumMs / 1_000 },
      { metricName: `${this.name}_count`, labels: { source }, value: all },
    ];
  }
}

function sumOf(a: readonly number[], b: readonly number[]): readonly number[] {
  return b.map((count, index) => count + (a[index] ?? 0));
}
