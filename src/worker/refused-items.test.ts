import { expect, test } from "vitest";
import type { Item } from "../model/chunk.ts";
import type { BytePath } from "../model/path.ts";
import type { Progress } from "../model/task.ts";
import { Ledger } from "./ledger.ts";
import { refusal } from "./role.ts";

const blockBytes = 64;

function fileOf(name: string, blocks: number): Item {
  const version = { kind: "stat", inode: 1n, mtimeNs: 1n, ctimeNs: 1n } as const;
  const sizeBytes = blocks * blockBytes;
  const shape = { version, attributes: null, link: null, sparse: false } as const;
  return {
    entry: { path: name as BytePath, kind: "file", sizeBytes, ...shape },
    offset: 0,
    length: sizeBytes,
    blockBytes,
    compare: false,
  };
}

const error = { code: "target_conflict", disposition: "rejected", what: "w", hint: "h" } as const;

/** Three files of three, two and three blocks; every confirmation is reported that may be. */
function open(): { readonly ledger: Ledger; readonly reported: Progress[] } {
  const reported: Progress[] = [];
  let nowMs = 0;
  const ledger = new Ledger({
    items: [fileOf("a", 3), fileOf("b", 2), fileOf("c", 3)],
    firstBlock: 0,
    skip: new Set(),
    monotonicMs: () => (nowMs += 1_000),
    onProgress: (progress) => reported.push(progress),
  });
  return { ledger, reported };
}

const confirm = (ledger: Ledger, ...blocks: readonly number[]): void => {
  for (const block of blocks) ledger.confirm({ block, tag: null });
};
const upTo = ({ firstBlock, receipts }: Progress): number => firstBlock + receipts.count;

test("what is confirmed past an item that was refused says so", () => {
  const { ledger, reported } = open();
  confirm(ledger, 0, 1, 2);
  ledger.end(refusal(1, error));
  confirm(ledger, 5, 6);
  const past = reported.filter((progress) => upTo(progress) >= 5);
  expect(past.flatMap(({ endings }) => endings)).toMatchObject([{ item: 1, outcome: "unsupported" }]);
  expect(past[0]?.endings).toHaveLength(1);
  expect(ledger.rest().endings).toEqual([]);
});

test("bytes of an item that was refused do not count as sent, nor do those of its blocks that were", () => {
  const { ledger, reported } = open();
  confirm(ledger, 0, 1, 2, 3);
  expect(reported.map(({ bytes }) => bytes)).toEqual([64, 128, 256]);
  ledger.end(refusal(1, error));
  confirm(ledger, 5, 6);
  expect(reported.at(-1)).toMatchObject({ firstBlock: 6, bytes: 3 * 64 + 2 * 64 });
  expect(ledger.rest().bytes).toBe(6 * 64);
});

test("nor do those of an item that had ended before", () => {
  const reported: Progress[] = [];
  const ledger = new Ledger({
    items: [fileOf("a", 3), fileOf("b", 2)],
    firstBlock: 0,
    skip: new Set([0]),
    monotonicMs: () => 0,
    onProgress: (progress) => reported.push(progress),
  });
  confirm(ledger, 3, 4);
  expect(ledger.rest().bytes).toBe(2 * 64);
});

test("also when the first blocks of the item had been confirmed", () => {
  const { ledger, reported } = open();
  confirm(ledger, 0, 1, 2, 3);
  expect(reported.map(upTo)).toContain(4);
  ledger.end(refusal(1, error));
  confirm(ledger, 5, 6);
  const past = reported.find((progress) => upTo(progress) >= 5);
  expect(past?.endings).toMatchObject([{ item: 1, outcome: "unsupported" }]);
  expect(ledger.rest().endings).toEqual([]);
});
