/**
 * docs/reference/cli.md, json.md and metrics.md, made from the commands, the shapes and the metrics themselves. `npm run
 * docs` writes them; a test in test/repository holds the pages equal to the code.
 */
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { z } from "zod";
import { examplesOf } from "./command.ts";
import { shapes } from "./json-shapes.ts";
import { metricsPage } from "./metrics-reference.ts";
import { buildProgram } from "./program.ts";
import { processSurroundings } from "./surroundings.ts";

const madeBy = "<!-- Made by `npm run docs`. Change the code, not this page. -->";

/** Page by path, relative to the repository. */
export function referencePages(): ReadonlyMap<string, string> {
  const program = buildProgram(processSurroundings(() => undefined));
  return new Map([
    ["docs/reference/cli.md", cliPage(program)],
    ["docs/reference/json.md", jsonPage()],
    ["docs/reference/metrics.md", metricsPage(madeBy)],
  ]);
}

function cliPage(program: Command): string {
  const parts = [
    "# Commands",
    madeBy,
    `${program.description()} \`godwit COMMAND --help\` prints what stands here. The JSON of \`--json\` is described in [json.md](json.md), every error in [errors.md](errors.md).`,
    exitCodes,
    places,
    ...leaves(program).map(commandPart),
  ];
  return `${parts.join("\n\n")}\n`;
}

const exitCodes = `## Exit codes

| code | meaning |
|---|---|
| 0 | complete and proven; or the answer is yes |
| 1 | finished, but something is failed, changed, unsupported or not deleted; \`check\` found a difference, \`doctor\` a problem, \`report verify\` a report that is not as it was signed |
| 2 | usage or configuration; nothing was started; with a server, also what it refuses |
| 3 | interrupted and resumable: Ctrl-C, \`pause\`, a full disk, a state that stays busy, a server that does not answer |
| 4 | the job failed or was cancelled |`;

const places = `## Places

A source or target is a path, a \`file:///absolute/path\` URL, or \`s3://bucket/prefix\`. Bytes of a path that are not UTF-8 are written as \`%NN\` in a \`file:\` URL. Credentials for S3 come from where the AWS CLI takes them, never from the command line. Sizes and rates are numbers with a unit: KB, MB and GB are decimal, KiB, MiB and GiB binary. Rates are a size and a time: \`50MB/s\`, \`3GB/min\`, \`400GB/h\`. Lengths of time are whole numbers with \`s\`, \`m\`, \`h\`, \`d\` or \`w\`.`;

/** Commands that run something, in the order of the help: `keys` itself only holds others. */
function leaves(command: Command): readonly Command[] {
  return command.commands.flatMap((child) => [...(examplesOf(child).length > 0 ? [child] : []), ...leaves(child)]);
}

function commandPart(command: Command): string {
  const name = fullName(command);
  const args = command.registeredArguments;
  const usage = [name, ...args.map((arg) => (arg.required ? `<${arg.name()}>` : `[${arg.name()}]`)), "[options]"].join(
    " ",
  );
  const parts = [`## \`${name}\``, sentence(command.description()), `\`\`\`\n${usage}\n\`\`\``];
  parts.push(
    table(
      "argument",
      args.map((arg) => [arg.name(), arg.description]),
    ),
  );
  parts.push(
    table(
      "option",
      command.options.map((option) => [option.flags, option.description]),
    ),
  );
  const lines = examplesOf(command).flatMap(({ line, says }) => (says === undefined ? [line] : [`# ${says}`, line]));
  parts.push(`\`\`\`sh\n${lines.join("\n")}\n\`\`\``);
  return parts.filter((part) => part !== "").join("\n\n");
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

function sentence(text: string): string {
  const first = text.slice(0, 1).toUpperCase() + text.slice(1);
  return first.endsWith(".") ? first : `${first}.`;
}

function table(heading: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return "";
  const lines = rows.map(([name, says]) => `| \`${cell(name)}\` | ${cell(says)} |`);
  return [`| ${heading} | |`, "|---|---|", ...lines].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly $ref?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly format?: string;
}

function jsonPage(): string {
  const parts = [
    "# JSON output",
    madeBy,
    "With `--json` a command prints exactly one JSON document on stdout. Progress is silent, errors stand on stderr as always. Names are `snake_case`, sizes are bytes, times are UTC in ISO 8601. A field is never renamed or removed; new ones may come, so ignore what you do not know. The signed report of a job is a document of its own: `godwit report JOB`.",
  ];
  for (const { title, shape } of shapes) {
    const schema = z.toJSONSchema(shape, { reused: "inline" }) as JsonSchema;
    parts.push(`## ${title}`, fieldTable(schema));
  }
  return `${parts.join("\n\n")}\n`;
}

function fieldTable(schema: JsonSchema): string {
  const rows = fields(schema, "").map(([name, type, says]) => `| \`${name}\` | ${type} | ${says} |`);
  return ["| field | type | |", "|---|---|---|", ...rows].join("\n");
}

type Row = readonly [name: string, type: string, says: string];

function fields(schema: JsonSchema, prefix: string): readonly Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => fieldRows(`${prefix}${name}`, field));
}

function fieldRows(name: string, field: JsonSchema): readonly Row[] {
  const says = field.description ?? "";
  const variants = field.anyOf ?? field.oneOf;
  if (variants !== undefined) {
    const isNullable = variants.some(({ type }) => type === "null");
    const rest = variants.filter(({ type }) => type !== "null");
    if (rest.length > 1) return [[name, "one of", says], ...rest.map((one): Row => [name, variantText(one), ""])];
    const rows = rest.flatMap((one) =>
      fieldRows(name, { ...one, description: says === "" ? (one.description ?? "") : says }),
    );
    return isNullable ? rows.map((row, at) => (at === 0 ? [row[0], `${row[1]} or null`, row[2]] : row)) : rows;
  }
  if (field.$ref !== undefined) return [[name, referenced[field.$ref.slice("#/$defs/".length)] ?? "object", says]];
  if (field.items !== undefined) {
    const ofItems = fieldRows(`${name}[]`, field.items);
    const [plain] = ofItems;
    if (ofItems.length === 1 && plain?.[2] === "") return [[name, `list of ${plain[1]}`, says]];
    return [[name, "list", says], ...ofItems];
  }
  if (field.properties !== undefined) return objectRows(name, field, says);
  return [[name, typeText(field), says]];
}

/** `{ type: "loses", path, kind, lost }`. */
function variantText({ properties = {} }: JsonSchema): string {
  const names = Object.entries(properties).map(([name, { const: only }]) =>
    only === undefined ? name : `${name}: ${JSON.stringify(only)}`,
  );
  return `\`{ ${names.join(", ")} }\``;
}

/** Objects whose fields are all alike (sums by outcome, an error) take one line, not one for each. */
function objectRows(name: string, field: JsonSchema, says: string): readonly Row[] {
  const names = Object.keys(field.properties ?? {});
  if (names.join() === "entries,bytes") return [[name, "`{ entries, bytes }`", says]];
  const values = Object.values(field.properties ?? {});
  const alike = values.length > 3 && values.every((value) => JSON.stringify(value) === JSON.stringify(values[0]));
  if (alike) return [[name, "object", says], ...fieldRows(`${name}.{${names.join(",")}}`, values[0] as JsonSchema)];
  return [[name, "object", says], ...fields(field, `${name}.`)];
}

/** Shapes that stand in several documents are described once. */
const referenced: Readonly<Record<string, string>> = {
  error: "[an error](#an-error)",
  job: "a job, as above",
};

function typeText({ type, enum: values, const: only, format }: JsonSchema): string {
  if (only !== undefined) return `\`${JSON.stringify(only)}\``;
  // Error codes have a page of their own.
  if (values !== undefined && values.length > 12) return "string";
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(", ");
  if (Array.isArray(type)) return type.join(" or ");
  return format === "date-time" ? "time" : String(type ?? "any");
}

if (import.meta.main) {
  for (const [path, page] of referencePages()) writeFileSync(new URL(`../../${path}`, import.meta.url), page);
}
