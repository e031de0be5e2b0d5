/** `node test/repository/complete-lock.ts`, after an `npm install` from a registry that lacks other platforms' packages. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../testbed/tools.ts";
import { complete, type Lock } from "./lock.ts";

const path = join(repositoryRoot, "package-lock.json");
const { lock, added, unknown } = complete(JSON.parse(readFileSync(path, "utf8")) as Lock);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`added ${added.length}; not understood: ${unknown.map((absent) => absent.name).join(", ") || "none"}`);
