/**
 * The smallest S3 client: one signed request, answered whole. It is the tests' own, so that a server is never judged by
 * the client under test. Signature: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
import { createHash, createHmac } from "node:crypto";
import { request, type IncomingHttpHeaders } from "node:http";

export interface S3Access {
  /** Scheme, host and port; path style. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface S3Call {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly bucket?: string;
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Gives up after this long; a stalled answer fails then. */
  readonly timeoutMs?: number;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const hmac = (key: Uint8Array | string, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** RFC 3986 leaves only letters, digits and `-._~` as they are. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function pathOf(call: S3Call): string {
  if (call.bucket === undefined) return "/";
  const key = call.key === undefined ? "" : `/${call.key.split("/").map(encode).join("/")}`;
  return `/${call.bucket}${key}`;
}

function queryOf(call: S3Call): string {
  return Object.entries(call.query ?? {})
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join("&");
}

function sign(access: S3Access, call: S3Call, body: Buffer): Record<string, string> {
  const time = new Date().toISOString().replace(/[:-]|\.\d{3}/g, "");
  const headers: Record<string, string> = { ...call.headers };
  headers["host"] = new URL(access.endpoint).host;
  headers["x-amz-date"] = time;
  headers["x-amz-content-sha256"] ??= sha256(body);
  const names = Object.keys(headers).toSorted();
  const canonical = [
    call.method,
    pathOf(call),
    queryOf(call),
    ...names.map((name) => `${name}:${(headers[name] ?? "").trim().replaceAll(/ +/g, " ")}`),
    "",
    names.join(";"),
    headers["x-amz-content-sha256"],
  ].join("\n");
  const day = time.slice(0, 8);
  const scope = `${day}/${access.region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  const key = [access.region, "s3", "aws4_request"].reduce<Buffer>(hmac, hmac(`AWS4${access.secretAccessKey}`, day));
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  const credential = `Credential=${access.accessKeyId}/${scope}`;
  headers["authorization"] = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  headers["content-length"] = String(body.length);
  return headers;
}

/** Header names in `call.headers` are lower case. Rejects when the connection fails or breaks; an HTTP error is an answer. */
export function s3Request(access: S3Access, call: S3Call): Promise<S3Answer> {
  const body = Buffer.from(call.body ?? "");
  const query = queryOf(call);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      access.endpoint,
      {
        method: call.method,
        path: query === "" ? pathOf(call) : `${pathOf(call)}?${query}`,
        headers: sign(access, call, body),
        agent: false,
        signal: AbortSignal.timeout(call.timeoutMs ?? 30_000),
      },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on("data", (part: Buffer) => parts.push(part));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) }),
        );
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
