/** Tokens, the audit log, and the requests that made a job. */
import type { Selectable } from "kysely";
import { GodwitError } from "../base/errors.ts";
import type { Instant, JobId } from "../model/chunk.ts";
import type {
  Access,
  AuditRecord,
  NewAudit,
  NewToken,
  Submission,
  SubmitRequest,
  TokenRecord,
} from "../ports/access.ts";
import type { Hints } from "../ports/hints.ts";
import { pass } from "./gates.ts";
import type { AuditTable, Engine, TokensTable, Tx } from "./schema.ts";
import type { SqlStoreOptions } from "./sql-store.ts";
import { submit } from "./submissions.ts";

export class SqlAccess implements Access {
  readonly #engine: Engine;
  readonly #newJobId: (now: Instant) => JobId;
  readonly #hints: Hints;

  constructor({ engine, newJobId, hints }: Pick<SqlStoreOptions, "engine" | "newJobId" | "hints">) {
    this.#engine = engine;
    this.#hints = hints;
    this.#newJobId = newJobId;
  }

  token(id: string): Promise<TokenRecord | null> {
    return this.#engine.read((tx, now) => findToken(tx, id, now));
  }

  tokens(after: string | null, limit: number): Promise<readonly TokenRecord[]> {
    return this.#engine.read(async (tx, now) => {
      const last = after === null ? null : await findToken(tx, after, now);
      let query = tx.selectFrom("tokens").selectAll();
      if (last !== null)
        query = query.where((row) => row(row.refTuple("created_at", "id"), ">", row.tuple(last.createdAt, last.id)));
      const rows = await query.orderBy("created_at").orderBy("id").limit(limit).execute();
      return rows.map((row) => tokenRecord(row, now));
    });
  }

  addToken(token: NewToken): Promise<TokenRecord> {
    return this.#engine.write((tx, now) => insertToken(tx, token, now));
  }

  addFirstToken(token: NewToken): Promise<TokenRecord | null> {
    return this.#engine.write(async (tx, now) => {
      await pass(tx, "tokens");
      return (await usableAdmins(tx, now)) > 0 ? null : insertToken(tx, token, now);
    });
  }

  revokeToken(id: string): Promise<TokenRecord> {
    return this.#engine.write(async (tx, now) => {
      await pass(tx, "tokens");
      const token = await findToken(tx, id, now);
      if (token === null) throw unknownToken(id);
      if (token.revokedAt !== null) return token;
      if (token.role === "admin" && token.isUsable && (await usableAdmins(tx, now)) === 1) throw lastToken(id);
      await tx.updateTable("tokens").set({ revoked_at: now }).where("id", "=", id).execute();
      return { ...token, revokedAt: now, isUsable: false };
    });
  }

  beginAudit(entry: NewAudit): Promise<number> {
    return this.#engine.write(async (tx, now) => {
      const { id } = await tx
        .insertInto("audit")
        .values({
          at: now,
          request_id: entry.requestId,
          token_id: entry.tokenId,
          actor: entry.actor,
          role: entry.role,
          action: entry.action,
          job_id: entry.jobId,
          detail: entry.detail,
          remote: entry.remote,
          status: null,
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return id;
    });
  }

  async endAudit(id: number, status: number, jobId: JobId | null): Promise<void> {
    const end = { status, ...(jobId !== null && { job_id: jobId }) };
    await this.#engine.write((tx) => tx.updateTable("audit").set(end).where("id", "=", id).execute());
  }

  audit(before: number | null, limit: number): Promise<readonly AuditRecord[]> {
    return this.#engine.read(async (tx) => {
      let query = tx.selectFrom("audit").selectAll();
      if (before !== null) query = query.where("id", "<", before);
      const rows = await query.orderBy("id", "desc").limit(limit).execute();
      return rows.map(auditRecord);
    });
  }

  async submit(request: SubmitRequest): Promise<Submission> {
    const made = await this.#engine.write((tx, now) => submit(tx, request, { now, newJobId: this.#newJobId }));
    if (!made.isReplayed && made.isAttached !== true) this.#hints.say({ about: "job", jobId: made.job.id });
    return made;
  }
}

async function findToken(tx: Tx, id: string, now: Instant): Promise<TokenRecord | null> {
  const row = await tx.selectFrom("tokens").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? null : tokenRecord(row, now);
}

async function insertToken(tx: Tx, token: NewToken, now: Instant): Promise<TokenRecord> {
  const { id, name, role, secretSha256, expiresAt, createdBy } = token;
  const row: TokensTable = {
    id,
    name,
    role,
    secret_sha256: secretSha256,
    created_at: now,
    created_by: createdBy,
    expires_at: expiresAt,
    revoked_at: null,
  };
  await tx.insertInto("tokens").values(row).execute();
  return tokenRecord(row, now);
}

async function usableAdmins(tx: Tx, now: Instant): Promise<number> {
  const { count } = await tx
    .selectFrom("tokens")
    .select((row) => row.fn.countAll<number>().as("count"))
    .where("role", "=", "admin")
    .where("revoked_at", "is", null)
    .where((row) => row.or([row("expires_at", "is", null), row("expires_at", ">", now)]))
    .executeTakeFirstOrThrow();
  return count;
}

function tokenRecord(row: TokensTable, now: Instant): TokenRecord {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    secretSha256: row.secret_sha256,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    isUsable: row.revoked_at === null && (row.expires_at === null || row.expires_at > now),
  };
}

function auditRecord(row: Selectable<AuditTable>): AuditRecord {
  return {
    id: row.id,
    at: row.at,
    requestId: row.request_id,
    tokenId: row.token_id,
    actor: row.actor,
    role: row.role,
    action: row.action,
    jobId: row.job_id,
    detail: row.detail,
    remote: row.remote,
    status: row.status,
  };
}

function unknownToken(id: string): GodwitError {
  return new GodwitError("token_unknown", {
    disposition: "rejected",
    what: `there is no token ${id}`,
    hint: "GET /tokens lists them.",
  });
}

function lastToken(id: string): GodwitError {
  return new GodwitError("token_last", {
    disposition: "rejected",
    what: `${id} is the last token of an admin that can be used`,
    hint: "Make another token for an admin first: without one, nobody could make tokens any more.",
  });
}
