import { createHash } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { GodwitError } from "../../base/errors.ts";
import { createS3Client, type S3Client, type S3ClientOptions } from "./client.ts";

const env = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" };
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

interface Fake {
  readonly client: S3Client;
  /** Heads of the requests that have come, in order. */
  readonly requests: string[];
  readonly connections: () => number;
}

type Play = (socket: net.Socket, head: string) => void;

/** A server that reads whole requests and lets `play` write whatever bytes it likes. */
async function serve(play: Play | readonly string[], options: Partial<S3ClientOptions> = {}): Promise<Fake> {
  const requests: string[] = [];
  const sockets = new Set<net.Socket>();
  const script = typeof play === "function" ? play : scripted(play);
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    let seen = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      seen = Buffer.concat([seen, bytes]);
      for (;;) {
        const end = seen.indexOf("\r\n\r\n");
        if (end === -1) return;
        const head = seen.toString("latin1", 0, end);
        const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
        if (seen.length < end + 4 + length) return;
        seen = seen.subarray(end + 4 + length);
        requests.push(head);
        script(socket, head);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  const limits = { maxSockets: 4, connectTimeoutMs: 2000, idleTimeoutMs: 2000 };
  const client = await createS3Client({ endpoint, bucket: "bkt", ...limits, ...options }, { env });
  cleanups.push(async () => {
    await client[Symbol.asyncDispose]();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { client, requests, connections: () => sockets.size };
}

function scripted(answers: readonly string[]): Play {
  let next = 0;
  return (socket) => {
    socket.write(answers[Math.min(next++, answers.length - 1)] ?? "", "latin1");
  };
}

function answer(body: string, status = "200 OK", headers = ""): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
}

function s3Error(code: string): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`;
}

function listing(key: string, extra = ""): string {
  const contents = key === "" ? "" : `<Contents><Key>${key}</Key><Size>3</Size></Contents>`;
  return answer(`<ListBucketResult>${extra}<IsTruncated>false</IsTruncated>${contents}</ListBucketResult>`);
}

async function failure(
  work: Promise<unknown>,
): Promise<GodwitError & { status?: number | null; s3Code?: string | null }> {
  const outcome = await work.then(
    () => null,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(GodwitError);
  return outcome as GodwitError;
}

const signal = new AbortController().signal;
const sha256 = (body: Buffer): Buffer => createHash("sha256").update(body).digest();
const bytesOf = async (body: AsyncIterable<Buffer>): Promise<Buffer> => Buffer.concat(await Array.fromAsync(body));
const read = async (client: S3Client, key = "k"): Promise<Buffer> =>
  bytesOf((await client.getObject({ key }, signal)).body);

test("a request carries the digest that the caller gave, twice, and its signature", async () => {
  const { client, requests } = await serve([answer("", "200 OK", 'ETag: "e"\r\nx-amz-checksum-sha256: c\r\n')]);
  const body = Buffer.from("hello");
  const written = await client.putObject(
    { key: "a b/ü", body, sha256: sha256(body), metadata: { Mtime: "1" }, ifNoneMatch: "*" },
    signal,
  );
  expect(written).toEqual({ etag: '"e"', versionId: null, checksumSha256: "c" });
  const head = requests[0] ?? "";
  expect(head).toContain("PUT /bkt/a%20b/%C3%BC HTTP/1.1\r\n");
  expect(head).toContain(`x-amz-content-sha256: ${sha256(body).toString("hex")}\r\n`);
  expect(head).toContain(`x-amz-checksum-sha256: ${sha256(body).toString("base64")}\r\n`);
  expect(head).toContain("x-amz-meta-mtime: 1\r\n");
  expect(head).toContain("if-none-match: *\r\n");
  expect(head).toMatch(
    /SignedHeaders=host;if-none-match;x-amz-checksum-sha256;x-amz-content-sha256;x-amz-date;x-amz-meta-mtime;x-amz-sdk-checksum-algorithm,/,
  );
});

test("one connection serves one request after another, also after an error answer", async () => {
  const { client, connections } = await serve(
    [answer("one"), answer(s3Error("NoSuchKey"), "404 Not Found"), answer("three")],
    { maxSockets: 1 },
  );
  expect((await read(client)).toString()).toBe("one");
  expect((await failure(read(client))).code).toBe("source_vanished");
  expect((await read(client)).toString()).toBe("three");
  expect(connections()).toBe(1);
});

test("no more than maxSockets connections are opened, and every request is served", async () => {
  const { client, connections } = await serve([answer("x")], { maxSockets: 2 });
  await Promise.all(Array.from({ length: 50 }, () => read(client)));
  expect(connections()).toBe(2);
});

test("a body that is cut short is an error, wherever it is cut", async () => {
  for (const sent of ["", "a", "x".repeat(99_999)]) {
    const { client } = await serve((socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${sent}`));
    const error = await failure(read(client));
    expect(error).toMatchObject({ code: "store_unreachable", disposition: "retry" });
    expect(error.what).toBe(
      `GetObject s3://bkt/k: the answer was cut short, ${100_000 - sent.length} bytes are missing`,
    );
  }
});

test("a chunked answer that is cut short is an error", async () => {
  const { client } = await serve((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<List"),
  );
  expect(await failure(client.listObjectsV2({}, signal))).toMatchObject({
    code: "store_unreachable",
    disposition: "retry",
  });
});

test("an answer without a length is no object", async () => {
  const { client } = await serve((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nbytes"));
  expect(await failure(read(client))).toMatchObject({ code: "store_answer_invalid", disposition: "retry" });
});

test("a body arrives whole however its bytes are split, in new memory or in the caller's", async () => {
  const object = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
  const whole = Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${object.length}\r\n\r\n`), object]);
  const into = Buffer.alloc(object.length + 10);
  const { client } = await serve((socket) => {
    for (let at = 0; at < 203; at += 7) socket.write(whole.subarray(at, at + 7));
    socket.write(whole.subarray(203));
  });
  expect((await read(client)).equals(object)).toBe(true);
  const { body, bodyBytes } = await client.getObject({ key: "k", into }, signal);
  for await (const chunk of body) expect(chunk.buffer).toBe(into.buffer);
  expect(bodyBytes).toBe(object.length);
  expect(into.subarray(0, bodyBytes).equals(object)).toBe(true);
});

test("a body larger than the caller's buffer is refused and writes nothing beyond it", async () => {
  const { client } = await serve([answer("123456")]);
  expect(await failure(client.getObject({ key: "k", into: Buffer.alloc(5) }, signal))).toMatchObject({
    code: "store_answer_invalid",
  });
});

test("chunked XML is read, split anywhere, with leading keep-alive blanks", async () => {
  const xml =
    '<?xml version="1.0"?><CompleteMultipartUploadResult><ETag>&quot;e-2&quot;</ETag></CompleteMultipartUploadResult>';
  const framed = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n \n \n\r\n${xml.length.toString(16)};ext=1\r\n${xml}\r\n0\r\nTrailer: x\r\n\r\n`;
  const { client, connections } = await serve(
    (socket) => {
      for (const char of framed) socket.write(char);
    },
    { maxSockets: 1 },
  );
  const input = { key: "k", uploadId: "u", parts: [{ partNumber: 1, etag: '"p"', checksumSha256: "s" }] };
  for (let i = 0; i < 3; i++)
    expect(await client.completeMultipartUpload(input, signal)).toEqual({
      etag: '"e-2"',
      checksumSha256: null,
      versionId: null,
    });
  expect(connections()).toBe(1);
});

test("a 200 with an error inside is an error", async () => {
  const { client } = await serve([answer(`\n\n  ${s3Error("InternalError")}`)]);
  const error = await failure(client.completeMultipartUpload({ key: "k", uploadId: "u", parts: [] }, signal));
  expect(error).toMatchObject({
    code: "store_unreachable",
    disposition: "retry",
    status: 200,
    s3Code: "InternalError",
  });
  expect(
    await failure(client.uploadPartCopy({ key: "k", uploadId: "u", partNumber: 1, source: { key: "s" } }, signal)),
  ).toMatchObject({ status: 200 });
  const body = Buffer.from("x");
  expect(await failure(client.putObject({ key: "k", body, sha256: sha256(body) }, signal))).toMatchObject({
    s3Code: "InternalError",
  });
});

test("a 200 that is empty, cut or something else is never a success", async () => {
  for (const text of ["", "   ", "<CompleteMultipartUploadResult>", "<html></html>"]) {
    const { client } = await serve([answer(text)]);
    const error = await failure(client.completeMultipartUpload({ key: "k", uploadId: "u", parts: [] }, signal));
    expect(error).toMatchObject({ code: "store_answer_invalid", disposition: "retry" });
  }
});

test("a listing that says there is more but not where is an error, not an end", async () => {
  const { client } = await serve([answer("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")]);
  expect(await failure(client.listObjectsV2({}, signal))).toMatchObject({ code: "store_answer_invalid" });
});

async function keysOf(answers: readonly string[]): Promise<unknown> {
  const { client } = await serve(answers);
  const first = await client.listObjectsV2({}, signal);
  const second = await client.listObjectsV2({}, signal);
  expect(second).toEqual(first);
  return first.objects.map(({ key }) => key);
}

test("keys of a listing are decoded only where the store says that it encoded them", async () => {
  const encoded = "<EncodingType>url</EncodingType>";
  const silent = listing("a+b%0A");
  expect(await keysOf([silent, silent])).toEqual(["a+b%0A"]);
  const honest = listing("a+b%0A", encoded);
  expect(await keysOf([honest, listing("", "<Prefix>godwit%20probe%20%25%2B</Prefix>"), honest])).toEqual(["a b\n"]);
  const boasting = listing("a+b%0A", encoded);
  expect(await keysOf([boasting, listing("", "<Prefix>godwit probe %+</Prefix>"), boasting])).toEqual(["a+b%0A"]);
  const revealing = listing("a+b%0A%", encoded);
  expect(await keysOf([revealing, revealing])).toEqual(["a+b%0A%"]);
});

test.each([
  ["503 Slow Down", "SlowDown", "store_busy", "retry"],
  ["503 Service Unavailable", "ServiceUnavailable", "store_busy", "retry"],
  ["503 Service Unavailable", "", "store_busy", "retry"],
  ["429 Too Many Requests", "", "store_busy", "retry"],
  ["500 Internal Server Error", "InternalError", "store_unreachable", "retry"],
  ["502 Bad Gateway", "", "store_unreachable", "retry"],
  ["400 Bad Request", "RequestTimeout", "store_unreachable", "retry"],
  ["403 Forbidden", "SignatureDoesNotMatch", "credentials_rejected", "fatal"],
  ["403 Forbidden", "InvalidAccessKeyId", "credentials_rejected", "fatal"],
  ["400 Bad Request", "ExpiredToken", "credentials_rejected", "fatal"],
  ["403 Forbidden", "RequestTimeTooSkewed", "credentials_rejected", "fatal"],
  ["403 Forbidden", "AccessDenied", "access_denied", "rejected"],
  ["404 Not Found", "NoSuchBucket", "no_such_bucket", "fatal"],
  ["404 Not Found", "NoSuchUpload", "upload_vanished", "rejected"],
  ["400 Bad Request", "InvalidPart", "upload_vanished", "rejected"],
  ["404 Not Found", "NoSuchKey", "source_vanished", "rejected"],
  ["412 Precondition Failed", "PreconditionFailed", "condition_failed", "rejected"],
  ["409 Conflict", "ConditionalRequestConflict", "condition_failed", "retry"],
  ["416 Range Not Satisfiable", "InvalidRange", "source_changed", "retry"],
  ["400 Bad Request", "BadDigest", "digest_mismatch", "retry"],
  ["301 Moved Permanently", "PermanentRedirect", "config_invalid", "fatal"],
  ["501 Not Implemented", "NotImplemented", "store_answer_invalid", "rejected"],
] as const)("%s %s is %s, %s", async (status, s3Code, code, disposition) => {
  const { client } = await serve([answer(s3Code === "" ? "<html>proxy</html>" : s3Error(s3Code), status)]);
  const error = await failure(read(client, "a\nb"));
  expect(error).toMatchObject({
    code,
    disposition,
    status: Number(status.slice(0, 3)),
    s3Code: s3Code === "" ? null : s3Code,
  });
  expect(error.what).toContain("GetObject s3://bkt/a\\nb: ");
  expect(error.what).not.toContain("\n");
});

test("a bare 404 to a write says nothing of a source", async () => {
  const { client } = await serve([answer("<html>not here</html>", "404 Not Found")]);
  const body = Buffer.from("x");
  const put = client.putObject({ key: "k", body, sha256: sha256(body) }, signal);
  expect(await failure(put)).toMatchObject({ code: "store_answer_invalid", disposition: "rejected" });
});

test("a skewed clock is named in the hint, and so is the bucket's own region", async () => {
  const skewed = await serve([answer(s3Error("RequestTimeTooSkewed"), "403 Forbidden")]);
  expect((await failure(read(skewed.client))).hint).toContain("clock");
  const moved = await serve([
    "HTTP/1.1 400 Bad Request\r\nx-amz-bucket-region: eu-west-3\r\nContent-Length: 0\r\n\r\n",
  ]);
  expect(await failure(moved.client.headBucket(signal))).toMatchObject({
    code: "config_invalid",
    hint: expect.stringContaining("AWS_REGION=eu-west-3"),
  });
});

test("the head of an object that is not there is null; a bucket that is not there is an error", async () => {
  const { client } = await serve(["HTTP/1.1 404 Not Found\r\nContent-Length: 300\r\n\r\n"]);
  expect(await client.headObject({ key: "k" }, signal)).toBeNull();
  expect(await failure(client.headBucket(signal))).toMatchObject({ code: "no_such_bucket", disposition: "fatal" });
});

test("a connection that is refused, reset or closed without an answer may be tried again", async () => {
  const closing = await serve((socket) => socket.end());
  expect(await failure(read(closing.client))).toMatchObject({
    code: "store_unreachable",
    disposition: "retry",
    status: null,
  });
  const resetting = await serve((socket) => socket.resetAndDestroy());
  expect(await failure(read(resetting.client))).toMatchObject({ code: "store_unreachable", disposition: "retry" });
  const options = {
    bucket: "bkt",
    endpoint: "http://127.0.0.1:1",
    maxSockets: 1,
    connectTimeoutMs: 1000,
    idleTimeoutMs: 1000,
  };
  const refused = await createS3Client(options, { env });
  expect(await failure(read(refused))).toMatchObject({ code: "store_unreachable", disposition: "retry" });
  expect(await failure(read(refused))).toMatchObject({ hint: expect.stringContaining("endpoint") });
});

test("a kept connection that the server closes under a request is an error that may be tried again, and then works", async () => {
  let served = 0;
  const { client } = await serve((socket) => {
    if (++served === 2) socket.destroy();
    else socket.write(answer("x"));
  });
  await read(client);
  expect(await failure(read(client))).toMatchObject({ code: "store_unreachable", disposition: "retry" });
  expect((await read(client)).toString()).toBe("x");
});

test("silence ends in an error: before the answer, inside its head, inside its body", async () => {
  for (const begun of ["", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"]) {
    const { client } = await serve((socket) => socket.write(begun), { idleTimeoutMs: 100 });
    const error = await failure(read(client));
    expect(error).toMatchObject({ code: "store_unreachable", disposition: "retry" });
    expect(error.what).toContain("no byte within 100 ms");
  }
});

test("a server that stops reading a body ends in an error", async () => {
  const server = net.createServer((socket) => socket.on("error", () => {}).pause());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => void server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  const client = await createS3Client(
    { endpoint, bucket: "bkt", maxSockets: 1, connectTimeoutMs: 1000, idleTimeoutMs: 200 },
    { env },
  );
  const body = Buffer.alloc(32 * 1024 * 1024);
  expect(await failure(client.putObject({ key: "k", body, sha256: sha256(body) }, signal))).toMatchObject({
    disposition: "retry",
  });
});

test("a slow consumer is not taken for a stalled server, and holds the server back", async () => {
  const object = Buffer.alloc(64 * 1024 * 1024, 3);
  let sent = 0;
  const { client } = await serve(
    (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${object.length}\r\n\r\n`);
      for (let at = 0; at < object.length; at += 65_536)
        socket.write(object.subarray(at, at + 65_536), () => (sent += 65_536));
    },
    { idleTimeoutMs: 100 },
  );
  const { body } = await client.getObject({ key: "k" }, signal);
  let got = 0;
  let sentWhileHeld = 0;
  for await (const chunk of body) {
    if (got === 0) {
      let before = -1;
      await vi.waitFor(
        () => {
          const isSteady = sent === before;
          before = sent;
          if (!isSteady) throw new Error("still sending");
        },
        { interval: 250, timeout: 5000 },
      );
      sentWhileHeld = sent;
    }
    got += chunk.length;
  }
  expect(got).toBe(object.length);
  expect(sentWhileHeld).toBeLessThan(object.length);
});

test("an abort ends a request at once: queued, unanswered, or in its body", async () => {
  const { client } = await serve((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"), {
    maxSockets: 1,
  });
  const reading = new AbortController();
  const { body } = await client.getObject({ key: "k" }, reading.signal);
  const queued = new AbortController();
  const waiting = failure(client.getObject({ key: "k" }, queued.signal));
  queued.abort();
  expect(await waiting).toMatchObject({ code: "interrupted", disposition: "cancelled" });
  const reason = new GodwitError("lease_lost", { disposition: "fenced", what: "w", hint: "h" });
  reading.abort(reason);
  expect(await failure(bytesOf(body))).toBe(reason);
  expect(await failure(client.headBucket(AbortSignal.abort()))).toMatchObject({
    code: "interrupted",
    disposition: "cancelled",
  });
});

test("a body that is left early frees its place", async () => {
  const { client } = await serve((socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345`), {
    maxSockets: 1,
  });
  for (let i = 0; i < 3; i++) {
    const { body } = await client.getObject({ key: "k" }, signal);
    for await (const chunk of body) {
      expect(chunk.toString()).toBe("12345");
      break;
    }
    (await client.getObject({ key: "k" }, signal)).body.discard();
  }
});

test("a range that comes back other than asked for is an error", async () => {
  const ranged = (range: string): string => answer("1234", "206 Partial Content", `Content-Range: ${range}\r\n`);
  const { client } = await serve([
    ranged("bytes 4-7/100"),
    ranged("bytes 0-3/100"),
    ranged("bytes 4-7/8"),
    answer("whole object"),
  ]);
  const get = async (bytes: number) => client.getObject({ key: "k", range: { offset: 4, bytes } }, signal);
  const { head, body } = await get(4);
  expect([head.bytes, (await bytesOf(body)).toString()]).toEqual([100, "1234"]);
  expect(await failure(get(4))).toMatchObject({ code: "source_changed", disposition: "retry" });
  expect(await failure(get(8))).toMatchObject({ code: "source_changed", disposition: "retry" });
  expect(await failure(get(4))).toMatchObject({ code: "store_answer_invalid" });
});

test.each([
  "SSH-2.0-OpenSSH\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
  "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
  `HTTP/1.1 200 OK\r\nX: ${"y".repeat(70_000)}`,
])("what is not HTTP is refused: %.40j", async (bytes) => {
  const { client } = await serve([bytes]);
  expect(await failure(read(client))).toMatchObject({ code: "store_answer_invalid", disposition: "retry" });
});

test("an XML answer beyond 16 MiB is refused", async () => {
  const { client } = await serve((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${20 * 1024 * 1024}\r\n\r\n`);
    socket.write(Buffer.alloc(20 * 1024 * 1024, " "));
  });
  expect((await failure(client.listObjectsV2({}, signal))).what).toContain("larger than 16777216 bytes");
});

test("a GET that comes back from another version is an error, also where the store ignores the condition", async () => {
  const { client } = await serve([answer("x", "200 OK", 'ETag: "new"\r\n')]);
  expect(await failure(client.getObject({ key: "k", ifMatch: '"old"' }, signal))).toMatchObject({
    code: "condition_failed",
  });
});

test("keys that XML cannot hold are deleted one by one", async () => {
  const { client, requests } = await serve((socket, head) => {
    if (head.startsWith("POST"))
      socket.write(
        answer("<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>m</Message></Error></DeleteResult>"),
      );
    else socket.write("HTTP/1.1 204 No Content\r\n\r\n");
  });
  expect(await client.deleteObjects([{ key: "a\u0001" }, { key: "b" }], signal)).toEqual([
    { key: "b", s3Code: "AccessDenied", message: "m" },
  ]);
  expect(requests.map((head) => head.split(" HTTP")[0])).toEqual(["DELETE /bkt/a%01", "POST /bkt?delete="]);
});

test("an empty key never addresses the bucket", async () => {
  const { client, requests } = await serve([answer("")]);
  await expect(client.deleteObject({ key: "" }, signal)).rejects.toThrow("needs a key");
  expect(requests).toEqual([]);
});
