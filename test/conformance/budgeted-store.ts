import type { BudgetStore } from "../../src/ports/budget.ts";
import type { Store } from "../../src/ports/store.ts";
import type { State } from "../../src/store/state.ts";

/** What the contracts of one state need of it, in one value. */
export interface BudgetedStore extends Store {
  readonly budget: BudgetStore;
}

export function budgeted({ store, budget }: State): BudgetedStore {
  return Object.assign(store, { budget });
}
