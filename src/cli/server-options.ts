/** `--server` and what belongs to it. Apart from what speaks to a server: a command that runs here does not load that. */
import { z } from "zod";
import type { GodwitError } from "../base/errors.ts";
import { option, type OptionSpec, type OptionSpecs, parseOptions, refusedOption, type Values } from "./job-options.ts";

export const serverOptions = {
  server: option(
    "--server <url>",
    "let this server do it, such as https://godwit.example.org:7340 (default: GODWIT_SERVER)",
    z.string().nullable().default(null),
  ),
  tokenFile: option(
    "--token-file <file>",
    "the server's token stands in it (default: the token in GODWIT_TOKEN)",
    z.string().nullable().default(null),
  ),
  ca: option(
    "--ca <file>",
    "the authority that signed the server's certificate, in PEM; no other is trusted then",
    z.string().nullable().default(null),
  ),
} as const;

/** What a job is told on a server alone. */
export const serverJobOptions = {
  detach: option(
    "--detach",
    "with a server: submit the job and print its id, without following it",
    z.boolean().default(false),
  ),
  priority: option(
    "--priority <p>",
    "with a server: low, normal or high, between jobs that read one source (default: normal)",
    z.enum(["low", "normal", "high"]).nullable().default(null),
  ),
  ...serverOptions,
} as const;

/** How a server is reached. */
export interface ServerAddress {
  readonly url: string;
  readonly tokenFile: string | null;
  /** Of a PEM file. */
  readonly ca: string | null;
}

export interface Typed {
  readonly specs: OptionSpecs;
  readonly values: Values<typeof serverOptions>;
  /** Options that have no meaning with a server, and those that have none without one. */
  readonly here: readonly string[];
  readonly there?: readonly string[];
}

/** @returns null where the command runs here. @throws usage for an option that has no meaning where it runs */
export function serverOf({ specs, values, here, there = [] }: Typed): ServerAddress | null {
  const named = values.server ?? process.env["GODWIT_SERVER"] ?? "";
  const url = named === "" ? null : named;
  for (const name of url === null ? [...there, "tokenFile", "ca"] : here) {
    if (!isGiven(specs, values, name)) continue;
    throw refused(specs[name], url === null ? "is for a server, and none is named" : "has no meaning with a server");
  }
  return url === null ? null : { url, tokenFile: values.tokenFile, ca: values.ca };
}

function isGiven(specs: OptionSpecs, values: Readonly<Record<string, unknown>>, name: string): boolean {
  const usual: Readonly<Record<string, unknown>> = parseOptions(specs, {});
  return JSON.stringify(values[name]) !== JSON.stringify(usual[name]);
}

function refused(spec: OptionSpec | undefined, why: string): GodwitError {
  const hint = "The server is named by --server or GODWIT_SERVER; an empty GODWIT_SERVER names none.";
  return refusedOption(spec?.flags ?? "an option", why, hint);
}
