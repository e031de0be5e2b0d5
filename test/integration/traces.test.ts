/** One trace for each chunk, over processes that never speak to each other: a coordinator and two workers. */
import { beforeAll, expect, test } from "vitest";
import { type Job, usualTerms } from "../../src/model/job.ts";
import { traceOf } from "../../src/model/trace.ts";
import { type Fleet, type FleetProcess, openFleet } from "../testbed/fleet.ts";
import { type OtlpCollector, type OtlpSpan, startCollector } from "../testbed/otlp-collector.ts";
import { godwit } from "../testbed/program.ts";
import { freePort } from "../testbed/server-process.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, makeTree } from "../testbed/trees.ts";

const MiB = 2 ** 20;

interface ChunkRow {
  readonly id: string;
  readonly kind: string;
}

interface Traced {
  readonly job: Job;
  readonly chunks: readonly { readonly id: number; readonly kind: string }[];
  readonly processes: { readonly coordinator: FleetProcess; readonly workers: readonly FleetProcess[] };
  readonly attempts: readonly string[];
}

/** Runs a job by a coordinator and two workers, and ends them, so that each has sent what it had. */
async function traced(fleet: Fleet, source: string, limitBytesPerSecond: number | null): Promise<Traced> {
  const coordinator = fleet.coordinator();
  const workers = [fleet.worker(2), fleet.worker(2)];
  const job = await fleet.submit(source, tempDir("target"), {
    typed: { chunkSize: "32MiB", reconcile: true },
    terms: { ...usualTerms, limitBytesPerSecond },
  });
  await fleet.until(job, "complete");
  for (const process of [coordinator, ...workers]) expect((await process.end()).exitCode).toBe(0);
  const chunks = await fleet.ask<ChunkRow>("select id, kind from chunks where job_id = $1 order by id", [job.id]);
  const attempts = await fleet.ask<{ chunk_id: string; stage: string; epoch: string }>(
    "select chunk_id, stage, epoch from attempts where job_id = $1",
    [job.id],
  );
  return {
    job,
    chunks: chunks.map(({ id, kind }) => ({ id: Number(id), kind })),
    processes: { coordinator, workers },
    attempts: attempts.map(({ chunk_id, stage, epoch }) => `${chunk_id} ${stage} ${epoch}`).toSorted(),
  };
}

function otel(collector: OtlpCollector, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: collector.address, OTEL_BSP_SCHEDULE_DELAY: "200", ...more };
}

function byTrace(spans: readonly OtlpSpan[]): ReadonlyMap<string, readonly OtlpSpan[]> {
  return Map.groupBy(spans, ({ traceId }) => traceId);
}

const namesOf = (spans: readonly OtlpSpan[]): readonly string[] => spans.map(({ name }) => name);
const instanceOf = ({ resource }: OtlpSpan): string => String(resource["service.instance.id"]);

function isBy(span: OtlpSpan, { namePart }: FleetProcess): boolean {
  return `${instanceOf(span)}:`.includes(namePart);
}

/** One root, made by the coordinator; and every other span stands under one that is there. */
function expectWhole(spans: readonly OtlpSpan[], jobId: string, chunkId: number): void {
  const { rootSpanId } = traceOf(jobId, chunkId);
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === "");
  expect(roots.map(({ name, spanId }) => [name, spanId])).toEqual([["plan", rootSpanId]]);
  const ids = new Set(spans.map(({ spanId }) => spanId));
  expect(ids.size).toBe(spans.length);
  expect(spans.filter(({ parentSpanId }) => parentSpanId !== "" && !ids.has(parentSpanId))).toEqual([]);
  for (const { startNs, endNs, attributes } of spans) {
    expect(endNs >= startNs).toBe(true);
    expect([attributes["godwit.job.id"], attributes["godwit.chunk.id"]]).toEqual([jobId, chunkId]);
  }
}

describeOnPostgres("traces of a fleet", (postgres) => {
  let source = "";
  beforeAll(() => {
    source = tempDir("source");
    makeTree(source, "traces", { large: [50 * MiB, 30 * MiB + 1, 20 * MiB], small: 300, links: true });
  });

  test("every chunk has one trace, with the coordinator, the roles and each attempt in it, and no other trace is there", async () => {
    await using collector = await startCollector();
    await using fleet = await openFleet(
      await postgres.database(),
      otel(collector, { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }),
    );
    // Slow enough that blocks are recorded while their chunk goes on.
    const { job, chunks, processes, attempts } = await traced(fleet, source, 40_000_000);
    expect([collector.refused, [...collector.media]]).toEqual([[], ["application/json"]]);
    const traces = byTrace(collector.spans);
    expect(new Set(traces.keys())).toEqual(new Set(chunks.map(({ id }) => traceOf(job.id, id).traceId)));
    const { coordinator, workers } = processes;
    let elsewhere = 0;
    const confirmedUnder = new Set<string | undefined>();
    for (const { id, kind } of chunks) {
      const spans = traces.get(traceOf(job.id, id).traceId) ?? [];
      expectWhole(spans, job.id, id);
      const ofCoordinator = spans.filter((span) => isBy(span, coordinator));
      expect(namesOf(ofCoordinator).toSorted(), kind).toEqual(kind === "settled" ? ["plan"] : ["checkpoint", "plan"]);
      expect(ofCoordinator.every(({ attributes }) => attributes["godwit.role"] === "coordinator")).toBe(true);
      const ofWorkers = spans.filter((span) => workers.some((worker) => isBy(span, worker)));
      expect(ofCoordinator.length + ofWorkers.length, "nobody else told anything").toBe(spans.length);
      if (kind !== "pack" && kind !== "range") continue;
      const roles = new Set(spans.map(({ attributes }) => attributes["godwit.role"]));
      expect(roles).toEqual(new Set(["coordinator", "worker", "verifier"]));
      for (const name of ["wait", "transfer", "record", "verify", "reconcile"]) expect(namesOf(spans)).toContain(name);
      const [sent, readBack] = ["transfer", "verify"].map((name) => spans.find((span) => span.name === name));
      if (sent !== undefined && readBack !== undefined) elsewhere += Number(instanceOf(sent) !== instanceOf(readBack));
      for (const { name, parentSpanId } of spans)
        if (name === "confirm") confirmedUnder.add(spans.find(({ spanId }) => spanId === parentSpanId)?.name);
    }
    expect(confirmedUnder, "blocks that were durable before the end of their chunk").toEqual(new Set(["transfer"]));
    expect(elsewhere, "chunks that another process verified").toBeGreaterThan(0);
    expect(new Set(chunks.map(({ kind }) => kind))).toEqual(new Set(["pack", "head", "range", "links", "directories"]));
    const told = collector.spans
      .filter(({ name, attributes }) => attributes["godwit.lease.epoch"] !== undefined && name !== "wait")
      .map(({ name, attributes }) => `${attributes["godwit.chunk.id"]} ${name} ${attributes["godwit.lease.epoch"]}`);
    expect(told.toSorted()).toEqual(attempts);
    expect(collector.spans.every(({ resource }) => resource["service.name"] === "godwit")).toBe(true);
  });

  test("a part of the chunks is sampled, the same ones by each process, and those are whole; in protobuf too", async () => {
    await using collector = await startCollector();
    const sampler = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.5" };
    const name = { OTEL_SERVICE_NAME: "moves", OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test" };
    await using fleet = await openFleet(await postgres.database(), otel(collector, { ...sampler, ...name }));
    const { job, chunks, attempts } = await traced(fleet, source, null);
    expect([collector.refused, [...collector.media]]).toEqual([[], ["application/x-protobuf"]]);
    const traces = byTrace(collector.spans);
    const sampled = chunks.filter(({ id }) => traces.has(traceOf(job.id, id).traceId));
    expect(sampled.length).toBeGreaterThan(0);
    expect(sampled.length).toBeLessThan(chunks.length);
    expect(traces.size).toBe(sampled.length);
    for (const { id } of sampled) {
      const spans = traces.get(traceOf(job.id, id).traceId) ?? [];
      expectWhole(spans, job.id, id);
      const told = spans.filter(
        ({ name: each, attributes }) => attributes["godwit.lease.epoch"] !== undefined && each !== "wait",
      );
      expect(told.length, "every attempt").toBe(attempts.filter((attempt) => attempt.startsWith(`${id} `)).length);
      expect(namesOf(spans)).toContain("plan");
      expect(spans[0]?.resource).toMatchObject({ "service.name": "moves", "deployment.environment.name": "test" });
    }
  });
});

test("a copy in one process sends its traces before it ends", async () => {
  await using collector = await startCollector();
  const [source, target] = [tempDir("source"), tempDir("target")];
  makeTree(source, "copy-traces", { large: [9 * MiB], small: 20, links: false });
  const args = ["copy", source, `${target}/copy`, "--json"];
  const { exitCode, stdout, stderr } = await godwit(args, { state: tempDir("state"), env: otel(collector) });
  expect([exitCode, stderr]).toEqual([0, ""]);
  const { job_id: jobId } = JSON.parse(stdout) as { readonly job_id: string };
  const roles = new Set(collector.spans.map(({ attributes }) => attributes["godwit.role"]));
  expect(roles).toEqual(new Set(["coordinator", "worker", "verifier"]));
  for (const [traceId, spans] of byTrace(collector.spans)) {
    const chunkId = Number(spans[0]?.attributes["godwit.chunk.id"]);
    expect(traceId).toBe(traceOf(jobId, chunkId).traceId);
    expectWhole(spans, jobId, chunkId);
  }
});

test.for([
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "OTEL_EXPORTER_OTLP_PROTOCOL is grpc"],
  [{ OTEL_TRACES_SAMPLER: "jaeger_remote" }, "OTEL_TRACES_SAMPLER is jaeger_remote"],
  [{}, ""],
] as const)(
  "a copy is none the worse for a collector that is down or cannot be spoken to: %j",
  async ([env, warning]) => {
    const nowhere = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
    };
    const [source, target] = [tempDir("source"), tempDir("target")];
    makeTree(source, "no-collector", { large: [], small: 5, links: false });
    const { exitCode, stderr } = await godwit(["copy", source, `${target}/copy`], {
      state: tempDir("state"),
      env: { ...nowhere, ...env },
      timeoutMs: 60_000,
    });
    expect(exitCode, stderr).toBe(0);
    expect(fingerprint(`${target}/copy`)).toEqual(fingerprint(source));
    expect(stderr).toContain(warning);
  },
);
