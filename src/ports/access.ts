/**
 * Who may do what over the API, what was done, and which requests have made a job already: durable, beside the Store.
 * Secrets never reach this port: it is given their SHA-256.
 */
import { GodwitError } from "../base/errors.ts";
import type { Instant, JobId } from "../model/chunk.ts";
import type { Job, JobSpec, JobTerms } from "../model/job.ts";

/** From the least to the most: each may do what those before it may. */
export const roles = ["viewer", "operator", "admin"] as const;
export type Role = (typeof roles)[number];

export function mayActAs(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}

export interface NewToken {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Hex. The secret itself is random, 256 bits: it needs no salt and no slow hash. */
  readonly secretSha256: string;
  readonly expiresAt: Instant | null;
  /** The id of the token that asked for it; null for the first one. */
  readonly createdBy: string | null;
}

export interface TokenRecord extends NewToken {
  readonly createdAt: Instant;
  readonly revokedAt: Instant | null;
  /** Neither revoked nor expired, by the Store's clock. */
  readonly isUsable: boolean;
}

export interface NewAudit {
  readonly requestId: string;
  /** Null where the server asks for no token. */
  readonly tokenId: string | null;
  readonly actor: string;
  readonly role: Role;
  /** The operation, as the OpenAPI document names it. */
  readonly action: string;
  readonly jobId: JobId | null;
  /** What was asked, as JSON; never a secret. */
  readonly detail: string;
  readonly remote: string;
}

export interface AuditRecord extends NewAudit {
  readonly id: number;
  readonly at: Instant;
  /** The HTTP status of the answer. Null: the server ended before it knew. */
  readonly status: number | null;
}

export interface SubmitRequest {
  /** Whose key it is, and the key; null submits without one. */
  readonly key: { readonly owner: string; readonly key: string } | null;
  /** Hex SHA-256 of what was asked: the same key with another request is refused. */
  readonly digest: string;
  readonly spec: JobSpec;
  readonly terms: JobTerms;
  /**
   * Where a job of the same places has not ended: refuse, or take that one if it was asked for in the same way. Then one
   * that has failed is taken too, whereas it stands in nobody's way.
   */
  readonly onUnfinished: "refuse" | "attach";
}

export interface Submission {
  readonly job: Job;
  /** The key had made this job before: nothing was done now. */
  readonly isReplayed: boolean;
  /** The job was there, under whatever key. */
  readonly isAttached?: boolean;
}

/** The job that a request would be attached to was asked for in another way. */
export class JobOptionsDiffer extends GodwitError {
  /** By their names in a job's specification. */
  readonly options: readonly string[];

  constructor(jobId: JobId, options: readonly string[]) {
    super("job_options_differ", {
      disposition: "rejected",
      what: `the unfinished job ${jobId} was started with other options`,
      hint: "Ask for the same to go on with it, or cancel it before you submit another.",
    });
    this.options = options;
  }
}

/** Every method is one transaction; time is the Store's. */
export interface Access {
  token(id: string): Promise<TokenRecord | null>;
  /** In order of their making, after that id. */
  tokens(after: string | null, limit: number): Promise<readonly TokenRecord[]>;
  addToken(token: NewToken): Promise<TokenRecord>;
  /** @returns null, and adds nothing, where there is an admin's token that can be used */
  addFirstToken(token: NewToken): Promise<TokenRecord | null>;
  /**
   * Once revoked, it stays so.
   * @throws token_unknown
   * @throws token_last for the last admin's token that can be used
   */
  revokeToken(id: string): Promise<TokenRecord>;

  /** Written before anything is done, so that nothing is done unseen. @returns its id */
  beginAudit(entry: NewAudit): Promise<number>;
  endAudit(id: number, status: number, jobId: JobId | null): Promise<void>;
  /** Newest first, before that id. */
  audit(before: number | null, limit: number): Promise<readonly AuditRecord[]>;

  /**
   * Makes a job, once for each key: the key and the job are written in one transaction. Keys are kept for 30 days.
   * @throws idempotency_conflict when the key was given with another request, or its job was removed
   * @throws job_exists when an unfinished job has the same places
   * @throws JobOptionsDiffer when the job to attach to was asked for in another way
   * @throws source_unlimited when a new job would read a production source without a cap
   */
  submit(request: SubmitRequest): Promise<Submission>;
}
