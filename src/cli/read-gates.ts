import { must } from "../base/assert.ts";
import { SharedLimit } from "../decorators/shared-limit.ts";
import type { JobId } from "../model/chunk.ts";

/**
 * What the lanes of one job share: the limit under which they read. Each crew has one of its own, so that lanes of an
 * earlier one, which still end, keep to theirs. There is none before its share was asked for: lanes never read without.
 */
export class ReadGates {
  readonly #buffers = new Map<JobId, SharedArrayBuffer>();

  /** From now on lanes of the job are opened under this gate. */
  add(id: JobId): { readonly gate: SharedLimit; readonly remove: () => void } {
    const buffer = new SharedArrayBuffer(SharedLimit.byteLength);
    this.#buffers.set(id, buffer);
    const remove = (): void => {
      if (this.#buffers.get(id) === buffer) this.#buffers.delete(id);
    };
    return { gate: new SharedLimit(buffer), remove };
  }

  bufferOf(id: JobId): SharedArrayBuffer {
    return must(this.#buffers.get(id), `lanes of job ${id} are opened after its share was asked for`);
  }
}
