import { type Log, openLog } from "../platform/log.ts";
import { processOwner } from "./state.ts";

/** Variables whose values are secrets: where an error of a library quotes one, the log does not. */
const secretNames =
  /^(?:PGPASSWORD|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|OTEL_EXPORTER_OTLP_(?:TRACES_)?HEADERS|.*(?:PASSWORD|SECRET|TOKEN))$/;
/** A shorter one would hide half of the words. */
const secretLengthMin = 6;

export function openFleetLog(output: NodeJS.WritableStream, role: "coordinator" | "worker"): Log {
  const secrets = Object.entries(process.env).flatMap(([name, value = ""]) =>
    secretNames.test(name) && value.length >= secretLengthMin ? [value] : [],
  );
  return openLog(output, { role, worker: processOwner() }, secrets);
}
