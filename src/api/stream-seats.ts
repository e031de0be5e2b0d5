import { Refusal } from "./problem.ts";

const seatsMax = 200;

/** Streams are long: only so many at a time, so that they take nothing from other requests. */
export class StreamSeats {
  #taken = 0;

  /** @throws server_busy */
  take(): Disposable {
    if (this.#taken >= seatsMax) {
      throw new Refusal("server_busy", {
        status: 503,
        what: `${seatsMax} streams of events are open, as many as this server serves at a time`,
        hint: "Close one, or ask for the job's status from time to time instead.",
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
