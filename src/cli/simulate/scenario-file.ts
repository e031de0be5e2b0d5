/** Reads a scenario: YAML (JSON is YAML too), held to its schema. What is wrong is said with its field and its line. */
import { readFileSync } from "node:fs";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { GodwitError } from "../../base/errors.ts";
import type { Scenario } from "../../simulate/scenario.ts";
import { scenarioSchema } from "./scenario-schema.ts";

/** A scenario is some dozen lines. */
const bytesMax = 1 << 20;

/** @throws config_invalid naming the field and the line; usage when there is no such file */
export function readScenario(path: string): Scenario {
  return parseScenario(readText(path), path);
}

/** @param name of the file, for people */
function parseScenario(text: string, name: string): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const { line } = lines.linePos(broken.pos[0]);
    throw invalid(`${name}, line ${line}: ${broken.message}`, "A scenario is written in YAML; JSON is YAML too.");
  }
  const result = scenarioSchema.safeParse(document.toJS({ maxAliasCount: 0 }) ?? {});
  if (result.success) return result.data;
  const told = result.error.issues.map((issue) => tell(issue, document, lines));
  throw invalid(
    told.map(({ line, text: what }) => `${name}, line ${line}: ${what}`).join("; "),
    "docs/operate/simulate.md names every field; examples/simulate/ has whole files.",
  );
}

function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > bytesMax) throw invalid(`${path} is too large for a scenario`, "It has 1 MiB at most.");
    return bytes.toString("utf8");
  } catch (error) {
    if (error instanceof GodwitError) throw error;
    throw new GodwitError("usage", {
      disposition: "fatal",
      what: `the scenario ${path} cannot be read (${error instanceof Error ? error.message : String(error)})`,
      hint: "Name a file; examples/simulate/ has some.",
      cause: error,
    });
  }
}

function tell(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): { line: number; text: string } {
  const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const field = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  const said = unknown === undefined ? issue.message : "there is no such field";
  const name = field === "" ? "the scenario" : field.replace(/^\./, "");
  return { line: lines.linePos(offsetOf(document, path)).line, text: `${name}: ${said}` };
}

/** Of the field's key; of what it stands in, where it is missing. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let at = 0;
  for (let depth = 0; depth < path.length; depth += 1) {
    const parent = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
    const part = path[depth];
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => (isScalar(key) ? key.value === part : key === part))
      : undefined;
    const node = pair === undefined ? document.getIn(path.slice(0, depth + 1), true) : pair.key;
    if (!isNode(node) || !node.range) return at;
    at = node.range[0];
  }
  return at;
}

function invalid(what: string, hint: string): GodwitError {
  return new GodwitError("config_invalid", { disposition: "fatal", what, hint });
}
