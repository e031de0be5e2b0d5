import { Socket } from "node:net";

/**
 * Statements that are sent in one turn leave together: each write of its own costs a call of the system and a wake-up of
 * the server. (`pg` corks the socket around each statement with parameters.)
 */
export class TurnSocket extends Socket {
  #isHeld = false;

  override cork(): void {
    super.cork();
    if (this.#isHeld) return;
    this.#isHeld = true;
    super.cork();
    process.nextTick(() => {
      this.#isHeld = false;
      this.uncork();
    });
  }
}
