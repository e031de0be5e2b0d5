import type { BlockReceipt, OnConfirmed } from "../../ports/target.ts";

export interface FlightLimits {
  readonly countMax: number;
  readonly bytesMax: number;
}

interface Slot {
  receipts: readonly BlockReceipt[] | null;
}

/**
 * Uploads under way, bounded in number and bytes. They finish in any order; their blocks are confirmed in the order in
 * which they were launched. The first failure ends the flight: nothing launched after it is confirmed.
 */
export class Flight {
  readonly #limits: FlightLimits;
  readonly #onConfirmed: OnConfirmed;
  readonly #slots: Slot[] = [];
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;
  #failure: { readonly error: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor(limits: FlightLimits, onConfirmed: OnConfirmed) {
    this.#limits = limits;
    this.#onConfirmed = onConfirmed;
  }

  /** Waits for room, then starts it. @throws what an earlier one threw */
  async launch(bytes: number, act: () => Promise<readonly BlockReceipt[]>): Promise<void> {
    const { countMax, bytesMax } = this.#limits;
    while (
      this.#failure === null &&
      this.#running.size > 0 &&
      (this.#running.size >= countMax || this.#bytes + bytes > bytesMax)
    ) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#throwFailure();
    const slot: Slot = { receipts: null };
    this.#slots.push(slot);
    this.#bytes += bytes;
    const running = act()
      .then(
        (receipts) => {
          slot.receipts = receipts;
        },
        (error: unknown) => {
          this.#failure ??= { error };
        },
      )
      .finally(() => {
        this.#bytes -= bytes;
        this.#running.delete(running);
        this.#confirm();
        this.#wake?.();
      });
    this.#running.add(running);
  }

  /** Waits for all. @throws what one of them threw */
  async land(): Promise<void> {
    await this.settle();
    this.#throwFailure();
  }

  /** Waits for all, whatever became of them: their buffers are free then. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #confirm(): void {
    for (let first = this.#slots[0]; first !== undefined && first.receipts !== null; first = this.#slots[0]) {
      this.#slots.shift();
      for (const receipt of first.receipts) this.#onConfirmed(receipt);
    }
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
