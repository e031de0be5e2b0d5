/** What a seed stands for: a tree, what the target already holds, the options of the job, and how rough its world is. */
import { forgetMemoryPlace, memoryPlace } from "../../src/connectors/memory/place.ts";
import type { JobSpec } from "../../src/model/job.ts";
import type { BytePath } from "../../src/model/path.ts";
import type { OpenOptions } from "../../src/ports/connector.ts";
import { Random } from "../../src/simulate/random.ts";
import { Story } from "./story.ts";

/** Small, so that a few hundred bytes make packs of several blocks and heads of several ranges. */
export const blockBytes = 64;
const chunkBytes = 4 * blockBytes;

export interface Roughness {
  /** `embedded`: one process, whose death is seen at once. `fleet`: several, whose lanes work without the lead. */
  readonly shape: "embedded" | "fleet";
  readonly lanes: number;
  /** Faults end after this many, so that every job can end. */
  readonly faultsMax: number;
  /** One fault in so many calls. */
  readonly callsPerFault: number;
  /** Changes of the source and other events from outside. */
  readonly events: number;
  readonly latencyMsMax: number;
}

export interface Scenario {
  readonly seed: number;
  readonly random: Random;
  readonly spec: JobSpec;
  readonly story: Story;
  readonly roughness: Roughness;
}

export function makeScenario(seed: number): Scenario {
  const random = new Random(seed);
  const names = { source: `sim-source-${seed}`, target: `sim-target-${seed}` };
  for (const name of Object.values(names)) forgetMemoryPlace(name);
  const story = new Story(memoryPlace(names.source), memoryPlace(names.target));
  const spec = makeSpec(random.fork(), names);
  for (const place of [story.source, story.target]) {
    place.blockBytes = blockBytes;
    place.pageLength = random.between(3, 8);
  }
  story.target.publishFirst = spec.traits.publishFirst;
  const tree = random.fork();
  fillSource(tree, story);
  if (tree.chance(60)) fillTarget(tree, story);
  story.begin();
  return { seed, random, spec, story, roughness: makeRoughness(random.fork()) };
}

/** One process with one lane, to which nothing happens; the tree is the caller's to make. */
export function quietScenario(name: string, spec: Partial<JobSpec>): Scenario {
  const random = new Random(1);
  const names = { source: `quiet-source-${name}`, target: `quiet-target-${name}` };
  const story = new Story(memoryPlace(names.source), memoryPlace(names.target));
  for (const place of [story.source, story.target]) place.blockBytes = blockBytes;
  const kind = spec.kind ?? "copy";
  const traits = { kind, prehash: false, reconcile: false, wholeDigest: false, publishFirst: false, ...spec.traits };
  story.target.publishFirst = traits.publishFirst;
  const quiet = { fileDigest: false, reconcile: false, delete: false, sourceEvidence: { type: "none" } } as const;
  return {
    seed: 0,
    random,
    spec: { ...makeSpec(random, names), ...quiet, kind, compare: "content", ...spec, traits },
    story,
    roughness: { shape: "embedded", lanes: 1, faultsMax: 0, callsPerFault: 1, events: 0, latencyMsMax: 1 },
  };
}

function makeSpec(random: Random, names: { source: string; target: string }): JobSpec {
  const kind = random.chance(40) ? "sync" : "copy";
  const [prehash, reconcile, fileDigest] = [random.chance(35), random.chance(50), random.chance(25)];
  return {
    kind,
    source: `memory:${names.source}`,
    target: `memory:${names.target}`,
    include: [],
    exclude: ["*.tmp"],
    filesFrom: null,
    compare: random.chance(50) ? "content" : "mtime",
    links: "preserve",
    durability: "fsync",
    verify: "readback",
    sourceEvidence: { type: prehash ? "prehash" : "none" },
    fileDigest,
    reconcile,
    delete: kind === "sync" && random.chance(60),
    maxDelete: null,
    chunkBytes,
    s3: { endpoint: null, region: null, pathStyle: false, profile: null },
    traits: { kind, prehash, reconcile, wholeDigest: fileDigest, publishFirst: random.chance(45) },
  };
}

function makeRoughness(random: Random): Roughness {
  return {
    shape: random.chance(50) ? "embedded" : "fleet",
    lanes: random.between(1, 3),
    faultsMax: random.weighted([
      [0, 1],
      [2, 3],
      [5, 4],
      [12, 3],
    ]),
    callsPerFault: random.pick([8, 25, 60, 120]),
    events: random.pick([0, 1, 3, 6]),
    latencyMsMax: random.pick([5, 60, 900]),
  };
}

/** Sizes around every border: no bytes, within a block, whole blocks, a whole chunk, several ranges. */
export function someSize(random: Random): number {
  return random.weighted([
    [0, 1],
    [random.between(1, blockBytes), 4],
    [blockBytes * random.between(1, 4), 2],
    [random.between(blockBytes, chunkBytes), 3],
    [random.between(chunkBytes + 1, 5 * chunkBytes), 4],
    [chunkBytes * random.between(2, 4), 1],
  ]);
}

export function somePath(random: Random): BytePath {
  return `${random.pick(["", "a/", "b/", "b/c/"])}f${random.below(30)}` as BytePath;
}

function fillSource(random: Random, story: Story): void {
  const { source } = story;
  for (const name of ["a", "b", "b/c", "empty"]) if (random.chance(70)) source.makeDirectory(name as BytePath);
  for (let left = random.between(3, 14); left > 0; left -= 1) {
    const path = somePath(random);
    if (!source.nodes.has(path)) story.put(path, random.bytes(someSize(random)));
  }
  const files = [...source.nodes.keys()].filter((path) => source.nodes.get(path)?.kind === "file");
  if (random.chance(40)) source.symlink("link" as BytePath, "a/nowhere" as BytePath);
  if (random.chance(40)) story.hardLink(random.pick(files), "b/hard" as BytePath);
  if (random.chance(20)) story.hardLink(random.pick(files), "zz" as BytePath);
  if (random.chance(20)) source.pipe("pipe" as BytePath);
  if (random.chance(20)) story.put("scratch.tmp" as BytePath, random.bytes(40));
}

/** What an earlier copy, or somebody else, has left there. */
function fillTarget(random: Random, { source, target, known }: Story): void {
  const files = [...source.nodes].filter(([, node]) => node.kind === "file");
  for (const [path, node] of files) {
    const bytes = random.weighted<Buffer | null>([
      [null, 3],
      [node.bytes, 3],
      [random.bytes(node.bytes.length), 1],
      [random.bytes(someSize(random)), 1],
    ]);
    if (bytes === null) continue;
    const isKept = bytes === node.bytes && random.chance(50);
    target.put(path, bytes, isKept ? { mtimeNs: node.attributes.mtimeNs } : {});
    known.get(path)?.push(Buffer.from(bytes));
  }
  for (const name of ["extra", "a/extra", "gone/deep/extra"]) {
    if (random.chance(30)) target.put(name as BytePath, random.bytes(random.below(100)));
  }
  if (random.chance(20)) target.symlink("link" as BytePath, "elsewhere" as BytePath);
}

export function openOptions(jobId: string, spec: JobSpec): OpenOptions {
  const { links, durability, verify, include, exclude, s3 } = spec;
  const plain = { filesFrom: null };
  return { jobId, links, durability, verify, include, exclude, s3, ...plain };
}
