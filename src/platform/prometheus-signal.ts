/** Instant queries (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries). */
import { request } from "undici";
import { z } from "zod";

const answerBytesMax = 2 ** 20;
const patienceMs = 5_000;

/** A value is a moment and a number as text. */
const value = z.tuple([z.number(), z.string()]);
const answer = z.object({
  status: z.literal("success"),
  data: z.discriminatedUnion("resultType", [
    z.object({ resultType: z.literal("vector"), result: z.array(z.object({ value })) }),
    z.object({ resultType: z.literal("scalar"), result: value }),
  ]),
});

export interface PrometheusQuery {
  readonly url: string;
  readonly query: string;
  /** Sent as a bearer's. */
  readonly token: string | null;
}

/** @returns the greatest value, where the answer has several series */
export async function readPrometheus({ url, query, token }: PrometheusQuery, signal: AbortSignal): Promise<number> {
  const at = new URL(`${url.replace(/\/+$/, "")}/api/v1/query`);
  at.searchParams.set("query", query);
  const { statusCode, body } = await request(at, {
    headers: { accept: "application/json", ...(token !== null && { authorization: `Bearer ${token}` }) },
    headersTimeout: patienceMs,
    bodyTimeout: patienceMs,
    signal,
  });
  const text = await textOf(body);
  if (statusCode !== 200) throw new Error(`the server answered ${statusCode}`);
  const parsed = answer.safeParse(jsonOf(text));
  if (!parsed.success) throw new Error("the answer is not that of an instant query with numbers");
  const { data } = parsed.data;
  const values = data.resultType === "scalar" ? [data.result] : data.result.map((series) => series.value);
  if (values.length === 0) throw new Error("the query found nothing");
  return Math.max(...values.map(([, number]) => (number === "" ? Number.NaN : Number(number))));
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > answerBytesMax) throw new Error("the answer is too large");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
