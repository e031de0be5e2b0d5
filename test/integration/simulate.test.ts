/** The scenarios of examples/simulate through the program itself: what it predicts is held to arithmetic. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type SimulationDocument, simulationShape } from "../../src/cli/simulate/shape.ts";
import { godwit, type ProgramEnd } from "../testbed/program.ts";
import { tempDir } from "../testbed/temp-dir.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const state = tempDir("simulate");

function run(scenario: string, ...options: readonly string[]): Promise<ProgramEnd> {
  return godwit(["simulate", scenario, ...options], { state });
}

async function predicted(scenario: string, exitCode: number, ...options: readonly string[]) {
  const end = await run(scenario, "--json", ...options);
  expect(end, end.stderr).toMatchObject({ exitCode });
  return simulationShape.parse(JSON.parse(end.stdout));
}

function scenarioOf(name: string, text: string): string {
  const path = join(state, name);
  writeFileSync(path, text);
  return path;
}

/** It was all simulated, and what was moved is what there was. */
function expectWhole(document: SimulationDocument): void {
  expect(document.scale.events_until_ms).toBe(document.duration_ms);
  expect(document.failed_entries).toBe(0);
  const [first, second] = document.series;
  const widthMs = (second?.from_ms ?? 0) - (first?.from_ms ?? 0);
  const read = document.series.reduce((sum, { source_bytes_per_second: rate }) => sum + (rate ?? 0), 0);
  expect((read * widthMs) / 1_000 / document.source_bytes_read).toBeCloseTo(1, 3);
}

describe("a petabyte and 50 workers", () => {
  test("with a full pipeline of 200 MB/s each: 27.8 hours of pure transfer, and little more", async () => {
    const document = await predicted("examples/simulate/full-pipeline.yaml", 0);
    expect(document.pure_transfer_ms / hourMs).toBeCloseTo(1e15 / (50 * 200e6) / 3_600, 6);
    const hours = (document.duration_ms ?? Infinity) / hourMs;
    expect(hours).toBeGreaterThan(27.7);
    expect(hours).toBeLessThan(27.8 * 1.08);
    expect(document.duration_without_failures_ms).toBe(document.duration_ms);
    expect(document.peak_second.bytes_per_second).toBeLessThanOrEqual(50 * 200e6 * 1.001);
    expect(document).toMatchObject({ bytes: 1e15, source_bytes_read: 1e15, deadline: null, budget_used: null });
    expectWhole(document);
  });

  test("capped at 400 GB/h: 104 days; in 30 days it takes 1.39 TB/h, and the tool says so", async () => {
    const document = await predicted("examples/simulate/capped.yaml", 1);
    const ideal = 1e15 / 400e9 / 24;
    expect((document.capped_transfer_ms ?? 0) / dayMs).toBeCloseTo(ideal, 2);
    expect((document.duration_ms ?? 0) / dayMs / ideal).toBeGreaterThan(0.999);
    expect((document.duration_ms ?? 0) / dayMs / ideal).toBeLessThan(1.01);
    expect(document.peak_second.of_cap).toBeLessThanOrEqual(1.001);
    expect(document.peak_minute.of_cap).toBeGreaterThan(0.99);
    const { deadline } = document;
    expect(deadline).toMatchObject({ deadline_ms: 30 * dayMs, met: false });
    expect(((deadline?.required_bytes_per_second ?? 0) * 3_600) / 1e12).toBeCloseTo(1.389, 3);
    const needed = deadline?.needed;
    expect(((needed?.cap_bytes_per_second ?? 0) * 3_600) / 1e12).toBeCloseTo(1.4, 1);
    expect(needed?.workers).toBeNull();
    expect(needed?.duration_ms).toBeLessThanOrEqual(30 * dayMs);
    expectWhole(document);
  });
});

test("business hours, with failures: the cap holds by day and by night, and whoever dies is replaced", async () => {
  const document = await predicted("examples/simulate/business-hours.yaml", 0);
  const ideal = document.capped_transfer_ms ?? 0;
  expect((document.duration_ms ?? 0) / ideal).toBeGreaterThan(0.995);
  expect((document.duration_ms ?? 0) / ideal).toBeLessThan(1.05);
  expect(document.peak_second.of_cap).toBeLessThanOrEqual(1.001);
  expect(document.peak_second.bytes_per_second).toBeGreaterThan(1.9e9);
  expect(document.budget_used).toBeGreaterThan(0.97);
  expect(document.worker_deaths).toBeGreaterThan(0);
  // The lease of a dead worker ends after 30 s; the product takes its chunks up within 60 s.
  expect(document.taken_over?.most_ms).toBeLessThan(60_000);
  expect(document.retries.worker_lost.count).toBeGreaterThan(0);
  expect(document.source_bytes_read).toBeGreaterThan(document.bytes);
  expect(document.deadline).toMatchObject({ met: true, needed: null });
  const caps = new Set(document.series.map(({ cap_bytes_per_second: cap }) => Math.round((cap ?? 0) / 1e8)));
  expect(caps).toContain(1);
  expect(caps).toContain(20);
});

test("a source that gets slow is backed off from, and has its lanes again", async () => {
  const document = await predicted("examples/simulate/back-off.yaml", 0);
  const during = (fromHour: number, toHour: number): readonly number[] =>
    document.series
      .filter(({ from_ms: at }) => at >= fromHour * hourMs && at < toHour * hourMs)
      .map(({ source_bytes_per_second: rate }) => rate ?? 0);
  // From 08:00 to 18:00 others take 700 MB/s of the 1.2 GB/s; the job begins at 06:00.
  expect(Math.max(...during(0.5, 1.9))).toBeGreaterThan(700e6);
  expect(Math.max(...during(2.2, 11.8))).toBeLessThan(500e6);
  expect(Math.min(...during(2.2, 11.8))).toBeGreaterThan(0);
  expect(Math.max(...during(13.5, 24))).toBeGreaterThan(700e6);
});

test("workers that cannot use all of their share are as fast as they can be", async () => {
  const text = "data: { bytes: 40GB }\nworkers: { count: 2, lanes: 4, rate: 20MB/s }\nsource: { cap: 100MB/s }\n";
  const document = await predicted(scenarioOf("modest.yaml", text), 0);
  expect(document.pure_transfer_ms).toBe(1_000_000);
  expect((document.duration_ms ?? Infinity) / document.pure_transfer_ms).toBeLessThan(1.1);
});

describe("the same scenario", () => {
  const small = "data: { bytes: 300GB }\nworkers: { count: 3, lanes: 2, rate: 100MB/s }\n";
  const failures =
    "failures: { worker_deaths_per_week: 500, read_errors_per_pb: 20000, corrupt_chunks_per_pb: 10000 }\n";

  test("gives the same answer for a seed, another one for another, and about that of all in detail", async () => {
    const skipping = scenarioOf("small.yaml", small + failures);
    const [first, again, other] = [
      await predicted(skipping, 0, "--seed", "7"),
      await predicted(skipping, 0, "--seed", "7"),
      await predicted(skipping, 0, "--seed", "8"),
    ];
    expect(again).toEqual(first);
    expect(other.duration_ms).not.toBe(first.duration_ms);
    const long = small.replace("300GB", "1TB");
    const detailed = scenarioOf("detailed.yaml", `${long}simulation: { in_detail: true }\n`);
    const [plain, whole] = [await predicted(scenarioOf("plain.yaml", long), 0), await predicted(detailed, 0)];
    expect(whole.scale.detail_ms).toBeCloseTo(whole.duration_ms ?? 0, 0);
    expect(plain.scale.detail_ms).toBeLessThan(whole.scale.detail_ms / 2);
    expect((plain.duration_ms ?? 0) / (whole.duration_ms ?? 1)).toBeCloseTo(1, 1);
  });

  test("is a table and a chart of at most 80 columns, in ASCII alone where that is asked for", async () => {
    const path = scenarioOf("table.yaml", `name: a small one\n${small}deadline: 1h\n`);
    for (const options of [[], ["--plain"]]) {
      const { stdout, exitCode } = await run(path, ...options);
      expect(exitCode).toBe(0);
      expect(stdout).toContain("a small one");
      expect(stdout).toMatch(/^deadline +1 h 00 min: met$/m);
      expect(stdout).toMatch(/^seed +1$/m);
      for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    }
    const { stdout } = await run(path, "--plain");
    expect(Buffer.from(stdout).every((byte) => byte < 128)).toBe(true);
  });
});

describe("a bad scenario", () => {
  test.each([
    [
      "an unknown field",
      "data: { bytes: 1TB }\nworkers:\n  count: 2\n  rate: 1MB/s\n  lane: 3\n",
      /line 5: workers\.lane: there is no such field/,
    ],
    ["a missing field", "data: { bytes: 1TB }\nworkers:\n  count: 2\n", /line 2: workers\.rate: /],
    [
      "a rate without a time",
      "data: { bytes: 1TB }\nworkers:\n  count: 2\n  rate: 200MB\n",
      /line 4: workers\.rate: 200MB is no rate/,
    ],
    [
      "a wrong window",
      "data: { bytes: 1TB }\nworkers: { count: 2, rate: 1MB/s }\nsource:\n  timetable:\n    - 8-20 1MB/s\n",
      /line 4: source\.timetable: .*8-20 1MB\/s/,
    ],
    ["no YAML", "data: {\n", /line \d: /],
    ["nothing", "", /the scenario: |data: /],
  ])("with %s ends with 2, and names field and line", async (_, text, says) => {
    const { exitCode, stderr, stdout } = await run(scenarioOf("bad.yaml", text));
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^godwit: config_invalid: .*bad\.yaml/);
    expect(stderr).toMatch(says);
  });

  test("that is not there ends with 2", async () => {
    const end = await run(join(state, "nowhere.yaml"));
    expect(end).toMatchObject({ exitCode: 2 });
    expect(end.stderr).toMatch(/^godwit: usage: the scenario .*nowhere\.yaml cannot be read/);
  });
});
