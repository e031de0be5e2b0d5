import { describe, expect, test } from "vitest";
import { capDuring, capOf, checkSource, checkSubmission, coveringSource, type SourceLimits } from "./budget.ts";

const MB = 1_000_000;
const noon = Date.parse("2026-11-23T12:00:00Z");

function source(limits: Partial<SourceLimits> = {}): SourceLimits {
  return {
    id: "archive",
    location: "file:///srv/archive",
    production: false,
    statedPeakBytesPerSecond: null,
    limitBytesPerSecond: null,
    timetable: null,
    thresholds: [],
    ...limits,
  };
}

describe("the cap of a source", () => {
  const timetable = { timeZone: "UTC", lines: ["08:00-20:00 30MB/s", "20:00-21:00 closed"] };
  const limits = { limitBytesPerSecond: 100 * MB, statedPeakBytesPerSecond: 500 * MB };

  test("is the least of the limit, a tenth of the peak, and the timetable", () => {
    expect(capOf(source(), noon)).toBeNull();
    expect(capOf(source({ limitBytesPerSecond: 100 * MB }), noon)).toBe(100 * MB);
    expect(capOf(source(limits), noon)).toBe(50 * MB);
    expect(capOf(source({ ...limits, timetable }), noon)).toBe(30 * MB);
    expect(capOf(source({ timetable }), noon - 6 * 3_600_000)).toBeNull();
    expect(capOf(source({ ...limits, timetable }), noon + 8 * 3_600_000)).toBe(0);
  });

  test("is nothing where a production source has neither peak nor limit, whatever the hour", () => {
    expect(capOf(source({ production: true }), noon)).toBe(0);
    expect(capOf(source({ production: true, timetable }), noon)).toBe(0);
    expect(capOf(source({ production: true, limitBytesPerSecond: MB }), noon)).toBe(MB);
  });

  test("of a grant is already that of the window that begins while it lives", () => {
    const at = Date.parse("2026-11-23T07:59:31Z");
    expect(capOf(source({ ...limits, timetable }), at)).toBe(50 * MB);
    expect(capDuring(source({ ...limits, timetable }), at, 30_000)).toBe(30 * MB);
    expect(capDuring(source({ ...limits, timetable }), at - 5_000, 30_000)).toBe(50 * MB);
  });
});

describe("the source of a job", () => {
  const all = [
    source({ id: "root", location: "file:///srv" }),
    source({ id: "logs", location: "s3://logs" }),
    source({ id: "deep", location: "file:///srv/archive/2025" }),
    source(),
  ];
  const of = (location: string): string | undefined => coveringSource(all, location)?.id;

  test("is the nearest one at its place or above", () => {
    expect(of("file:///srv/archive/2025")).toBe("deep");
    expect(of("file:///srv/archive/2025/01/")).toBe("deep");
    expect(of("file:///srv/archive/2024")).toBe("archive");
    expect(of("file:///srv/other")).toBe("root");
    expect(of("file:///other")).toBeUndefined();
  });

  test("is found by whole names, not by their beginnings", () => {
    expect(of("s3://logs/2025")).toBe("logs");
    expect(of("s3://logs-old")).toBeUndefined();
    expect(of("file:///srv/archive/2025-old")).toBe("archive");
  });
});

describe("a job is refused", () => {
  const code = "source_unlimited";

  test("on a production source without a peak or a limit, and told which", () => {
    const sources = [source({ production: true })];
    expect(() => checkSubmission(sources, "file:///srv/archive/a")).toThrow(expect.objectContaining({ code }));
    expect(() => checkSubmission(sources, "file:///srv/archive/a")).toThrow("archive (file:///srv/archive)");
    expect(() => checkSubmission(sources, "file:///srv/other")).not.toThrow();
  });

  test("never, where a peak or a limit is known or it is no production", () => {
    for (const limits of [{ statedPeakBytesPerSecond: MB }, { limitBytesPerSecond: MB }])
      expect(() => checkSubmission([source({ production: true, ...limits })], "file:///srv/archive")).not.toThrow();
    expect(() => checkSubmission([source()], "file:///srv/archive")).not.toThrow();
  });

  test("above a production source, whose cap it would pass by", () => {
    const sources = [
      source({ production: true, limitBytesPerSecond: MB }),
      source({ id: "root", location: "file:///" }),
    ];
    expect(() => checkSubmission(sources, "file:///srv")).toThrow(expect.objectContaining({ code }));
    expect(() => checkSubmission(sources, "file:///srv/archive")).not.toThrow();
    expect(() => checkSubmission(sources, "file:///srv/archives")).not.toThrow();
  });
});

describe("the limits of a source are refused by name", () => {
  const latency = { type: "read_latency", name: "slow", above: 200 } as const;
  const cpu = { type: "prometheus", name: "cpu", url: "http://prometheus:9090", query: "cpu", above: 0.8 } as const;
  const lag = { type: "sql", name: "lag", urlFrom: "env:LAG_URL", query: "select 1", above: 30 } as const;
  const refused: readonly (readonly [string, Partial<SourceLimits>])[] = [
    ["id of a source", { id: "My Source" }],
    ["location", { location: "/srv/archive" }],
    ["location", { location: "s3://key:secret@bucket/" }],
    ["limitBytesPerSecond", { limitBytesPerSecond: 0 }],
    ["limitBytesPerSecond", { limitBytesPerSecond: 1.5 }],
    ["statedPeakBytesPerSecond", { statedPeakBytesPerSecond: Number.NaN }],
    ["08:00-07:60", { timetable: { timeZone: "UTC", lines: ["08:00-07:60 5MB/s"] } }],
    ['"slow"', { thresholds: [latency, latency] }],
    ['"slow"', { thresholds: [{ ...latency, above: 0 }] }],
    ['"cpu"', { thresholds: [{ ...cpu, above: Number.NaN }] }],
    ['"cpu"', { thresholds: [{ ...cpu, query: " " }] }],
    ['"cpu"', { thresholds: [{ ...cpu, url: "http://user:password@prometheus" }] }],
    ['"cpu"', { thresholds: [{ ...cpu, tokenFrom: "my-token" }] }],
    ['"lag"', { thresholds: [{ ...lag, urlFrom: "postgres://user:password@host/db" }] }],
  ];
  for (const [name, limits] of refused) {
    test(`${name}: ${JSON.stringify(limits)}`, () => {
      expect(() => checkSource(source(limits))).toThrow(expect.objectContaining({ code: "config_invalid" }));
      expect(() => checkSource(source(limits))).toThrow(name);
    });
  }

  test("and accepted otherwise; no refusal repeats a secret", () => {
    expect(() => checkSource(source({ thresholds: [latency, cpu, lag] }))).not.toThrow();
    const withSecret = { ...lag, urlFrom: "postgres://user:password@host/db" };
    expect(() => checkSource(source({ thresholds: [withSecret] }))).not.toThrow("password");
  });
});
