import { describe } from "vitest";
import { connectorContract } from "./connector-contract.ts";
import { describeWithTools } from "../testbed/suites.ts";
import { fsAheadSubject, fsSubject } from "./fs-subject.ts";
import { listingContract } from "./listing-contract.ts";

connectorContract(fsSubject);

// Its cases are left out where the package is absent: this says so, and how to get it.
if (!fsSubject.capabilities.xattrs) describeWithTools("fs: extended attributes", ["fs-xattr"], () => undefined);

describe(`${fsAheadSubject.name} keeps the contract of listings`, () => {
  listingContract(fsAheadSubject);
});
