import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleJob, sampleJobId } from "../../test/report/sample-store.ts";
import { openSigningKey, rotateSigningKey } from "./keys.ts";
import { type ReportBody, sectionNames } from "./schema.ts";
import { publicKeyPem, signBody, type SigningKey } from "./signature.ts";
import { verifyReport } from "./verify.ts";
import { writeReportFile } from "./write.ts";

let directory: string;
let key: SigningKey;
let other: SigningKey;
let text: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "godwit-verify-"));
  key = await openSigningKey(directory);
  other = (await rotateSigningKey(directory)).current;
  const path = join(directory, "report.json");
  await writeReportFile(path, { store: sampleJob(), jobId: sampleJobId, format: "json", key });
  text = await readFile(path, "utf8");
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function check(changed: string | Buffer, publicKeyPem_?: string) {
  const path = join(directory, "changed.json");
  await writeFile(path, changed);
  return verifyReport(path, { publicKeyPem: publicKeyPem_ });
}

const refused = { code: expect.stringMatching(/^report_(altered|invalid)$/) as string };

test("a report as it was written is intact, and its signer is known to who has the key", async () => {
  expect(await check(text)).toMatchObject({ intact: true, signer: "unknown", keyId: key.keyId });
  expect(await check(text, publicKeyPem(key))).toMatchObject({ intact: true, signer: "known" });
});

test("another key than the signer's is refused as such", async () => {
  await expect(check(text, publicKeyPem(other))).rejects.toMatchObject({ code: "report_signer" });
});

test("every single digit that is edited is found", async () => {
  const bytes = Buffer.from(text);
  const sections = new Map<string, number>();
  let section = "start";
  let digits = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const opened = /^"(\w+)":/.exec(bytes.toString("latin1", at, at + 20));
    if (opened !== null && bytes[at - 1] === 0x0a) section = opened[1] as string;
    const byte = bytes[at] as number;
    if (byte < 0x30 || byte > 0x39) continue;
    const edited = Buffer.from(bytes);
    edited[at] = byte === 0x39 ? 0x30 : byte + 1;
    await expect(check(edited), `the digit at byte ${at} in ${section}`).rejects.toMatchObject(refused);
    digits += 1;
    sections.set(section, (sections.get(section) ?? 0) + 1);
  }
  expect(digits).toBeGreaterThan(1500);
  // Each section had digits to edit.
  expect([...sections.keys()]).toEqual(["start", ...sectionNames, "body", "signature"]);
}, 300_000);

test("an edited line is named by its section", async () => {
  const edited = text.replace('"size_bytes":1234', '"size_bytes":1235');
  await expect(check(edited)).rejects.toMatchObject({
    code: "report_altered",
    what: expect.stringMatching(/entries.*Merkle root.*totals of the entries/) as string,
  });
});

const first = (lines: readonly string[]): number => lines.findIndex((line) => line.includes("docs/a.txt"));

describe("lines", () => {
  const changes: readonly (readonly [string, (lines: string[]) => string[]])[] = [
    [
      "swapped",
      (lines) => lines.toSpliced(first(lines), 2, ...lines.slice(first(lines), first(lines) + 2).toReversed()),
    ],
    ["duplicated", (lines) => lines.toSpliced(first(lines), 0, lines[first(lines)] as string)],
    ["removed", (lines) => lines.toSpliced(first(lines), 1)],
  ];
  test.each(changes)("%s are found", async (_name, change) => {
    await expect(check(change(text.split("\n")).join("\n"))).rejects.toMatchObject({ code: "report_altered" });
  });
});

test("a report cut off anywhere is refused", async () => {
  // The last newline alone is no content.
  for (let length = 0; length < text.length - 1; length += length < 200 || length > text.length - 600 ? 1 : 97) {
    await expect(check(text.slice(0, length)), `cut at ${length}`).rejects.toMatchObject({ code: "report_invalid" });
  }
});

test("bytes after the end, a second document, and bytes that are no UTF-8 are refused", async () => {
  for (const more of ["1", "{}", "\n7", text])
    await expect(check(text + more)).rejects.toMatchObject({ code: "report_invalid" });
  const bytes = Buffer.from(text);
  bytes[bytes.indexOf("docs/a.txt")] = 0xff;
  await expect(check(bytes)).rejects.toMatchObject({ code: "report_invalid" });
});

function reversedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversedKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, child]) => [name, reversedKeys(child)]),
  );
}

describe("a document in another layout", () => {
  const layouts: readonly (readonly [string, (value: unknown) => string])[] = [
    ["pretty-printed", (value) => JSON.stringify(value, null, 2)],
    ["on one line", (value) => JSON.stringify(value)],
    ["with its keys in another order", (value) => JSON.stringify(reversedKeys(value), null, "\t")],
  ];
  test.each(layouts)("%s is as intact, and as sensitive", async (_name, layout) => {
    const changed = layout(JSON.parse(text));
    expect(await check(changed, publicKeyPem(key))).toMatchObject({ intact: true, signer: "known" });
    await expect(check(changed.replace("1234", "1235"))).rejects.toMatchObject({ code: "report_altered" });
    await expect(check(changed.replace("docs/empty", "docs/Empty"))).rejects.toMatchObject({ code: "report_altered" });
  });

  test("with a key that stands twice is refused, since readers differ on which counts", async () => {
    const twice = text.replace('"size_bytes":1234', '"size_bytes":9999,"size_bytes":1234');
    await expect(check(twice)).rejects.toMatchObject({ code: "report_invalid" });
    const pretty = JSON.stringify(JSON.parse(text), null, 1).replace('"runs": 2', '"runs": 3, "runs": 2');
    await expect(check(pretty)).rejects.toMatchObject({ code: "report_invalid" });
  });

  test("with a part that no report has is refused", async () => {
    const more = JSON.stringify({ ...(JSON.parse(text) as object), note: "all is well" });
    await expect(check(more)).rejects.toMatchObject({ code: "report_invalid" });
  });
});

describe("a report that was edited and signed again", () => {
  interface Document {
    body: ReportBody;
    signature: unknown;
    entries: Record<string, unknown>[];
  }
  const forge = (edit: (document: Document) => void): string => {
    const document = JSON.parse(text) as Document;
    edit(document);
    return JSON.stringify({ ...document, signature: signBody(document.body, other) });
  };

  test("with another key is intact, and fails against the checker's own", async () => {
    const forged = forge((document) => {
      document.body.job.source = "file:///somewhere/else";
    });
    expect(await check(forged)).toMatchObject({ intact: true, signer: "unknown", keyId: other.keyId });
    await expect(check(forged, publicKeyPem(key))).rejects.toMatchObject({ code: "report_signer" });
  });

  test("must still add up: a body that only claims a pass is found out", async () => {
    const forged = forge((document) => {
      document.body.overall_status = "pass";
      document.body.problems = [];
    });
    await expect(check(forged)).rejects.toMatchObject({ code: "report_altered" });
  });

  test("cannot keep the key id of another key", async () => {
    const document = JSON.parse(text) as Document;
    const signature = { ...signBody(document.body, other), key_id: key.keyId };
    await expect(check(JSON.stringify({ ...document, signature }))).rejects.toMatchObject({ code: "report_altered" });
  });
});

test("what is no report is refused by name", async () => {
  for (const none of ["", "hello\n", "[]", "{}", '{"godwit_report":2}', "null", '{"godwit_report":1}']) {
    await expect(check(none), `«${none}»`).rejects.toMatchObject({ code: "report_invalid" });
  }
  await expect(verifyReport(join(directory, "absent"))).rejects.toMatchObject({ code: "report_invalid" });
  await expect(verifyReport(directory)).rejects.toMatchObject({ code: "report_invalid" });
  await expect(check(text, "no key")).rejects.toMatchObject({ code: "key_invalid" });
});
