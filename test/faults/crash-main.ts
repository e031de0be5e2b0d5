/**
 * The real program, with one addition: it kills itself with SIGKILL at a named call of its Store. Everything else is
 * what users run. Arguments: CRASH_POINT OCCURRENCE, then Godwit's own.
 */
import type { Surroundings } from "../../src/cli/surroundings.ts";
import type { Store } from "../../src/ports/store.ts";
import { type CrashPoint, crashingStore } from "./crash-store.ts";

interface Program {
  main(argv: readonly string[], bring: Partial<Surroundings>): Promise<number>;
}

const [point, occurrence, ...argv] = process.argv.slice(2);
const program = (await import(new URL("../../dist/program/main.js", import.meta.url).href)) as Program;
process.exitCode = await program.main(argv, {
  wrapStore: (store: Store) => crashingStore(store, point as CrashPoint, Number(occurrence)),
});
