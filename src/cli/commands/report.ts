/** `report JOB` and `report verify FILE`. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { GodwitError } from "../../base/errors.ts";
import { visible } from "../../base/visible.ts";
import { openSigningKey } from "../../report/keys.ts";
import { type VerifiedReport, verifyReport } from "../../report/verify.ts";
import {
  reportFormats,
  type ReportRequest,
  type ReportSummary,
  writeReport,
  writeReportFile,
} from "../../report/write.ts";
import { answer, markAnswered } from "../answer.ts";
import { addCommand } from "../command.ts";
import { jobByName } from "../find-job.ts";
import { generalOptions, option } from "../job-options.ts";
import type { VerifiedReportDocument, WrittenDocument } from "../json-shapes.ts";
import { serverOf, serverOptions } from "../server-options.ts";
import { openStateOf, stateDirectory } from "../state.ts";
import type { Surroundings } from "../surroundings.ts";
import { tellWithout } from "../tell-without.ts";

const { state, json } = generalOptions;
const reportOptions = {
  format: option(
    "--format <format>",
    "json: signed, for `report verify`; html: for people; sha256sum: for `sha256sum -c` (default: json)",
    z.enum(reportFormats).default("json"),
  ),
  output: option(
    "--output <file>",
    "write it there, whole or not at all (default: stdout)",
    z.string().nullable().default(null),
  ),
  state,
  json,
  ...serverOptions,
};
const verifyOptions = {
  key: option(
    "--key <file>",
    "the signer's public key (PEM), got by another way than the report",
    z.string().nullable().default(null),
  ),
  json,
};

export function addReportCommand(program: Command, surroundings: Surroundings): void {
  const report = addCommand(
    program,
    {
      name: "report",
      summary: "the integrity report of a job, signed; or check one",
      description:
        "Writes the integrity report of a job: every exception, every mismatch that was found, a digest of each entry, a Merkle root and a signature. A job that has not ended has a report too, which says so. With --json and --output, says what was written.",
      arguments: [{ name: "job", help: "its id, or the beginning of it" }],
      options: reportOptions,
      examples: [
        { line: "godwit report 20260131-1200 --output report.json" },
        { line: "godwit report 20260131-1200 --format html --output report.html" },
        {
          line: "godwit report 20260131-1200 --format sha256sum",
          says: "entries without a digest are named on stderr",
        },
        { line: "godwit report 20260131-1200 --server https://godwit.example.org --output report.json" },
        { line: "godwit report verify report.json --key key.pem", says: "is it intact, and who signed it" },
      ],
      run: async ([name = ""], values) => {
        const server = serverOf({ specs: reportOptions, values, here: ["state"] });
        if (server !== null) {
          const { reportOnServer } = await import("../remote/report.ts");
          return reportOnServer(server, { name, values }, surroundings);
        }
        await using store = await openStateOf(values, surroundings);
        const job = await jobByName(store, name);
        const key = await openSigningKey(stateDirectory(values.state));
        const { format, output } = values;
        const request: ReportRequest = { store, jobId: job.id, format, key, without: surroundings.stderr };
        if (output === null) {
          markAnswered(surroundings);
          const { withoutDigest } = await writeReport({ ...request, out: surroundings.stdout });
          tellWithout(surroundings, withoutDigest);
        } else {
          const file = resolve(output);
          const summary = await writeReportFile(file, request);
          if (values.json) {
            answer(surroundings, writtenDocument(file, format, summary));
          } else {
            const what = `${format} report of ${job.id}, ${summary.body.overall_status}`;
            surroundings.stdout.write(`${visible(file)}: ${what}\n`);
            tellWithout(surroundings, summary.withoutDigest);
          }
        }
        return 0;
      },
    },
    surroundings,
  );
  addVerify(report, surroundings);
}

function writtenDocument(
  file: string,
  format: ReportRequest["format"],
  { body, withoutDigest }: ReportSummary,
): WrittenDocument {
  return { file, job_id: body.job.id, format, overall_status: body.overall_status, without_digest: withoutDigest };
}

function addVerify(report: Command, surroundings: Surroundings): void {
  addCommand(
    report,
    {
      name: "verify",
      summary: "check that a report is as it was signed, and by whom",
      description:
        "Checks a JSON report offline. Exit 1 when it was altered, or signed by another key than --key. Without --key the signer is unknown: anyone can sign.",
      arguments: [{ name: "file", help: "a JSON report" }],
      options: verifyOptions,
      examples: [
        { line: "godwit report verify report.json" },
        {
          line: "godwit report verify report.json --key key.pem",
          says: "key.pem from `godwit keys export` on the machine that signed",
        },
      ],
      run: async ([file = ""], values) => {
        const publicKeyPem = values.key === null ? undefined : readKey(values.key);
        if (!existsSync(resolve(file))) throw noFile(file);
        const verified = await verifyReport(resolve(file), { publicKeyPem });
        if (values.json) answer(surroundings, verifiedDocument(verified));
        else surroundings.stdout.write(`${verifiedText(file, verified)}\n`);
        return 0;
      },
    },
    surroundings,
  );
}

function verifiedDocument({ signer, keyId, body }: VerifiedReport): VerifiedReportDocument {
  return { intact: true, signer, key_id: keyId, job_id: body.job.id, overall_status: body.overall_status };
}

function verifiedText(file: string, { signer, keyId, body }: VerifiedReport): string {
  const who = signer === "known" ? `signed by the given key ${keyId}` : `signer unknown (key ${keyId})`;
  return `${visible(file)}: intact, ${who}\n  ${body.job.kind} ${body.job.id}: ${body.overall_status}`;
}

/** A slip of the keyboard is no altered report. */
function noFile(file: string): GodwitError {
  return new GodwitError("usage", {
    disposition: "fatal",
    what: `${resolve(file)} does not exist`,
    hint: "Give the path of a report: a JSON file that `godwit report` wrote.",
  });
}

function readKey(file: string): string {
  try {
    return readFileSync(resolve(file), "utf8");
  } catch (cause) {
    throw new GodwitError("key_invalid", {
      disposition: "rejected",
      what: `${resolve(file)} cannot be read`,
      hint: "Give a public key in PEM, as `godwit keys export` prints it.",
      cause,
    });
  }
}
