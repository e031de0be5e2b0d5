/** Traces of chunks, where the environment asks for them: else nothing of it is loaded, and the Store is as it was. */
import type { ChunkTracer } from "../ports/tracer.ts";
import type { Store } from "../ports/store.ts";
import { processOwner } from "./state.ts";
import { wantedTraces } from "./trace-settings.ts";
import { version } from "./version.ts";

export interface Traced extends AsyncDisposable {
  readonly store: Store;
}

/**
 * Disposing it sends what is left; the Store itself stays open.
 * @param onTrouble is told why traces are not sent, or cannot be
 */
export async function traced(store: Store, onTrouble: (message: string) => void): Promise<Traced> {
  const { settings, warning } = wantedTraces(process.env);
  if (warning !== null) onTrouble(warning);
  if (settings === null) return { store, [Symbol.asyncDispose]: async () => undefined };
  const [{ openTracer }, { tracedStore }, { systemClock }] = await Promise.all([
    import("../platform/tracing.ts"),
    import("../decorators/tracing.ts"),
    import("../platform/clock.ts"),
  ]);
  const own = { clock: systemClock, version: version(), instance: processOwner(), onTrouble };
  const tracer: ChunkTracer = await openTracer({ ...settings, ...own });
  return {
    store: tracedStore(store, tracer, systemClock),
    [Symbol.asyncDispose]: () => tracer[Symbol.asyncDispose](),
  };
}
