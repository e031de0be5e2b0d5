/**
 * Tracing is switched on by the standard's own variables, and by nothing else
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Unlike there it is off unless an
 * exporter or an address is named. What cannot be done is told, and never stops a job.
 */
import type { TraceSettings } from "../platform/tracing.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface WantedTraces {
  /** Null: off. */
  readonly settings: TraceSettings | null;
  /** Why not all of it, for the operator; null where there is nothing to say. */
  readonly warning: string | null;
}

const off: WantedTraces = { settings: null, warning: null };

export function wantedTraces(env: Environment): WantedTraces {
  const given = (name: string): string => env[name]?.trim() ?? "";
  if (given("OTEL_SDK_DISABLED").toLowerCase() === "true") return off;
  const exporter = given("OTEL_TRACES_EXPORTER");
  const endpoint = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") || given("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (exporter === "none" || (exporter === "" && endpoint === "")) return off;
  if (exporter !== "" && exporter !== "otlp") return refused("OTEL_TRACES_EXPORTER", exporter, "otlp or none");
  const protocol =
    given("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") || given("OTEL_EXPORTER_OTLP_PROTOCOL") || "http/protobuf";
  if (protocol !== "http/protobuf" && protocol !== "http/json")
    return refused("OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "http/protobuf or http/json");
  const ratio = ratioOf(given("OTEL_TRACES_SAMPLER"), given("OTEL_TRACES_SAMPLER_ARG"));
  if (ratio === null)
    return refused(
      "OTEL_TRACES_SAMPLER",
      `${given("OTEL_TRACES_SAMPLER")} ${given("OTEL_TRACES_SAMPLER_ARG")}`.trim(),
      "always_on, always_off, or traceidratio with OTEL_TRACES_SAMPLER_ARG from 0 to 1",
    );
  return ratio === 0 ? off : { settings: { protocol, ratio, batch: batchOf(given) }, warning: null };
}

function refused(name: string, value: string, known: string): WantedTraces {
  return { settings: null, warning: `no traces are sent: ${name} is ${value}, and what is known is ${known}` };
}

/** A trace's root stands in no process: whether its parent was sampled follows from the same id, so the prefix says nothing. */
function ratioOf(sampler: string, argument: string): number | null {
  switch (sampler.replace(/^parentbased_/, "")) {
    case "":
    case "always_on":
      return 1;
    case "always_off":
      return 0;
    case "traceidratio": {
      const ratio = argument === "" ? 1 : Number(argument);
      return ratio >= 0 && ratio <= 1 ? ratio : null;
    }
    default:
      return null;
  }
}

function batchOf(given: (name: string) => string): TraceSettings["batch"] {
  const numbers = {
    scheduledDelayMillis: "OTEL_BSP_SCHEDULE_DELAY",
    exportTimeoutMillis: "OTEL_BSP_EXPORT_TIMEOUT",
    maxQueueSize: "OTEL_BSP_MAX_QUEUE_SIZE",
    maxExportBatchSize: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
  } as const;
  const batch = Object.entries(numbers).flatMap(([option, name]) => {
    const value = Number(given(name));
    // By the standard what is no number counts as not given.
    return given(name) !== "" && Number.isInteger(value) && value > 0 ? [[option, value] as const] : [];
  });
  return Object.fromEntries(batch) as TraceSettings["batch"];
}
