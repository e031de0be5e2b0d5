import { Refusal } from "./problem.ts";

/** Some answers are long: only so many at a time, so that they take nothing from other requests. */
export class Seats {
  readonly #max: number;
  readonly #what: string;
  #taken = 0;

  constructor(max: number, what: string) {
    this.#max = max;
    this.#what = what;
  }

  /** @throws server_busy */
  take(): Disposable {
    if (this.#taken >= this.#max) {
      throw new Refusal("server_busy", {
        status: 503,
        what: `${this.#max} ${this.#what} are open, as many as this server serves at a time`,
        hint: "Wait until one has ended, or ask another server of the fleet.",
      });
    }
    this.#taken += 1;
    return {
      [Symbol.dispose]: () => {
        this.#taken -= 1;
      },
    };
  }
}
