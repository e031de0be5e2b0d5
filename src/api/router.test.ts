import { expect, test } from "vitest";
import { Router } from "./router.ts";
import { apiRoutes } from "./routes/all.ts";

const router = new Router(apiRoutes("0").routes);
const idOf = (method: string, path: string): string | null => router.match(method, path).route?.id ?? null;

test("every operation is found at its own address", () => {
  for (const route of apiRoutes("0").routes)
    expect(idOf(route.method, route.path.replaceAll(/[{}]/g, ""))).toBe(route.id);
});

test("parameters are decoded, and a word comes before a parameter", () => {
  expect(router.match("GET", "/migrations/a%2Db")).toMatchObject({ params: { job_id: "a-b" } });
  expect(idOf("GET", "/migrations/x/chunks/map")).toBe("getChunkMap");
});

test("an address is known as it is, not by what is like it", () => {
  for (const path of [
    "",
    "/",
    "/migrations/",
    "//migrations",
    "/Migrations",
    "/migrations/a/b",
    "/migrations/%ff",
    "*",
  ])
    expect([path, path === "/migrations/" ? null : idOf("GET", path)]).toEqual([path, null]);
});

test("the methods of a known address are told", () => {
  expect(router.match("PUT", "/migrations")).toEqual({ route: null, methods: ["POST", "GET", "HEAD"] });
  expect(idOf("HEAD", "/healthz")).toBe("getHealth");
  expect(router.match("HEAD", "/migrations/a/events")).toEqual({ route: null, methods: ["GET"] });
});
