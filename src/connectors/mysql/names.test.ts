import { expect, test } from "vitest";
import { literal, qualified, schemaPath, tableOf, tablePath } from "./names.ts";

test("a table of any name is found again by its path", () => {
  for (const name of ["orders", "a/b", "50%", "%2F", ".", "..", "Größe & `Maß`"]) {
    const table = { schema: "shop.eu", name };
    const path = tablePath(table);
    expect(tableOf(path)).toEqual(table);
    expect(path.split("/").length).toBe(2);
    expect(path.startsWith(`${schemaPath("shop.eu")}/`)).toBe(true);
  }
});

test("names and texts cannot end their quotes", () => {
  expect(qualified({ schema: "a`b", name: "c" })).toBe("`a``b`.`c`");
  expect(literal("plain 1.5")).toBe("'plain 1.5'");
  for (const text of ["it's", "a\\", "é", "a\nb"])
    expect(literal(text)).toMatch(/^convert\(x'[0-9a-f]+' using utf8mb4\)$/);
});
