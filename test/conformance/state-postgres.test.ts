import { openPostgresState } from "../../src/store/postgres/open.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { accessContract } from "./access-contract.ts";
import { overviewContract } from "./overview-contract.ts";
import type { OpenState } from "./state-rig.ts";

describeOnPostgres("fleet", (postgres) => {
  const urls = new Map<string, Promise<string>>();
  const urlOf = (directory: string): Promise<string> => {
    const url = urls.get(directory) ?? postgres.database();
    urls.set(directory, url);
    return url;
  };
  const open: OpenState = async (directory, { clock, newJobId }) =>
    openPostgresState({ url: await urlOf(directory), connectionsMax: 2, now: () => clock.now(), newJobId });
  accessContract("postgres", open, true);
  overviewContract("postgres", open);
});
