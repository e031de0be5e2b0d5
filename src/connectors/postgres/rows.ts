/** The output of a COPY as frames: as it comes from the network, or message by message, under a budget. */
import type pg from "pg";
import type { Pending, ReadBudget } from "../../ports/source.ts";
import { type Copied, copyOut } from "./copy.ts";

export interface RowsRequest {
  readonly client: pg.Client;
  readonly statement: string;
  /** Each frame is one whole message: of text, one row. */
  readonly eachRow: boolean;
  readonly budget: ReadBudget | undefined;
  readonly signal: AbortSignal;
}

/** So much is booked at a time. */
const stepBytesMax = 2 ** 20;
const headerBytes = 5;

export function rowsOf(request: RowsRequest): AsyncGenerator<Uint8Array, Copied, unknown> {
  const pieces = limited(request);
  return request.eachRow ? wholeMessages(pieces) : pieces;
}

async function* limited({ client, statement, budget, signal }: RowsRequest): AsyncGenerator<Uint8Array, Copied> {
  const pieces = copyOut(client, statement, signal);
  let paid = 0;
  let pending: Pending | null = null;
  const settle = (): void => {
    pending?.answered();
    pending?.[Symbol.dispose]();
    pending = null;
  };
  try {
    for (;;) {
      if (budget !== undefined && paid <= 0) {
        settle();
        const step = budget.stepBytes(stepBytesMax);
        pending = await budget.request(step, signal);
        paid += step;
      }
      const next = await pieces.next();
      if (next.done === true) return next.value;
      paid -= next.value.length;
      yield next.value;
    }
  } finally {
    settle();
    await pieces.return({ rows: 0 });
  }
}

/** A message is `d`, its length with these four bytes, and one row. */
async function* wholeMessages(pieces: AsyncGenerator<Uint8Array, Copied>): AsyncGenerator<Uint8Array, Copied> {
  let rest = Buffer.alloc(0);
  try {
    for (;;) {
      const next = await pieces.next();
      if (next.done === true) return next.value;
      const bytes = rest.length === 0 ? Buffer.from(next.value) : Buffer.concat([rest, next.value]);
      let at = 0;
      while (at + headerBytes <= bytes.length) {
        const end = at + 1 + bytes.readUInt32BE(at + 1);
        if (end > bytes.length) break;
        yield bytes.subarray(at, end);
        at = end;
      }
      rest = Buffer.from(bytes.subarray(at));
    }
  } finally {
    // Left early, the rest is still on its way: the session must hear of it.
    await pieces.return({ rows: 0 });
  }
}
