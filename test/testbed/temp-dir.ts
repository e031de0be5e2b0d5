import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const made = new Set<string>();
process.on("exit", () => {
  for (const path of made) remove(path);
});

function remove(path: string): void {
  made.delete(path);
  rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}

/** A new empty folder: gone when the test ends, or, when made outside a test, when the process ends. */
export function tempDir(name = "dir"): string {
  const path = mkdtempSync(join(tmpdir(), `godwit-${name}-`));
  made.add(path);
  try {
    onTestFinished(() => remove(path));
  } catch {
    // Made in a hook: it lives as long as the suite, and the exit of the process removes it.
  }
  return path;
}
