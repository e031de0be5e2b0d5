import { expect, test } from "vitest";
import { apiPlace } from "./api-place.ts";

const MB = 1_000_000;

test("a source is made, capped, changed and forgotten by an admin, and seen by everybody", async () => {
  const place = await apiPlace();
  const admin = { token: place.tokens.admin };
  const limits = {
    location: "/srv/share/",
    production: true,
    stated_peak_bytes_per_second: 500 * MB,
    timetable: { time_zone: "UTC", lines: ["00:00-24:00 20MB/s"] },
    thresholds: [
      { type: "read_latency", name: "slow", above: 50 },
      {
        type: "prometheus",
        name: "cpu",
        above: 0.8,
        url: "http://127.0.0.1:9090",
        query: "cpu",
        token_from: "env:PROM",
      },
      { type: "sql", name: "lag", above: 10, url_from: "file:/etc/lag", query: "select 1" },
    ],
  };
  const made = await place.ask("PUT", "/sources/share", { ...admin, body: limits });
  expect(made).toMatchObject({
    status: 200,
    body: {
      ...limits,
      source_id: "share",
      location: "file:///srv/share",
      limit_bytes_per_second: null,
      cap_bytes_per_second: 20 * MB,
    },
  });
  expect((await place.ask("PUT", "/sources/share", { body: limits })).status).toBe(403);
  const changed = await place.ask("PUT", "/sources/share", {
    ...admin,
    body: { location: "/srv/share", limit_bytes_per_second: 5 * MB },
  });
  expect(changed.body).toMatchObject({
    production: false,
    cap_bytes_per_second: 5 * MB,
    thresholds: [],
    timetable: null,
  });
  expect((await place.ask("GET", "/sources")).body["sources"]).toEqual([changed.body]);
  expect((await place.ask("DELETE", "/sources/share", admin)).body).toEqual({ source_id: "share" });
  for (const path of ["/sources/share", "/sources/share/budget"])
    expect(await place.ask("GET", path)).toMatchObject({ status: 404, body: { code: "source_unknown" } });
});

test("what is wrong with a source is refused, and named", async () => {
  const place = await apiPlace();
  const put = (body: object, id = "a") => place.ask("PUT", `/sources/${id}`, { token: place.tokens.admin, body });
  for (const [body, field] of [
    [{ location: "relative" }, "location"],
    [{ location: "/a", limit_bytes_per_second: 0 }, "limit_bytes_per_second"],
    [{ location: "/a", peak: 1 }, "peak"],
    [
      {
        location: "/a",
        thresholds: [{ type: "sql", name: "n", above: 1, url_from: "postgres://u:secret@h/d", query: "q" }],
      },
      "thresholds.0.url_from",
    ],
  ] as const)
    expect(await put(body)).toMatchObject({ status: 422, body: { errors: [{ field }] } });
  expect(await put({ location: "/a", timetable: { time_zone: "UTC", lines: ["nonsense"] } })).toMatchObject({
    status: 422,
    body: { code: "config_invalid" },
  });
  expect((await put({ location: "/a" }, "UPPER")).status).toBe(422);
});

test("a job on a production source of which nothing is known is refused until a peak is stated", async () => {
  const place = await apiPlace();
  const put = (more: object) =>
    place.ask("PUT", "/sources/live", {
      token: place.tokens.admin,
      body: { location: "/srv/live", production: true, ...more },
    });
  await put({});
  const submit = () =>
    place.ask("POST", "/migrations", { body: { source_path: "/srv/live/tree", target_path: "/srv/copy" } });
  expect(await submit()).toMatchObject({
    status: 422,
    body: { code: "source_unlimited", errors: [{ field: "source_path" }] },
  });
  expect(await place.state.store.jobs()).toEqual([]);
  await put({ stated_peak_bytes_per_second: 100 * MB });
  expect((await submit()).status).toBe(201);
});

test("grants and their history are told", async () => {
  const place = await apiPlace();
  await place.ask("PUT", "/sources/s", {
    token: place.tokens.admin,
    body: { location: "/srv", limit_bytes_per_second: 10 * MB },
  });
  const { body } = await place.ask("POST", "/migrations", { body: { source_path: "/srv/a", target_path: "/copy" } });
  await place.state.budget.grant({
    worker: "h:1:1",
    jobId: String(body["job_id"]),
    holds: { bytesPerSecond: 0, lanes: 0 },
    wantsBytesPerSecond: null,
    lanesWanted: 4,
    readLatencyP95Ms: null,
    slowDowns: 0,
  });
  expect((await place.ask("GET", "/sources/s")).body).toMatchObject({
    source: { source_id: "s" },
    grants: [{ worker: "h:1:1", job_id: body["job_id"], priority: "normal", bytes_per_second: 10 * MB }],
  });
  const history = (await place.ask("GET", "/sources/s/budget?limit=5")).body;
  expect(history["source_id"]).toBe("s");
  expect((history["budget"] as unknown[]).length).toBeGreaterThan(0);
});
