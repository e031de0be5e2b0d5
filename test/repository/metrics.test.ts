/** What is told, what alerts rest on, and what operators read about both are held equal. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { allMetrics } from "../../src/cli/metrics-reference.ts";
import { repositoryRoot } from "../testbed/tools.ts";

const read = (path: string): string => readFileSync(join(repositoryRoot, path), "utf8");
const rules = read("deploy/prometheus/godwit.rules.yml");
const runbooks = read("docs/operate/alerts.md");
const { ofProcess, ofFleet } = allMetrics();
const metrics = new Map([...ofProcess, ...ofFleet].map((metric) => [metric.name, metric]));

interface Alert {
  readonly name: string;
  /** Everything of the rule, as it is written. */
  readonly text: string;
}

const alerts: readonly Alert[] = rules
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((text) => ({ name: text.slice(0, text.indexOf("\n")), text }));

/** Names with the label names that are asked of them. */
function usesIn(text: string): readonly { readonly name: string; readonly labels: readonly string[] }[] {
  return Array.from(
    text.matchAll(/\b((?:godwit|nodejs|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/g),
    ([, name = "", matchers]) => ({
      name,
      labels: Array.from((matchers ?? "").matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g), ([, label = ""]) => label),
    }),
  );
}

function unknownIn(text: string): readonly string[] {
  return usesIn(text).flatMap(({ name, labels }) => {
    const metric = metrics.get(name) ?? metrics.get(name.replace(/_(?:bucket|sum|count)$/, ""));
    if (metric === undefined) return [name];
    const known = new Set([...metric.labels, ...(name.endsWith("_bucket") ? ["le"] : [])]);
    return labels.filter((label) => !known.has(label)).map((label) => `${name}{${label}}`);
  });
}

test("every metric and label that an alert, its test or a page names is one that the program tells", () => {
  expect(metrics.size).toBeGreaterThan(50);
  expect(usesIn(rules).length).toBeGreaterThan(20);
  expect(unknownIn(rules)).toEqual([]);
  for (const page of ["docs/operate/alerts.md", "docs/operate/observe.md"])
    expect(unknownIn(read(page)), page).toEqual([]);
});

test("a metric or a label that nobody tells is found", () => {
  expect(unknownIn('rate(godwit_nothing_total[5m]) > 1 and godwit_jobs{state="x"} == 0')).toEqual([
    "godwit_nothing_total",
    "godwit_jobs{state}",
  ]);
});

test("names tell their unit, and what they are", () => {
  const unit =
    /(?:_seconds|_bytes|_bytes_per_second|_info|_total|_timestamp_seconds|_up|_failed|_led|_status|_chunks|_running|_lanes|_lanes_assigned|_lanes_allowed|_throttled|_grants|_workers|_jobs|_without_leader|_epoch|_retries|_mismatches|_rows)$/;
  const own = [...metrics.values()].filter(({ name }) => name.startsWith("godwit_"));
  expect(own.filter(({ name }) => !unit.test(name)).map(({ name }) => name)).toEqual([]);
  expect(own.filter(({ name, type }) => (type === "counter") !== name.endsWith("_total"))).toEqual([]);
});

test("labels are bounded: nothing but the fleet's open jobs is told by job, and nothing by chunk, path or worker", () => {
  const labels = new Set(ofProcess.flatMap((metric) => metric.labels));
  expect([...labels].toSorted()).toEqual(
    ["code", "kind", "major", "minor", "operation", "patch", "reason", "role", "source", "stage", "version"].toSorted(),
  );
  const ofFleetLabels = new Set(ofFleet.flatMap((metric) => metric.labels));
  expect([...ofFleetLabels].toSorted()).toEqual(["host", "job_id", "priority", "source", "state", "status"]);
});

test("every alert has its runbook, in the order of the rules, and a test in which it fires", () => {
  expect(alerts.length).toBeGreaterThan(10);
  const sections = Array.from(runbooks.matchAll(/^## (.+)$/gm), ([, heading]) => heading);
  expect(sections).toEqual(alerts.map(({ name }) => name));
  const tests = read("deploy/prometheus/godwit.rules.test.yml");
  for (const { name, text } of alerts) {
    expect(text).toContain(`runbook_url: docs/operate/alerts.md#${name.toLowerCase()}\n`);
    expect(text).toMatch(/severity: (?:critical|warning|info)\b/);
    expect(tests, name).toMatch(new RegExp(`alertname: ${name}, eval_time: \\S+, exp_alerts: \\[\\] \\}`));
    expect(tests, name).toMatch(new RegExp(`alertname: ${name}\\n +eval_time: \\S+\\n +exp_alerts:\\n +- exp_labels`));
  }
});
