import { expect, test } from "vitest";
import { copyDone, message, query, rowsOf, serverError } from "./messages.ts";

test("a message is its kind, its length with itself, and its body", () => {
  expect(Buffer.from(query("select 'é'")).toString("hex")).toBe("510000001073656c6563742027c3a92700");
  expect(Buffer.from(copyDone).toString("hex")).toBe("6300000004");
  expect(Buffer.from(message("X", new Uint8Array(0))).toString("hex")).toBe("5800000004");
});

test("an error is told by its fields; those that are not there are null", () => {
  const body = Buffer.from("SFEHLER\0VERROR\0C22P02\0Mungültig\0WCOPY t, line 3, column a\0tt\0\0");
  expect(serverError(body)).toEqual({
    severity: "ERROR",
    code: "22P02",
    message: "ungültig",
    detail: null,
    hint: null,
    where: "COPY t, line 3, column a",
    table: "t",
    column: null,
    constraint: null,
  });
  expect(serverError(new Uint8Array(0)).code).toBe("XX000");
  expect(serverError(Buffer.from("Mcut off")).message).toBe("cut off");
});

test("the end of a command names its rows, where it has some", () => {
  expect(rowsOf(Buffer.from("COPY 1234567\0"))).toBe(1_234_567);
  expect(rowsOf(Buffer.from("INSERT 0 5\0"))).toBe(5);
  expect(rowsOf(Buffer.from("BEGIN\0"))).toBe(0);
});
