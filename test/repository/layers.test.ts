import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { repositoryRoot } from "../testbed/tools.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { readImports } from "./imports.ts";
import { circles, wrongDirections } from "./layers.ts";

const sources = join(repositoryRoot, "src");

describe("the source tree", () => {
  test("imports in one direction only", () => {
    const imports = readImports(sources);
    expect(imports.length).toBeGreaterThan(0);
    expect(wrongDirections(imports)).toEqual([]);
  });

  test("has no circle of files", () => {
    expect(circles(readImports(sources))).toEqual([]);
  });
});

const planted = [
  ["base/planted.ts", "../model/planted-target.ts"],
  ["model/planted.ts", "../ports/planted-target.ts"],
  ["ports/planted.ts", "../connectors/fs/planted-target.ts"],
  ["coordinator/planted.ts", "../worker/planted-target.ts"],
  ["worker/planted.ts", "../verifier/planted-target.ts"],
  ["verifier/planted.ts", "../coordinator/planted-target.ts"],
  ["worker/planted.ts", "../connectors/fs/planted-target.ts"],
  ["worker/planted.ts", "../lane/planted-target.ts"],
  ["worker/planted.ts", "../cli/planted-target.ts"],
  ["connectors/fs/planted.ts", "../s3/planted-target.ts"],
  ["connectors/s3/planted.ts", "../memory/planted-target.ts"],
  ["connectors/fs/planted.ts", "../../platform/planted-target.ts"],
  ["decorators/planted.ts", "../connectors/fs/planted-target.ts"],
  ["store/planted.ts", "../coordinator/planted-target.ts"],
  ["report/planted.ts", "../store/planted-target.ts"],
  ["lane/planted.ts", "../cli/planted-target.ts"],
  ["api/planted.ts", "../cli/planted-target.ts"],
  ["api/planted.ts", "../store/planted-target.ts"],
  ["novelty/planted.ts", "../base/planted-target.ts"],
  ["base/planted.ts", "../../test/planted-target.ts"],
] as const;

/** What a file may say to reach another one: each is seen. */
const statements = [
  (to: string) => `import { x } from "${to}"; export const y = x;`,
  (to: string) => `import type { X } from "${to}"; export type Y = X;`,
  (to: string) => `export { x } from "${to}";`,
  (to: string) => `export * from "${to}";`,
  (to: string) => `export const y = import("${to}");`,
] as const;

function plant(root: string, file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

describe("a planted violation in a copy of the source tree", () => {
  for (const [index, [from, to]] of planted.entries()) {
    test(`is found: ${from} imports ${to}`, () => {
      const copy = join(tempDir("layers"), "src");
      cpSync(sources, copy, { recursive: true });
      const statement = statements[index % statements.length] ?? statements[0];
      const target = relative(copy, join(copy, dirname(from), to));
      plant(copy, from, statement(to));
      plant(copy, target, "export const x = 1; export type X = number;");
      expect(wrongDirections(readImports(copy)).filter((problem) => problem.includes(from))).toHaveLength(1);
    });
  }

  test("is found: a circle of three files", () => {
    const copy = join(tempDir("circle"), "src");
    cpSync(sources, copy, { recursive: true });
    plant(copy, "base/planted-a.ts", 'import "./planted-b.ts";');
    plant(copy, "base/planted-b.ts", 'export * from "./planted-c.ts";');
    plant(copy, "base/planted-c.ts", 'export const later = () => import("./planted-a.ts");');
    expect(circles(readImports(copy)).filter((circle) => circle.includes("planted"))).toEqual([
      "base/planted-a.ts -> base/planted-b.ts -> base/planted-c.ts -> base/planted-a.ts",
    ]);
  });
});
