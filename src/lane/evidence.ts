/** What a source's bytes can be compared with: checksums that its store keeps, or a list that somebody gave. */
import { readFile } from "node:fs/promises";
import type { ErrorRecord } from "../base/errors.ts";
import type { Item } from "../model/chunk.ts";
import { sameVersion } from "../model/entry.ts";
import type { JobSpec } from "../model/job.ts";
import { displayPath } from "../model/path.ts";
import type { Source, StoreChecksum } from "../ports/source.ts";
import type { EvidenceProvider, Expectation } from "../worker/role.ts";
import { type Checksum, checksum, compositeChecksum } from "./checksum.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import { refuseOtherList } from "./lists.ts";

export async function evidenceProvider(spec: JobSpec, source: Source): Promise<EvidenceProvider | null> {
  const wanted = spec.sourceEvidence;
  if (wanted.type === "store") return storeEvidence(source);
  if (wanted.type === "manifest") {
    const bytes = await readFile(wanted.path);
    refuseOtherList(wanted, bytes);
    return manifestEvidence(parseManifest(bytes, wanted.path), wanted.path);
  }
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
      if (kept === null) return null;
      const by = "the checksum that the source's store keeps";
      if (kept.parts === null) return expectation(item, kept, { by, partBytes: null });
      const partBytes = (await source.partBytes?.(item.entry, kept.parts, signal)) ?? null;
      return partBytes === null ? null : expectation(item, kept, { by, partBytes });
    },
  };
}

function manifestEvidence(manifest: Manifest, path: string): EvidenceProvider {
  return {
    evidence: "manifest",
    expect: (item) => {
      const hex = manifest.digestOf(item.entry.path);
      return Promise.resolve(
        hex === null
          ? null
          : expectation(item, { algorithm: "sha256", hex, parts: null }, { by: path, partBytes: null }),
      );
    },
  };
}

interface Basis {
  /** Who says so. */
  readonly by: string;
  /** Null where the checksum is over the bytes themselves. */
  readonly partBytes: readonly number[] | null;
}

function expectation(item: Item, expected: StoreChecksum, { by, partBytes }: Basis): Expectation {
  const running = runningOf(item, expected, partBytes);
  return {
    update: (bytes) => running?.update(bytes),
    objection: async (digest) => {
      const found = running === null ? Buffer.from(digest).toString("hex") : await running.hex();
      return found === expected.hex ? null : mismatch(item, expected, { found, by });
    },
  };
}

/** @returns null for a file of one block, whose digest is the file's */
function runningOf(item: Item, { algorithm }: StoreChecksum, partBytes: readonly number[] | null): Checksum | null {
  if (partBytes !== null) return compositeChecksum(algorithm, partBytes);
  return algorithm === "sha256" && item.length <= item.blockBytes ? null : checksum(algorithm);
}

function mismatch(item: Item, expected: StoreChecksum, { found, by }: { found: string; by: string }): ErrorRecord {
  return {
    code: "source_evidence_mismatch",
    disposition: "retry",
    what: `${displayPath(item.entry.path)} was read with ${expected.algorithm} ${found}, but ${by} says ${expected.hex}`,
    hint: "It is read again, up to 3 times in all. If that does not help, the source is damaged or its checksum is wrong.",
  };
}
