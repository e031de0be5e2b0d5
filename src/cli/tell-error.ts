import type { ErrorRecord } from "../base/errors.ts";
import { visible } from "../base/visible.ts";

/** An error for people: one line that begins with its code, and the hint. */
export function tellError({ code, what, hint }: ErrorRecord, stderr: { write(text: string): unknown }): void {
  // Only a defect has more lines, those of its stack; no line but the first may look like one of ours.
  const lines = code === "internal" ? what.split("\n").map(visible).join("\n  ") : visible(what);
  stderr.write(`godwit: ${code}: ${lines}\n  ${visible(hint)}\n`);
}
