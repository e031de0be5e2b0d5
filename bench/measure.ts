/**
 * Runs one side of a comparison and measures it from outside: wall time, CPU time of everything it started, and the
 * peak memory of its whole process group (the sum of resident sizes, sampled; never less than the kernel's own peak of its
 * largest process).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";

/** Seldom enough to take nothing from two busy cores; the kernel itself keeps the peak of each process. */
const sampleMs = 100;

export interface Step {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Measurement {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
}

/** The steps in order. Throws when one fails. */
export async function measure(steps: readonly Step[]): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = [];
  for (const step of steps) measurements.push(await measureStep(step));
  return measurements;
}

/** Times add up, the peak is the highest of any step. */
export function inTotal(steps: readonly Measurement[]): Measurement {
  return {
    wallMs: steps.reduce((sum, { wallMs }) => sum + wallMs, 0),
    cpuMs: steps.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    peakBytes: Math.max(...steps.map(({ peakBytes }) => peakBytes)),
  };
}

/** bash's own `time` sums user and system time over every process that the command waited for. */
async function measureStep(step: Step): Promise<Measurement> {
  const script = 'TIMEFORMAT="%3U %3S"; { time "$@" 2>&3; } 2>&4';
  const start = performance.now();
  const child = spawn("bash", ["-c", script, "bench", step.command, ...step.args], {
    stdio: ["ignore", "pipe", "ignore", "pipe", "pipe"],
    env: { ...process.env, ...step.env },
    detached: true,
  });
  const group = child.pid ?? 0;
  const killGroup = (): void => void process.kill(-group, "SIGKILL");
  process.once("exit", killGroup);
  const output = { stdout: "", stderr: "", times: "" };
  const keep = (name: keyof typeof output) => (text: Buffer) => {
    output[name] = (output[name] + text.toString()).slice(-(1 << 20));
  };
  child.stdout?.on("data", keep("stdout"));
  child.stdio[3]?.on("data", keep("stderr"));
  child.stdio[4]?.on("data", keep("times"));
  const watch = new GroupWatch(group);
  const sampler = setInterval(() => watch.sample(), sampleMs);
  let wallMs = 0;
  child.once("exit", () => (wallMs = performance.now() - start));
  const [code] = (await once(child, "close")) as [number | null];
  clearInterval(sampler);
  process.off("exit", killGroup);
  if (code !== 0)
    throw new Error(
      `${step.command} ${step.args.join(" ")} ended with ${String(code)}:\n${output.stdout}${output.stderr}`,
    );
  const [user = 0, system = 0] = output.times.trim().split(" ").map(Number);
  return { wallMs, cpuMs: (user + system) * 1000, peakBytes: watch.peakBytes };
}

/** Watches the memory of a process group, at little cost: whoever is in it is looked up once in ten samples. */
class GroupWatch {
  readonly #group: number;
  #members: readonly string[] = [];
  #samples = 0;
  peakBytes = 0;

  constructor(group: number) {
    this.#group = group;
  }

  sample(): void {
    if (this.#samples++ % 10 === 0) this.#members = membersOf(this.#group);
    let sumKb = 0;
    let highestKb = 0;
    for (const pid of this.#members) {
      const status = contentOf(`/proc/${pid}/status`);
      sumKb += kb(status, "VmRSS");
      highestKb = Math.max(highestKb, kb(status, "VmHWM"));
    }
    this.peakBytes = Math.max(this.peakBytes, Math.max(sumKb, highestKb) * 1024);
  }
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the group is the third field after the name. */
function membersOf(group: number): readonly string[] {
  return readdirSync("/proc").filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    const stat = contentOf(`/proc/${entry}/stat`);
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]) === group;
  });
}

/** Empty for a process that has ended. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function kb(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? "0");
}
