/** Decides from the seed what goes wrong, where and when: faults of calls, and what others do to the places. */
import type { MemoryNode } from "../../src/connectors/memory/place.ts";
import type { BytePath } from "../../src/model/path.ts";
import type { Call } from "./gate.ts";
import type { Random } from "../../src/simulate/random.ts";
import { type Scenario, somePath, someSize } from "./scenario.ts";
import type { SimProcess } from "../../src/simulate/sim-process.ts";
import type { SimTime } from "../../src/simulate/sim-time.ts";

export type Fault = { readonly when: "before" | "after" } & (
  | { readonly type: "kill" | "crash" | "error" | "disk_full" | "damage" | "flip" }
  | { readonly type: "stop"; readonly ms: number }
);
type Weighted = readonly (readonly [Fault, number])[];

export interface ChaosHooks {
  readonly trace: (line: string) => void;
  /** Right after a process or the whole machine died: what must hold at that very moment? */
  readonly onCrash: () => void;
  /** A pause is asked for. */
  readonly pause: () => void;
}

/** Calls of a usual job; events from outside fall among them. */
const callsOfJob = 500;

export class Chaos {
  readonly processes: SimProcess[] = [];
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #time: SimTime;
  readonly #hooks: ChaosHooks;
  readonly #events: number[];
  #calls = 0;
  #flips = 0;
  #left: number;
  #mayHappen = true;

  constructor(scenario: Scenario, time: SimTime, hooks: ChaosHooks) {
    this.#scenario = scenario;
    this.#random = scenario.random.fork();
    this.#time = time;
    this.#hooks = hooks;
    this.#left = scenario.roughness.faultsMax;
    const { events } = scenario.roughness;
    this.#events = Array.from({ length: events }, () => this.#random.below(callsOfJob)).toSorted((a, b) => b - a);
  }

  /** The time of trouble is over. */
  end(): void {
    this.#mayHappen = false;
  }

  /** When the last thing went wrong. */
  lastMs = 0;

  /** How long this call takes, and what goes wrong with it. */
  next(call: Call, process: SimProcess): { fault: Fault | null; latencyMs: number; isLate: boolean } {
    const random = this.#random;
    this.#calls += 1;
    while (this.#mayHappen && (this.#events.at(-1) ?? Infinity) <= this.#calls) {
      this.#events.pop();
      this.#event();
    }
    const latencyMs = random.chance(35) ? random.below(this.#scenario.roughness.latencyMsMax) : 0;
    const answer = { fault: null, latencyMs, isLate: random.chance(50) };
    // What records the end of work is where a late answer, or a late worker, could do harm.
    const isDelicate = call.method === "finish" || call.method === "confirm" || call.method === "addPlan";
    const odds = Math.ceil(this.#scenario.roughness.callsPerFault / (isDelicate ? 4 : 1));
    if (!this.#mayHappen || this.#left === 0 || random.below(odds) > 0) return answer;
    const fault = random.weighted(this.#faultsOf(call));
    this.#left -= 1;
    this.#note(`${process.owner} ${call.port}.${call.method}: ${fault.type} ${fault.when}`);
    if (fault.type === "error") this.#scenario.story.troubles += 1;
    return { ...answer, fault };
  }

  kill(process: SimProcess): void {
    process.kill();
    this.#hooks.onCrash();
  }

  /** The machine loses power: every process is gone, and what was not synced with it. */
  crash(): void {
    for (const process of this.processes) process.kill();
    this.#scenario.story.target.loseUnsynced();
    this.#hooks.onCrash();
  }

  /** At rest: staged or published. */
  damage(): void {
    const { target } = this.#scenario.story;
    const staged = Array.from(target.staged.values(), ({ node }) => node);
    const all: MemoryNode[] = [...staged, ...staged, ...target.nodes.values()];
    if (this.#scenario.story.flipSomewhere(this.#random, all)) this.#note("a byte flips at rest");
  }

  /** On its way. */
  flip(bytes: Uint8Array): void {
    const at = this.#random.below(bytes.length);
    // Never twice in the same way: two equal wrong reads of the source agree.
    this.#flips += 1;
    bytes[at] = (bytes[at] as number) ^ this.#flips;
    // A wrong pre-flight read stays the measure of all that follow: it can use up every try.
    this.#scenario.story.troubles += 3;
  }

  #faultsOf({ port, isStep }: Call): Weighted {
    const ms = this.#random.between(31_000, 70_000);
    const faults: [Fault, number][] = [
      [{ type: "kill", when: "before" }, 4],
      [{ type: "kill", when: "after" }, 4],
      [{ type: "crash", when: "before" }, 1],
      [{ type: "stop", when: "before", ms }, 4],
      [{ type: "stop", when: "after", ms }, 3],
      [{ type: "error", when: "before" }, 3],
    ];
    if (!isStep) faults.push([{ type: "error", when: "after" }, port === "store" ? 4 : 2]);
    // One wrong read of the source cannot be seen by one read.
    if (isStep && port === "source" && this.#scenario.spec.traits.prehash)
      faults.push([{ type: "flip", when: "after" }, 8]);
    if (port === "target") {
      faults.push([{ type: "damage", when: "before" }, 4], [{ type: "damage", when: "after" }, 6]);
      faults.push(isStep ? [{ type: "flip", when: "after" }, 3] : [{ type: "disk_full", when: "before" }, 1]);
    }
    return faults;
  }

  #event(): void {
    const random = this.#random;
    const { story, roughness } = this.#scenario;
    const files = [...story.source.nodes].flatMap(([path, node]) => (node.kind === "file" ? [path] : []));
    const path = this.#somePathOf(files);
    const type = random.weighted([
      ["write", 6],
      ["touch", 1],
      ["remove", 2],
      ["clock", 2],
      ["staging", 1],
      ["pause", roughness.shape === "embedded" ? 1 : 0],
    ]);
    switch (type) {
      case "write":
        if (!story.source.nodes.has(path) || story.source.nodes.get(path)?.kind === "file") {
          const same = story.source.nodes.get(path)?.bytes.length ?? 0;
          story.put(path, random.bytes(random.chance(40) ? same : someSize(random)));
        }
        break;
      case "touch":
        if (files.includes(path)) story.touch(path);
        break;
      case "remove":
        story.remove(path);
        break;
      case "clock":
        this.#time.jump(random.pick([-60_000, -5_000, -900, 3_000, 31_000, 3_600_000]));
        break;
      case "staging": {
        // Somebody sweeps: what is staged of an entry is gone.
        const staged = [...story.target.staged.keys()];
        if (staged.length > 0) story.sweep(random.pick(staged));
        break;
      }
      case "pause":
        this.#hooks.pause();
        break;
    }
    this.#note(`from outside: ${type} ${path}`);
  }

  /** Most often a file that is there, and one that is on its way just now. */
  #somePathOf(files: readonly BytePath[]): BytePath {
    const random = this.#random;
    const staged = Array.from(this.#scenario.story.target.staged.keys(), (key) => key.split("\0")[1] as BytePath);
    if (staged.length > 0 && random.chance(50)) return random.pick(staged);
    return files.length > 0 && random.chance(85) ? random.pick(files) : somePath(random);
  }

  #note(line: string): void {
    this.lastMs = this.#time.monotonicMs();
    this.#hooks.trace(line);
  }
}
