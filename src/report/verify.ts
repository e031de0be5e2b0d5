/**
 * Checks a report offline: needs the file and nothing else. That the report is whole and unchanged follows from the
 * file; who signed it is proven only against a public key that the checker got by another way.
 */
import { type FileHandle, open } from "node:fs/promises";
import { GodwitError } from "../base/errors.ts";
import { canonicalJson } from "./canonical.ts";
import { type CheckedReport, ReportChecker } from "./checker.ts";
import { LayoutReader } from "./json-layout.ts";
import { decode, readLines } from "./line-reader.ts";
import { type ReportBody, reportFormat, type SectionName, sectionNames } from "./schema.ts";
import { publicKeyDer, type PublicKey, readPublicKey } from "./signature.ts";
import { invalidReport, parseStrictly } from "./strict-json.ts";

/** A document in another layout than Godwit's own is parsed whole, up to this size. */
const wholeBytesMax = 64 * 1_048_576;

export interface VerifyOptions {
  /** The checker's own copy of the signer's public key, PEM. */
  readonly publicKeyPem?: string | undefined;
}

export interface VerifiedReport {
  readonly intact: true;
  /** `known`: signed by the key that the checker gave. */
  readonly signer: "known" | "unknown";
  readonly keyId: string;
  readonly body: ReportBody;
}

/**
 * @throws report_invalid when the file is no whole report
 * @throws report_altered when something in it is not what was signed
 * @throws report_signer when it is intact, and signed by another key than the one given
 * @throws key_invalid when the key given is none
 */
export async function verifyReport(path: string, options: VerifyOptions = {}): Promise<VerifiedReport> {
  const wanted = options.publicKeyPem === undefined ? null : readPublicKey(options.publicKeyPem);
  const { body, signer } = await checkFile(path);
  if (wanted !== null && !publicKeyDer(wanted.publicKey).equals(publicKeyDer(signer.publicKey))) {
    throw otherSigner(signer, wanted);
  }
  return { intact: true, signer: wanted === null ? "unknown" : "known", keyId: signer.keyId, body };
}

async function checkFile(path: string): Promise<CheckedReport> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new GodwitError("report_invalid", {
      disposition: "rejected",
      what: `${path} cannot be read`,
      hint: "Give the path of a report: a JSON file that `godwit report` wrote.",
      cause,
    });
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw invalidReport(`${path} is not a file`);
    const streamed = await checkLayout(file);
    if (streamed instanceof ReportChecker) return streamed.finish();
    if (stats.size <= wholeBytesMax) return checkWhole(decode(await readWhole(file, stats.size)));
    throw streamed ?? invalidReport("its lines are not those that Godwit writes, and it is too large to be read whole");
  } finally {
    await file.close();
  }
}

/** @returns the checker with all that the file holds, or why it is not in Godwit's own layout */
async function checkLayout(file: FileHandle): Promise<ReportChecker | GodwitError | null> {
  const checker = new ReportChecker();
  const reader = new LayoutReader(checker);
  try {
    for await (const lines of readLines(file)) {
      for (const line of lines) if (!reader.take(line)) return null;
    }
  } catch (error) {
    if (error instanceof GodwitError && error.code === "report_invalid") return error;
    throw error;
  }
  return reader.isWhole ? checker : invalidReport("it ends too early");
}

async function readWhole(file: FileHandle, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(bytes, at, size - at, at);
    if (bytesRead === 0) throw invalidReport("it became shorter while it was read");
    at += bytesRead;
  }
  return bytes;
}

function checkWhole(text: string): CheckedReport {
  const { value } = parseStrictly(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalidReport("it is no JSON object");
  const { godwit_report: format, body, signature, ...sections } = value as Record<string, unknown>;
  if (format !== reportFormat) throw invalidReport(`it is not of format ${reportFormat}`);
  const checker = new ReportChecker();
  for (const name of sectionNames) addSection(checker, name, sections[name]);
  const unknown = Object.keys(sections).find((name) => !sectionNames.includes(name as SectionName));
  if (unknown !== undefined) throw invalidReport(`it holds ${unknown}, which no report has`);
  if (body === undefined || signature === undefined) throw invalidReport("it has no body or no signature");
  checker.setBody({ value: body, canonical: canonicalJson(body) });
  checker.setSignature({ value: signature, canonical: canonicalJson(signature) });
  return checker.finish();
}

function addSection(checker: ReportChecker, name: SectionName, lines: unknown): void {
  if (!Array.isArray(lines)) throw invalidReport(`it has no list of ${name}`);
  for (const line of lines as readonly unknown[]) checker.add(name, { value: line, canonical: canonicalJson(line) });
}

function otherSigner(signer: PublicKey, wanted: PublicKey): GodwitError {
  return new GodwitError("report_signer", {
    disposition: "corrupt",
    what: `this report is intact, but was signed by key ${signer.keyId} and not by ${wanted.keyId}`,
    hint: "Whoever holds the other key wrote it. Ask the owner of the expected key whether it was rotated, and when.",
  });
}
