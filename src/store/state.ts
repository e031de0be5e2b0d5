import type { Access } from "../ports/access.ts";
import type { Overview } from "../ports/overview.ts";
import type { BudgetStore } from "../ports/budget.ts";
import type { Hints } from "../ports/hints.ts";
import type { Signers } from "../ports/signers.ts";
import type { Store } from "../ports/store.ts";
import { SqlAccess } from "./access.ts";
import { SqlOverview } from "./overview.ts";
import { SqlSigners } from "./signers.ts";
import { SqlBudget } from "./sql-budget.ts";
import { SqlStore, type SqlStoreOptions } from "./sql-store.ts";

/** Everything that is kept on one engine. Disposing the Store ends it. */
export interface State {
  readonly store: Store;
  readonly budget: BudgetStore;
  readonly access: Access;
  readonly overview: Overview;
  readonly hints: Hints;
  readonly signers: Signers;
}

export function stateOn(options: SqlStoreOptions): State {
  return {
    store: new SqlStore(options),
    budget: new SqlBudget(options.engine),
    access: new SqlAccess(options),
    overview: new SqlOverview(options),
    hints: options.hints,
    signers: new SqlSigners(options.engine),
  };
}
