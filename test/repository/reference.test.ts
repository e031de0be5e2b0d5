import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { referencePages } from "../../src/cli/reference.ts";
import { repositoryRoot } from "../testbed/tools.ts";

for (const [page, made] of referencePages()) {
  test(`${page} is what \`npm run docs\` makes`, () => {
    expect(readFileSync(join(repositoryRoot, page), "utf8")).toBe(made);
  });
}
