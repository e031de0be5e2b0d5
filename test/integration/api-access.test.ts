import { readFileSync, mkdirSync, symlinkSync } from "node:fs";
import { request } from "node:https";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { listen } from "../../src/api/server.ts";
import { makeToken } from "../../src/api/tokens.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { selfSigned } from "../testbed/certificate.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { apiPlace, noLists, openState, type Told } from "./api-place.ts";

const someJob = "/migrations/20260101-000000-abcd";

/** What each operation needs, tried with each role: a role that may comes further than the check of roles. */
test("each role may do what the document says, and nothing else", async () => {
  const place = await apiPlace();
  const roles = ["viewer", "operator", "admin"];
  let tried = 0;
  for (const [path, methods] of Object.entries(place.document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const needed = operation["x-role"];
      if (needed === undefined) continue;
      const address = path.replace("{job_id}", "20260101-000000-abcd").replace("{token_id}", "none");
      const nobody = await place.ask(method.toUpperCase(), address, { token: null });
      expect([nobody.status, nobody.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="godwit"']);
      for (const role of ["viewer", "operator", "admin"] as const) {
        const { status } = await place.ask(method.toUpperCase(), address, { token: place.tokens[role] });
        const isAllowed = roles.indexOf(role) >= roles.indexOf(needed);
        expect([method, path, role, status === 403]).toEqual([method, path, role, !isAllowed]);
        tried += 1;
      }
    }
  }
  expect(tried).toBeGreaterThan(50);
});

test("a token that is wrong, cut short, revoked or expired opens nothing, and all are told the same", async () => {
  const place = await apiPlace();
  const { access } = place.state;
  const expired = await makeToken(access, randomBytes, {
    name: "old",
    role: "admin",
    expiresAt: Date.now() - 1,
    createdBy: null,
  });
  const made = await place.ask("POST", "/tokens", {
    token: place.tokens.admin,
    body: { name: "to be revoked", role: "viewer" },
  });
  expect(made.status).toBe(201);
  const token = String(made.body["token"]);
  expect((await place.ask("GET", "/migrations", { token })).status).toBe(200);
  await place.ask("DELETE", `/tokens/${String(made.body["token_id"])}`, { token: place.tokens.admin });
  const last = place.tokens.admin.at(-1) === "A" ? "E" : "A";
  const other = place.tokens.viewer;
  const wrong = [
    token,
    expired.token,
    "x",
    place.tokens.admin.slice(0, -1),
    `${place.tokens.admin.slice(0, -1)}${last}`,
    // One's id with another's secret.
    `${place.tokens.admin.slice(0, 24)}${other.slice(24)}`,
    "godwit_0000000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  ];
  const told = new Set<unknown>();
  for (const each of wrong) {
    const answer = await place.ask("GET", "/migrations", { token: each });
    expect(answer.status).toBe(401);
    told.add(answer.body["detail"]);
  }
  expect(told.size).toBe(1);
});

test("a secret is told once, and is nowhere in the state", async () => {
  const place = await apiPlace();
  const { body } = await place.ask("POST", "/tokens", {
    token: place.tokens.admin,
    body: { name: "n", role: "operator" },
  });
  const secrets = [String(body["token"]), place.tokens.admin].map((token) => token.slice(24));
  const listed = await place.ask("GET", "/tokens", { token: place.tokens.admin });
  const audited = await place.ask("GET", "/audit", { token: place.tokens.admin });
  const files = ["server.db", "server.db-wal"].map((name) =>
    readFileSync(join(place.dir, "state", name)).toString("latin1"),
  );
  for (const secret of secrets) {
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    for (const text of [JSON.stringify(listed.body), JSON.stringify(audited.body), ...files])
      expect(text.includes(secret)).toBe(false);
  }
});

test("the last token of an admin cannot be revoked, and none expires before it was made", async () => {
  const place = await apiPlace();
  const { tokens } = (await place.ask("GET", "/tokens", { token: place.tokens.admin })).body as {
    tokens: { token_id: string; role: string; created_by: string | null }[];
  };
  const first = tokens.find(({ role }) => role === "admin");
  expect(first?.created_by).toBeNull();
  expect(await place.ask("DELETE", `/tokens/${first?.token_id ?? ""}`, { token: place.tokens.admin })).toMatchObject({
    status: 409,
    body: { code: "token_last" },
  });
  const past = await place.ask("POST", "/tokens", {
    token: place.tokens.admin,
    body: { name: "n", role: "viewer", expires_at: "2020-01-01T00:00:00.000Z" },
  });
  expect(past).toMatchObject({ status: 422, body: { errors: [{ field: "expires_at" }] } });
});

test("who changed what is written down, with how it was answered, and who was not allowed to", async () => {
  const place = await apiPlace();
  mkdirSync(join(place.dir, "a"));
  const body = { source_path: join(place.dir, "a"), target_path: join(place.dir, "b") };
  const made = await place.ask("POST", "/migrations", { body });
  const id = String(made.body["job_id"]);
  await place.ask("PATCH", `/migrations/${id}`, { body: { priority: "high" } });
  await place.ask("POST", `/migrations/${id}/pause`, { token: place.tokens.viewer });
  await place.ask("POST", `${someJob}/cancel`);
  await place.ask("GET", "/migrations");
  const { audit } = (await place.ask("GET", "/audit", { token: place.tokens.admin })).body as {
    audit: Record<string, unknown>[];
  };
  expect(audit.map((each) => [each["action"], each["actor"], each["job_id"], each["status"]])).toEqual([
    ["cancelMigration", "operator", "20260101-000000-abcd", 404],
    ["pauseMigration", "viewer", null, 403],
    ["changeMigration", "operator", id, 200],
    ["submitMigration", "operator", id, 201],
  ]);
  expect(audit[2]).toMatchObject({ request: JSON.stringify({ job_id: id, priority: "high" }), remote: "127.0.0.1" });
  expect(audit[3]?.["request_id"]).toBe(made.headers.get("x-request-id"));
});

const signingKey = (): Promise<never> => Promise.reject(new Error("nobody asks for a report"));

test("beyond this machine a server needs both TLS and tokens", async () => {
  const state = await openState(tempDir("exposed"));
  await using _ = state.store;
  const own = { signingKey, clock: systemClock, randomBytes, version: "0", metrics: async () => "" };
  const common = { ...state, ...own, port: 0, allowLists: noLists } as const;
  const tls = selfSigned(tempDir("exposed-tls"));
  for (const [host, given, auth] of [
    ["0.0.0.0", null, "tokens"],
    ["0.0.0.0", null, "open"],
    ["0.0.0.0", tls, "open"],
    ["::", null, "tokens"],
    ["127.0.0.1.example.org", null, "tokens"],
  ] as const)
    await expect(listen({ ...common, host, tls: given, auth })).rejects.toMatchObject({ code: "listen_refused" });
  const missing = { certFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem" };
  await expect(listen({ ...common, host: "127.0.0.1", tls: missing, auth: "tokens" })).rejects.toMatchObject({
    code: "listen_refused",
  });
  await using both = await listen({ ...common, host: "0.0.0.0", tls, auth: "tokens" });
  await expect(
    listen({ ...common, host: "127.0.0.1", port: Number(new URL(both.address).port), tls, auth: "tokens" }),
  ).rejects.toMatchObject({ code: "listen_refused" });
});

test("a server with a certificate speaks TLS, and nothing else", async () => {
  const tls = selfSigned(tempDir("tls"));
  const place = await apiPlace({ tls });
  expect(place.server.address).toMatch(/^https:/);
  const ask = (path: string): Promise<{ status: number | undefined; protocol: string | null }> =>
    new Promise((resolve, reject) => {
      const asked = request(`${place.server.address}${path}`, {
        ca: readFileSync(tls.certFile),
        servername: "localhost",
        headers: { authorization: `Bearer ${place.tokens.viewer}` },
      });
      asked.on("error", reject);
      asked.on("response", (answer) => {
        const { socket } = answer as unknown as { socket: { getProtocol(): string | null } };
        resolve({ status: answer.statusCode, protocol: socket.getProtocol() });
        answer.resume();
      });
      asked.end();
    });
  expect(await ask("/migrations")).toMatchObject({ status: 200, protocol: "TLSv1.3" });
  await expect(fetch(`${place.server.address.replace("https", "http")}/healthz`)).rejects.toThrow("fetch failed");
});

test("a server without tokens serves this machine, by its own names alone", async () => {
  const place = await apiPlace({ auth: "open" });
  expect((await place.ask("GET", "/tokens", { token: null })).status).toBe(200);
  const ask = (host: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const asked = httpRequest(`${place.server.address}/migrations`, { headers: { host } });
      asked.on("error", reject);
      asked.on("response", (answer) => {
        resolve(answer.statusCode);
        answer.resume();
      });
      asked.end();
    });
  expect(await Promise.all(["localhost", "127.0.0.1:80", "[::1]:9"].map(ask))).toEqual([200, 200, 200]);
  const fromPage = (origin: string): Promise<Told> =>
    place.ask("POST", "/migrations/none/cancel", { token: null, headers: { origin } });
  expect((await fromPage("https://evil.example.org")).status).toBe(421);
  expect((await fromPage("null")).status).toBe(421);
  expect((await fromPage(place.server.address)).status).toBe(404);
  expect(await Promise.all(["evil.example.org", "localhost.example.org", "127.0.0.1.example.org"].map(ask))).toEqual([
    421, 421, 421,
  ]);
});

test("sources and targets lie where the allow-lists say, whatever way leads there", async () => {
  const dir = tempDir("lists");
  for (const name of ["in", "in/tree", "inside", "out", "to"]) mkdirSync(join(dir, name));
  symlinkSync(join(dir, "out"), join(dir, "in", "link"));
  const place = await apiPlace({
    allowLists: {
      sources: [join(dir, "in"), "s3://bucket/prefix"],
      targets: [`file://${join(dir, "to")}/`],
      s3Endpoints: ["https://s3.example.org"],
    },
  });
  const ask = async (source: string, more: object = {}): Promise<unknown[]> => {
    const { status, body } = await place.ask("POST", "/migrations", {
      body: { source_path: source, target_path: join(dir, "to", "x"), ...more },
    });
    return [status, (body["errors"] as { field: string }[] | undefined)?.[0]?.field ?? body["code"]];
  };
  const refused = [403, "source_path"];
  expect(await ask(join(dir, "in", "tree"))).toEqual([201, undefined]);
  expect(await ask(join(dir, "inside"))).toEqual(refused);
  expect(await ask(dir)).toEqual(refused);
  expect(await ask(join(dir, "in", "link"))).toEqual(refused);
  expect(await ask(`${dir}/in/../out`)).toEqual(refused);
  expect(await ask(`file://${dir}/in/%2e%2e/out`)).toEqual(refused);
  expect(await ask(`file://${dir}/in/..%2fout`)).toEqual([422, "source_path"]);
  expect(await ask("s3://bucket/prefixed")).toEqual(refused);
  expect(await ask("s3://bucket/prefix/../other")).toEqual(refused);
  expect(await ask("s3://bucket2/prefix")).toEqual(refused);
  expect(await ask("s3://bucket/prefix/x", { s3: { endpoint: "https://evil.example.org" } })).toEqual([
    403,
    "s3.endpoint",
  ]);
  expect(await ask("s3://bucket/prefix/x", { s3: { endpoint: "https://s3.example.org" } })).toEqual([201, undefined]);
  expect(await ask(join(dir, "in"), { target_path: join(dir, "out") })).toEqual([403, "target_path"]);
  expect(await ask(join(dir, "in"), { links: "follow" })).toEqual([403, "links"]);
  const unlisted = await apiPlace({ allowLists: { ...noLists, sources: ["s3://bucket"] } });
  const elsewhere = { source_path: "s3://bucket/x", target_path: "/to", s3: { endpoint: "https://evil.example.org" } };
  expect(await unlisted.ask("POST", "/migrations", { body: elsewhere })).toMatchObject({
    status: 403,
    body: { errors: [{ field: "s3.endpoint" }] },
  });
  // The same bytes, written otherwise.
  expect(await ask(`file://${dir}/%69n`, { target_path: join(dir, "to") })).toEqual([201, undefined]);
});
