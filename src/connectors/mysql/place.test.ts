import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loginOf, placeOf } from "./place.ts";

test("a URL names a server, a user and one database", () => {
  expect(placeOf("mysql://me@db.example.org/shop")).toEqual({
    location: "mysql://db.example.org/shop",
    host: "db.example.org",
    port: 3306,
    user: "me",
    database: "shop",
    tls: "off",
  });
  expect(placeOf("mysql://me@[::1]:3307/Gr%C3%B6%C3%9Fe?ssl-mode=VERIFY_IDENTITY")).toMatchObject({
    host: "::1",
    port: 3307,
    database: "Größe",
    tls: "verified",
  });
  for (const wrong of ["mysql://me@host", "mysql://me@host/a?ssl-mode=SOME", "mysql://me@host/a?charset=latin1"])
    expect(() => placeOf(wrong)).toThrow(/config_invalid/);
});

test("the password is MYSQL_PWD, else that of the section [client] in ~/.my.cnf", () => {
  const home = mkdtempSync(join(tmpdir(), "godwit-home-"));
  const place = placeOf("mysql://host/shop");
  expect(loginOf(place, { HOME: home, USER: "me" })).toEqual({ user: "me", password: null });
  writeFileSync(join(home, ".my.cnf"), '[mysqld]\npassword=no\n[client]\nuser = you\npassword="a b"\n');
  expect(loginOf(place, { HOME: home })).toEqual({ user: "you", password: "a b" });
  expect(loginOf(place, { HOME: home, MYSQL_PWD: "p" })).toEqual({ user: "you", password: "p" });
  expect(loginOf(placeOf("mysql://them@host/shop"), { HOME: home }).user).toBe("them");
});
