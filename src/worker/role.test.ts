import { expect, test } from "vitest";
import type { ErrorRecord } from "../base/errors.ts";
import { refusal } from "./role.ts";

const conflict: Omit<ErrorRecord, "disposition"> = {
  code: "target_conflict",
  what: "a is in the way",
  hint: "Move it.",
};

test("what the target can never hold is unsupported; what passes is tried again", () => {
  expect(refusal(0, { ...conflict, disposition: "rejected" })).toMatchObject({ outcome: "unsupported" });
  expect(refusal(0, { ...conflict, disposition: "retry" })).toMatchObject({ outcome: "failed" });
});
