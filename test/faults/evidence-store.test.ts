/**
 * A wire or a store that gives wrong bytes while everything else is consistent: one read cannot see it, the checksum
 * that the store keeps can. Invariant 2. Godwit's own digests are never touched.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { s3Request } from "../testbed/signed-request.ts";
import { describeOnServers } from "../testbed/suites.ts";
import { seededBytes } from "../testbed/trees.ts";
import { copyFromStore, MiB, newStorePlace, put, putParts, readsOf, type StorePlace } from "./evidence-place.ts";

const mismatch = expect.objectContaining({ code: "source_evidence_mismatch" });

/** Everything below the target, staged files as well. */
function filesOf({ target }: StorePlace): readonly string[] {
  return readdirSync(target, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .toSorted();
}

/** An object of which this server says no checksum: its ETag is no MD5 of its bytes. */
async function putSilent(place: StorePlace, name: string, body: Uint8Array): Promise<void> {
  if (place.s3.name === "moto") await put(place, name, body, { "x-amz-server-side-encryption": "aws:kms" });
  else await putParts(place, name, [body]);
}

function lieOf(place: StorePlace, name: string, nth?: number): ReturnType<StorePlace["proxy"]["fail"]> {
  const fault = { kind: "corrupt", body: "response", offset: 1_234 } as const;
  const rule = { operation: "GetObject", key: `from/${name}`, fault };
  return place.proxy.fail(nth === undefined ? rule : { ...rule, nth });
}

describeOnServers("small objects and the checksums that their store keeps", (s3) => {
  const bodies = ["a", "b", "c"].map((name) => [`${name}.bin`, seededBytes(name, 5_000)] as const);

  async function filled(): Promise<StorePlace> {
    const place = await newStorePlace(s3);
    for (const [name, body] of bodies) {
      if (name === "b.bin") await putSilent(place, name, body);
      else await put(place, name, body);
    }
    await put(place, "empty", Buffer.alloc(0));
    return place;
  }

  test("the report says of each object what its proof rests on, whatever its neighbours have", async () => {
    const place = await filled();
    const { end, passed, entries } = await copyFromStore(place);
    expect(end.exitCode, end.stderr).toBe(0);
    expect(passed).toBe(true);
    expect([...entries.values()].map(({ path, evidence }) => [path, evidence])).toEqual([
      ["a.bin", "store_checksum"],
      ["b.bin", "one_read"],
      ["c.bin", "store_checksum"],
      ["empty", "store_checksum"],
    ]);
  });

  test("one wrong read is found: that object alone is read again, and the history stays", async () => {
    const place = await filled();
    const rule = lieOf(place, "a.bin", 1);
    const { end, passed, entries, exceptions } = await copyFromStore(place);
    expect(end.exitCode, end.stderr).toBe(0);
    expect(rule.hits).toBe(1);
    expect(passed).toBe(true);
    expect(entries.get("a.bin")).toMatchObject({ outcome: "verified", evidence: "store_checksum" });
    expect(entries.get("c.bin")).toMatchObject({ outcome: "verified", evidence: "store_checksum" });
    expect(exceptions).toEqual([expect.objectContaining({ path: "a.bin", outcome: "retried", error: mismatch })]);
    expect(bodies.map(([name]) => readsOf(place, name).length)).toEqual([2, 1, 1]);
    for (const [name, body] of bodies) expect(readFileSync(join(place.target, name))).toEqual(body);
  });

  test("reads that are wrong every time end the object failed, and nothing is published under its name", async () => {
    const place = await filled();
    const rule = lieOf(place, "c.bin");
    const { end, passed, entries } = await copyFromStore(place);
    expect(end.exitCode, end.stderr).toBe(1);
    expect(rule.hits, "tried three times in all").toBe(3);
    expect(passed).toBe(false);
    expect(entries.get("c.bin")).toMatchObject({ outcome: "failed", evidence: "none", error: mismatch });
    expect(entries.get("a.bin")).toMatchObject({ outcome: "verified", evidence: "store_checksum" });
    expect(filesOf(place)).toEqual(["a.bin", "b.bin", "empty"]);
  });

  test("an object whose checksum may not be asked fails alone, and its neighbours go on", async () => {
    const place = await filled();
    const fault = { kind: "status", status: 403, code: "AccessDenied" } as const;
    place.proxy.fail({ operation: "HeadObject", key: "from/a.bin", fault, when: () => asked(place) });
    const { end, entries } = await copyFromStore(place);
    expect(end.exitCode, end.stderr).toBe(1);
    expect(entries.get("a.bin")).toMatchObject({ outcome: "failed" });
    expect(entries.get("c.bin")).toMatchObject({ outcome: "verified", evidence: "store_checksum" });
    expect(filesOf(place)).toEqual(["b.bin", "c.bin", "empty"]);
  });

  test("what the target held already is compared with the checksums, too", async () => {
    const place = await filled();
    await copyFromStore(place);
    const again = await copyFromStore(place, ["--new"]);
    expect(again.end.exitCode).toBe(0);
    expect(again.entries.get("a.bin")).toMatchObject({ outcome: "identical", evidence: "store_checksum" });
    expect(again.entries.get("b.bin")).toMatchObject({ outcome: "identical", evidence: "second_read" });
  });
});

/** The listing of s3s-fs has no ETags, so the plan asks each object once. */
function asked({ s3, proxy }: StorePlace): boolean {
  return s3.name === "moto" || proxy.find({ operation: "HeadObject", key: "from/a.bin" }).length > 1;
}

describeOnServers("a large object and the checksum that its store keeps of the whole", (s3) => {
  const body = seededBytes("large", 20 * MiB);
  const chunks = ["--chunk-size", "8MiB"] as const;

  test("one wrong read is found when the whole has arrived, and the object is read again", async () => {
    const place = await newStorePlace(s3);
    await put(place, "large.bin", body);
    const rule = lieOf(place, "large.bin", 2);
    const { end, passed, entries, exceptions } = await copyFromStore(place, chunks);
    expect(end.exitCode, end.stderr).toBe(0);
    expect(rule.hits).toBe(1);
    expect(passed).toBe(true);
    expect(entries.get("large.bin")).toMatchObject({ outcome: "verified", evidence: "store_checksum" });
    expect(exceptions).toEqual([expect.objectContaining({ path: "large.bin", outcome: "retried", error: mismatch })]);
    expect(readFileSync(join(place.target, "large.bin")).equals(body)).toBe(true);
  });

  test("reads that are wrong every time end the object failed, and nothing of it is left", async () => {
    const place = await newStorePlace(s3);
    await put(place, "large.bin", body);
    await put(place, "small.bin", body.subarray(0, 100));
    lieOf(place, "large.bin");
    const { end, entries } = await copyFromStore(place, chunks);
    expect(end.exitCode, end.stderr).toBe(1);
    expect(entries.get("large.bin")).toMatchObject({ outcome: "failed", error: mismatch });
    expect(entries.get("small.bin")).toMatchObject({ outcome: "verified", evidence: "store_checksum" });
    expect(existsSync(join(place.target, "large.bin"))).toBe(false);
    expect(filesOf(place)).toEqual(["small.bin"]);
  });
});

describeOnServers("an object that was sent in parts", (s3) => {
  const parts = [seededBytes("p1", 5 * MiB), seededBytes("p2", 6 * MiB), seededBytes("p3", 1_000)];
  const whole = Buffer.concat(parts);
  /** s3s-fs tells neither the parts of an object nor their borders: the checksum of checksums says nothing then. */
  const told = s3.name === "moto" ? "store_checksum" : "one_read";
  const sorts = [
    ["of MD5s", {}],
    ["of SHA-256s", { "x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "COMPOSITE" }],
    ["of CRC-32s", { "x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "COMPOSITE" }],
    ["of the whole by CRC-64", { "x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "FULL_OBJECT" }],
  ] as const;

  test.each(sorts)("and has a checksum %s is compared with it where its parts are known", async (_, headers) => {
    const place = await newStorePlace(s3);
    await putParts(place, "parts.bin", parts, headers);
    await put(place, "small.bin", whole.subarray(0, 100));
    for (const options of [[], ["--chunk-size", "5MiB"]]) {
      const found = await copyFromStore({ ...place, target: `${place.target}${options.length}` }, [
        "--new",
        ...options,
      ]);
      expect(found.end.exitCode, found.end.stderr).toBe(0);
      expect(found.passed).toBe(true);
      expect(found.entries.get("parts.bin")).toMatchObject({ outcome: "verified", evidence: told });
      expect(found.entries.get("small.bin")).toMatchObject({ outcome: "verified", evidence: "store_checksum" });
    }
  });
});

describeOnServers(
  "an object that was sent in parts, of which the store tells",
  (s3) => {
    const parts = [seededBytes("p1", 5 * MiB), seededBytes("p2", 6 * MiB), seededBytes("p3", 1_000)];
    const sha256 = { "x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "COMPOSITE" };
    const cases = [
      ["in a pack, by its ETag", {}, []],
      ["in a pack, by its SHA-256s", sha256, []],
      ["in chunks, by its ETag", {}, ["--chunk-size", "5MiB"]],
      ["in chunks, by its SHA-256s", sha256, ["--chunk-size", "5MiB"]],
    ] as const;

    test.each(cases)("one wrong read is found %s", async (_, headers, options) => {
      const place = await newStorePlace(s3);
      await putParts(place, "parts.bin", parts, headers);
      const rule = lieOf(place, "parts.bin", 2);
      const { end, passed, entries, exceptions } = await copyFromStore(place, options);
      expect(end.exitCode, end.stderr).toBe(0);
      expect(rule.hits).toBe(1);
      expect(passed).toBe(true);
      expect(entries.get("parts.bin")).toMatchObject({ outcome: "verified", evidence: "store_checksum" });
      expect(exceptions).toEqual([expect.objectContaining({ path: "parts.bin", outcome: "retried", error: mismatch })]);
      expect(readFileSync(join(place.target, "parts.bin")).equals(Buffer.concat(parts))).toBe(true);
    });

    test.each(cases)("reads that are wrong every time end it failed %s", async (_, headers, options) => {
      const place = await newStorePlace(s3);
      await putParts(place, "parts.bin", parts, headers);
      lieOf(place, "parts.bin");
      const { end, entries } = await copyFromStore(place, options);
      expect(end.exitCode, end.stderr).toBe(1);
      expect(entries.get("parts.bin")).toMatchObject({ outcome: "failed", error: mismatch });
      expect(filesOf(place)).toEqual([]);
    });
  },
  { servers: ["moto"] },
);

describeOnServers("checksums of every sort that a store keeps", (s3) => {
  /** The check values that the catalogues give for these nine bytes. */
  const nine = Buffer.from("123456789");
  test.each([
    ["sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"],
    ["sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"],
    ["crc32", "cbf43926"],
    ["crc32c", "e3069283"],
    ["crc64nvme", "ae8b14860a799888"],
  ])("%s is computed as the store does", async (algorithm, hex) => {
    const place = await newStorePlace(s3);
    const base64 = Buffer.from(hex, "hex").toString("base64");
    const headers = {
      [`x-amz-checksum-${algorithm}`]: base64,
      "x-amz-sdk-checksum-algorithm": algorithm.toUpperCase(),
    };
    await put(place, "nine", nine, headers);
    const found = await copyFromStore(place);
    expect(found.entries.get("nine")).toMatchObject({ outcome: "verified", evidence: "store_checksum" });
    const fault = { kind: "corrupt", body: "response", offset: 4 } as const;
    place.proxy.fail({ operation: "GetObject", key: "from/nine", fault });
    const wrong = await copyFromStore({ ...place, target: `${place.target}-2` }, ["--new"]);
    expect(wrong.end.exitCode).toBe(1);
    expect(wrong.entries.get("nine")?.error?.what).toMatch(new RegExp(`read with ${algorithm} \\w+, .* says ${hex}$`));
  });
});

describeOnServers("from bucket to bucket", (s3) => {
  const body = seededBytes("bucket", 20 * MiB);
  const chunks = ["--chunk-size", "8MiB"] as const;

  async function filled(): Promise<StorePlace> {
    const place = await newStorePlace(s3);
    await put(place, "large.bin", body);
    await put(place, "small.bin", body.subarray(0, 3_000));
    return { ...place, target: `s3://${place.bucket}/to` };
  }

  test.each(["large.bin", "small.bin"])("one wrong read of %s is found, and what arrives is right", async (name) => {
    const place = await filled();
    const rule = lieOf(place, name, 1);
    const { end, passed, entries, exceptions } = await copyFromStore(place, chunks);
    expect(end.exitCode, end.stderr).toBe(0);
    expect(rule.hits).toBe(1);
    expect(passed).toBe(true);
    expect([...entries.values()].map(({ evidence }) => evidence)).toEqual(["store_checksum", "store_checksum"]);
    expect(exceptions.filter(({ outcome }) => outcome === "retried")).toEqual([
      expect.objectContaining({ path: name, error: mismatch }),
    ]);
    const arrived = await s3Request(s3.server(), { method: "GET", bucket: place.bucket, key: `to/${name}` });
    expect(arrived.body.equals(name === "large.bin" ? body : body.subarray(0, 3_000))).toBe(true);
  });

  test.each(["large.bin", "small.bin"])("reads of %s that are wrong every time end it failed", async (name) => {
    const place = await filled();
    lieOf(place, name);
    const { end, passed, entries } = await copyFromStore(place, chunks);
    expect(end.exitCode, end.stderr).toBe(1);
    expect(passed).toBe(false);
    for (const [path, { outcome, error }] of entries) {
      const expected = path === name ? { outcome: "failed", error: mismatch } : { outcome: "verified" };
      expect({ path, outcome, error }).toEqual({ path, ...expected });
    }
    if (name === "large.bin") return;
    const arrived = await s3Request(s3.server(), { method: "HEAD", bucket: place.bucket, key: `to/${name}` });
    expect(arrived.status, "nothing small is published").toBe(404);
  });
});
