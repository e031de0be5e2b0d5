/** Lists that a job was given: files to move, checksums to compare with. A job goes on with the same ones alone. */
import { createHash } from "node:crypto";
import { GodwitError } from "../base/errors.ts";

export interface GivenList {
  readonly path: string;
  readonly sha256: string;
}

export function identify(path: string, bytes: Uint8Array): GivenList {
  return { path, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** @throws job_options_differ when the list is not what it was when the job began */
export function refuseOtherList(list: GivenList, bytes: Uint8Array): void {
  if (identify(list.path, bytes).sha256 === list.sha256) return;
  throw new GodwitError("job_options_differ", {
    disposition: "fatal",
    what: `${list.path} is not what it was when the job began`,
    hint: "Restore it to resume the job, or start another one with --new.",
  });
}
