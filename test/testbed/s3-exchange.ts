/** What one HTTP request means in S3's words (path style), and what became of it. */
import type { IncomingMessage } from "node:http";

export interface S3RequestLine {
  readonly operation: string;
  readonly method: string;
  /** As on the wire, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly bucket: string | null;
  /** Decoded; as on the wire when it does not decode. */
  readonly key: string | null;
  readonly partNumber: number | null;
  /** `[first, last]`, both included, as in the header Range. */
  readonly range: readonly [number, number] | null;
  readonly headers: IncomingMessage["headers"];
}

/** One request through the proxy. Bytes are those of the bodies as they passed on the client's side. */
export interface S3Exchange extends S3RequestLine {
  requestBytes: number;
  responseBytes: number;
  /** What the client saw; 0 when it saw no status. */
  status: number;
  /** What the server answered; 0 when it was not asked. */
  serverStatus: number;
  fault: string | null;
  done: boolean;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parseExchange(request: IncomingMessage): S3Exchange {
  const [path = "/", search = ""] = (request.url ?? "/").split("?", 2);
  const [, bucket = "", ...keyParts] = path.split("/");
  const query = new URLSearchParams(search);
  const key = keyParts.length === 0 ? "" : decode(keyParts.join("/"));
  const method = request.method ?? "GET";
  const partNumber = query.get("partNumber");
  const place = { bucket: bucket === "" ? null : decode(bucket), key: key === "" ? null : key };
  const copies = request.headers["x-amz-copy-source"] !== undefined;
  return {
    ...place,
    operation: nameOperation({ method, query, copies, ...place }),
    method,
    path,
    query,
    partNumber: partNumber === null ? null : Number(partNumber),
    range: parseRange(request.headers.range),
    headers: request.headers,
    requestBytes: 0,
    responseBytes: 0,
    status: 0,
    serverStatus: 0,
    fault: null,
    done: false,
  };
}

function parseRange(header: string | undefined): readonly [number, number] | null {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (match === null) return null;
  return [Number(match[1]), match[2] === "" ? Number.POSITIVE_INFINITY : Number(match[2])];
}

interface Shape {
  readonly method: string;
  readonly bucket: string | null;
  readonly key: string | null;
  readonly query: URLSearchParams;
  readonly copies: boolean;
}

/** Names as in https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html */
function nameOperation(shape: Shape): string {
  if (shape.bucket === null) return "ListBuckets";
  return shape.key === null ? nameOfBucket(shape) : nameOfObject(shape);
}

function nameOfBucket({ method, query }: Shape): string {
  if (method === "PUT") return query.size === 0 ? "CreateBucket" : "PutBucketSetting";
  if (method === "DELETE") return "DeleteBucket";
  if (method === "HEAD") return "HeadBucket";
  if (method === "POST") return query.has("delete") ? "DeleteObjects" : "Other";
  if (query.has("uploads")) return "ListMultipartUploads";
  if (query.has("location")) return "GetBucketLocation";
  if (query.has("versioning")) return "GetBucketVersioning";
  if (query.has("versions")) return "ListObjectVersions";
  return query.get("list-type") === "2" ? "ListObjectsV2" : "ListObjects";
}

function nameOfObject({ method, query, copies }: Shape): string {
  const isOfUpload = query.has("uploadId");
  if (method === "HEAD") return "HeadObject";
  if (method === "DELETE") return isOfUpload ? "AbortMultipartUpload" : "DeleteObject";
  if (method === "POST") {
    if (query.has("uploads")) return "CreateMultipartUpload";
    return isOfUpload ? "CompleteMultipartUpload" : "Other";
  }
  if (method === "PUT") {
    if (isOfUpload) return copies ? "UploadPartCopy" : "UploadPart";
    return copies ? "CopyObject" : "PutObject";
  }
  if (isOfUpload) return "ListParts";
  return query.has("attributes") ? "GetObjectAttributes" : "GetObject";
}
