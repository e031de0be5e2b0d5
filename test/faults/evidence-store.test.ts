/**
 * A wire or a store that gives wrong bytes while everything else is consistent: one read cannot see it, the checksum
 * that the store keeps can. Invariant 2. Godwit's own digests are never touched.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
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
