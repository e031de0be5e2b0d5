/** What stands between a command and its server: certificates, proxies, lost connections, restarts, other versions. */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { follow } from "../../src/cli/remote/follow.ts";
import { RemoteServer } from "../../src/cli/remote/server.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { authority, selfSigned } from "../testbed/certificate.ts";
import { startCutProxy } from "../testbed/cut-proxy.ts";
import { godwit, type ProgramEnd, type RunningProgram, startGodwit } from "../testbed/program.ts";
import { type Served, startServe } from "../testbed/serve.ts";
import { freePort, until } from "../testbed/server-process.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, makeTree } from "../testbed/trees.ts";

let source = "";
beforeAll(() => {
  source = tempDir("connection-source");
  makeTree(source, "connection", { large: [4_000_000, 4_000_000, 4_000_000], small: 10, links: false });
});

async function tokenOf(served: Served): Promise<string> {
  await until(
    () => served.said().includes("\n"),
    () => "no token was told",
  );
  return served.token();
}

interface Following {
  readonly running: RunningProgram;
  readonly said: () => string;
}

/** A copy that takes some ten seconds, once its job runs. */
async function slowCopy(url: string, token: string, target: string, asked: Served): Promise<Following> {
  const args = ["copy", source, target, "--limit", "1MB/s", "--chunk-size", "1MiB", "--server", url];
  const running = startGodwit(args, { state: tempDir("client"), env: { GODWIT_TOKEN: token } });
  onTestFinished(() => void running.child.kill("SIGKILL"));
  let said = "";
  running.child.stderr?.on("data", (text: string) => (said += text));
  const isRunning = async (): Promise<boolean> => {
    const answer = await fetch(`${asked.address}/migrations?status=running`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return ((await answer.json()) as { migrations: unknown[] }).migrations.length === 1;
  };
  await until(isRunning, () => `the job does not begin: ${said}`);
  return { running, said: () => said };
}

test("a stream that breaks, and a network that is gone for a while: the command follows on, and ends with the job", async () => {
  const served = await startServe(tempDir("server"));
  const token = await tokenOf(served);
  await using proxy = await startCutProxy(Number(new URL(served.address).port));
  const target = join(tempDir("target"), "copy");
  const { running, said } = await slowCopy(`http://127.0.0.1:${proxy.port}`, token, target, served);
  await until(
    () => proxy.served.length > 2,
    () => "nothing comes through the proxy",
  );
  proxy.drop();
  await until(
    () => said().includes("trying again"),
    () => `the loss was not noticed: ${said()}`,
  );
  const before = proxy.served.length;
  await until(
    () => proxy.served.length > before,
    () => `it does not come back: ${said()}`,
  );
  // Nothing goes through in either direction, and new connections hang; then it heals.
  proxy.cut("to_client", "to_server");
  proxy.drop();
  await until(
    () => said().split("trying again").length > 2,
    () => `the second loss was not noticed: ${said()}`,
  );
  proxy.heal();
  const end = await running.end;
  expect(end.exitCode, end.stderr).toBe(0);
  expect(end.stdout).toContain("complete and proven");
  expect(fingerprint(target)).toEqual(fingerprint(source));
});

test("the server dies in mid-job and is started again: the job goes on, and so does the command", async () => {
  const state = tempDir("server");
  const listen = `127.0.0.1:${await freePort()}`;
  const first = await startServe(state, { listen });
  const token = await tokenOf(first);
  const target = join(tempDir("target"), "copy");
  const { running, said } = await slowCopy(first.address, token, target, first);
  await first.end("SIGKILL");
  await until(
    () => said().includes("trying again"),
    () => `the loss was not noticed: ${said()}`,
  );
  await startServe(state, { listen });
  const end = await running.end;
  expect(end.exitCode, end.stderr).toBe(0);
  expect(fingerprint(target)).toEqual(fingerprint(source));
});

function jobs(url: string, token: string, ...more: readonly string[]): Promise<ProgramEnd> {
  return godwit(["jobs", "--server", url, ...more], { state: tempDir("client"), env: { GODWIT_TOKEN: token } });
}

describe("TLS", () => {
  test("a private authority is trusted when it is named, and a certificate of another name or authority never", async () => {
    const dir = tempDir("tls");
    const { caFile, sign } = authority(dir);
    const { certFile, keyFile } = sign("fleet", "DNS:localhost");
    const served = await startServe(tempDir("server"), { args: ["--tls-cert", certFile, "--tls-key", keyFile] });
    const token = await tokenOf(served);
    const { port } = new URL(served.address);
    const byName = `https://localhost:${port}`;
    expect(await jobs(byName, token, "--ca", caFile)).toMatchObject({ exitCode: 0, stdout: "no jobs yet\n" });
    const stranger = selfSigned(tempDir("stranger")).certFile;
    for (const [url, more] of [
      [byName, []],
      [byName, ["--ca", stranger]],
      [`https://127.0.0.1:${port}`, ["--ca", caFile]],
    ] as const) {
      const end = await jobs(url, token, ...more);
      expect([end.exitCode, end.stdout], end.stderr).toEqual([2, ""]);
      expect(end.stderr).toMatch(/^godwit: server_untrusted: /);
      // Not a single further try: nothing passes by itself here.
      expect(end.stderr).not.toContain("trying again");
    }
    const plain = await jobs(`http://localhost:${port}`, token);
    expect([plain.exitCode, plain.stderr.includes("server_unknown")], plain.stderr).toEqual([2, true]);
    expect(plain.stderr).not.toContain("trying again");
  });

  test("a token goes nowhere without TLS but within this machine, and nowhere where a URL hides something", async () => {
    for (const url of [
      "http://192.0.2.1:7340",
      "https://user:secret@localhost",
      "ftp://localhost",
      "nowhere",
      "https://h/?x",
    ]) {
      const end = await jobs(url, "godwit_x");
      expect([end.exitCode, end.stdout], end.stderr).toEqual([2, ""]);
      expect(end.stderr).toMatch(/^godwit: usage: --server/);
      expect(end.stderr).not.toContain("secret");
    }
  });
});

/** Something else than a Godwit server, or one of another time. @returns its URL */
async function other(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function json(value: object, status = 200, headers: Readonly<Record<string, string>> = {}): RequestListener {
  return (_, outgoing) => {
    outgoing.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
  };
}

const problem = { type: "", title: "", detail: "words", hint: "Do.", request_id: "r", errors: [] };
const self = { version: "9.9.9", role: "viewer" };

describe("what answers is not what is expected", () => {
  test.for([
    ["a later API", json({ ...self, api_version: 2, more: [] }), "server_version", 2],
    ["an address without an API", json({ ...problem, code: "route_unknown", status: 404 }, 404), "server_unknown", 2],
    ["a web page", (_: unknown, out: Parameters<RequestListener>[1]) => void out.end("<html>"), "server_unknown", 2],
    ["another API", json({ hello: "world" }), "server_unknown", 2],
    ["a redirect", json({}, 302, { location: "https://elsewhere.example" }), "server_unknown", 2],
    ["a word that is not known yet", json({ ...problem, code: "quota_used", status: 409 }, 409), "request_invalid", 2],
    ["a defect", json({ ...problem, code: "internal", status: 500 }, 500), "internal", 4],
  ] as const)("%s", async ([, listener, code, exitCode]) => {
    const url = await other(listener);
    const end = await godwit(["jobs", "--server", url], { state: tempDir("client") });
    expect([end.exitCode, end.stdout], end.stderr).toEqual([exitCode, ""]);
    expect(end.stderr).toMatch(new RegExp(`^godwit: ${code}: `));
  });

  test("what passes is waited for: 503, a proxy's 502, a connection that breaks", async () => {
    const turns: RequestListener[] = [
      json({ ...problem, code: "store_busy", status: 503 }, 503),
      (_, outgoing) => outgoing.writeHead(502).end("<html>"),
      (incoming) => incoming.socket.destroy(),
    ];
    let asked = 0;
    const url = await other((incoming, outgoing) => {
      asked += 1;
      const turn = turns.shift() ?? (incoming.url === "/server" ? json({ ...self, api_version: 1 }) : noJobs);
      turn(incoming, outgoing);
    });
    const end = await godwit(["jobs", "--server", url], { state: tempDir("client") });
    expect([end.exitCode, end.stdout], end.stderr).toEqual([0, "no jobs yet\n"]);
    expect(asked).toBe(5);
    // Told once: what follows is either the answer or the error.
    expect(end.stderr).toBe("trying again: words (request r)\n");
  });

  test("a server that is not there is given up after a while, with 3: the same command may be given again", async () => {
    const end = await godwit(["jobs", "--server", `http://127.0.0.1:${await freePort()}`, "--json"], {
      state: tempDir("client"),
    });
    expect(end.exitCode, end.stderr).toBe(3);
    expect(JSON.parse(end.stdout)).toMatchObject({ error: { code: "server_unreachable" }, exit_code: 3 });
  });
});

const noJobs = json({ migrations: [], next_cursor: null });

test("whoever follows gives up only after its patience, and not for what will not pass", async () => {
  const lost: string[] = [];
  const onLost = ({ code }: { readonly code: string }): void => void lost.push(code);
  const jobAt = async (url: string): Promise<unknown> => {
    const { signal } = new AbortController();
    await using server = new RemoteServer({ url, tokenFile: null, ca: null }, { signal });
    const following = follow({ server, jobId: "j", clock: systemClock, signal, onLost, patienceMs: 1_000 });
    return await following.next();
  };
  await expect(jobAt(`http://127.0.0.1:${await freePort()}`)).rejects.toMatchObject({ code: "server_unreachable" });
  expect(lost.length).toBeGreaterThan(0);
  lost.splice(0);
  const gone = await other(json({ ...problem, code: "job_unknown", status: 404 }, 404));
  await expect(jobAt(gone)).rejects.toMatchObject({ code: "job_unknown" });
  const noise = await other((_, outgoing) => {
    outgoing.writeHead(200, { "content-type": "text/event-stream" }).end("data: {}\n\n");
  });
  await expect(jobAt(noise)).rejects.toMatchObject({ code: "server_unknown" });
  expect(lost).toEqual([]);
});

test("a token file that holds none, and files that cannot be read, are named before anything is sent", async () => {
  const dir = tempDir("files");
  writeFileSync(join(dir, "empty"), "\n");
  const url = await other(() => {
    throw new Error("nobody may ask");
  });
  for (const [args, words] of [
    [["--token-file", join(dir, "empty")], "holds no token"],
    [["--token-file", join(dir, "none")], "cannot be read"],
    [["--ca", join(dir, "none")], "cannot be read"],
  ] as const) {
    const end = await godwit(["jobs", "--server", url, ...args], { state: tempDir("client") });
    expect([end.exitCode, end.stderr.includes(words)], end.stderr).toEqual([2, true]);
  }
});
