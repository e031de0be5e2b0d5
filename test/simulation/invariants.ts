/** What must hold when a job is over, each invariant of DESIGN.md by its own function. */
import type { MemoryNode } from "../../src/connectors/memory/place.ts";
import type { Item } from "../../src/model/chunk.ts";
import { type Outcome, outcomes, versionText } from "../../src/model/entry.ts";
import { decodeItems } from "../../src/model/item-codec.ts";
import { type Counters, unexplained } from "../../src/model/job.ts";
import type { BytePath } from "../../src/model/path.ts";
import type { ChunkRecord, Store, VerdictRecord } from "../../src/ports/store.ts";
import type { Journal } from "./journal.ts";
import { blockBytes, type Scenario } from "./scenario.ts";
import type { Story } from "./story.ts";

export interface End {
  readonly scenario: Scenario;
  readonly journal: Journal;
  readonly store: Store;
  readonly jobId: string;
}

/** How one listed entry ended, by the rows of the Store. */
interface Ended {
  readonly row: ChunkRecord;
  readonly index: number;
  readonly item: Item;
  readonly outcome: Outcome | "open";
}

export async function checkEnd({ scenario, journal, store, jobId }: End): Promise<void> {
  const rows = await Array.fromAsync(store.chunks(jobId));
  const verdicts = await Array.fromAsync(store.verdicts(jobId));
  const counters = (await store.job(jobId))?.counters ?? {};
  const ends = rows.flatMap(endsOf);
  checkClosedInventory(journal, ends, counters);
  checkRows(journal, rows, counters);
  checkMoved(journal, ends, counters);
  checkVerified({ scenario, journal, rows, ends, verdicts });
  checkStructure(scenario.story, journal, ends);
  checkDeserved(scenario.story, journal, ends);
  checkDeleted(scenario, journal, rows);
}

function endsOf(row: ChunkRecord): Ended[] {
  if (row.kind === "range" || isExtra(row)) return [];
  const endings = new Map(row.endings.map((ending) => [ending.item, ending]));
  return decodeItems(row.items).flatMap((item, index): Ended[] => {
    const ending = endings.get(index);
    if (ending?.again === true) return [];
    const outcome = ending?.outcome ?? (row.stage === "done" ? "verified" : "open");
    return [{ row, index, item, outcome }];
  });
}

function isExtra({ kind }: ChunkRecord): boolean {
  return kind === "extras" || kind === "extra_directories";
}

/** Invariant 1: every entry that was listed ends once, and the sums say so. */
function checkClosedInventory(journal: Journal, ends: readonly Ended[], counters: Counters): void {
  const rule = "1 closed inventory";
  const seen = new Map<BytePath, number>();
  const recount = new Map<string, number>();
  const add = (name: string, more: number): void => void recount.set(name, (recount.get(name) ?? 0) + more);
  for (const { item, outcome } of ends) {
    const { path, sizeBytes } = item.entry;
    seen.set(path, (seen.get(path) ?? 0) + 1);
    if (outcome === "open") journal.violate(rule, `${path} has no outcome`);
    add(`entries:${outcome}`, 1);
    add(`bytes:${outcome}`, sizeBytes);
    add("listedEntries", 1);
    add("listedBytes", sizeBytes);
  }
  for (const [path, times] of journal.listed) {
    if (times !== 1) journal.violate(rule, `${path} was planned ${times} times`);
    if (seen.get(path) !== 1) journal.violate(rule, `${path} ended ${seen.get(path) ?? 0} times`);
  }
  for (const path of seen.keys()) if (!journal.listed.has(path)) journal.violate(rule, `${path} was never listed`);
  const names = ["listedEntries", "listedBytes", ...outcomes.flatMap((one) => [`entries:${one}`, `bytes:${one}`])];
  for (const name of names) {
    const counted = counters[name as keyof Counters] ?? 0;
    if (counted !== (recount.get(name) ?? 0))
      journal.violate(rule, `${name} is ${counted}, its rows give ${recount.get(name) ?? 0}`);
  }
  if (unexplained(counters) !== null) journal.violate(rule, `unexplained: ${JSON.stringify(unexplained(counters))}`);
}

/** The same for rows: all are done, and counted. */
function checkRows(journal: Journal, rows: readonly ChunkRecord[], counters: Counters): void {
  const rule = "1 closed inventory";
  const { chunksTotal = 0, chunksDone = 0 } = counters;
  const done = rows.filter(({ stage }) => stage === "done").length;
  if (chunksTotal !== rows.length || chunksDone !== done || done !== rows.length)
    journal.violate(rule, `${rows.length} rows, ${done} done; counted ${chunksTotal} and ${chunksDone}`);
}

/** Each byte has landed once and is verified once, whatever happened to the tasks that carried it; none is on its way. */
function checkMoved(journal: Journal, ends: readonly Ended[], counters: Counters): void {
  const { bytesConfirmed = 0, bytesTransferred = 0, bytesVerified = 0 } = counters;
  // A link that was pinned anew has a size, and no bytes of its own.
  const moved = ends.filter(({ item, outcome }) => outcome === "verified" && item.entry.kind === "file");
  const verified = moved.reduce((sum, { item }) => sum + item.length, 0);
  if (bytesConfirmed !== 0 || bytesTransferred !== verified || bytesVerified !== verified)
    journal.violate(
      "1 closed inventory",
      `${verified} bytes ended verified; ${bytesTransferred} landed, ${bytesVerified} read back, ${bytesConfirmed} on their way`,
    );
}

interface Verified {
  readonly scenario: Scenario;
  readonly journal: Journal;
  readonly rows: readonly ChunkRecord[];
  readonly ends: readonly Ended[];
  readonly verdicts: readonly VerdictRecord[];
}

/**
 * Invariant 2: what is called verified or identical is on the target, byte for byte in the version that was pinned, and
 * a later task than its writer's found it so. Only what was flipped after the last look may differ.
 */
function checkVerified({ scenario: { story }, journal, rows, ends, verdicts }: Verified): void {
  const rule = "2 independent verification";
  for (const { row, index, item, outcome } of ends) {
    if ((outcome !== "verified" && outcome !== "identical") || item.entry.kind !== "file") continue;
    const { entry } = item;
    const expected = story.versions.get(versionText(entry.version));
    const node = story.target.nodes.get(entry.path);
    if (expected === undefined || node?.kind !== "file") {
      journal.violate(
        rule,
        `${entry.path} is ${outcome}, but ${node === undefined ? "it is not there" : "of no known version"}`,
      );
      continue;
    }
    const slices =
      row.kind === "head" && outcome === "verified"
        ? rows
            .filter(({ parentId, state }) => parentId === row.chunkId && state !== "failed")
            .map((range) => ({ chunkId: range.chunkId, index: 0, from: range.offset, to: range.offset + range.length }))
        : [{ chunkId: row.chunkId, index, from: 0, to: entry.sizeBytes }];
    if (
      slices.reduce((sum, { from, to }) => sum + to - from, 0) !== entry.sizeBytes ||
      node.bytes.length !== expected.length
    )
      journal.violate(
        rule,
        `${entry.path}: ${expected.length} bytes are in the source, ${entry.sizeBytes} listed, ${node.bytes.length} there`,
      );
    for (const slice of slices) {
      const lookedAt = journal.chunks.get(slice.chunkId)?.proof.get(slice.index);
      // What of a pack could not be read has ended: its inconclusive verdict is about the others.
      const judged = verdicts.some(
        ({ chunkId, result }) => chunkId === slice.chunkId && (result !== "inconclusive" || row.kind !== "head"),
      );
      if (lookedAt === undefined || (outcome === "verified" && !judged)) {
        journal.violate(rule, `${entry.path} is ${outcome}, but nobody found chunk ${slice.chunkId} right`);
        continue;
      }
      const at = differenceOf(node.bytes, expected, slice);
      const isLater = story.flips.some((flip) => flip.node === node && flip.moment > lookedAt && flip.offset === at);
      if (at !== null && !isLater) journal.violate(rule, `${entry.path} is ${outcome}, but byte ${at} is another one`);
    }
  }
}

function differenceOf(found: Buffer, expected: Buffer, { from, to }: { from: number; to: number }): number | null {
  for (let at = from; at < to; at += 1) if (found[at] !== expected[at]) return at;
  return null;
}

/** Links and directories that are called verified stand there as they were listed. */
function checkStructure({ target }: Story, journal: Journal, ends: readonly Ended[]): void {
  for (const { item, outcome } of ends) {
    const { path, kind, link } = item.entry;
    if (outcome !== "verified" || kind === "file") continue;
    const node = target.nodes.get(path);
    const isRight =
      kind === "hardlink"
        ? node !== undefined && link !== null && target.nodes.get(link) === node
        : node?.kind === kind && node.link === link;
    if (!isRight)
      journal.violate("2 independent verification", `${kind} ${path} is verified, but is not as it was listed`);
  }
}

/** No entry ends badly without a reason that lies outside of the program, and not before it was tried three times. */
function checkDeserved(story: Story, journal: Journal, ends: readonly Ended[]): void {
  const rule = "no entry ends badly without cause";
  for (const { item, outcome } of ends) {
    const { path, kind, link } = item.entry;
    // The second name of a file whose first is gone from the target has nothing to be linked to.
    if (outcome === "failed" && kind === "hardlink" && link !== null && story.changes.has(link)) continue;
    const changes = (story.changes.get(path) ?? 0) + (link === null ? 0 : (story.changes.get(link) ?? 0));
    if (outcome === "vanished" && changes === 0) journal.violate(rule, `${path} is vanished, but was never touched`);
    if (outcome === "changed" && changes === 0) journal.violate(rule, `${path} is changed, but was never touched`);
    if ((outcome === "changed" || outcome === "failed") && story.troubles < 3)
      journal.violate(rule, `${path} is ${outcome} after ${story.troubles} troubles in the whole job`);
  }
}

/** `sync --delete`: what was planned as an extra is gone, unless its row says otherwise; nothing else is. */
function checkDeleted({ story }: Scenario, journal: Journal, rows: readonly ChunkRecord[]): void {
  for (const row of rows.filter(isExtra)) {
    const ended = new Set(row.endings.map(({ item }) => item));
    for (const [index, { entry }] of decodeItems(row.items).entries()) {
      if (!ended.has(index) && story.target.nodes.has(entry.path))
        journal.violate("1 closed inventory", `${entry.path} is deleted, but is still there`);
    }
  }
}

/** Invariant 5: no name on the target holds blocks of two versions. (Bytes that are nobody's are not this rule's affair.) */
export function checkTree({ target, known }: Story, journal: Journal): void {
  for (const [path, node] of target.nodes) {
    if (node.kind === "file" && isMix(node, known.get(path) ?? []))
      journal.violate("5 one version per entry", `${path} holds blocks of several versions`);
  }
}

function isMix({ bytes }: MemoryNode, versions: readonly Buffer[]): boolean {
  let possible: ReadonlySet<Buffer> = new Set(versions);
  for (let from = 0; from < bytes.length; from += blockBytes) {
    const block = bytes.subarray(from, from + blockBytes);
    const here = versions.filter((version) => version.subarray(from, from + blockBytes).equals(block));
    if (here.length === 0) continue;
    possible = new Set(here.filter((version) => possible.has(version)));
    if (possible.size === 0) return true;
  }
  return false;
}
