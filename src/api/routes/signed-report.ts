/** The whole report of a job, signed, as `godwit report` writes it; and the public keys to check it with. */
import { z } from "zod";
import { reportFormats, writeReport } from "../../report/write.ts";
import { route } from "../route.ts";
import { instant, jobParams } from "../shapes.ts";
import { instantText } from "../units.ts";

const mediaOf = { json: "application/json", html: "text/html", sha256sum: "text/plain" } as const;

const words = { method: "GET", tag: "Proof", role: "viewer", body: null } as const;

export const signedReportRoute = route({
  ...words,
  id: "getSignedReport",
  path: "/migrations/{job_id}/signed-report",
  summary: "Write the integrity report of a migration in full, signed",
  description:
    "Every exception, every mismatch, a digest of each entry, a Merkle root and a signature: what `godwit report verify` checks. It is written as it is read from the store, so an answer that is cut off is no report. A job that has not ended has one too, which says so.",
  written: Object.values(mediaOf),
  statuses: { 200: "The report, in the form that was asked for." },
  params: jobParams,
  query: z.strictObject({
    format: z
      .enum(reportFormats)
      .default("json")
      .describe(
        "json: signed, for machines; html: for people; sha256sum: for `sha256sum -c`, with comments for what it cannot hold",
      ),
  }),
  answer: z.unknown(),
  handle: async ({ api, params: { job_id: jobId }, query: { format } }) => {
    // What is wrong is answered before the report begins.
    await api.overview.glance(jobId);
    const key = await api.signingKey();
    const seat = api.reportSeats.take();
    return {
      body: {
        media: mediaOf[format],
        write: async (out) => {
          using _ = seat;
          await writeReport({ store: api.store, jobId, format, key, out });
        },
      },
    };
  },
});

const keys = z
  .strictObject({
    keys: z
      .array(
        z.strictObject({
          key_id: z.string(),
          is_current: z.boolean().describe("signs now, for the server that answers"),
          public_key_pem: z.string(),
          since: instant.describe("when it was made known to the fleet"),
          host: z.string().describe("the machine that made it known"),
        }),
      )
      .describe("newest first"),
  })
  .meta({ id: "Keys", description: "Every key that ever signed reports of this fleet: the public half." });

export const keysRoute = route({
  ...words,
  id: "listKeys",
  path: "/keys",
  summary: "List the public keys of all servers that sign reports",
  description:
    "Whoever checks a report takes the key from here, or better from whoever runs the fleet: never from the report itself.",
  statuses: { 200: "All of them, also those that sign no more." },
  params: null,
  query: null,
  answer: keys,
  handle: async ({ api }) => {
    const { keyId: current } = await api.signingKey();
    const found = await api.signers.signers();
    return {
      body: {
        keys: found.map(({ keyId, publicKeyPem, since, host }) => ({
          key_id: keyId,
          is_current: keyId === current,
          public_key_pem: publicKeyPem,
          since: instantText(since),
          host,
        })),
      },
    };
  },
});
