/**
 * Runs one side of a comparison and measures it from outside: wall time, CPU time of everything it started, and the
 * peak memory of its whole process group (the sum of resident sizes, sampled; never less than the kernel's own peak of
 * its largest process).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";

const sampleMs = 25;

export interface Step {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Measurement {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
  /** What it printed to stdout; the last MiB. */
  readonly stdout: string;
}

/** The steps in order; times add up, the peak is the highest of any step. Throws when one fails. */
export async function measure(steps: readonly Step[]): Promise<Measurement> {
  let total: Measurement = { wallMs: 0, cpuMs: 0, peakBytes: 0, stdout: "" };
  for (const step of steps) {
    const one = await measureStep(step);
    total = {
      wallMs: total.wallMs + one.wallMs,
      cpuMs: total.cpuMs + one.cpuMs,
      peakBytes: Math.max(total.peakBytes, one.peakBytes),
      stdout: total.stdout + one.stdout,
    };
  }
  return total;
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
  const watch = { peakBytes: 0 };
  const sampler = setInterval(() => (watch.peakBytes = Math.max(watch.peakBytes, groupBytes(group))), sampleMs);
  let wallMs = 0;
  child.once("exit", () => (wallMs = performance.now() - start));
  const [code] = (await once(child, "close")) as [number | null];
  clearInterval(sampler);
  process.off("exit", killGroup);
  if (code !== 0)
    throw new Error(`${step.command} ${step.args.join(" ")} ended with ${String(code)}:\n${output.stderr}`);
  const [user = 0, system = 0] = output.times.trim().split(" ").map(Number);
  return { wallMs, cpuMs: (user + system) * 1000, peakBytes: watch.peakBytes, stdout: output.stdout };
}

/** Resident bytes of the group now, or the kernel's peak of its largest process, whichever is more. */
function groupBytes(group: number): number {
  let sumKb = 0;
  let highestKb = 0;
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const [residentKb, peakKb] = memberKb(entry, group);
    sumKb += residentKb;
    highestKb = Math.max(highestKb, peakKb);
  }
  return Math.max(sumKb, highestKb) * 1024;
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the group is the third field after the name. */
function memberKb(pid: string, group: number): readonly [number, number] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(fields[2]) !== group) return [0, 0];
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return [kb(status, "VmRSS"), kb(status, "VmHWM")];
  } catch {
    // It ended between the listing and the read.
    return [0, 0];
  }
}

function kb(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? "0");
}
