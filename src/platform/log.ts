/** JSON lines, one for each event: `time` (RFC 3339), `level`, `message`, and the ids that tie events together. */
import { pino } from "pino";
import type { ErrorRecord } from "../base/errors.ts";
import type { Task } from "../model/task.ts";
import { traceOf } from "../model/trace.ts";

export interface LogFields {
  readonly job_id?: string;
  readonly chunk_id?: number;
  readonly trace_id?: string;
  readonly request_id?: string;
  readonly worker?: string;
  readonly error?: ErrorRecord;
  readonly [field: string]: unknown;
}

export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/**
 * @param common stands in every line
 * @param secrets never stand in one, nor do tokens of ours and passwords of URLs: an error of a library may quote them
 */
export function openLog(output: NodeJS.WritableStream, common: LogFields, secrets: readonly string[] = []): Log {
  const logger = pino(
    {
      base: common,
      messageKey: "message",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => void output.write(masked(line, secrets)) },
  );
  return {
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
  };
}

/** What ties a line to a task, to its chunk's other lines, and to its trace. Nothing of none. */
export function taskFields(task: Task | null): LogFields {
  if (task === null) return {};
  const { jobId, chunkId, stage, attempt, lease } = task;
  const { traceId } = traceOf(jobId, chunkId);
  return {
    job_id: jobId,
    chunk_id: chunkId,
    trace_id: traceId,
    stage,
    attempt,
    lane: lease.worker,
    epoch: lease.epoch,
  };
}

const token = /godwit_[0-9a-f]{16}_[A-Za-z0-9_-]{43}/g;
const passwordInUrl = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"]*):[^\s/?#@"]+@/gi;

function masked(line: string, secrets: readonly string[]): string {
  const known = secrets.reduce((text, secret) => text.replaceAll(JSON.stringify(secret).slice(1, -1), "***"), line);
  return known.replaceAll(token, "godwit_***").replaceAll(passwordInUrl, "$1:***@");
}
