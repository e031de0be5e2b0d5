import { describe } from "vitest";
import { connectorContract } from "./connector-contract.ts";
import { describeWithTools } from "../testbed/suites.ts";
import { fsAheadSubject, fsPairedSubject, fsSubject } from "./fs-subject.ts";
import { listingContract } from "./listing-contract.ts";
import { recoveryContract } from "./recovery-contract.ts";
import { writingContract } from "./writing-contract.ts";

connectorContract(fsSubject);

// Its cases are left out where the package is absent: this says so, and how to get it.
if (!fsSubject.capabilities.xattrs) describeWithTools("fs: extended attributes", ["attr"], () => undefined);

describe(`${fsAheadSubject.name} keeps the contract of listings`, () => {
  listingContract(fsAheadSubject);
});

describe(`${fsPairedSubject.name} keeps the contracts of writing and recovery`, () => {
  writingContract(fsPairedSubject);
  recoveryContract(fsPairedSubject);
});
