import type { SourceId, SourceLimits } from "../model/budget.ts";
import type { JobId, WorkerId } from "../model/chunk.ts";
import type {
  BudgetRecord,
  BudgetStore,
  Grant,
  GrantRecord,
  GrantRequest,
  Observation,
  SourceRecord,
} from "../ports/budget.ts";
import { grantRecord, grantRows, grantShare } from "./budget-grants.ts";
import { listHistory } from "./budget-history.ts";
import { findSource, listSources, putSource, removeSource } from "./budget-sources.ts";
import { throttleSource } from "./budget-throttle.ts";
import type { Engine } from "./schema.ts";

/**
 * Grants are on the disk before they are answered: one that a power cut of the Store took back would be given a second
 * time, while its worker still reads.
 */
export class SqlBudget implements BudgetStore {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  putSource(limits: SourceLimits): Promise<SourceRecord> {
    return this.#engine.write((tx, now) => putSource(tx, limits, now));
  }

  sources(): Promise<readonly SourceRecord[]> {
    return this.#engine.read(listSources);
  }

  source(id: SourceId): Promise<SourceRecord> {
    return this.#engine.read((tx) => findSource(tx, id));
  }

  removeSource(id: SourceId): Promise<void> {
    return this.#engine.write((tx) => removeSource(tx, id));
  }

  grant(request: GrantRequest): Promise<Grant> {
    return this.#engine.write((tx, now) => grantShare(tx, request, now));
  }

  async release(worker: WorkerId, jobId: JobId): Promise<void> {
    // Lost, it would only run out.
    await this.#engine.writeSoon((tx) =>
      tx.deleteFrom("grants").where("job_id", "=", jobId).where("worker", "=", worker).execute(),
    );
  }

  grants(id: SourceId): Promise<readonly GrantRecord[]> {
    return this.#engine.read(async (tx, now) => (await grantRows(tx, id, now)).map(grantRecord));
  }

  throttle(id: SourceId, observations: readonly Observation[]): Promise<SourceRecord> {
    return this.#engine.write((tx, now) => throttleSource(tx, { id, observations }, now));
  }

  history(id: SourceId, limit: number): Promise<readonly BudgetRecord[]> {
    return this.#engine.read((tx) => listHistory(tx, id, limit));
  }
}
