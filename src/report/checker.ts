import type { ZodType } from "zod";
import { GodwitError } from "../base/errors.ts";
import { canonicalJson } from "./canonical.ts";
import { EntryTally, tallied } from "./entry-tally.ts";
import { judge } from "./judge.ts";
import { pathOfName } from "./leaf.ts";
import {
  bodySchema,
  entrySchema,
  type ReportBody,
  type ReportSignature,
  type SectionName,
  sectionNames,
  sectionSchemas,
  signatureSchema,
} from "./schema.ts";
import { SectionHash } from "./section-hash.ts";
import { isSignedBy, type PublicKey, signerOf } from "./signature.ts";
import { invalidReport, parseStrictly, type StrictJson } from "./strict-json.ts";

export interface CheckedReport {
  readonly body: ReportBody;
  readonly signer: PublicKey;
}

/** Takes the parts of a report in the order of the file, makes all sums and hashes again, and compares at the end. */
export class ReportChecker {
  readonly #hashes = Object.fromEntries(sectionNames.map((name) => [name, new SectionHash()]));
  readonly #tally = new EntryTally();
  readonly #deletions = { deleted: 0, vanished: 0, failed: 0, pending: 0 };
  #body: StrictJson | null = null;
  #signature: StrictJson | null = null;

  /** @throws report_invalid when the line is nothing that this section can hold */
  line(section: SectionName, text: string): void {
    this.add(section, parseStrictly(text));
  }

  add(section: SectionName, { value, canonical }: StrictJson): void {
    (this.#hashes[section] as SectionHash).add(canonical);
    if (section === "entries") {
      const entry = matching(entrySchema, value, "an entry");
      const isNamed = pathOfName(entry.path, entry.path_bytes_base64) !== null;
      const isLinked = entry.link === undefined || pathOfName(entry.link, entry.link_bytes_base64) !== null;
      if (!isNamed || !isLinked) throw invalidReport(`the name ${entry.path} and its bytes contradict each other`);
      this.#tally.add(entry);
    } else if (section === "deletions") {
      this.#deletions[matching(sectionSchemas.deletions, value, "a deletion").outcome] += 1;
    } else {
      matching<unknown>(sectionSchemas[section], value, `a line of ${section}`);
    }
  }

  body(text: string): void {
    this.setBody(parseStrictly(text));
  }
  setBody(body: StrictJson): void {
    this.#body = body;
  }

  signature(text: string): void {
    this.setSignature(parseStrictly(text));
  }
  setSignature(signature: StrictJson): void {
    this.#signature = signature;
  }

  /** @throws report_altered naming what differs, report_invalid */
  finish(): CheckedReport {
    if (this.#body === null || this.#signature === null) throw invalidReport("it has no body or no signature");
    const signature: ReportSignature = matching(signatureSchema, this.#signature.value, "the signature");
    const signer = signerOf(signature);
    if (signer === null) throw altered(["the signature (its key and its key id do not belong together)"]);
    const differences: string[] = [];
    if (!isSignedBy(this.#body.canonical, signature, signer)) {
      differences.push("the body or the signature (they do not belong together)");
    }
    const parsed = bodySchema.safeParse(this.#body.value);
    if (!parsed.success && differences.length > 0) throw altered(differences);
    const body = matching(bodySchema, this.#body.value, "the body");
    differences.push(...this.#sectionDifferences(body), ...this.#sumDifferences(body));
    if (differences.length > 0) throw altered(differences);
    return { body, signer };
  }

  #sectionDifferences(body: ReportBody): string[] {
    const differences: string[] = [];
    for (const section of sectionNames) {
      const signed = body.sections[section];
      const found = (this.#hashes[section] as SectionHash).finish();
      if (found.lines !== signed.lines) {
        differences.push(`${section} (${found.lines} lines instead of ${signed.lines})`);
      } else if (found.sha256 !== signed.sha256) {
        differences.push(`${section} (a line was changed, or lines changed places)`);
      }
    }
    return differences;
  }

  #sumDifferences(body: ReportBody): string[] {
    const { merkle } = this.#tally;
    const made = {
      "the Merkle root": { leaves: merkle.leaves, root: merkle.root().toString("hex") },
      "the totals of the entries": tallied(this.#tally),
      "the totals of the deletions": this.#deletions,
      "the overall status": judge(body),
    };
    const { outcomes, evidence, undigested_entries, deletions } = body.totals;
    const signed = {
      "the Merkle root": body.merkle,
      "the totals of the entries": { outcomes, evidence, undigested_entries },
      "the totals of the deletions": deletions,
      "the overall status": { overall_status: body.overall_status, problems: body.problems },
    };
    const names = Object.keys(made) as readonly (keyof typeof made)[];
    return names.filter((name) => canonicalJson(made[name]) !== canonicalJson(signed[name]));
  }
}

function matching<T>(schema: ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidReport(
    `${what} does not have the shape of one (${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""})`,
  );
}

function altered(differences: readonly string[]): GodwitError {
  return new GodwitError("report_altered", {
    disposition: "corrupt",
    what: `this report is not the one that was signed; it differs in ${differences.join("; ")}`,
    hint: "Do not rely on it. Fetch it again from where it was made: `godwit report JOB` writes it anew from the state.",
  });
}
