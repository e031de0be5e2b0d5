/**
 * A batch of rows on its way: mapped, then held to the contract. Every row that is read ends in exactly one of three
 * places, so that always read = loaded + rejected + filtered. A row that stops the job is rejected, and the last one read.
 */
import type { Row, RowValue } from "../model/row-value.ts";
import type { Contract, Tally } from "./contract.ts";
import { RowFailure, type TableMap } from "./table-map.ts";
import type { UnfitReason } from "./unfit.ts";

export interface Reject {
  /** In the batch, from 0. */
  readonly index: number;
  /** As the source has it. */
  readonly row: Row;
  /** On the target; null: the row as a whole. */
  readonly column: string | null;
  readonly reason: UnfitReason;
  /** Without any value of the row. */
  readonly what: string;
}

export interface BatchCounts {
  readonly read: number;
  readonly loaded: number;
  readonly rejected: number;
  readonly filtered: number;
}

export interface BatchResult {
  /** Those that go on, in their order, with the columns of the target. */
  readonly rows: readonly Row[];
  readonly rejects: readonly Reject[];
  /** The last of the rejects, when it is to end the job; nothing of the batch should be loaded then. */
  readonly stop: Reject | null;
  readonly counts: BatchCounts;
  readonly tallies: readonly Tally[];
}

export interface Gate {
  /** Null: rows are those of the target already. */
  readonly map: TableMap | null;
  readonly contract: Contract | null;
}

export function runBatch({ map, contract }: Gate, batch: readonly Row[]): BatchResult {
  const check = contract?.begin() ?? null;
  const rows: Row[] = [];
  const rejects: Reject[] = [];
  let filtered = 0;
  let stop: Reject | null = null;
  for (const [index, row] of batch.entries()) {
    const mapped = map === null ? [...row] : map.apply(row);
    if (mapped === null) {
      filtered += 1;
      continue;
    }
    const failure = mapped instanceof RowFailure ? mapped : (check?.check(mapped) ?? null);
    if (failure === null) {
      rows.push(mapped as RowValue[]);
      continue;
    }
    const reject = { index, row, column: failure.column, reason: failure.unfit.reason, what: failure.unfit.what };
    rejects.push(reject);
    if (!failure.isStop) continue;
    stop = reject;
    break;
  }
  const counts = {
    read: rows.length + rejects.length + filtered,
    loaded: rows.length,
    rejected: rejects.length,
    filtered,
  };
  return { rows, rejects, stop, counts, tallies: check?.tallies() ?? [] };
}
