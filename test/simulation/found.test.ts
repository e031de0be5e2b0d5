/** What the seeds have found once, told as plain cases. */
import { expect, test } from "vitest";
import { Bell } from "../../src/base/bell.ts";
import { GodwitError, toGodwitError } from "../../src/base/errors.ts";
import { coordinate, type CoordinateOptions } from "../../src/coordinator/coordinate.ts";
import type { Job, JobSpec } from "../../src/model/job.ts";
import { Meter } from "../../src/model/meter.ts";
import type { BytePath } from "../../src/model/path.ts";
import type { Store } from "../../src/ports/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { Chaos } from "./chaos.ts";
import { Gate } from "./gate.ts";
import { Random } from "../../src/simulate/random.ts";
import { blockBytes, quietScenario } from "./scenario.ts";
import { openPlaces, runProcess, type SimJob, stopped } from "./sim-job.ts";
import { SimProcess } from "../../src/simulate/sim-process.ts";
import { simTime } from "./sim-clock.ts";
import type { Story } from "./story.ts";

const path = (text: string): BytePath => text as BytePath;
const sample = (length: number, seed = 1): Buffer => new Random(seed).bytes(length);

interface Quiet {
  readonly store: Store;
  readonly job: SimJob;
  readonly gate: Gate;
  /** As it was when it was made. */
  readonly made: Job;
  /** Runs simulated time until the promise has settled. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
}

async function quiet(name: string, spec: Partial<JobSpec>, fill: (story: Story) => void): Promise<Quiet> {
  const scenario = quietScenario(name, spec);
  fill(scenario.story);
  const time = simTime();
  const process = new SimProcess("process-1", time);
  const store = await openSqliteStore({ path: ":memory:", clock: process.clock, newJobId: () => "job-1" });
  const made = await store.createJob(scenario.spec);
  const hooks = { trace: () => {}, onCrash: () => {}, pause: () => {} };
  const gate = new Gate(process, new Chaos(scenario, time, hooks));
  const job: SimJob = { scenario, jobId: made.id, store, onRead: () => {}, tamper: undefined, plantSource: undefined };
  const settle = async <T>(promise: Promise<T>): Promise<T> => {
    let settled = false;
    void promise.then(
      () => (settled = true),
      () => (settled = true),
    );
    await time.run(() => settled);
    return promise;
  };
  return { store, job, gate, made, settle };
}

async function run({ store, job, gate, settle }: Quiet): Promise<Job | null> {
  await settle(runProcess(job, gate, new AbortController().signal));
  return store.job(job.jobId);
}

test("whoever takes the lead of a job that ended meanwhile leaves it as it is", async () => {
  const world = await quiet("late", {}, (story) => story.put(path("a"), sample(100)));
  const { store, job, gate, made, settle } = world;
  expect((await run(world))?.status).toBe("complete");
  const rows = (await Array.fromAsync(store.chunks(made.id))).length;
  const called: string[] = [];
  const nothing = {
    onLead: () => void called.push("lead"),
    onStop: async () => void called.push("stop"),
    onCheckpoint: () => {},
  };
  const bells = { taskEnded: new Bell(), newWork: new Bell(), queueEmpty: new Bell() };
  const { signal } = new AbortController();
  const { clock } = gate.process;
  const options = {
    ...nothing,
    ...bells,
    ...openPlaces(job, gate),
    meter: new Meter(),
    store,
    clock,
    fatal: signal,
    signal,
  };
  // `made` says that nothing is planned.
  const end = await settle(
    coordinate({ ...options, job: made, owner: "process-2", limitBytesPerSecond: null, workers: "own" }),
  );
  expect(end).toMatchObject({ status: "complete", counters: { listedEntries: 2 } });
  expect(await Array.fromAsync(store.chunks(made.id))).toHaveLength(rows);
  expect(await store.leader(made.id)).toBeNull();
  // The caller's own machinery stops; its lanes never began.
  expect(called).toEqual(["stop"]);
});

/** Leads the job of a world whose lanes do nothing: what a test does not give is quiet. */
function leads({ store, job, gate, made }: Quiet, more: Partial<CoordinateOptions>): Promise<Job> {
  const { signal } = new AbortController();
  return coordinate({
    ...openPlaces(job, gate),
    meter: new Meter(),
    store,
    clock: gate.process.clock,
    job: made,
    owner: "process-1",
    limitBytesPerSecond: null,
    workers: "own",
    taskEnded: new Bell(),
    newWork: new Bell(),
    queueEmpty: new Bell(),
    onLead: () => {},
    onStop: () => Promise.resolve(),
    onCheckpoint: () => {},
    fatal: signal,
    signal,
    ...more,
  });
}

const diskFull = new GodwitError("disk_full", { disposition: "fatal", what: "no space is left", hint: "Make room." });

test.each([
  ["Ctrl-C", "signal", stopped(), null],
  ["an error that ends the job", "fatal", diskFull, "disk_full"],
] as const)("after %s the lead is kept while lanes still write", async (_, name, reason, failure) => {
  const world = await quiet(`slow-${name}`, {}, (story) => story.put(path("a"), sample(100)));
  const { store, made, gate, settle } = world;
  const { clock } = gate.process;
  const stop = new AbortController();
  const others: string[] = [];
  const takeOver = (): Promise<void> =>
    store.lead(made.id, "process-2").then(
      () => void others.push("leads"),
      (error: unknown) => void others.push(toGodwitError(error).code),
    );
  const onStop = async (): Promise<void> => {
    for (let tries = 0; tries < 4; tries += 1) {
      await clock.sleep(2_500);
      await takeOver();
    }
  };
  void clock.sleep(5_000).then(() => stop.abort(reason));
  const end = await settle(leads(world, { onStop, [name]: stop.signal }));
  expect(others).toEqual(Array(4).fill("job_locked"));
  expect(end.status).toBe("paused");
  expect(end.failure?.code ?? null).toBe(failure);
  await takeOver();
  expect(others.at(-1)).toBe("leads");
});

test.each(["pause", "cancel"] as const)(
  "a plan that is recorded late does not undo the end of a job: %s",
  async (wish) => {
    const world = await quiet(`late-plan-${wish}`, {}, (story) => story.put(path("a"), sample(100)));
    const { store, made, gate, settle } = world;
    const slow = new Proxy(store, {
      get: (inner, key) => {
        const value: unknown = Reflect.get(inner, key);
        if (typeof value !== "function") return value;
        const method = value.bind(inner) as (...args: unknown[]) => Promise<unknown>;
        if (key !== "addPlan") return method;
        return async (...args: unknown[]) => {
          await store.wish(made.id, wish);
          await gate.process.clock.sleep(10_000);
          return method(...args);
        };
      },
    });
    const end = await settle(leads({ ...world, store: slow }, {}));
    const status = wish === "pause" ? "paused" : "cancelled";
    expect(end.status).toBe(status);
    expect(await store.job(made.id)).toMatchObject({ status });
    expect(await store.leader(made.id)).toBeNull();
  },
);

/** Counts who waits for it. */
class CountedBell extends Bell {
  waiting = 0;

  override async wait(...args: Parameters<Bell["wait"]>): Promise<void> {
    this.waiting += 1;
    await super.wait(...args);
    this.waiting -= 1;
  }
}

test("a job whose lanes are never idle gathers nobody who waits for them to be", async () => {
  const world = await quiet("busy", {}, (story) => story.put(path("a"), sample(100)));
  const [queueEmpty, taskEnded] = [new CountedBell(), new CountedBell()];
  const stop = new AbortController();
  const seen: number[] = [];
  const onCheckpoint = (): void => void seen.push(queueEmpty.waiting + taskEnded.waiting);
  void world.gate.process.clock.sleep(600_000).then(() => stop.abort(stopped()));
  await world.settle(leads(world, { queueEmpty, taskEnded, onCheckpoint, signal: stop.signal }));
  expect(seen.length).toBeGreaterThan(500);
  expect(Math.max(...seen)).toBe(0);
  expect(queueEmpty.waiting + taskEnded.waiting).toBe(0);
});

test("of several things that stop a job at once, the first one says why", async () => {
  const world = await quiet("both", {}, (story) => story.put(path("a"), sample(100)));
  const [fatal, stop] = [new AbortController(), new AbortController()];
  void world.gate.process.clock.sleep(5_000).then(() => {
    fatal.abort(diskFull);
    stop.abort(stopped());
  });
  const end = await world.settle(leads(world, { fatal: fatal.signal, signal: stop.signal }));
  expect(end).toMatchObject({ status: "paused", failure: { code: "disk_full" } });
});

test("a large entry of which the target holds another version with the same beginning is sent", async () => {
  const wanted = sample(12 * blockBytes);
  const world = await quiet("beginning", {}, (story) => {
    story.put(path("large"), wanted);
    const old = Buffer.from(wanted);
    old[old.length - 1] = 1 + (old.at(-1) as number);
    story.target.put(path("large"), old);
  });
  expect(await run(world)).toMatchObject({ status: "complete", counters: { "entries:verified": 2 } });
  expect(world.job.scenario.story.target.read(path("large"))).toEqual(wanted);
});

test("what is damaged after it was verified is sent again alone when the whole entry is read", async () => {
  const traits = { kind: "copy", wholeDigest: true } as JobSpec["traits"];
  const wanted = sample(12 * blockBytes);
  const world = await quiet("whole", { traits, fileDigest: true }, (story) => story.put(path("large"), wanted));
  const { target } = world.job.scenario.story;
  let verified = 0;
  const sent: number[] = [];
  const tamper: SimJob["tamper"] = (task, result) => {
    if (task.kind === "range" && task.stage === "transfer") sent.push(task.chunkId);
    if (task.stage === "verify") verified += 1;
    if (verified === 3) for (const key of target.staged.keys()) target.damageStaged(key, 5 * blockBytes);
    if (verified === 3) verified += 1;
    return result;
  };
  const job = await run({ ...world, job: { ...world.job, tamper } });
  expect(job).toMatchObject({ status: "complete", counters: { "entries:verified": 2, mismatches: 1 } });
  expect(sent).toHaveLength(4);
  expect(target.read(path("large"))).toEqual(wanted);
});

test.each(["first", "again"])("a hard link lands whole where it becomes a file of its own (%s)", async (turn) => {
  const traits = { kind: "copy", publishFirst: true } as JobSpec["traits"];
  const bytes = sample(300);
  const world = await quiet(`hard-${turn}`, { traits }, (story) => {
    story.put(path("a"), bytes);
    story.hardLink(path("a"), path("b"));
    if (turn === "again") for (const name of ["a", "b"]) story.target.put(path(name), bytes);
  });
  const outcome = turn === "again" ? "entries:identical" : "entries:verified";
  const job = await run(world);
  expect(job?.counters["listedBytes"]).toBe(600);
  expect(job?.counters[outcome]).toBe(turn === "again" ? 2 : 3);
  expect(job?.counters.retries ?? 0).toBe(0);
  for (const name of ["a", "b"]) expect(world.job.scenario.story.target.read(path(name))).toEqual(bytes);
});
