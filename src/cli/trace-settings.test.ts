import { expect, test } from "vitest";
import { type Environment, wantedTraces } from "./trace-settings.ts";

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };
const on = { protocol: "http/protobuf", ratio: 1, batch: {} } as const;

test.for<readonly [Environment]>([
  [{}],
  [{ PATH: "/bin", OTEL_SERVICE_NAME: "godwit", OTEL_TRACES_SAMPLER: "always_on" }],
  [{ ...endpoint, OTEL_SDK_DISABLED: "true" }],
  [{ ...endpoint, OTEL_TRACES_EXPORTER: "none" }],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "always_off" }],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: " " }],
])("%j: off, and nothing is said", ([env]) => {
  expect(wantedTraces(env)).toEqual({ settings: null, warning: null });
});

test.for<readonly [Environment, object]>([
  [endpoint, {}],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://collector:4318/v1/traces" }, {}],
  [{ OTEL_TRACES_EXPORTER: "otlp" }, {}],
  [{ ...endpoint, OTEL_SDK_DISABLED: "false" }, {}],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }, { protocol: "http/json" }],
  [
    { ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json" },
    { protocol: "http/json" },
  ],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "parentbased_always_on" }, {}],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "traceidratio" }, {}],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" }, { ratio: 0.25 }],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "1" }, {}],
  [
    { ...endpoint, OTEL_BSP_MAX_QUEUE_SIZE: "100", OTEL_BSP_SCHEDULE_DELAY: "x", OTEL_BSP_EXPORT_TIMEOUT: "-1" },
    { batch: { maxQueueSize: 100 } },
  ],
])("%j: on, with %j", ([env, more]) => {
  expect(wantedTraces(env)).toEqual({ settings: { ...on, ...more }, warning: null });
});

test.for<readonly [Environment, string]>([
  [{ OTEL_TRACES_EXPORTER: "console" }, "OTEL_TRACES_EXPORTER is console"],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "OTEL_EXPORTER_OTLP_PROTOCOL is grpc"],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "xray" }, "OTEL_TRACES_SAMPLER is xray"],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" }, "is traceidratio 2"],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "half" }, "is traceidratio half"],
])("%j: off, and the operator is told why", ([env, warning]) => {
  const { settings, warning: told } = wantedTraces(env);
  expect([settings, told]).toEqual([null, expect.stringContaining(warning)]);
});
