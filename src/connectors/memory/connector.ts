/** Places in the memory of this process, `memory:name`: for simulations and tests, under the contract of all connectors. */
import type { Connector, OpenOptions } from "../../ports/connector.ts";
import type { Source } from "../../ports/source.ts";
import type { Target } from "../../ports/target.ts";
import { diagnose } from "./diagnose.ts";
import { placeOf } from "./place.ts";
import { MemorySource } from "./source.ts";
import { sweep } from "./sweep.ts";
import { MemoryTarget } from "./target.ts";

export const memoryConnector: Connector = {
  scheme: "memory:",
  openSource: async (url: string, options: OpenOptions): Promise<Source> => new MemorySource(placeOf(url), options),
  openTarget: async (url: string, options: OpenOptions): Promise<Target> => new MemoryTarget(placeOf(url), options),
  diagnose,
  sweep,
};
