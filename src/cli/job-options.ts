/** Everything that can be said on the command line of a job: parsed once, here, by one schema. */
import { z } from "zod";
import { GodwitError } from "../base/errors.ts";
import { parseBytes, parseRate } from "../base/sizes.ts";

const size = z.string().transform(parseBytes);
const rate = z.string().transform(parseRate);
const MiB = 2 ** 20;
const chunkBytes = size.refine((bytes) => bytes >= MiB && bytes <= 65_536 * MiB, "a chunk has 1MiB to 64GiB");
const count = z.coerce.number().int().nonnegative();

/** One entry per option: its flags, its help, and the shape of its value. */
export const jobOptions = {
  include: repeatedOption(
    "--include <glob>",
    "only what matches (a directory matches with all that is in it); may be given again",
  ),
  exclude: repeatedOption("--exclude <glob>", "leave out what matches; wins over --include; may be given again"),
  filesFrom: option(
    "--files-from <file>",
    "only the paths that stand in this file, one a line",
    z.string().nullable().default(null),
  ),
  workers: option(
    "--workers <n>",
    "lanes that work side by side, at most 64 here (default: by the machine's cores); with a server: of all workers together",
    z.coerce.number().int().min(1).max(100_000).nullable().default(null),
  ),
  limit: option(
    "--limit <rate>",
    "read the source no faster, such as 50MB/s or 400GB/h",
    rate.nullable().default(null),
  ),
  chunkSize: option(
    "--chunk-size <size>",
    "bytes of a chunk, 1MiB to 64GiB (default: 64MiB)",
    chunkBytes.default(64 * MiB),
  ),
  compare: option(
    "--compare <how>",
    "when something of the same size is already there: content or mtime (default: content; sync: mtime)",
    z.enum(["content", "mtime"]).nullable().default(null),
  ),
  links: option(
    "--links <how>",
    "symbolic links of the source: preserve, follow or skip; those of the target are never followed (default: preserve)",
    z.enum(["preserve", "follow", "skip"]).default("preserve"),
  ),
  durability: option(
    "--durability <how>",
    "fsync: on the medium before it counts; none: trust the page cache (default: fsync)",
    z.enum(["fsync", "none"]).default("fsync"),
  ),
  verify: option(
    "--verify <how>",
    "readback: read every byte back; checksum: where the store proves a SHA-256 of its own, take that (default: readback)",
    z.enum(["readback", "checksum"]).default("readback"),
  ),
  sourceEvidence: option(
    "--source-evidence <what>",
    "what the source's bytes are compared with: none, store, prehash, or a file of sha256sum (default: none)",
    z.string().default("none"),
  ),
  fileDigest: option("--file-digest", "a SHA-256 of every whole file, also of large ones", z.boolean().default(false)),
  reconcile: option(
    "--reconcile",
    "at the end, read every chunk of the target again; with a server that is usual",
    z.boolean().nullable().default(null),
  ),
  // What is typed arrives under the name of its opposite; this entry is for the help.
  noReconcile: option("--no-reconcile", "do not", z.boolean().default(false)),
  new: option(
    "--new",
    "start another job, also when an unfinished one of these places could be resumed",
    z.boolean().default(false),
  ),
  dryRun: option(
    "--dry-run",
    "print the plan and everything that the target cannot hold; write nothing",
    z.boolean().default(false),
  ),
  report: option("--report <file>", "write the signed report there as well", z.string().nullable().default(null)),
} as const;

const syncOptions = {
  delete: option(
    "--delete",
    "remove what only the target has, once everything of the source has arrived; with --files-from only paths of that list",
    z.boolean().default(false),
  ),
  maxDelete: optionOnlyWith(
    "delete",
    option(
      "--max-delete <n>",
      "with --delete: refuse to delete more entries than this (default: 1000)",
      count.default(1_000),
    ),
  ),
} as const;

export const placeOptions = {
  s3Endpoint: option(
    "--s3-endpoint <url>",
    "of an S3-compatible store (default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL)",
    z.string().nullable().default(null),
  ),
  s3Region: option("--s3-region <name>", "default: AWS_REGION or the profile's", z.string().nullable().default(null)),
  s3PathStyle: option(
    "--s3-path-style",
    "the bucket stands in the path, not in the host name",
    z.boolean().default(false),
  ),
  s3Profile: option(
    "--s3-profile <name>",
    "of the shared AWS configuration files",
    z.string().nullable().default(null),
  ),
} as const;

export const generalOptions = {
  state: option(
    "--state <dir>",
    "where jobs are remembered (default: GODWIT_STATE, else the XDG state directory)",
    z.string().nullable().default(null),
  ),
  json: option("--json", "one JSON document on stdout, for machines", z.boolean().default(false)),
  plain: option("--plain", "no live display: a line every 10 s", z.boolean().default(false)),
} as const;

export interface OptionSpec<S extends z.ZodType = z.ZodType> {
  readonly flags: string;
  readonly help: string;
  readonly schema: S;
  /** May be given several times; its value is the list. */
  readonly repeats?: boolean;
  /** The name of a switch: without it this option has no effect, and is refused. */
  readonly onlyWith?: string;
}
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export function option<S extends z.ZodType>(flags: string, help: string, schema: S): OptionSpec<S> {
  return { flags, help, schema };
}

/** @param onlyWith the name of a switch that has to be given with this option: who gives the option alone forgot it */
export function optionOnlyWith<S extends z.ZodType>(onlyWith: string, spec: OptionSpec<S>): OptionSpec<S> {
  return { ...spec, onlyWith };
}

/** Not commander's variadic options: those would swallow the arguments that follow. */
export function repeatedOption(flags: string, help: string): OptionSpec<z.ZodDefault<z.ZodArray<z.ZodString>>> {
  return { flags, help, schema: z.array(z.string()).default([]), repeats: true };
}

/** Some of the options, in the order of their names here. */
export function chosenOptions<T extends OptionSpecs, K extends keyof T & string>(
  specs: T,
  names: readonly K[],
): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, specs[name]])) as Pick<T, K>;
}

export type Values<T extends OptionSpecs> = { readonly [K in keyof T]: z.output<T[K]["schema"]> };

/** Parses what commander collected. @throws usage that names the option */
export function parseOptions<T extends OptionSpecs>(specs: T, raw: Readonly<Record<string, unknown>>): Values<T> {
  const values: Record<string, unknown> = {};
  for (const [name, { schema, flags }] of Object.entries(specs)) values[name] = parseValue(flags, schema, raw[name]);
  for (const [name, { flags, onlyWith }] of Object.entries(specs)) {
    const isAlone = onlyWith !== undefined && raw[name] !== undefined && values[onlyWith] !== true;
    if (isAlone)
      throw refusedOption(flags, `means nothing without ${specs[onlyWith]?.flags}`, "Give both, or neither.");
  }
  return values as Values<T>;
}

/** @param flags of the option, as in its spec. @returns to be thrown */
export function refusedOption(flags: string, why: string, hint: string): GodwitError {
  return new GodwitError("usage", { disposition: "fatal", what: `${flags}: ${why}`, hint });
}

function parseValue(flags: string, schema: z.ZodType, raw: unknown): unknown {
  try {
    const parsed = schema.safeParse(raw);
    if (parsed.success) return parsed.data;
    throw refusedOption(flags, complaint(parsed.error, raw), "See --help for what this option takes.");
  } catch (error) {
    // Sizes, rates and lengths of time explain themselves, but do not know whose they are.
    if (error instanceof GodwitError && !error.what.startsWith(flags))
      throw refusedOption(flags, error.what, error.hint);
    throw error;
  }
}

/** What is wrong with a value, in the words of whoever typed it. */
function complaint({ issues: [issue] }: z.ZodError, raw: unknown): string {
  const typed = JSON.stringify(raw);
  switch (issue?.code) {
    case "invalid_value":
      return `${typed} is none of ${issue.values.join(", ")}`;
    case "invalid_type":
      return `${typed} is no whole number`;
    case "too_small":
      return `${typed} is less than ${issue.minimum}`;
    case "too_big":
      return `${typed} is more than ${issue.maximum}`;
    default:
      return issue?.message ?? `${typed} is not understood`;
  }
}

export const transferOptions = { ...jobOptions, ...placeOptions, ...generalOptions };
export const syncJobOptions = { ...jobOptions, ...syncOptions, ...placeOptions, ...generalOptions };
export type JobValues = Values<typeof transferOptions>;
export type SyncValues = Values<typeof syncJobOptions>;
export type PlaceValues = Values<typeof placeOptions>;
export type GeneralValues = Values<typeof generalOptions>;
