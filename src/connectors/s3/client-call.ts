import { hash } from "node:crypto";
import { assert } from "../../base/assert.ts";
import type { GetCredentials } from "./client-credentials.ts";
import { encodeKey, encodeQuery } from "./client-encode.ts";
import { fromAnswer, fromFault, invalidAnswer, type Subject } from "./client-errors.ts";
import type { AnswerBytes } from "./client-http-body.ts";
import { TransportError } from "./client-http-fault.ts";
import type { HttpAnswer, HttpRequest, HttpTransport } from "./client-http.ts";
import type { S3Place } from "./client-options.ts";
import { createSigner } from "./client-sign.ts";
import { parseXml, type XmlElement } from "./client-xml.ts";

const xmlBytesMax = 16 * 1024 * 1024;
const emptySha256 = hash("sha256", "", "buffer");
const printable = /^[\x20-\x7e]*$/;

export interface S3Request {
  readonly operation: string;
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly key: string | null;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Must not be written to until the call has settled. */
  readonly body?: Buffer;
  /** See HttpRequest; 0 where it is absent. */
  readonly holdBodyMs?: number | undefined;
  /** Of the body. */
  readonly sha256?: Uint8Array;
  readonly into?: Buffer;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: AnswerBytes;
}

/** Signs a request, sends it once, and makes anything but success an S3Error. */
export interface S3Caller {
  readonly bucket: string;
  stream(request: S3Request, signal: AbortSignal): Promise<S3Answer>;
  /** For answers without a body that matters. */
  headers(request: S3Request, signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** For XML answers, whose root must be `root`. An `<Error>` is an error whatever the status. */
  xml(
    request: S3Request,
    root: string,
    signal: AbortSignal,
  ): Promise<{ readonly root: XmlElement; readonly headers: ReadonlyMap<string, string> }>;
  subject(request: S3Request): Subject;
}

export interface CallerParts {
  readonly place: S3Place;
  readonly transport: HttpTransport;
  readonly getCredentials: GetCredentials;
  readonly nowMs: () => number;
}

export function createCaller({ place, transport, getCredentials, nowMs }: CallerParts): S3Caller {
  const sign = createSigner(place.region);
  const { bucket } = place;
  const subject = ({ operation, key }: S3Request): Subject => ({ operation, bucket, key });

  const build = async (request: S3Request): Promise<HttpRequest> => {
    const { method, key, body = null, holdBodyMs = 0, into = null } = request;
    // An empty key would address the bucket: DELETE of it is another operation.
    assert(key !== "", `${request.operation} needs a key`);
    const path = key === null ? place.basePath || "/" : `${place.basePath}/${encodeKey(key)}`;
    const query = given(request.query);
    const sent = encodeQuery(query);
    const now = nowMs();
    const credentials = await getCredentials(now);
    const headers = await sign({ method, path, query, headers: headersOf(request, place.authority) }, credentials, now);
    headers["user-agent"] = "godwit";
    return { method, path: sent === "" ? path : `${path}?${sent}`, headers, body, holdBodyMs, into };
  };

  const stream = async (request: S3Request, signal: AbortSignal): Promise<HttpAnswer> => {
    let answer: HttpAnswer;
    try {
      answer = await transport.send(await build(request), signal);
    } catch (error) {
      throw fromFault(subject(request), error);
    }
    answer.body.translate = (error) => fromFault(subject(request), error);
    if (answer.status >= 200 && answer.status < 300) return answer;
    const text = await readText(answer.body).catch((error: unknown) => {
      if (signal.aborted) throw error;
      return "";
    });
    throw fromAnswer(subject(request), { ...answer, text });
  };

  return {
    bucket,
    subject,
    stream,
    async headers(request, signal) {
      const answer = await stream(request, signal);
      const text = await readText(answer.body);
      if (/<Error[\s>]/.test(text)) throw fromAnswer(subject(request), { ...answer, text });
      return answer.headers;
    },
    async xml(request, rootName, signal) {
      const answer = await stream(request, signal);
      // Keep-alive blanks may stand before the document.
      const text = (await readText(answer.body)).trimStart();
      let root: XmlElement;
      try {
        root = parseXml(text);
      } catch (cause) {
        throw invalidAnswer(
          subject(request),
          `the answer is not XML: ${cause instanceof Error ? cause.message : ""}`,
          cause,
        );
      }
      if (root.name === "Error") throw fromAnswer(subject(request), { ...answer, text });
      if (root.name !== rootName && !isRootOf(request.operation, root.name))
        throw invalidAnswer(subject(request), `the answer is <${root.name}>, not <${rootName}>`);
      return { root, headers: answer.headers };
    },
  };
}

/** Some stores name the root after the operation (moto: `ListPartsResponse`). */
function isRootOf(operation: string, name: string): boolean {
  return name === `${operation}Result` || name === `${operation}Response` || name === `${operation}Output`;
}

function headersOf(request: S3Request, authority: string): Record<string, string> {
  const headers: Record<string, string> = { host: authority };
  for (const name in request.headers) {
    const value = request.headers[name];
    if (value === undefined) continue;
    assert(printable.test(value), `the header ${name} must be printable ASCII`);
    headers[name] = value;
  }
  const { body, sha256 } = request;
  const digest = body === undefined ? emptySha256 : asBuffer(sha256 ?? hash("sha256", body, "buffer"));
  headers["x-amz-content-sha256"] = digest.toString("hex");
  if (body === undefined) return headers;
  headers["x-amz-checksum-sha256"] = digest.toString("base64");
  headers["x-amz-sdk-checksum-algorithm"] = "SHA256";
  return headers;
}

function given(fields: S3Request["query"]): Record<string, string> {
  const query: Record<string, string> = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) query[name] = value;
  }
  return query;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function readText(body: HttpAnswer["body"]): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > xmlBytesMax)
      throw body.translate(new TransportError("invalid", `the answer is larger than ${xmlBytesMax} bytes`));
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined
    ? chunks[0].toString("utf8")
    : Buffer.concat(chunks).toString("utf8");
}
