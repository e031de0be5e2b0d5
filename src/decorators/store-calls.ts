/** A Store whose calls somebody watches. What is streamed passes as it is. */
import type { Store } from "../ports/store.ts";

type Streams = "chunks" | "exceptions" | "verdicts" | "attempts";
export type StoreMethod = Exclude<keyof Store, Streams | symbol>;

/** Stands around the calls of one method: it calls once, and gives its answer or error back. */
type Around<M extends StoreMethod> = (
  args: Parameters<Store[M]>,
  call: () => ReturnType<Store[M]>,
) => ReturnType<Store[M]>;

export type Watchers = { readonly [M in StoreMethod]?: Around<M> };
type AnyAround = (args: readonly unknown[], call: () => Promise<unknown>) => Promise<unknown>;

/** @param every stands around all calls, inside of the watchers */
export function watchStore(
  store: Store,
  watchers: Watchers,
  every: <T>(method: StoreMethod, call: () => Promise<T>) => Promise<T>,
): Store {
  const streams: ReadonlySet<string | symbol> = new Set<Streams>(["chunks", "exceptions", "verdicts", "attempts"]);
  return new Proxy(store, {
    get(target, property): unknown {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      const method = value.bind(target) as (...args: readonly unknown[]) => Promise<unknown>;
      if (typeof property === "symbol" || streams.has(property)) return method;
      const name = property as StoreMethod;
      const around = watchers[name] as AnyAround | undefined;
      return (...args: readonly unknown[]) => {
        const call = (): Promise<unknown> => every(name, () => method(...args));
        return around === undefined ? call() : around(args, call);
      };
    },
  });
}
