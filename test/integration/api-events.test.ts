import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Lead } from "../../src/ports/store.ts";
import { chunk, claimOne, item, planOf, play, progressOf, successOf } from "../conformance/store-player.ts";
import { AnswerChecker, type ApiPlace, apiPlace } from "./api-place.ts";

interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The events of a stream, as they come; ends with it. */
async function* eventsOf(answer: Response): AsyncGenerator<ServerEvent> {
  let text = "";
  if (answer.body === null) throw new Error("a stream");
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const fields = new Map(
        text
          .slice(0, end)
          .split("\n")
          .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
      );
      text = text.slice(end + 2);
      const data = fields.get("data");
      if (data !== undefined)
        yield {
          id: fields.get("id") ?? "",
          event: fields.get("event") ?? "",
          data: JSON.parse(data) as ServerEvent["data"],
        };
    }
  }
}

async function running(place: ApiPlace, sizeBytes = 10): Promise<Lead> {
  mkdirSync(join(place.dir, "a"));
  const body = { source_path: join(place.dir, "a"), target_path: join(place.dir, "b") };
  const { store } = place.state;
  const lead = await store.lead(String((await place.ask("POST", "/migrations", { body })).body["job_id"]), "host:1:1");
  await store.addPlan(lead, planOf([chunk("pack", [item("a", sizeBytes)])]));
  await store.setStatus(lead, "running", null);
  return lead;
}

function watch(place: ApiPlace, jobId: string, token = place.tokens.viewer): Promise<Response> {
  return fetch(`${place.server.address}/migrations/${jobId}/events`, { headers: { authorization: `Bearer ${token}` } });
}

test("a job is told whenever it has changed, in the words of its page, and its end closes the stream", async () => {
  const place = await apiPlace();
  const { jobId } = await running(place);
  const lead = { ...(await place.state.store.lead(jobId, "host:1:1")) };
  const checker = new AnswerChecker(place.document);
  const answer = await watch(place, jobId);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  const seen: ServerEvent[] = [];
  for await (const event of eventsOf(answer)) {
    seen.push(event);
    checker.check({
      method: "GET",
      path: `/migrations/${jobId}`,
      status: 200,
      media: "application/json",
      text: JSON.stringify(event.data),
    });
    if (seen.length === 1) await play(place.state.store, jobId);
    if (event.event === "progress" && event.data["chunks_complete"] === 1)
      await place.state.store.setStatus(lead, "complete", null);
  }
  expect(seen[0]).toMatchObject({ id: "1", event: "progress", data: { status: "running", chunks_complete: 0 } });
  expect(seen.at(-1)).toMatchObject({ event: "end", data: { status: "complete", bytes_verified: 10 } });
  expect(seen.map(({ id }) => id)).toEqual(seen.map((_, at) => String(at + 1)));
  expect(new Set(seen.map(({ data }) => JSON.stringify(data))).size).toBe(seen.length);
});

test("a server tells what is confirmed inside of a chunk that is under way, also by its events", async () => {
  const place = await apiPlace();
  const { jobId } = await running(place, 10 * 1_024);
  const { store } = place.state;
  const task = await claimOne(store, jobId);
  await store.confirm(task.lease, progressOf(task, 3), {});
  const page = async (): Promise<unknown> => (await place.ask("GET", `/migrations/${jobId}`)).body;
  expect(await page()).toMatchObject({ bytes_transferred: 3_072, bytes_verified: 0, estimated_completion_at: null });

  const seen: unknown[] = [];
  for await (const { data } of eventsOf(await watch(place, jobId))) {
    seen.push(data["bytes_transferred"]);
    if (seen.length === 1) await store.confirm(task.lease, progressOf(task, 8, [], 3), {});
    if (seen.length === 2) break;
  }
  expect(seen).toEqual([3_072, 8_192]);
  await store.finish(task.lease, successOf(task), {});
  expect(await page()).toMatchObject({ bytes_transferred: 10_240, bytes_verified: 0 });
});

test("a stream of a job that is not there is refused before it begins", async () => {
  const place = await apiPlace();
  const answer = await watch(place, "none");
  expect([answer.status, answer.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
  expect((await place.ask("HEAD", "/migrations/none/events")).status).toBe(405);
});

test("a server that ends closes its streams, and takes no new request", async () => {
  const place = await apiPlace();
  const { jobId } = await running(place);
  const answer = await watch(place, jobId);
  const events = eventsOf(answer);
  await events.next();
  const began = performance.now();
  await place.server.close();
  expect((await events.next()).done).toBe(true);
  expect(performance.now() - began).toBeLessThan(5_000);
  await expect(fetch(`${place.server.address}/healthz`)).rejects.toThrow("fetch failed");
});

test("as many streams are open as there are seats, and a seat is free again when its client goes", async () => {
  const place = await apiPlace();
  const { jobId } = await running(place);
  const leave = new AbortController();
  const seats = 200;
  const open = await Promise.all(
    Array.from({ length: seats }, () =>
      fetch(`${place.server.address}/migrations/${jobId}/events`, {
        headers: { authorization: `Bearer ${place.tokens.viewer}` },
        signal: leave.signal,
      }),
    ),
  );
  expect(new Set(open.map(({ status }) => status))).toEqual(new Set([200]));
  const refused = await watch(place, jobId);
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([503, "server_busy"]);
  leave.abort();
  await expect
    .poll(
      async () => {
        const again = await watch(place, jobId);
        await again.body?.cancel();
        return again.status;
      },
      { timeout: 20_000 },
    )
    .toBe(200);
});
