/** Secrets are named where they are needed, and looked up when they are: they are never stored, and never logged. */
import { readFile } from "node:fs/promises";
import type { SecretReference } from "../model/threshold.ts";

/** @throws Error that names the reference, not the secret */
export async function readSecret(reference: SecretReference): Promise<string> {
  const [, kind, name = ""] = /^(env|file):(.+)$/s.exec(reference) ?? [];
  if (kind === "file") return (await readFile(name, "utf8")).trim();
  const value = kind === "env" ? process.env[name] : undefined;
  if (value === undefined || value === "") throw new Error(`there is no secret at ${reference}`);
  return value;
}
