/**
 * A thread that lists directories ahead of the walk. It gives what it has seen and judges nothing: whatever is not plain
 * is left to the walk.
 */
import { closeSync, constants, lstatSync, openSync, statSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { type Filter, makeFilter } from "../../model/filter.ts";
import { type BytePath, joinPath, rootPath } from "../../model/path.ts";
import { systemCode } from "./errors.ts";
import { type Answer, type Ask, type ListingThreadData, sliceNames } from "./listing-protocol.ts";
import { namesOf } from "./names.ts";
import { native } from "./native.ts";
import { Root } from "./root.ts";
import { RowWriter, statxBytes } from "./rows.ts";
import { kindOf } from "./stat-entry.ts";

/** PATH_MAX with its NUL: what the walk could not open is not looked at by a shorter way. */
const pathBytesMax = 4_095;

class ListingThread {
  readonly #root: Root;
  readonly #follows: boolean;
  readonly #filter: Filter;
  readonly #name = Buffer.alloc(pathBytesMax + 1);
  readonly #seen = new Uint8Array(statxBytes);
  readonly #fields = new Uint32Array(this.#seen.buffer);

  constructor({ root, links, include, exclude }: ListingThreadData) {
    this.#root = new Root(root);
    this.#follows = links === "follow";
    this.#filter = makeFilter(include, exclude);
  }

  answer({ id, directory, names }: Ask): Answer {
    const startedAt = performance.now();
    let given = { names: "", count: 0, rows: null as ArrayBuffer | null };
    try {
      const path = directory as BytePath;
      given = names === null ? this.#list(path) : this.#lookAtAll(path, names.split("\0") as BytePath[], 0, null);
    } catch (error) {
      // The walk meets the same error, or finds it gone.
      if (systemCode(error) === null) throw error;
    }
    return { id, ...given, msPerName: (performance.now() - startedAt) / (given.count + 1) };
  }

  #list(path: BytePath): Omit<Answer, "id" | "msPerName"> {
    const at = this.#root.at(path);
    const follows = this.#follows || path === rootPath;
    const stat = follows ? statSync(at, { bigint: true }) : lstatSync(at, { bigint: true });
    if (kindOf(stat) !== "directory") return { names: "", count: 0, rows: null };
    const keys = namesOf(this.#root, path, this.#follows).map((name) => joinPath(path, name));
    if (keys.length <= sliceNames) return this.#lookAtAll(path, keys, 1, stat);
    const rows = new RowWriter(1);
    rows.setStat(0, stat);
    return { names: keys.join("\0"), count: keys.length, rows: rows.buffer };
  }

  /** @param skip  rows to leave for the directory itself */
  #lookAtAll(
    path: BytePath,
    keys: readonly BytePath[],
    skip: 0 | 1,
    own: Parameters<RowWriter["setStat"]>[1] | null,
  ): Omit<Answer, "id" | "msPerName"> {
    const rows = new RowWriter(keys.length + skip);
    if (own !== null) rows.setStat(0, own);
    const { statAt } = native ?? { statAt: null };
    const directory =
      statAt === null ? null : openSync(this.#root.at(path), constants.O_RDONLY | constants.O_DIRECTORY);
    const nameAt = path === rootPath ? 0 : path.length + 1;
    try {
      for (let index = 0; index < keys.length; index += 1) {
        const key = keys[index] as BytePath;
        if (key.endsWith("/")) continue;
        if (this.#root.lengthOf(key) > pathBytesMax) continue;
        const isKept = this.#filter.keeps(key, false);
        const isFollowed = this.#follows && isKept;
        const row = index + skip;
        const isKnown =
          directory === null
            ? this.#lookByPath(rows, row, key, isFollowed)
            : this.#lookByName(rows, row, { directory, name: key.slice(nameAt), isFollowed });
        if (isKnown && !isKept) rows.mark(row, "filtered");
      }
    } finally {
      if (directory !== null) closeSync(directory);
    }
    return { names: skip === 0 ? "" : keys.join("\0"), count: keys.length, rows: rows.buffer };
  }

  #lookByName(
    rows: RowWriter,
    row: number,
    {
      directory,
      name,
      isFollowed,
    }: { readonly directory: number; readonly name: string; readonly isFollowed: boolean },
  ): boolean {
    this.#name[this.#name.write(name, "latin1")] = 0;
    if (native?.statAt?.(directory, this.#name, isFollowed, this.#seen) !== true) return false;
    rows.setStatx(row, this.#fields);
    return true;
  }

  #lookByPath(rows: RowWriter, row: number, key: BytePath, isFollowed: boolean): boolean {
    const at = this.#root.at(key);
    const options = { bigint: true, throwIfNoEntry: false } as const;
    try {
      const stat = isFollowed ? statSync(at, options) : lstatSync(at, options);
      if (stat === undefined) return false;
      rows.setStat(row, stat);
      return true;
    } catch (error) {
      if (systemCode(error) === null) throw error;
      return false;
    }
  }
}

const data = workerData as ListingThreadData;
const thread = new ListingThread(data);

data.port.on("message", (asks: readonly Ask[]) => {
  let answers: Answer[] = [];
  let names = 0;
  const send = (): void => {
    if (answers.length === 0) return;
    data.port.postMessage(
      answers,
      answers.map(({ rows }) => rows).filter((rows) => rows !== null),
    );
    answers = [];
    names = 0;
  };
  for (const ask of asks) {
    const answer = thread.answer(ask);
    answers.push(answer);
    names += answer.count;
    // The walk may wait for the first of them.
    if (names >= sliceNames) send();
  }
  send();
});
