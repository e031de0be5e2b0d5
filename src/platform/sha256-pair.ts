/**
 * SHA-256 of two streams at once, on one core. The processor's instructions for SHA-256 wait for one another within a
 * stream; where two streams take turns, 1.8 times as much is hashed. The routine is OpenSSL's own, for TLS; Node's
 * binary exports it. Tried before it is used; null where it is missing or no faster: docs/decisions/0010-two-digests.md
 */
import { createHash, hash } from "node:crypto";
import { assert } from "../base/assert.ts";
import { koffi, type Koffi } from "../base/koffi.ts";
import type { Sha256Pair } from "../model/block-hasher.ts";

/** Bytes that SHA-256 takes at a time. */
const unitBytes = 64;
const digestBytes = 32;
const start = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19] as const;
/** The state stands by word, eight lanes each; the routine is handed four lanes, of which two have something to do. */
const lanesInState = 8;
const lanesGiven = 4;
/** A pointer, a count, and four bytes that mean nothing. */
const taskBytes = 16;

/** @param blocks  of 64 bytes, by their addresses */
type Routine = (state: Uint32Array, tasks: Uint8Array, fourLanes: 1) => void;

class MultiBlockPair implements Sha256Pair {
  readonly #koffi: Koffi;
  readonly #routine: Routine;
  readonly #state = new Uint32Array(start.length * lanesInState);
  readonly #tasks = new DataView(new ArrayBuffer(lanesGiven * taskBytes));
  readonly #taskList = new Uint8Array(this.#tasks.buffer);
  readonly #padding = new Uint8Array(unitBytes);
  #bytes = 0;

  constructor(found: Koffi, routine: Routine) {
    this.#koffi = found;
    this.#routine = routine;
    this.#padding[0] = 0x80;
  }

  begin(): void {
    this.#bytes = 0;
    start.forEach((word, at) => this.#state.fill(word, at * lanesInState, at * lanesInState + 2));
  }

  update(one: Uint8Array, other: Uint8Array): void {
    assert(one.length === other.length && one.length % unitBytes === 0, "streams of a pair go side by side");
    this.#run(one, other);
    this.#bytes += one.length;
  }

  end(): readonly [Uint8Array, Uint8Array] {
    new DataView(this.#padding.buffer).setBigUint64(unitBytes - 8, BigInt(this.#bytes) * 8n);
    this.#run(this.#padding, this.#padding);
    return [this.#digest(0), this.#digest(1)];
  }

  #run(one: Uint8Array, other: Uint8Array): void {
    this.#setTask(0, one);
    this.#setTask(1, other);
    this.#routine(this.#state, this.#taskList, 1);
  }

  #setTask(lane: 0 | 1, bytes: Uint8Array): void {
    this.#tasks.setBigUint64(lane * taskBytes, this.#koffi.address(bytes), true);
    this.#tasks.setInt32(lane * taskBytes + 8, bytes.length / unitBytes, true);
  }

  #digest(lane: 0 | 1): Uint8Array {
    const digest = new Uint8Array(digestBytes);
    const words = new DataView(digest.buffer);
    for (let at = 0; at < start.length; at += 1) words.setUint32(at * 4, this.#state[at * lanesInState + lane] ?? 0);
    return digest;
  }
}

const trialBytes = 64 * 1024;
const trials = 3;
/** Less would not be worth a second frame in memory. */
const worthwhile = 1.2;

function load(): Routine | null {
  if (koffi === null || process.arch !== "x64" || process.platform !== "linux") return null;
  let call: ReturnType<ReturnType<Koffi["load"]>["func"]>;
  try {
    call = koffi.load(null).func("void sha256_multi_block(void *state, const void *tasks, int fourLanes)");
  } catch {
    // This Node was built with another OpenSSL.
    return null;
  }
  const routine: Routine = (state, tasks, fourLanes) => void call(state, tasks, fourLanes);
  const pair = new MultiBlockPair(koffi, routine);
  return isRight(pair) && isFaster(pair) ? routine : null;
}

function isRight(pair: MultiBlockPair): boolean {
  const bytes = Uint8Array.from({ length: 4 * unitBytes }, (_, at) => (at * 167 + 13) % 251);
  return [0, 1, 2].every((units) => {
    const [one, other] = [bytes.subarray(0, units * unitBytes), bytes.subarray(unitBytes, (units + 1) * unitBytes)];
    pair.begin();
    pair.update(one, other);
    const digests = pair.end();
    return [one, other].every((each, at) => Buffer.compare(hash("sha256", each, "buffer"), digests[at] ?? each) === 0);
  });
}

function isFaster(pair: MultiBlockPair): boolean {
  const bytes = new Uint8Array(2 * trialBytes);
  const [one, other] = [bytes.subarray(0, trialBytes), bytes.subarray(trialBytes)];
  const single = leastMs(() => createHash("sha256").update(bytes).digest());
  const paired = leastMs(() => {
    pair.begin();
    pair.update(one, other);
    pair.end();
  });
  return paired * worthwhile <= single;
}

/** Of several trials the least: others may have been held up. */
function leastMs(trial: () => void): number {
  let least = Infinity;
  for (let at = 0; at < trials; at += 1) {
    const since = performance.now();
    trial();
    least = Math.min(least, performance.now() - since);
  }
  return least;
}

let known: Routine | null | undefined;

/** Null where streams are better hashed one by one. */
export function sha256Pairs(): (() => Sha256Pair) | null {
  if (known === undefined) known = load();
  const [found, routine] = [koffi, known];
  return found === null || routine === null ? null : () => new MultiBlockPair(found, routine);
}
