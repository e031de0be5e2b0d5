import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../testbed/tools.ts";

const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
  cwd: repositoryRoot,
  encoding: "utf8",
});
const pages = listed.split("\n").filter((page) => page !== "" && existsSync(join(repositoryRoot, page)));
const read = (page: string): string => readFileSync(join(repositoryRoot, page), "utf8");

/** Outside of code: what a reader can click. */
function linksOf(markdown: string): readonly string[] {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "code");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
}

/** As code hosts make them: lower case, spaces to hyphens, everything else but letters, digits, `-` and `_` left out. */
function anchorsOf(markdown: string): readonly string[] {
  const headings = [...markdown.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.+)$/gm)];
  return headings.map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Why a link of a page leads nowhere, or null. */
function broken(page: string, link: string): string | null {
  if (/^[a-z]+:/.test(link)) return null;
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(repositoryRoot, target))) return `${page}: ${link}`;
  if (anchor === undefined || anchorsOf(read(target)).includes(anchor)) return null;
  return `${page}: no heading for ${link}`;
}

test("every relative link of every page leads somewhere", () => {
  const links = pages.flatMap((page) => linksOf(read(page)).map((link) => [page, link] as const));
  expect(links.length).toBeGreaterThan(20);
  expect(links.map(([page, link]) => broken(page, link)).filter((problem) => problem !== null)).toEqual([]);
});

test("every page of docs is reached from the reading path", () => {
  const reading = linksOf(read("docs/README.md")).map((link) => normalize(join("docs", link)));
  const isReached = (page: string): boolean =>
    reading.some((to) => to === page || (to.endsWith("/") && page.startsWith(to)));
  const unreached = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md" && !isReached(page));
  expect(unreached).toEqual([]);
});

test("a link that leads nowhere is found", () => {
  expect(broken("docs/README.md", "start/no-such-page.md")).toBe("docs/README.md: start/no-such-page.md");
  expect(broken("docs/README.md", "reference/errors.md#no-such-heading")).toContain("no heading");
});
