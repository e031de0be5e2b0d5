/** JSON lines, one for each event: `time` (RFC 3339), `level`, `message`, and the ids that tie events together. */
import { pino } from "pino";
import type { ErrorRecord } from "../base/errors.ts";

export interface LogFields {
  readonly job_id?: string;
  readonly worker?: string;
  readonly error?: ErrorRecord;
  readonly [field: string]: unknown;
}

export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** @param common stands in every line */
export function openLog(output: NodeJS.WritableStream, common: LogFields): Log {
  const logger = pino(
    {
      base: common,
      messageKey: "message",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  return {
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
  };
}
