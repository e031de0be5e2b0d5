/**
 * `COPY` from and to a PostgreSQL server in its own frames. `pg` logs in and answers everything else; for the time of one
 * COPY its socket is taken over, since `pg` would cut the stream into a message for each row. What a server sends of a
 * table is what another one takes, so that nothing in between looks at a row.
 */
import type pg from "pg";
import { Gathered } from "./gathered.ts";
import { TakenSocket } from "./taken-socket.ts";
import { CopyOut } from "../../pgwire/copy-out.ts";
import { answers, copyDone, query, rowsOf, type ServerError, serverError } from "../../pgwire/messages.ts";

/** So much may wait for whoever pulls; then the server is left waiting. */
const waitingBytesMax = 2 ** 20;

export class CopyError extends Error {
  readonly server: ServerError;

  constructor(server: ServerError) {
    super(server.message);
    this.server = server;
  }
}

/** Rows and bytes of one COPY, known at its end. */
export interface Copied {
  readonly rows: number;
}

/**
 * @param statement `COPY … TO STDOUT`
 * @returns CopyData messages, whole or broken, headers included, each piece valid until the next one is pulled; at its
 * end, the rows. Left early, it ends the session: the server would go on sending
 * @throws CopyError; the signal's reason
 */
export async function* copyOut(
  client: pg.Client,
  statement: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, Copied> {
  signal.throwIfAborted();
  using taken = new TakenSocket(client);
  const output = new Output(taken);
  const onAbort = (): void => output.break(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    taken.socket.write(query(statement));
    for (;;) {
      const piece = await output.take();
      if (piece === null) return { rows: output.rows };
      yield piece;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (!output.isComplete) taken.socket.destroy();
  }
}

/** What has come and was not pulled. */
class Output {
  rows = 0;
  /** The server has said all of it. */
  isComplete = false;
  readonly #taken: TakenSocket;
  readonly #waiting = new Gathered();
  #failure: { readonly cause: unknown } | null = null;
  #news = Promise.withResolvers<void>();

  constructor(taken: TakenSocket) {
    this.#taken = taken;
    const out = new CopyOut({
      onData: (bytes) => {
        this.#waiting.add(bytes);
        if (this.#waiting.bytes >= waitingBytesMax) taken.socket.pause();
      },
      onMessage: (kind, body) => this.#hear(kind, body),
    });
    taken.listen((bytes) => {
      out.push(bytes);
      this.#news.resolve();
    });
    taken.onBroken((error) => this.break(error));
  }

  break(cause: unknown): void {
    this.#failure ??= { cause };
    this.#news.resolve();
  }

  /** @returns null after the last one @throws what broke it, or what the server has said against it */
  async take(): Promise<Uint8Array | null> {
    for (;;) {
      // A failure of the statement comes before the server is ready for the next one.
      if (this.#failure !== null && (this.isComplete || !(this.#failure.cause instanceof CopyError)))
        throw this.#failure.cause;
      const piece = this.#waiting.take();
      if (piece !== null) {
        if (this.#waiting.bytes < waitingBytesMax) this.#taken.socket.resume();
        return piece;
      }
      if (this.isComplete) return null;
      this.#news = Promise.withResolvers();
      await this.#news.promise;
    }
  }

  #hear(kind: string, body: Uint8Array): void {
    if (kind === answers.errorResponse) this.#failure ??= { cause: new CopyError(serverError(body)) };
    // Of binary rows the last message is none, so they are not counted by their messages.
    if (kind === answers.commandComplete) this.rows = rowsOf(body);
    if (kind === answers.readyForQuery) this.isComplete = true;
  }
}

/**
 * The input of one COPY that has begun. Disposed of before `finish` has returned, it ends the session, and the server
 * takes back what it got: it may wait for the rest of a message, and would take anything else for that.
 */
export class CopyIn implements Disposable {
  readonly #taken: TakenSocket;
  readonly #started = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<Copied>();
  #failure: Error | null = null;
  #rows = 0;
  /** Nothing of a message is on its way: the session can be used again once the server is ready. */
  #isWhole = true;

  private constructor(client: pg.Client) {
    this.#taken = new TakenSocket(client);
    // Who waits for neither hears of it with the next write.
    this.#started.promise.catch(() => undefined);
    this.#ended.promise.catch(() => undefined);
    const answer = new CopyOut({
      onData: () => undefined,
      onMessage: (kind, body) => this.#hear(kind, body),
    });
    this.#taken.listen((bytes) => answer.push(bytes));
    this.#taken.onBroken((error) => this.#break(error));
  }

  /** @param statement `COPY … FROM STDIN` @throws CopyError */
  static async begin(client: pg.Client, statement: string): Promise<CopyIn> {
    const copy = new CopyIn(client);
    copy.#taken.socket.write(query(statement));
    await copy.#started.promise;
    return copy;
  }

  /**
   * @param messages CopyData messages, whole or broken, headers included
   * @returns when they may be changed; null: now
   * @throws CopyError: what the server has said against it so far
   */
  write(messages: Uint8Array): Promise<void> | null {
    if (this.#failure !== null) throw this.#failure;
    const { socket } = this.#taken;
    this.#isWhole = false;
    const sent = Promise.withResolvers<void>();
    socket.write(messages, () => sent.resolve());
    // The system has taken them.
    if (socket.writableLength === 0) return null;
    return Promise.race([sent.promise, this.#ended.promise.then(() => undefined)]);
  }

  /** All messages were written, to the last byte. @throws CopyError when the server does not take them */
  async finish(): Promise<Copied> {
    this.#isWhole = true;
    if (this.#failure === null) this.#taken.socket.write(copyDone);
    return this.#ended.promise;
  }

  [Symbol.dispose](): void {
    if (!this.#isWhole || this.#taken.isTaken) this.#taken.socket.destroy();
    this.#taken[Symbol.dispose]();
  }

  #hear(kind: string, body: Uint8Array): void {
    if (kind === answers.copyInResponse) this.#started.resolve();
    if (kind === answers.commandComplete) this.#rows = rowsOf(body);
    if (kind === answers.errorResponse) this.#failure ??= new CopyError(serverError(body));
    if (kind !== answers.readyForQuery) return;
    this.#taken[Symbol.dispose]();
    if (this.#failure === null) this.#ended.resolve({ rows: this.#rows });
    else this.#break(this.#failure);
  }

  #break(error: Error): void {
    this.#failure ??= error;
    this.#started.reject(this.#failure);
    this.#ended.reject(this.#failure);
  }
}
