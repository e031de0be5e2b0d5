/** A fleet of real processes on one PostgreSQL: coordinators and workers as `godwit serve` and `godwit worker`, and its Store beside them. */
import { parseOptions, transferOptions } from "../../src/cli/job-options.ts";
import { jobSpec } from "../../src/cli/job-spec.ts";
import type { Job, JobSpec, JobTerms } from "../../src/model/job.ts";
import type { Store } from "../../src/ports/store.ts";
import { jobIds } from "../../src/store/job-id.ts";
import { openPostgresStore } from "../../src/store/postgres/open.ts";
import { onDatabase } from "./postgres.ts";
import { type ProgramEnd, type RunningProgram, startGodwit } from "./program.ts";
import { until } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";

export interface FleetProcess {
  readonly pid: number;
  readonly running: RunningProgram;
  /** The beginning of its lanes' names: `host:pid:`. */
  readonly namePart: string;
  /** What it has written to its log so far. */
  readonly log: () => string;
  /** Where it listens, once it has said so. */
  address(): Promise<string>;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and its end. */
  end(): Promise<ProgramEnd>;
}

export interface Fleet extends AsyncDisposable {
  readonly url: string;
  readonly store: Store;
  worker(lanes: number, url?: string, more?: readonly string[]): FleetProcess;
  coordinator(url?: string, more?: readonly string[]): FleetProcess;
  submit(source: string, target: string, options?: SubmitOptions): Promise<Job>;
  /** Waits until the job has this status. @throws after `timeoutMs`, with what the processes said */
  until(job: Job, status: Job["status"], timeoutMs?: number): Promise<Job>;
  /** One answer from the database itself. */
  ask<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

export interface SubmitOptions {
  /** As they are typed, by their names in the schema of options. */
  readonly typed?: Readonly<Record<string, unknown>>;
  readonly terms?: JobTerms;
}

function specOf(source: string, target: string, typed: Readonly<Record<string, unknown>> = {}): JobSpec {
  return jobSpec({ kind: "copy", source, target, values: parseOptions(transferOptions, typed) });
}

/** @param env of all its processes: how a store is reached */
export async function openFleet(url: string, env: Readonly<Record<string, string>> = {}): Promise<Fleet> {
  const store = await openPostgresStore({ url, connectionsMax: 4, newJobId: jobIds(Math.random) });
  const processes: FleetProcess[] = [];
  const start = (args: readonly string[]): FleetProcess => {
    const running = startGodwit(args, { state: tempDir("state"), env });
    const pid = running.child.pid ?? 0;
    let log = "";
    running.child.stderr?.on("data", (text: string) => (log += text));
    const addressIn = (): string | undefined => /"address":"([^"]+)"/.exec(log)?.[1];
    const started: FleetProcess = {
      pid,
      log: () => log,
      address: async () => {
        await until(
          () => addressIn() !== undefined,
          () => `it does not listen: ${log}`,
        );
        return addressIn() ?? "";
      },
      running,
      namePart: `:${pid}:`,
      signal: (name) => void running.child.kill(name),
      end: () => {
        running.child.kill("SIGTERM");
        return running.end;
      },
    };
    processes.push(started);
    return started;
  };
  const stopAll = async (): Promise<readonly ProgramEnd[]> => {
    for (const { running } of processes)
      if (running.child.exitCode === null && running.child.signalCode === null) running.child.kill("SIGKILL");
    return Promise.all(processes.map(({ running }) => running.end));
  };
  return {
    url,
    store,
    worker: (lanes, through = url, more = []) =>
      start(["worker", "--store", through, "--lanes", String(lanes), ...more]),
    coordinator: (through = url, more = ["--without-tokens"]) =>
      start(["serve", "--store", through, "--listen", "127.0.0.1:0", ...more]),
    submit: (source, target, { typed = {}, terms } = {}) => store.createJob(specOf(source, target, typed), terms),
    until: async ({ id }, status, timeoutMs = 60_000) => {
      let job: Job | null = null;
      const isThere = async (): Promise<boolean> => {
        job = await store.job(id);
        return job?.status === status;
      };
      try {
        await until(isThere, () => `job ${id} is ${job?.status}`, timeoutMs);
      } catch (error) {
        const said = (await stopAll()).map(({ stderr }) => stderr).join("\n");
        throw new Error(`the job did not become ${status}: ${JSON.stringify(job)}\n${said}`, { cause: error });
      }
      return job as unknown as Job;
    },
    ask: <Row extends object>(text: string, values: readonly unknown[] = []) =>
      onDatabase(url, async (client) => (await client.query<Row>(text, [...values])).rows),
    [Symbol.asyncDispose]: async () => {
      await stopAll();
      await store[Symbol.asyncDispose]();
    },
  };
}
