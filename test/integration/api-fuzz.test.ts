/** Whatever is sent, no answer is a failure of the server, and each that is no success is a problem document. */
import { connect } from "node:net";
import { request } from "node:http";
import fc from "fast-check";
import { expect, test } from "vitest";
import { started, chunk, item } from "../conformance/store-player.ts";
import { jobIds } from "../../src/store/job-id.ts";
import { openPostgresState } from "../../src/store/postgres/open.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { AnswerChecker, type ApiPlace, apiPlace } from "./api-place.ts";
import { requestsTo, type Sent } from "./api-requests.ts";

interface Got {
  readonly status: number;
  readonly media: string;
  readonly text: string;
}

/** As it stands: nothing is made well on its way, as `fetch` would. */
function send({ server }: ApiPlace, { method, path, headers, body }: Sent): Promise<Got> {
  const { hostname, port } = new URL(server.address);
  return new Promise((resolve, reject) => {
    const length = body === null ? {} : { "content-length": Buffer.byteLength(body) };
    const asked = request({ hostname, port, method, path, headers: { ...headers, ...length }, agent: false });
    asked.on("error", reject);
    asked.on("response", (answer) => {
      const media = (answer.headers["content-type"] ?? "").split(";")[0] ?? "";
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => {
        parts.push(part);
        // A stream has no end of its own.
        if (media === "text/event-stream") answer.destroy();
      });
      answer.on("error", () => undefined);
      answer.on("close", () =>
        resolve({ status: answer.statusCode ?? 0, media, text: Buffer.concat(parts).toString("utf8") }),
      );
    });
    asked.end(body ?? undefined);
  });
}

test("whatever is sent, the server does not fail, and every refusal is a problem document", async () => {
  await expectNoFailure(await apiPlace(), 2_500);
}, 240_000);

describeOnPostgres("the same", (postgres) => {
  test("holds where the store has other ideas of text and numbers", async () => {
    const url = await postgres.database();
    const state = await openPostgresState({ url, connectionsMax: 4, newJobId: jobIds(Math.random) });
    await using _ = state.store;
    await expectNoFailure(await apiPlace({ state }), 1_500);
  }, 240_000);
});

async function expectNoFailure(place: ApiPlace, runs: number): Promise<void> {
  const { jobId } = await started(place.state.store, [chunk("pack", [item("a", 10)])]);
  const checker = new AnswerChecker(place.document);
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(requestsTo(place, jobId), async (sent) => {
      const got = await send(place, sent);
      statuses.set(got.status, (statuses.get(got.status) ?? 0) + 1);
      const told = `${JSON.stringify(sent).slice(0, 400)} -> ${got.status} ${got.text.slice(0, 300)}`;
      expect(got.status, told).toBeLessThan(500);
      expect(got.status, told).toBeGreaterThanOrEqual(200);
      expect(got.media === "application/problem+json", told).toBe(got.status >= 300);
      checker.check({ method: sent.method, path: sent.path, ...got });
    }),
    { numRuns: runs, endOnFailure: true },
  );
  expect(place.errors).toEqual([]);
  // It went further than the door.
  for (const status of [200, 401, 403, 404, 405, 422])
    expect(statuses.get(status) ?? 0, String(status)).toBeGreaterThan(0);
}

test("what is no HTTP is answered as a problem, and the server goes on", async () => {
  const place = await apiPlace();
  const { port } = new URL(place.server.address);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        fc
          .constantFrom(
            "GET / HTTP/9\r\n\r\n",
            "GET\r\n\r\n",
            "POST /migrations HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
          )
          .map((text) => Buffer.from(text)),
      ),
      async (bytes) => {
        const text = await new Promise<string>((resolve) => {
          const socket = connect(Number(port), "127.0.0.1");
          let got = "";
          socket.on("data", (part) => {
            got += part.toString("latin1");
          });
          socket.on("error", () => undefined);
          socket.on("close", () => resolve(got));
          socket.end(Buffer.concat([bytes, Buffer.from("\r\n\r\n")]));
        });
        // Closed without a word, where there was nothing that could be answered.
        expect(text).toMatch(/^$|^HTTP\/1\.1 4\d\d [\s\S]*application\/problem\+json/);
      },
    ),
    { numRuns: 150 },
  );
  expect((await place.ask("GET", "/healthz")).status).toBe(200);
});
