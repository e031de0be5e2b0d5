import { once } from "node:events";
import type { Writable } from "node:stream";

const flushBytes = 65_536;

/** Text to a stream in pieces of 64 KiB, no faster than the stream takes it. */
export class LineWriter {
  readonly #out: Writable;
  readonly #encoding: "utf8" | "latin1";
  #pending = "";

  constructor(out: Writable, encoding: "utf8" | "latin1" = "utf8") {
    this.#out = out;
    this.#encoding = encoding;
  }

  /** @returns a promise only when the caller has to wait; so that a million lines are not a million turns of the loop */
  write(text: string): Promise<void> | null {
    this.#pending += text;
    return this.#pending.length < flushBytes ? null : this.flush();
  }

  /** Resolves once the stream has room again. Rejects when it has failed or was closed by its reader. */
  async flush(): Promise<void> {
    if (this.#pending === "") return;
    const bytes = Buffer.from(this.#pending, this.#encoding);
    this.#pending = "";
    if (this.#out.destroyed) throw this.#out.errored ?? closedError();
    if (this.#out.write(bytes)) return;
    const settled = new AbortController();
    const { signal } = settled;
    try {
      // `once` rejects by itself on "error"; a reader that went away says only "close".
      const closed = once(this.#out, "close", { signal }).then(() => Promise.reject(closedError()));
      await Promise.race([once(this.#out, "drain", { signal }), closed]);
    } finally {
      settled.abort();
    }
  }
}

function closedError(): Error {
  return Object.assign(new Error("the output was closed before the report was complete"), { code: "EPIPE" });
}
