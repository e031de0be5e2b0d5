/** `report JOB` and the public keys of a server. */
import { z } from "zod";
import { visible } from "../../base/visible.ts";
import type { ReportFileFormat } from "../../report/write.ts";
import { answer, markAnswered } from "../answer.ts";
import type { WrittenDocument } from "../json-shapes.ts";
import type { ServerAddress } from "../server-options.ts";
import type { Surroundings } from "../surroundings.ts";
import { tellWithout } from "../tell-without.ts";
import { jobNamed } from "./migration.ts";
import { fetchReport, fetchReportFile } from "./report-file.ts";
import { withServer } from "./session.ts";

export interface RemoteReport {
  readonly name: string;
  readonly values: { readonly format: ReportFileFormat; readonly output: string | null; readonly json: boolean };
}

/** @returns the exit code */
export async function reportOnServer(
  address: ServerAddress,
  { name, values: { format, output, json } }: RemoteReport,
  surroundings: Surroundings,
): Promise<number> {
  const { stdout, stderr } = surroundings;
  return withServer(address, surroundings, async ({ server }) => {
    const { job_id: jobId } = await jobNamed(server, name);
    const wanted = { jobId, format, without: stderr };
    if (output === null) {
      markAnswered(surroundings);
      tellWithout(surroundings, await fetchReport(server, wanted, stdout));
      return 0;
    }
    const { file, overallStatus, withoutDigest } = await fetchReportFile(server, { ...wanted, file: output });
    const document: WrittenDocument = {
      file,
      job_id: jobId,
      format,
      overall_status: overallStatus,
      without_digest: withoutDigest,
    };
    if (json) answer(surroundings, document);
    else {
      stdout.write(`${visible(file)}: ${format} report of ${jobId}, ${overallStatus}\n`);
      tellWithout(surroundings, withoutDigest);
    }
    return 0;
  });
}

const keysPage = z.object({
  keys: z.array(
    z.object({ key_id: z.string(), is_current: z.boolean(), public_key_pem: z.string(), since: z.string() }),
  ),
});
export type RemoteKey = z.output<typeof keysPage>["keys"][number];

/** Of all servers of the fleet, the newest first. */
export async function keysOfServer(address: ServerAddress, surroundings: Surroundings): Promise<readonly RemoteKey[]> {
  return withServer(
    address,
    surroundings,
    async ({ server }) => (await server.ask({ method: "GET", path: "/keys" }, keysPage)).body.keys,
  );
}
