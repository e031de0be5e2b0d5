import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import {
  listed,
  sampleEntry,
  sampleError,
  sampleItem,
  sampleJob,
  sampleJobId,
  sampleRow,
  sampleStore,
  sampleVerdict,
} from "../../test/report/sample-store.ts";
import { pathFromText } from "../model/path.ts";
import type { ReportStore } from "./build.ts";
import { bytesText, escapeHtml, html } from "./html-text.ts";
import { openSigningKey } from "./keys.ts";
import { writeReport } from "./write.ts";

async function page(store: ReportStore): Promise<string> {
  const state = await mkdtemp(join(tmpdir(), "godwit-html-"));
  let text = "";
  const out = new Writable({
    write(piece: Buffer, _encoding, done) {
      text += piece.toString();
      done();
    },
  });
  await writeReport({ store, jobId: sampleJobId, format: "html", key: await openSigningKey(state), out });
  await rm(state, { recursive: true });
  return text;
}

test("the page says the verdict first, names the exceptions and not the other entries", async () => {
  const text = await page(sampleJob());
  const order = [
    "<strong>Fail</strong>",
    "Entries that ended failed: 1.",
    "What the proof rests on",
    "docs/secret",
    "Signature",
  ];
  const places = order.map((part) => text.indexOf(part));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places).not.toContain(-1);
  expect(text).not.toContain("docs/a.txt");
});

test("a proven job says so, and that there are no exceptions", async () => {
  const store = sampleStore({
    rows: () => [sampleRow(1, { items: [sampleItem(sampleEntry("a", 5))] })],
    verdicts: () => [sampleVerdict(1)],
    counters: { ...listed(1, 5), "entries:verified": 1, "bytes:verified": 5 },
  });
  const text = await page(store);
  expect(text).toContain("<strong>Pass</strong>");
  expect(text).toContain("None. Every entry ended as it should");
});

test("it needs nothing from elsewhere and runs nothing", async () => {
  const text = await page(sampleJob());
  expect(text).not.toMatch(/<script|<link|<img|src=|href=|@import|url\(|\son\w+=/i);
  expect(text).toContain("default-src &#39;none&#39;");
});

test("names and messages cannot become markup or hide what they are", async () => {
  const evil = `<img src=x onerror=alert(1)>"'&\u202egpj.exe\u0007`;
  const text = await page(
    sampleStore({
      rows: () => [],
      exceptions: [
        {
          chunkId: 1,
          path: pathFromText(evil),
          outcome: evil,
          error: { ...sampleError, what: evil },
          lost: [evil],
          at: 0,
        },
      ],
      verdicts: () => [sampleVerdict(1, { result: "mismatch", path: pathFromText(evil), reader: evil })],
    }),
  );
  expect(text).not.toContain("<img");
  for (const hidden of ["\u202e", "\u0007"]) expect(text).not.toContain(hidden);
  expect(text.split("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;\\u202egpj.exe\\u0007").length).toBe(7);
});

test("a comparison for which something could not be read says so in place of a digest", async () => {
  const verdict = sampleVerdict(1, { stage: "reconcile", result: "inconclusive", targetDigest: "" });
  const text = await page(sampleStore({ rows: () => [], verdicts: () => [verdict] }));
  expect(text).toContain("reconcile, inconclusive");
  expect(text).toContain('<code class="bad">not read</code>');
});

test("a template escapes its values and keeps what is markup already", () => {
  expect(html`<b>${"<"}</b>${[html`${1234567}`]}`.html).toBe("<b>&lt;</b>1,234,567");
  expect(escapeHtml("a\u0000b\u{1f600}")).toBe("a\\u0000b\u{1f600}");
});

test("bytes are shown in decimal units", () => {
  expect([0, 999, 1000, 999_999, 1_500_000_000, Number.MAX_SAFE_INTEGER].map(bytesText)).toEqual([
    "0 bytes",
    "999 bytes",
    "1.00 KB",
    "1.00 MB",
    "1.50 GB",
    "9.01 PB",
  ]);
});
