import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives a test run a temporary folder of its own, and removes it at the end, whatever its tests left behind. */
export default function giveRunItsOwnTemp(): () => void {
  const root = mkdtempSync(join(tmpdir(), "godwit-test-"));
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = root;
  return () => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  };
}
