/** The socket of a `pg` client, for as long as its answers are not for `pg`: its parser hears nothing meanwhile. */
import type { Socket } from "node:net";
import type pg from "pg";
import { RowSocket } from "./row-socket.ts";

/** What `pg` calls its socket; no part of its interface, and what its own streams of COPY rest on as well. */
interface WithStream {
  readonly connection: { readonly stream: Socket };
}

export class TakenSocket implements Disposable {
  readonly socket: Socket;
  readonly #parser: readonly ((bytes: Buffer) => void)[];
  readonly #added: [event: string, listener: (...args: never[]) => void][] = [];
  isTaken = true;

  /** @param client logged in, and with no query under way */
  constructor(client: pg.Client) {
    this.socket = (client as unknown as WithStream).connection.stream;
    this.#parser = this.socket.listeners("data") as ((bytes: Buffer) => void)[];
    this.socket.removeAllListeners("data");
  }

  /** @param onBytes sees them while they are there, and keeps none */
  listen(onBytes: (bytes: Uint8Array) => void): void {
    if (this.socket instanceof RowSocket) this.socket.onBytes = onBytes;
    else this.#on("data", onBytes);
  }

  /** Told once the session is over. */
  onBroken(onBroken: (error: Error) => void): void {
    const closed = (): void => onBroken(new Error("the server has closed the connection"));
    // One that was closed before says so no more.
    if (this.socket.destroyed) closed();
    this.#on("error", onBroken);
    this.#on("end", closed);
    this.#on("close", closed);
  }

  /** Gives it back; may be called again. */
  [Symbol.dispose](): void {
    if (!this.isTaken) return;
    this.isTaken = false;
    if (this.socket instanceof RowSocket) this.socket.onBytes = null;
    for (const [event, listener] of this.#added) this.socket.off(event, listener as never);
    for (const listener of this.#parser) this.socket.on("data", listener);
    this.socket.resume();
  }

  #on(event: string, listener: (...args: never[]) => void): void {
    this.#added.push([event, listener]);
    this.socket.on(event, listener as never);
  }
}
