/** The direction of imports in `src/`, as DESIGN section 3 states it, as a function of two paths. */
import type { Import } from "./imports.ts";

/** What each layer may import beside itself. A folder that is not named here may not exist. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  model: ["base"],
  ports: ["base", "model"],
  report: ["base", "model", "ports"],
  coordinator: ["base", "model", "ports"],
  worker: ["base", "model", "ports"],
  verifier: ["base", "model", "ports"],
  transform: ["base", "model", "ports"],
  stream: ["base", "model", "ports"],
  move: ["base", "model", "ports"],
  pgwire: ["base", "model"],
  router: ["base", "model", "ports", "pgwire"],
  connectors: ["base", "model", "ports", "pgwire"],
  decorators: ["base", "model", "ports"],
  store: ["base", "model", "ports"],
  platform: ["base", "model", "ports"],
  simulate: ["base", "model", "ports", "coordinator", "worker", "decorators", "store"],
  api: ["base", "model", "ports", "report", "coordinator", "worker", "verifier", "transform", "stream", "move"],
  // Composition roots: `lane` puts a worker thread together, `cli` the program.
  lane: ["base", "model", "ports", "worker", "verifier", "connectors", "decorators", "platform"],
  cli: ["*"],
};

const layerOf = (file: string): string => file.split("/")[0] ?? "";
/** `fs`, `s3`, `memory`; a file that lies directly in `connectors/` belongs to none of them. */
const connectorOf = (file: string): string => file.split("/")[1] ?? "";

/** Why the import is wrong, or null. */
function judge({ from, to }: Import): string | null {
  if (to.startsWith("..")) return `${from} imports ${to}, outside of src`;
  const [source, target] = [layerOf(from), layerOf(to)];
  const rule = allowed[source];
  if (rule === undefined) return `${from} stands in a folder that DESIGN section 3 does not name`;
  if (source === "connectors" && target === "connectors") {
    return isOtherConnector(from, to) ? `${from} imports another connector: ${to}` : null;
  }
  if (source === target || rule.includes("*") || rule.includes(target)) return null;
  return `${from} imports ${to}: ${source} may import ${rule.join(", ") || "nothing"}`;
}

function isOtherConnector(from: string, to: string): boolean {
  const target = connectorOf(to);
  return to.split("/").length > 2 && target !== connectorOf(from);
}

export function wrongDirections(imports: readonly Import[]): readonly string[] {
  return imports.map(judge).filter((problem) => problem !== null);
}

/** Every circle of files that a walk in depth meets, as `a -> b -> a`. */
export function circles(imports: readonly Import[]): readonly string[] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of imports) targets.set(from, [...(targets.get(from) ?? []), to]);
  const found: string[] = [];
  const finished = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) found.push([...path.slice(start), file].join(" -> "));
    if (start >= 0 || finished.has(file)) return;
    for (const target of targets.get(file) ?? []) walk(target, [...path, file]);
    finished.add(file);
  };
  for (const file of targets.keys()) walk(file, []);
  return found;
}
