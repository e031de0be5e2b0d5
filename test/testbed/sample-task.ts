import { encodeItems } from "../../src/model/item-codec.ts";
import { noReceipts, type Task } from "../../src/model/task.ts";

/** The transfer of a pack without items, as a claim hands it out. */
export const sampleTask: Task = {
  jobId: "job-1",
  chunkId: 1,
  kind: "pack",
  stage: "transfer",
  lease: { chunkId: 1, worker: "w", epoch: 1, expiresAt: 0 },
  items: encodeItems([]),
  staging: null,
  receipts: noReceipts,
  endings: [],
  prehash: null,
  attempt: 0,
  withheldBy: 0,
  ranges: null,
  wait: { ms: 0, tookOver: false },
};
