import { join } from "node:path";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { storeContract } from "./store-contract.ts";

storeContract(
  "sqlite",
  (directory, options) => openSqliteStore({ path: join(directory, "state", "godwit.db"), ...options }),
  false,
);
