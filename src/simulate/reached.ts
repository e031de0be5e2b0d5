/** A port as one simulated process reaches it: a killed one gets no answer any more, a stopped one when it goes on. */
import type { Hints } from "../ports/hints.ts";
import type { SimProcess } from "./sim-process.ts";

type Method = (...args: unknown[]) => unknown;

/** @param port every method that is called answers with a promise. @param onCall is told of each call that is made */
export function reached<P extends object>(port: P, process: SimProcess, onCall: () => void): P {
  const known = new Map<PropertyKey, Method>();
  return new Proxy(port, {
    get: (inner, key) => {
      const before = known.get(key);
      if (before !== undefined) return before;
      const value: unknown = Reflect.get(inner, key);
      if (typeof value !== "function") return value;
      const method = value.bind(inner) as Method;
      const call = async (...args: unknown[]): Promise<unknown> => {
        await process.pass();
        onCall();
        try {
          return await method(...args);
        } finally {
          await process.pass();
        }
      };
      known.set(key, call);
      return call;
    },
  });
}

/** Hints as that process says and hears them: none while it is stopped, which is as if they were lost. */
export function reachedHints(hints: Hints, process: SimProcess): Hints {
  return {
    say: (hint) => {
      if (process.isRunning) hints.say(hint);
    },
    listen: (onHint, signal) =>
      hints.listen((hint) => {
        if (process.isRunning) onHint(hint);
      }, signal),
  };
}
