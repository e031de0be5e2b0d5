import { createHash, createHmac } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeListed, encodeKey, encodeQuery } from "./client-encode.ts";
import { createSigner } from "./client-sign.ts";

const credentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: "a//token+=",
};
const sign = createSigner("eu-central-1");
const digest = createHash("sha256").update("").digest("hex");
const nowMs = Date.UTC(2026, 10, 20, 12, 0, 7, 345);

const oddKeys = [
  "plain/key.txt",
  "a b",
  "a+b",
  "100%",
  "%2F",
  "a%20b",
  "ünïcode/日本/🦢",
  "line\nfeed\r\ttab",
  "double//slash",
  "/leading",
  "trailing/",
  "./dot",
  "../up/../../x",
  "..",
  "a?b#c&d=e",
  "!'()*~-._",
  ';:@,$\\^`{}|"<>[]',
  "\u0000\u0001\u007f",
];

/** What a store computes of the request line and headers that reach it, which is all that it can know. */
function storeSigns(target: string, headers: Readonly<Record<string, string>>): string {
  const [path, query = ""] = target.split("?");
  const names = Object.keys(headers).toSorted();
  const lines = names.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}\n`).join("");
  const canonical = `PUT\n${path}\n${query}\n${lines}\n${names.join(";")}\n${headers["x-amz-content-sha256"]}`;
  const scope = "20261120/eu-central-1/s3/aws4_request";
  const hashed = createHash("sha256").update(canonical).digest("hex");
  let key: string | Buffer = `AWS4${credentials.secretAccessKey}`;
  for (const part of scope.split("/")) key = createHmac("sha256", key).update(part).digest();
  const toSign = `AWS4-HMAC-SHA256\n20261120T120007Z\n${scope}\n${hashed}`;
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  return `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
}

async function expectStoreAgrees(
  key: string,
  query: Record<string, string>,
  headers: Record<string, string>,
): Promise<void> {
  const path = `/${encodeKey(key)}`;
  const request = { method: "PUT", path, query, headers: { host: "b.example", ...headers } };
  const { authorization, ...sent } = await sign(request, credentials, nowMs);
  expect(sent).toMatchObject({ "x-amz-date": "20261120T120007Z", "x-amz-security-token": credentials.sessionToken });
  expect(authorization).toBe(storeSigns(`${path}?${encodeQuery(query)}`, sent));
}

test("the signature is the one of Amazon's own example", async () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, GET Object
  const example = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
  const headers = { host: "examplebucket.s3.amazonaws.com", range: "bytes=0-9", "x-amz-content-sha256": digest };
  const request = { method: "GET", path: "/test.txt", query: {}, headers };
  const signed = await createSigner("us-east-1")(request, example, Date.UTC(2013, 4, 24));
  expect(signed["authorization"]).toContain(
    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  );
});

test.each(oddKeys)("for the key %j, what is signed is what is sent", async (key) => {
  const headers = { "x-amz-content-sha256": digest, "x-amz-meta-a": "  two   blanks " };
  await expectStoreAgrees(key, { prefix: key, "list-type": "2", "a-b": "", a: "1" }, headers);
});

test("for any key and query, what is signed is what is sent", async () => {
  const text = fc.string({ unit: "grapheme", maxLength: 30 });
  const query = fc.record({ prefix: text, "start-after": text, versionId: text });
  const property = fc.asyncProperty(text, query, async (key, fields) => {
    await expectStoreAgrees(key, fields, { "x-amz-content-sha256": digest });
  });
  await fc.assert(property, { numRuns: 300 });
});

test.each(oddKeys)("the path of the key %j leads back to it", (key) => {
  const path = encodeKey(key);
  expect(path).toMatch(/^[A-Za-z0-9\-._~/%]*$/);
  expect(path.split("/").map(decodeURIComponent).join("/")).toBe(key);
});

test("nothing in a key is normalised or encoded twice", () => {
  expect(encodeKey("a//./../b%20c+d e")).toBe("a//./../b%2520c%2Bd%20e");
  expect(encodeKey("/x\n")).toBe("/x%0A");
});

test("a key that is not Unicode is refused by name", () => {
  expect(() => encodeKey("bad\ud800")).toThrowError(
    expect.objectContaining({ code: "name_unsupported", disposition: "rejected" }),
  );
});

test("a listed key is decoded as a form: plus is a blank, %2B is a plus", () => {
  expect(decodeListed("a+b%2Bc%25%0A%E2%82%AC")).toBe("a b+c%\n€");
});

test("a new day and new credentials make a new signing key", async () => {
  const headers = { host: "h", "x-amz-content-sha256": digest };
  const signer = createSigner("r");
  const signature = async (given: typeof credentials, atMs: number): Promise<string | undefined> =>
    (await signer({ method: "GET", path: "/", query: {}, headers }, given, atMs))["authorization"];
  const first = await signature(credentials, nowMs);
  expect(await signature(credentials, nowMs + 86_400_000)).not.toBe(first);
  expect(await signature({ ...credentials, secretAccessKey: "x" }, nowMs)).not.toBe(first);
  expect(await signature(credentials, nowMs)).toBe(first);
});
