/** The logs of real processes that meet trouble of every kind: each line can be tied to what it is about, and none tells a secret. */
import { expect, test } from "vitest";
import { type FleetProcess, openFleet } from "../testbed/fleet.ts";
import { freePort, until } from "../testbed/server-process.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { makeTree } from "../testbed/trees.ts";

type Line = Readonly<Record<string, unknown>>;

function linesOf(text: string): readonly Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

const secrets = {
  url: "url-secret-1",
  password: "pg-secret-2",
  s3: "aws-secret-3",
  collector: "otel-secret-4",
  signal: "signal-secret-5",
  database: "sql-secret-6",
} as const;

describeOnPostgres("logs of a fleet", (postgres) => {
  test("every line has its ids, a refused request is found by the id in its answer, and no secret is told", async () => {
    const url = (await postgres.database()).replace("godwit@", `godwit:${secrets.url}@`);
    const nowhere = await freePort();
    await using fleet = await openFleet(url, {
      PGPASSWORD: secrets.password,
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: secrets.s3,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${nowhere}`,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${secrets.collector}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: "500",
      OTEL_BSP_SCHEDULE_DELAY: "200",
      SIGNAL_TOKEN: secrets.signal,
      SIGNAL_URL: `postgres://watcher:${secrets.database}@127.0.0.1:${nowhere}/x`,
    });
    const coordinator = fleet.coordinator(url, []);
    const worker = fleet.worker(1);
    let said = "";
    coordinator.running.child.stdout?.on("data", (text: string) => (said += text));
    await until(
      () => said.includes("\n"),
      () => "no token was told",
    );
    const token = /told once: (\S+)/.exec(said)?.[1] ?? "none";
    const address = await coordinator.address();
    const ask = (path: string, given: string, method = "GET", body?: object) =>
      fetch(`${address}${path}`, {
        method,
        headers: { authorization: `Bearer ${given}`, "content-type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });

    const wrong = `${token.slice(0, -4)}AAAA`;
    const unauthorized = await ask("/migrations?cursor=x", wrong);
    const refused = await ask("/migrations", token, "POST", {
      source_path: "/a",
      target_path: "/b",
      priority: "urgent",
    });
    const problems = [(await unauthorized.json()) as Line, (await refused.json()) as Line];
    const thresholds = [
      {
        name: "cpu",
        type: "prometheus",
        url: `http://127.0.0.1:${nowhere}`,
        query: "x",
        token_from: "env:SIGNAL_TOKEN",
        above: 1,
      },
      { name: "lag", type: "sql", url_from: "env:SIGNAL_URL", query: "select 1", above: 1 },
    ];
    const watched = await ask("/sources/watched", token, "PUT", { location: "/watched", thresholds });
    expect(watched.status, await watched.text()).toBe(200);
    const source = tempDir("source");
    makeTree(source, "logs", { large: [], small: 5, links: false });
    const made = (await (
      await ask("/migrations", token, "POST", { source_path: source, target_path: `${tempDir("target")}/copy` })
    ).json()) as { readonly job_id: string };
    const unreachable = { endpoint: `http://127.0.0.1:${nowhere}`, region: "us-east-1", path_style: true };
    const failing = (await (
      await ask("/migrations", token, "POST", { source_path: source, target_path: "s3://bucket/x", s3: unreachable })
    ).json()) as { readonly job_id: string };
    const isLogged = ({ log }: FleetProcess, isIt: (line: Line) => boolean) =>
      until(
        () => linesOf(log().slice(0, log().lastIndexOf("\n"))).some(isIt),
        () => `it is not logged: ${log()}`,
        60_000,
      );
    await isLogged(coordinator, (line) => line["message"] === "job ended" && line["job_id"] === made.job_id);
    await isLogged(coordinator, (line) => line["level"] === "warn" && line["job_id"] === failing.job_id);
    await isLogged(worker, (line) => line["message"] === "traces are not sent");
    await postgres.server().stop();
    for (const process of [coordinator, worker])
      await isLogged(process, ({ error }) => (error as Line | undefined)?.["code"] === "store_busy");
    await postgres.server().restart();
    expect((await worker.end()).exitCode).toBe(0);
    expect((await coordinator.end()).exitCode).toBe(0);

    for (const [process, role] of [
      [coordinator, "coordinator"],
      [worker, "worker"],
    ] as const) {
      const lines = linesOf(process.log());
      expect(lines.length).toBeGreaterThan(3);
      for (const line of lines) {
        expect(line).toMatchObject({
          role,
          message: expect.any(String),
          level: expect.stringMatching(/^(?:info|warn|error)$/),
        });
        expect(`${String(line["worker"])}:`).toContain(process.namePart);
        expect(new Date(String(line["time"])).toISOString()).toBe(line["time"]);
        // Ids stand in fields of their own, so that lines can be found by them.
        expect(line["message"]).not.toContain(made.job_id);
      }
      for (const secret of [...Object.values(secrets), token, wrong]) expect(process.log()).not.toContain(secret);
    }
    const lines = linesOf(coordinator.log());
    const byRequest = (id: unknown) => lines.find((line) => line["request_id"] === id);
    for (const [at, answer] of [unauthorized, refused].entries()) {
      const problem = problems[at];
      expect(problem?.["request_id"]).toBe(answer.headers.get("x-request-id"));
      expect(byRequest(problem?.["request_id"])).toMatchObject({
        message: "a request was refused",
        path: "/migrations",
        status: answer.status,
        code: problem?.["code"],
      });
    }
    const submitted = lines.find((line) => line["job_id"] === made.job_id);
    expect(submitted).toMatchObject({ message: "a request was answered", method: "POST", status: 201 });
  });
});
