import { join } from "node:path";
import { openSqliteState } from "../../src/store/sqlite/open.ts";
import { accessContract } from "./access-contract.ts";
import { hintsContract } from "./hints-contract.ts";
import { overviewContract } from "./overview-contract.ts";
import type { OpenState } from "./state-rig.ts";

const open: OpenState = (directory, options) =>
  openSqliteState({ path: join(directory, "state", "server.db"), ...options });

accessContract("sqlite", open, false);
hintsContract("sqlite", open, false);
overviewContract("sqlite", open);
