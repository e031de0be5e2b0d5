/**
 * A TCP proxy whose wire can be cut, one way or both ways: bytes then wait, as on a network that loses every packet. It
 * notes when how much went to the clients.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type Direction = "to_server" | "to_client";

export interface CutProxy extends AsyncDisposable {
  readonly port: number;
  /** No connection is closed, and none learns of it. */
  cut(...directions: readonly Direction[]): void;
  /** What waited goes on. */
  heal(): void;
  /** Ends every connection that there is, at once and for both ends; new ones may come. */
  drop(): void;
  /** What went to the clients so far, in order. */
  readonly served: readonly Served[];
}

export interface Served {
  /** Monotonic. */
  readonly atMs: number;
  /** They came at some time since then; the same when absent. */
  readonly sinceMs?: number;
  readonly bytes: number;
}

/** @returns the most bytes that lie in one second, wherever it begins */
export function mostInASecond(served: readonly Served[]): number {
  let [most, sum, from] = [0, 0, 0];
  for (const { atMs, bytes } of served) {
    sum += bytes;
    for (
      let first = served[from];
      first !== undefined && (first.sinceMs ?? first.atMs) <= atMs - 1_000;
      first = served[from]
    ) {
      sum -= first.bytes;
      from += 1;
    }
    most = Math.max(most, sum);
  }
  return most;
}

interface Wire {
  readonly client: Socket;
  readonly server: Socket;
}

export async function startCutProxy(serverPort: number): Promise<CutProxy> {
  const wires = new Set<Wire>();
  const served: Served[] = [];
  const isCut = { to_server: false, to_client: false };
  const apply = ({ client, server }: Wire): void => {
    for (const [from, direction] of [
      [client, "to_server"],
      [server, "to_client"],
    ] as const) {
      if (isCut[direction]) from.pause();
      else from.resume();
    }
  };
  const listener = createServer((client) => {
    const server = connect(serverPort, "127.0.0.1");
    const wire = { client, server };
    wires.add(wire);
    const end = (): void => {
      wires.delete(wire);
      client.destroy();
      server.destroy();
    };
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      // It adds no wait of its own: a small piece does not wait for the answer to the one before.
      from.setNoDelay(true);
      from.on("data", (bytes) => {
        if (from === server) served.push({ atMs: performance.now(), bytes: bytes.length });
        to.write(bytes);
      });
      from.on("error", end);
      from.on("close", end);
    }
    apply(wire);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    served,
    port: (listener.address() as AddressInfo).port,
    cut: (...directions) => {
      for (const direction of directions) isCut[direction] = true;
      for (const wire of wires) apply(wire);
    },
    heal: () => {
      isCut.to_server = false;
      isCut.to_client = false;
      for (const wire of wires) apply(wire);
    },
    drop: () => {
      for (const { client, server } of wires) {
        client.destroy();
        server.destroy();
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { client, server } of wires) {
        client.destroy();
        server.destroy();
      }
      listener.close();
      await once(listener, "close");
    },
  };
}
