/** One command on a server: its connection, its interruption, and what it says when the connection is lost. */
import { visible } from "../../base/visible.ts";
import type { GodwitError } from "../../base/errors.ts";
import type { ServerAddress } from "../server-options.ts";
import type { Surroundings } from "../surroundings.ts";
import { connectServer, type RemoteServer } from "./server.ts";

export interface Session {
  readonly server: RemoteServer;
  readonly signal: AbortSignal;
}

/** @throws what the work throws, and what `connectServer` does */
export async function withServer<T>(
  address: ServerAddress,
  { onInterrupt, stderr }: Pick<Surroundings, "onInterrupt" | "stderr">,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  using interrupt = onInterrupt();
  const { signal } = interrupt;
  let isTold = false;
  const onRetry = ({ what }: GodwitError): void => {
    // Once is enough: what follows is either the answer or the error.
    if (!isTold) stderr.write(`trying again: ${visible(what)}\n`);
    isTold = true;
  };
  await using server = await connectServer(address, { signal, onRetry });
  return await work({ server, signal });
}
