import type { Readable } from "node:stream";
import { TransportError } from "./client-http-fault.ts";

/** What a consumer sees of the body: it must be read to its end, left by `break`, or discarded, or its socket stays taken. */
export interface AnswerBytes extends AsyncIterable<Buffer> {
  /** Gives the socket up without reading the rest. */
  discard(): void;
}

export interface BodyParts {
  readonly stream: Readable;
  /** Content-Length, where there is one. */
  readonly bytes: number | null;
  /** The chunks are copied here. It must have room. */
  readonly into: Buffer | null;
  readonly faultOf: (error: unknown, missingBytes: number | null) => Error;
}

/** A body on its way to one consumer: as many bytes as were announced, or an error. Chunks stay valid after the next is read. */
export class AnswerBody implements AnswerBytes {
  readonly #parts: BodyParts;
  #isTaken = false;
  /** Set by the caller of the request: makes a transport fault into an error of the whole call. */
  translate: (error: Error) => Error = (error) => error;

  constructor(parts: BodyParts) {
    this.#parts = parts;
    // A body that nobody reads may fail too, and has nobody to tell.
    parts.stream.on("error", () => {});
  }

  discard(): void {
    this.#isTaken = true;
    this.#parts.stream.destroy();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    if (this.#isTaken) throw new TypeError("an answer's body can be read once");
    this.#isTaken = true;
    const { stream, bytes, into, faultOf } = this.#parts;
    let got = 0;
    try {
      for await (const read of stream) {
        const chunk = read as Buffer;
        const at = got;
        got += chunk.length;
        yield into === null ? chunk : copied(chunk, into, at);
      }
      if (bytes !== null && got !== bytes) throw new TransportError("truncated", "the answer was cut short");
    } catch (error) {
      throw this.translate(faultOf(error, bytes === null ? null : bytes - got));
    }
  }
}

function copied(chunk: Buffer, into: Buffer, at: number): Buffer {
  if (at + chunk.length > into.length)
    throw new TransportError("invalid", `the body is longer than the ${into.length} bytes asked for`);
  chunk.copy(into, at);
  return into.subarray(at, at + chunk.length);
}
