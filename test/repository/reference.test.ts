import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { referencePages } from "../../src/cli/reference.ts";
import { repositoryRoot } from "../testbed/tools.ts";

for (const [page, made] of referencePages()) {
  test(`${page} is what \`npm run docs\` makes`, () => {
    expect(readFileSync(join(repositoryRoot, page), "utf8")).toBe(made);
  });
}

test("every option that a message or a page names is one that the program has", () => {
  const known = new Set([
    "--version",
    ...optionsIn(readFileSync(join(repositoryRoot, "docs/reference/cli.md"), "utf8")),
  ]);
  // The style of the report has custom properties, which look alike; the definition of a database is told by pg_dump.
  const others = new Set(["src/report/html-style.ts", "src/connectors/postgres/definition.ts"]);
  const files = globSync(["src/**/*.ts", "docs/**/*.md", "README.md"], { cwd: repositoryRoot }).filter(
    (file) => !file.endsWith(".test.ts") && !others.has(file),
  );
  const named = files.flatMap((file) =>
    optionsIn(readFileSync(join(repositoryRoot, file), "utf8")).map((option) => `${file}: ${option}`),
  );
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter((name) => !known.has(name.slice(name.lastIndexOf(" ") + 1)))).toEqual([]);
});

function optionsIn(text: string): readonly string[] {
  return Array.from(text.matchAll(/(?<![\w-])--[a-z][a-z0-9-]+/g), ([option]) => option);
}
