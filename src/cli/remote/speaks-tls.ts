/**
 * Whether TLS is spoken where http is: a server with a certificate closes such a connection without a word, which looks
 * like one that broke. The start of a handshake tells it, and carries nothing of ours.
 */
import { connect } from "node:tls";

const answerMs = 3_000;

/** @param url with `http:` @returns false also where nothing answers */
export async function speaksTls(url: URL, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // Nothing is sent over it, so it does not matter whose certificate it is.
  const socket = connect({ host, port: Number(url.port || 80), rejectUnauthorized: false, timeout: answerMs });
  const stop = (): void => resolve(false);
  socket.once("secureConnect", () => resolve(true));
  for (const event of ["error", "timeout", "close"]) socket.once(event, stop);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", stop);
    socket.on("error", stop).destroy();
  }
}
