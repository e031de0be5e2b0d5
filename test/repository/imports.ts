/** Reads every import of a source tree, as paths relative to it. Type-only imports count: they are dependencies too. */
import { readFileSync, globSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parseSync } from "oxc-parser";

export interface Import {
  readonly from: string;
  /** Relative to the root; imports of packages and of Node are not listed. */
  readonly to: string;
}

export function readImports(root: string): readonly Import[] {
  return globSync("**/*.ts", { cwd: root })
    .filter((file) => !file.endsWith(".test.ts"))
    .flatMap((file) => importsOf(root, file));
}

function importsOf(root: string, file: string): readonly Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const parsed = parseSync(file, text);
  if (parsed.errors.length > 0) throw new Error(`${file} does not parse: ${parsed.errors[0]?.message ?? ""}`);
  const { staticImports, staticExports, dynamicImports } = parsed.module;
  const specifiers = [
    ...staticImports.map((statement) => statement.moduleRequest.value),
    ...staticExports.flatMap((statement) => statement.entries.map((entry) => entry.moduleRequest?.value)),
    ...dynamicImports.map(({ moduleRequest }) => text.slice(moduleRequest.start + 1, moduleRequest.end - 1)),
    ...[...text.matchAll(/new URL\(\s*"([^"]+)",\s*import\.meta\.url/g)].map((match) => match[1]),
  ];
  const relative = specifiers.filter((specifier) => specifier !== undefined && /^\..*\.[tj]s$/.test(specifier));
  return [...new Set(relative)].map((specifier) => ({ from: file, to: resolveImport(file, specifier ?? "") }));
}

/** A worker's entry is named by its built `.js`; the source has the same name. */
function resolveImport(file: string, specifier: string): string {
  return normalize(join(dirname(file), specifier)).replace(/\.js$/, ".ts");
}
