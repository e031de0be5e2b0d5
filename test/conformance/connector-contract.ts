/**
 * What every connector promises, checked from outside: trees are made and looked at by other means than the connector.
 * A connector passes all of it from a file of about ten lines; what its places cannot hold, it says in `capabilities`.
 */
import { describe } from "vitest";
import { listingContract } from "./listing-contract.ts";
import type { ContractSubject } from "./place.ts";
import { readingContract } from "./reading-contract.ts";
import { recoveryContract } from "./recovery-contract.ts";
import { structureContract } from "./structure-contract.ts";
import { writingContract } from "./writing-contract.ts";

export function connectorContract(subject: ContractSubject): void {
  describe(`${subject.name} keeps the contract of connectors`, () => {
    describe("listing", () => {
      listingContract(subject);
    });
    describe("reading", () => {
      readingContract(subject);
    });
    describe("writing", () => {
      writingContract(subject);
    });
    describe("recovery", () => {
      recoveryContract(subject);
    });
    describe("structure", () => {
      structureContract(subject);
    });
  });
}
