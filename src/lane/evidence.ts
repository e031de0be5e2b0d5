/** What a source's bytes can be compared with: checksums that its store keeps, or a list that somebody gave. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { ErrorRecord } from "../base/errors.ts";
import { GodwitError } from "../base/errors.ts";
import type { Item } from "../model/chunk.ts";
import { sameVersion } from "../model/entry.ts";
import type { JobSpec } from "../model/job.ts";
import { displayPath } from "../model/path.ts";
import type { Source, StoreChecksum } from "../ports/source.ts";
import type { EvidenceProvider, Expectation } from "../worker/role.ts";
import { type Checksum, checksum } from "./checksum.ts";

export async function evidenceProvider(spec: JobSpec, source: Source): Promise<EvidenceProvider | null> {
  const wanted = spec.sourceEvidence;
  if (wanted.type === "store") return storeEvidence(source);
  if (wanted.type === "manifest") return manifestEvidence(await readManifest(wanted.path), wanted.path);
  return null;
}

function storeEvidence(source: Source): EvidenceProvider {
  return {
    evidence: "store_checksum",
    expect: async (item, signal) => {
      const observed = await source.observe(item.entry, signal);
      // A checksum of another version says nothing of this one; reading it tells what became of it.
      if (observed === null || !sameVersion(observed.entry.version, item.entry.version)) return null;
      const kept = observed.checksum;
      return kept === null ? null : expectation(item, kept, "the checksum that the source's store keeps");
    },
  };
}

function manifestEvidence(digests: ReadonlyMap<string, string>, path: string): EvidenceProvider {
  return {
    evidence: "manifest",
    expect: (item) => {
      const hex = digests.get(item.entry.path);
      return Promise.resolve(hex === undefined ? null : expectation(item, { algorithm: "sha256", hex }, path));
    },
  };
}

function expectation(item: Item, expected: StoreChecksum, by: string): Expectation {
  // A file of one block: the block's digest is the file's.
  const known = expected.algorithm === "sha256" && item.length <= item.blockBytes;
  const running: Checksum | null = known ? null : checksum(expected.algorithm);
  return {
    update: (bytes) => running?.update(bytes),
    objection: async (digest) => {
      const found = running === null ? Buffer.from(digest).toString("hex") : await running.hex();
      return found === expected.hex ? null : mismatch(item, expected, { found, by });
    },
  };
}

function mismatch(item: Item, expected: StoreChecksum, { found, by }: { found: string; by: string }): ErrorRecord {
  return {
    code: "source_evidence_mismatch",
    disposition: "retry",
    what: `${displayPath(item.entry.path)} was read with ${expected.algorithm} ${found}, but ${by} says ${expected.hex}`,
    hint: "It is read again, up to 3 times in all. If that does not help, the source is damaged or its checksum is wrong.",
  };
}

/** Reads `sha256sum` output: names as bytes, with its escapes for newline and backslash. */
async function readManifest(path: string): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  const lines = createInterface({ input: createReadStream(path, { encoding: "latin1" }), crlfDelay: Infinity });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line === "" || line.startsWith("#")) continue;
    const parsed = /^(\\?)([0-9a-fA-F]{64}) [ *](.+)$/s.exec(line);
    if (parsed === null) {
      throw new GodwitError("evidence_missing", {
        disposition: "fatal",
        what: `line ${number} of ${path} is not a line of sha256sum`,
        hint: "Each line holds 64 hexadecimal digits, two spaces, and a name relative to the source.",
      });
    }
    const [, escaped, hex, name] = parsed as unknown as [string, string, string, string];
    const plain =
      escaped === "" ? name : name.replaceAll(/\\(\\|n|r)/g, (_, c: string) => ({ n: "\n", r: "\r" })[c] ?? "\\");
    digests.set(plain.startsWith("./") ? plain.slice(2) : plain, hex.toLowerCase());
  }
  return digests;
}

/** The identity of a manifest or a list of files: a resumed job must be given the same. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
