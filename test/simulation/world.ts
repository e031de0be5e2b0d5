/** Runs the job of one seed: starts processes, starts others when they die or hang, until the job is over; then judges. */
import { toGodwitError } from "../../src/base/errors.ts";
import type { Store } from "../../src/ports/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { Chaos } from "./chaos.ts";
import { Gate } from "./gate.ts";
import { checkEnd, checkTree } from "./invariants.ts";
import { checkDurable } from "./durable.ts";
import type { Violation } from "./chunk-history.ts";
import { Journal } from "./journal.ts";
import { makeScenario } from "./scenario.ts";
import { runProcess, type SimJob, stopped } from "./sim-job.ts";
import { SimProcess } from "../../src/simulate/sim-process.ts";
import { simTime } from "./sim-clock.ts";

/** A defect put in on purpose. */
export interface Plant {
  readonly store?: (store: Store) => Store;
  readonly tamper?: SimJob["tamper"];
  readonly source?: SimJob["plantSource"];
}

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  readonly simulatedMs: number;
}

/** After the last thing went wrong a job ends within this: leases, clocks set back and retries included. */
const livenessMs = 300_000;
/** Zombies get this long to do harm after the job is over. */
const afterlifeMs = 5_000;

export async function simulate(seed: number, plant: Plant = {}): Promise<Outcome> {
  const scenario = makeScenario(seed);
  const time = simTime();
  const trace: string[] = [];
  const note = (line: string): void => void trace.push(`${(time.monotonicMs() / 1000).toFixed(3)} ${line}`);
  const journal = new Journal(scenario.story, note);
  const running = new Map<SimProcess, AbortController>();
  const clock = { now: () => time.now(), monotonicMs: () => time.monotonicMs(), sleep: () => Promise.resolve() };
  await using engine = await openSqliteStore({
    path: ":memory:",
    clock,
    newJobId: () => "job-1",
    // A fleet cannot know who lives; on one machine a dead process is seen.
    isAlive: (owner) =>
      scenario.roughness.shape === "fleet" || chaos.processes.some((one) => one.isAlive && one.owner === owner),
  });
  const store = journal.over(plant.store?.(engine) ?? engine);
  const { id: jobId } = await engine.createJob(scenario.spec);
  const chaos = new Chaos(scenario, time, {
    trace: note,
    onCrash: () => checkDurable(jobId, scenario.story, journal),
    pause: () => void engine.wish(jobId, "pause"),
  });
  const job: SimJob = {
    scenario,
    jobId,
    store,
    onRead: (task, from) => {
      if (task.stage === "transfer" && from < task.receipts.count)
        journal.violate(
          "3 no repeated work",
          `chunk ${task.chunkId} reads from block ${from}; ${task.receipts.count} are confirmed`,
        );
    },
    tamper: plant.tamper,
    plantSource: plant.source,
  };

  let started = 0;
  const start = (): void => {
    started += 1;
    const process = new SimProcess(`process-${started}`, time);
    const terminate = new AbortController();
    chaos.processes.push(process);
    running.set(process, terminate);
    note(`${process.owner} starts`);
    void runProcess(job, new Gate(process, chaos), terminate.signal)
      .catch((error: unknown) => {
        const { code, what } = toGodwitError(error);
        note(`${process.owner}: ${code} ${what}`);
        if (code === "internal") journal.violate("0 no defects", what);
      })
      .finally(() => {
        running.delete(process);
        note(`${process.owner} ends`);
      });
  };
  const random = scenario.random.fork();
  const wanted = scenario.roughness.shape === "fleet" ? random.between(2, 3) : 1;
  const supervise = (): void => {
    const alive = [...running.keys()].filter((process) => process.isRunning);
    for (const process of running.keys()) if (!process.isAlive) running.delete(process);
    // A person may start the same command twice.
    if (alive.length < wanted || (alive.length === wanted && random.below(200) === 0)) start();
    if (journal.status !== "complete") time.after(random.between(200, 1500), supervise);
  };
  supervise();

  const isStuck = (): boolean => time.monotonicMs() - chaos.lastMs > livenessMs;
  await time.run(() => journal.status === "complete" || isStuck() || journal.failure?.code === "internal");
  if (isStuck())
    journal.violate("liveness", `the job is ${journal.status} ${livenessMs / 1000} s after the last fault`);
  if (journal.failure?.code === "internal") journal.violate("0 no defects", journal.failure.what);
  chaos.end();
  await time.run(() => ![...running.keys()].some((process) => process.isAlive && !process.isRunning));
  await time.runFor(afterlifeMs);
  for (const terminate of running.values()) terminate.abort(stopped());
  await time.runFor(afterlifeMs);
  checkTree(scenario.story, journal);
  if (journal.status === "complete") await checkEnd({ scenario, journal, store: engine, jobId });
  return { seed, violations: journal.violations, trace, simulatedMs: time.monotonicMs() };
}
