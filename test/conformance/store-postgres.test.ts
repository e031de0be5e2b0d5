import { openPostgresState } from "../../src/store/postgres/open.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { budgeted } from "./budgeted-store.ts";
import { storeContract } from "./store-contract.ts";

describeOnPostgres("fleet", (postgres) => {
  const urls = new Map<string, Promise<string>>();
  const urlOf = (directory: string): Promise<string> => {
    const url = urls.get(directory) ?? postgres.database();
    urls.set(directory, url);
    return url;
  };
  storeContract(
    "postgres",
    async (directory, { clock, ...options }) =>
      budgeted(
        await openPostgresState({ url: await urlOf(directory), connectionsMax: 2, now: () => clock.now(), ...options }),
      ),
    true,
  );
});
