/** What every engine promises of tokens, the audit log, and requests that make a job once. */
import { describe, expect, test } from "vitest";
import { must } from "../../src/base/assert.ts";
import type { SourceLimits } from "../../src/model/budget.ts";
import { usualTerms } from "../../src/model/job.ts";
import type { NewToken, SubmitRequest } from "../../src/ports/access.ts";
import { started, jobSpec } from "./store-player.ts";
import type { OpenState } from "./state-rig.ts";
import { stateRig } from "./state-rig.ts";

function token(id: string, more: Partial<NewToken> = {}): NewToken {
  return {
    id,
    name: `name of ${id}`,
    role: "viewer",
    secretSha256: "ab".repeat(32),
    expiresAt: null,
    createdBy: null,
    ...more,
  };
}

function submission(more: Partial<SubmitRequest> = {}): SubmitRequest {
  return {
    key: { owner: "me", key: "k1" },
    digest: "d1",
    spec: jobSpec(),
    terms: usualTerms,
    onUnfinished: "refuse",
    ...more,
  };
}

const production: SourceLimits = {
  id: "live",
  location: jobSpec().source,
  production: true,
  statedPeakBytesPerSecond: null,
  limitBytesPerSecond: null,
  timetable: null,
  thresholds: [],
};

function specFrom(source: string): SubmitRequest["spec"] {
  return { ...jobSpec(), source: `file:///${source}` };
}

/** @param isShared many processes write to it at once; else one after the other */
export function accessContract(name: string, open: OpenState, isShared: boolean): void {
  describe(`access on ${name}`, () => {
    describe("tokens", () => {
      tokenTests(open, isShared);
    });
    describe("the audit log", () => {
      auditTests(open);
    });
    describe("signers", () => {
      signerTests(open);
    });
    describe("submissions", () => {
      submissionTests(open, isShared);
    });
  });
}

/** Engines that only one may write to would wait for themselves in one process. */
async function atOnce<T>(isShared: boolean, works: readonly (() => Promise<T>)[]): Promise<PromiseSettledResult<T>[]> {
  if (isShared) return Promise.allSettled(works.map((work) => work()));
  const ends: PromiseSettledResult<T>[] = [];
  for (const work of works) ends.push(...(await Promise.allSettled([work()])));
  return ends;
}

function tokenTests(open: OpenState, isShared: boolean): void {
  test("a token is found by its id, also by another process, and is usable until it expires", async () => {
    const { state, clock, again } = await stateRig(open);
    const made = await state.access.addToken(
      token("t1", { role: "operator", expiresAt: clock.nowMs + 1_000, createdBy: "t0" }),
    );
    expect(made).toMatchObject({ role: "operator", createdAt: clock.nowMs, createdBy: "t0", isUsable: true });
    const other = await again();
    expect(await other.access.token("t1")).toEqual(made);
    expect(await other.access.token("t2")).toBeNull();
    clock.nowMs += 1_000;
    expect((await other.access.token("t1"))?.isUsable).toBe(false);
  });

  test("a revoked token stays revoked, and keeps its time", async () => {
    const { state, clock } = await stateRig(open);
    await state.access.addToken(token("t1"));
    const revoked = await state.access.revokeToken("t1");
    expect(revoked).toMatchObject({ revokedAt: clock.nowMs, isUsable: false });
    clock.nowMs += 5_000;
    expect(await state.access.revokeToken("t1")).toEqual(revoked);
    expect(await state.access.token("t1")).toEqual(revoked);
    await expect(state.access.revokeToken("t9")).rejects.toMatchObject({ code: "token_unknown" });
  });

  test("the last token of an admin that can be used is not revoked; one that has expired does not count", async () => {
    const { state, clock } = await stateRig(open);
    await state.access.addToken(token("a1", { role: "admin" }));
    await state.access.addToken(token("a2", { role: "admin", expiresAt: clock.nowMs + 10 }));
    await state.access.addToken(token("v1"));
    clock.nowMs += 10;
    await expect(state.access.revokeToken("a1")).rejects.toMatchObject({ code: "token_last" });
    await state.access.addToken(token("a3", { role: "admin" }));
    expect((await state.access.revokeToken("a1")).isUsable).toBe(false);
    await expect(state.access.revokeToken("a3")).rejects.toMatchObject({ code: "token_last" });
  });

  test("of servers that start at once, one makes the first token of an admin", async () => {
    const { state, again } = await stateRig(open);
    const states = [state, await again(), await again()];
    const made = await atOnce(
      isShared,
      states.map(
        ({ access }, at) =>
          () =>
            access.addFirstToken(token(`first${at}`, { role: "admin" })),
      ),
    );
    expect(made.filter((each) => each.status === "fulfilled" && each.value !== null)).toHaveLength(1);
    expect(await state.access.tokens(null, 10)).toHaveLength(1);
  });

  test("a first token is made again only when no admin has one that can be used", async () => {
    const { state, clock } = await stateRig(open);
    await state.access.addFirstToken(token("a1", { role: "admin", expiresAt: clock.nowMs + 10 }));
    expect(await state.access.addFirstToken(token("a2", { role: "admin" }))).toBeNull();
    clock.nowMs += 10;
    expect(await state.access.addFirstToken(token("a3", { role: "admin" }))).toMatchObject({ id: "a3" });
  });

  test("tokens are listed by pages in order of their making", async () => {
    const { state, clock } = await stateRig(open);
    for (const id of ["c", "b", "a", "d", "e"]) {
      await state.access.addToken(token(id));
      if (id !== "b") clock.nowMs += 1;
    }
    const ids: string[] = [];
    for (let after: string | null = null; ; after = ids.at(-1) ?? null) {
      const page = await state.access.tokens(after, 2);
      ids.push(...page.map(({ id }) => id));
      if (page.length < 2) break;
    }
    expect(ids).toEqual(["c", "a", "b", "d", "e"]);
  });
}

function auditTests(open: OpenState): void {
  test("what was done is read back, the newest first, with how it ended", async () => {
    const { state, clock, again } = await stateRig(open);
    const entry = {
      requestId: "r1",
      tokenId: "t1",
      actor: "somebody",
      role: "operator",
      action: "pauseMigration",
      jobId: "job-1",
      detail: '{"job_id":"job-1"}',
      remote: "127.0.0.1",
    } as const;
    const first = await state.access.beginAudit(entry);
    clock.nowMs += 5;
    const second = await state.access.beginAudit({ ...entry, tokenId: null, jobId: null });
    await state.access.endAudit(second, 201, "job-2");
    const { access } = await again();
    expect(await access.audit(null, 10)).toEqual([
      { ...entry, id: second, at: clock.nowMs, tokenId: null, jobId: "job-2", status: 201 },
      { ...entry, id: first, at: clock.nowMs - 5, status: null },
    ]);
    expect((await access.audit(second, 10)).map(({ id }) => id)).toEqual([first]);
    await access.endAudit(first, 409, null);
    expect((await access.audit(null, 10))[1]).toMatchObject({ status: 409, jobId: "job-1" });
  });
}

function signerTests(open: OpenState): void {
  test("keys are told the newest first, and each stays as it was told first", async () => {
    const { state, clock, again } = await stateRig(open);
    const [old, young] = ["k2", "k1"].map((keyId) => ({ keyId, publicKeyPem: `pem of ${keyId}`, host: "one" }));
    const since = clock.nowMs;
    await state.signers.addSigner(must(old, "made"));
    clock.nowMs += 5;
    const other = await again();
    await other.signers.addSigner(must(young, "made"));
    await other.signers.addSigner({ keyId: "k2", publicKeyPem: "another", host: "two" });
    expect(await state.signers.signers()).toEqual([
      { ...young, since: since + 5 },
      { ...old, since },
    ]);
  });
}

function submissionTests(open: OpenState, isShared: boolean): void {
  test("the same key makes one job, however often and from wherever it is sent", async () => {
    const { state, again } = await stateRig(open);
    const states = [state, await again(), await again()];
    const asked = await atOnce(
      isShared,
      states.map(
        ({ access }) =>
          () =>
            access.submit(submission()),
      ),
    );
    const made = asked.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    expect(made).toHaveLength(3);
    expect(new Set(made.map(({ job }) => job.id)).size).toBe(1);
    expect(made.filter(({ isReplayed }) => !isReplayed)).toHaveLength(1);
    expect(await state.store.jobs()).toHaveLength(1);
    expect(made[0]?.job.terms).toEqual(usualTerms);
  });

  test("a key with another request, or whose job was removed, is refused", async () => {
    const { state } = await stateRig(open);
    const { job } = await state.access.submit(submission());
    await expect(state.access.submit(submission({ digest: "d2" }))).rejects.toMatchObject({
      code: "idempotency_conflict",
    });
    await state.store.stopIdle(job.id, "cancelled");
    expect(await state.access.submit(submission())).toMatchObject({ isReplayed: true, job: { status: "cancelled" } });
    await state.store.removeJob(job.id);
    await expect(state.access.submit(submission())).rejects.toMatchObject({ code: "idempotency_conflict" });
  });

  test("keys belong to whoever sent them, and are kept for 30 days", async () => {
    const { state, clock } = await stateRig(open);
    const { job } = await state.access.submit(submission());
    const other = await state.access.submit(submission({ key: { owner: "you", key: "k1" }, spec: specFrom("b") }));
    expect(other).toMatchObject({ isReplayed: false });
    clock.nowMs += 31 * 24 * 3_600_000;
    await state.access.submit(submission({ key: { owner: "me", key: "k2" }, spec: specFrom("c") }));
    await state.store.stopIdle(job.id, "cancelled");
    expect(await state.access.submit(submission())).toMatchObject({ isReplayed: false });
  });

  test("of two that ask at once to move the same source to the same target, one is refused until the other has ended", async () => {
    const { state, again } = await stateRig(open);
    const states = [state, await again()];
    const asked = await atOnce(
      isShared,
      states.map(
        ({ access }) =>
          () =>
            access.submit(submission({ key: null })),
      ),
    );
    const refused = asked.filter((each) => each.status === "rejected");
    expect(refused.map(({ reason }) => reason as unknown)).toMatchObject([{ code: "job_exists" }]);
    const [job] = await state.store.jobs();
    await state.store.stopIdle(job?.id ?? "", "paused");
    await expect(state.access.submit(submission({ key: null }))).rejects.toMatchObject({ code: "job_exists" });
    await state.store.stopIdle(job?.id ?? "", "cancelled");
    expect(await state.access.submit(submission({ key: null }))).toMatchObject({ isReplayed: false });
  });

  test("a job on a production source without a stated peak or limit is refused where it would be made", async () => {
    const { state, again } = await stateRig(open);
    await state.budget.putSource(production);
    const other = await again();
    await expect(other.access.submit(submission())).rejects.toMatchObject({ code: "source_unlimited" });
    expect(await state.store.jobs()).toEqual([]);
    await state.budget.putSource({ ...production, limitBytesPerSecond: 1_000 });
    const made = await other.access.submit(submission());
    await state.budget.putSource(production);
    // What was made before is only asked for again.
    expect(await other.access.submit(submission())).toMatchObject({ isReplayed: true, job: { id: made.job.id } });
  });

  test("of two that name one location as a source at once, one is refused", async () => {
    const { state, again } = await stateRig(open);
    const states = [state, await again()];
    for (let round = 1; round <= 10; round += 1) {
      const location = `file:///shared-${round}`;
      const asked = await atOnce(
        isShared,
        states.map(
          ({ budget }, at) =>
            () =>
              budget.putSource({ ...production, id: `s${at}-${round}`, location }),
        ),
      );
      const refused = asked.filter((each) => each.status === "rejected");
      expect(refused.map(({ reason }) => reason as unknown)).toMatchObject([{ code: "config_invalid" }]);
      expect((await state.budget.sources()).filter((source) => source.location === location)).toHaveLength(1);
    }
  });

  test("a job that has ended well does not stand in the way", async () => {
    const { state } = await stateRig(open);
    const lead = await started(state.store, []);
    await state.store.setStatus(lead, "complete", null);
    expect(await state.access.submit(submission())).toMatchObject({ isReplayed: false });
  });
}
