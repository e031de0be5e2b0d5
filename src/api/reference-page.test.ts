import { expect, test } from "vitest";
import { referencePage } from "./reference-page.ts";
import { apiRoutes } from "./routes/all.ts";

/** The page as words in their order, without its markup. */
function words(part: string): string {
  return part
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&quot;", '"')
    .replaceAll(/\s+/g, " ");
}

function shape(name: string): string {
  const { text } = referencePage(apiRoutes("1").document);
  const [, part = ""] = text.split(`id="shape-${name}"`);
  return words(part.split("</article>")[0] ?? "");
}

test("a shape of several variants tells the fields of each, under the value that tells it apart", () => {
  const threshold = shape("Threshold");
  const [before = "", latency = "", prometheus = "", sql = ""] = threshold.split(/With type "\w+" ?:/);
  expect(threshold.match(/With type "\w+" ?:/g)).toEqual([
    'With type "read_latency" :',
    'With type "prometheus" :',
    'With type "sql" :',
  ]);
  expect(before).not.toContain("object");
  expect(latency).toMatch(/ name string .* above number .*ms/);
  expect(latency).not.toContain("query");
  expect(prometheus).toMatch(/ above number .* url string, uri .* query string .* token_from string optional/);
  expect(sql).toMatch(/ url_from string .* query string /);
  expect(sql).not.toContain("token_from");
});

test("an object that may be null tells its fields too", () => {
  expect(shape("SourceLimits")).toMatch(/ timetable object or null optional .* time_zone string lines list of string /);
});

test("a value that is always the same is told as that value", () => {
  expect(shape("Threshold")).toMatch(/ type "sql" /);
});
