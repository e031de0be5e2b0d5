/**
 * What can be said on the command line of a fleet's processes. Apart from what they run: a copy does not load a server,
 * a driver and a log that it has no use for.
 */
import { z } from "zod";
import { GodwitError } from "../base/errors.ts";
import { generalOptions, option, repeatedOption } from "./job-options.ts";

const storeOption = option(
  "--store <url>",
  "postgres://user@host:port/database (default: GODWIT_STORE); a password belongs into PGPASSWORD or ~/.pgpass",
  z.string().nullable().default(null),
);

/** @returns null where none is named. @throws usage */
export function storeUrl(typed: string | null): string | null {
  const url = typed ?? process.env["GODWIT_STORE"] ?? "";
  if (url === "") return null;
  if (/^postgres(ql)?:\/\//.test(url)) return url;
  throw new GodwitError("usage", {
    disposition: "fatal",
    what: "--store takes a URL that begins with postgres://",
    hint: "Such as postgres://godwit@db.example.org:5432/godwit.",
  });
}

const lanesOption = option(
  "--lanes <n>",
  "tasks that it works on side by side (default: by the machine's cores)",
  z.coerce.number().int().min(1).max(256).nullable().default(null),
);

const tlsOptions = {
  tlsCert: option("--tls-cert <file>", "a certificate with its chain, in PEM", z.string().nullable().default(null)),
  tlsKey: option("--tls-key <file>", "its key, in PEM", z.string().nullable().default(null)),
} as const;

export const apiOptions = {
  listen: option(
    "--listen <host:port>",
    "where the API listens; beyond this machine only with TLS (default: 127.0.0.1:7340)",
    z.string().default("127.0.0.1:7340"),
  ),
  signingKey: option(
    "--signing-key <file>",
    "signs reports: a private Ed25519 key in PEM, which several servers may share (default: one of its own in the state directory)",
    z.string().nullable().default(null),
  ),
  ...tlsOptions,
  withoutTokens: option(
    "--without-tokens",
    "ask for no token: whoever reaches this machine's own address is an admin",
    z.boolean().default(false),
  ),
  allowSource: repeatedOption("--allow-source <place>", "only sources in there, a path or URL; may be given again"),
  allowTarget: repeatedOption("--allow-target <place>", "only targets in there, a path or URL; may be given again"),
  allowS3Endpoint: repeatedOption(
    "--allow-s3-endpoint <url>",
    "a job may name this S3 endpoint; with lists of places, no other; may be given again",
  ),
} as const;

export const serveOptions = { store: storeOption, ...apiOptions, lanes: lanesOption, state: generalOptions.state };

export const workerOptions = {
  store: storeOption,
  lanes: lanesOption,
  metricsListen: option(
    "--metrics-listen <host:port>",
    "answer GET /metrics there: to anybody on this machine's own addresses, elsewhere by TLS to a viewer's token",
    z.string().nullable().default(null),
  ),
  ...tlsOptions,
};
