/** The page of types, made from what the tests of copies between real servers have proven. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../testbed/tools.ts";

const path = join(repositoryRoot, "docs/reference/types.md");

export interface ProvenType {
  readonly type: string;
  /** Hard values of it that have arrived, NULL among them. */
  readonly values: number;
  readonly form: "binary" | "text";
}

export function typesPage(types: readonly ProvenType[], targets: readonly number[]): string {
  const arrows = targets.map((major) => `15 → ${major}`);
  const lines = types.map(
    ({ type, values, form }) => `| \`${type}\` | ${form} | ${arrows.map(() => values).join(" | ")} |`,
  );
  return `# Types

Made by \`test/integration/postgres-versions.test.ts\`, which copies a table of each type between real servers and holds both sides against each other; do not edit. The values are in \`test/testbed/awkward-types.ts\`: NULL, and those that copies lose (not a number, both zeros, years before Christ, padding, empty against NULL, arrays that begin at 0).

Rows pass from server to server in the engine's own COPY form, and nothing between them looks at a value. A table is sent in binary form where every column's type has one that means the same on every server, else as text. Between the same engines nothing is converted, so each value arrives as it was.

Not proven, since no server of them runs in the tests: PostgreSQL 10 to 14, 16 and 17, and any copy from 18 (\`pg_dump\` must be as new as its source).

| type | sent as | ${arrows.map((arrow) => `values, ${arrow}`).join(" | ")} |
|---|---|${arrows.map(() => "---|").join("")}
${lines.join("\n")}
`;
}

/** With GODWIT_WRITE_DOCS=1 the page is written, else it must be what is there. @returns what is there */
export function pageOnDisk(made: string): string {
  if (process.env["GODWIT_WRITE_DOCS"] === "1") writeFileSync(path, made);
  return readFileSync(path, "utf8");
}
