import { expect, test } from "vitest";
import { nearest } from "./nearest.ts";

const columns = ["id", "customer_id", "created_at", "Total"];

test("the name that was meant is found, by a letter that is missing, wrong, swapped or of another case", () => {
  expect(nearest("custmer_id", columns)).toBe("customer_id");
  expect(nearest("craeted_at", columns)).toBe("created_at");
  expect(nearest("total", columns)).toBe("Total");
  expect(nearest("di", columns)).toBe("id");
});

test("what is like none of them is told as such", () => {
  expect(nearest("email", columns)).toBe(null);
  expect(nearest("", columns)).toBe(null);
  expect(nearest("id", [])).toBe(null);
});
