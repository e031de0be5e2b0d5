import { expect, test } from "vitest";
import { type ErrorCode, errorCodes, GodwitError } from "../base/errors.ts";
import { problemAnswer, problemShape, Refusal } from "./problem.ts";
import { referencePage } from "./reference-page.ts";
import { apiRoutes } from "./routes/all.ts";

const words = { what: "it happened", hint: "Mend it." };

function titleOf(code: ErrorCode): string {
  const { body } = problemAnswer(new Refusal(code, { status: 409, ...words }), "r");
  expect(problemShape.parse(body).code).toBe(code);
  return body.title;
}

test("every problem has a title of its own that is no code", () => {
  const titles = errorCodes.map(titleOf);
  expect(new Set(titles).size).toBe(errorCodes.length);
  for (const [at, title] of titles.entries()) {
    expect(title).toMatch(/^[A-Z].*[A-Za-z0-9]$/);
    expect(title.toLowerCase()).not.toBe(errorCodes[at]?.replaceAll("_", " "));
    expect(title.length).toBeLessThanOrEqual(60);
  }
  expect(titleOf("source_unlimited")).toBe("A production source has neither a peak nor a limit");
  expect(titleOf("config_invalid")).toBe("A setting is not allowed");
});

test("what is a defect of ours keeps its own words to itself", () => {
  const { status, body } = problemAnswer(new GodwitError("unreadable", { disposition: "rejected", ...words }), "r");
  expect([status, body.code, body.title]).toEqual([500, "internal", "A defect of the server"]);
});

test("the page to which the type of a problem leads says its title", () => {
  const { text } = referencePage(apiRoutes("1").document);
  for (const code of errorCodes) {
    const [, line = ""] = text.split(`id="error-${code}"`);
    expect(line.split("</li>")[0]?.replaceAll("&#39;", "'")).toContain(titleOf(code));
  }
});
