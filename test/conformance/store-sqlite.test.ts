import { join } from "node:path";
import { openSqliteState } from "../../src/store/sqlite/open.ts";
import { budgeted } from "./budgeted-store.ts";
import { storeContract } from "./store-contract.ts";

storeContract(
  "sqlite",
  async (directory, options) =>
    budgeted(await openSqliteState({ path: join(directory, "state", "godwit.db"), ...options })),
  false,
);
