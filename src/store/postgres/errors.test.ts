import { expect, test } from "vitest";
import { translate } from "./errors.ts";

const where = "postgres://db.example.org/godwit";

/** As `pg` gives an error of the server. */
function answered(state: string): Error {
  return Object.assign(new Error("as the server said it"), { code: state, severity: "ERROR" });
}

function unreachable(): Error {
  return Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:5432"), { code: "ECONNREFUSED" });
}

test.each([
  ["no answer", unreachable()],
  ["a server that starts", answered("57P03")],
  ["too many connections", answered("53300")],
])("%s: the hint holds for what runs, and for a command that ends with it", (_, error) => {
  const told = translate(error, where);
  expect(told).toMatchObject({ code: "store_busy", disposition: "retry" });
  const { hint } = told as { hint: string };
  expect(hint).toMatch(/^(?:Check|See|Wait)\b/);
  expect(hint).toContain("What runs already tries again by itself; what has ended is to be started again.");
});
