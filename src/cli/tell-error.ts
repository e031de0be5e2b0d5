import type { ErrorRecord } from "../base/errors.ts";

/** An error for people: one line that begins with its code, and the hint. */
export function tellError({ code, what, hint }: ErrorRecord, stderr: { write(text: string): unknown }): void {
  stderr.write(`godwit: ${code}: ${what}\n  ${hint}\n`);
}
