/** What can go wrong between a client and its S3 server, and when. */
import type { S3RequestLine } from "./s3-exchange.ts";

/**
 * `forwarded: true` means that the server does the work and only its answer is lost or replaced.
 * - `status`: an error answer with this S3 code, such as 503 SlowDown
 * - `reset`: the connection is reset (RST)
 * - `truncate`: the answer ends after so many bytes of its body, by closing the connection
 * - `stall`: no answer until `release()`, then it goes on as if nothing had been; or until the client gives up
 * - `error_in_200`: status 200 with an `<Error>` body, as S3 may do for complete and copy
 * - `answer`: status 200 with this XML, as a store would give it that can do what the server cannot; it is not asked
 * - `corrupt`: one bit of the body at `offset` is flipped, on its way to the server or back; lengths stay
 */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly code: string; readonly forwarded?: boolean }
  | { readonly kind: "reset"; readonly forwarded: boolean }
  | { readonly kind: "truncate"; readonly afterBytes: number }
  | { readonly kind: "stall"; readonly forwarded: boolean }
  | { readonly kind: "error_in_200"; readonly code: string; readonly forwarded: boolean }
  | { readonly kind: "answer"; readonly xml: (request: S3RequestLine) => string }
  | { readonly kind: "corrupt"; readonly body: "request" | "response"; readonly offset: number };

export const slowDown = { kind: "status", status: 503, code: "SlowDown" } as const satisfies Fault;

/** All that is stated must match. The occurrences are counted per rule, over what it matches. */
export interface FaultRule {
  readonly operation?: string | readonly string[];
  readonly method?: string;
  readonly path?: string | RegExp;
  readonly key?: string | RegExp;
  /** Parameters that the query must have, with these values. */
  readonly query?: Readonly<Record<string, string>>;
  readonly when?: (request: S3RequestLine) => boolean;
  /** The first occurrence that fails, from 1; default 1. */
  readonly nth?: number;
  /** How many fail from there on; default: 1 when `nth` is given, else all. */
  readonly times?: number;
  readonly fault: Fault;
}

export interface ActiveRule {
  /** How many requests it matched, and how many of these it made fail. */
  readonly seen: number;
  readonly hits: number;
  /** Settles when it made a request fail for the first time (a stalled or forwarded one: when it is held back). */
  readonly fired: Promise<void>;
  /** Lets stalled requests go on, and stalls none any more. */
  release(): void;
  remove(): void;
}

export class RuleState implements ActiveRule {
  seen = 0;
  hits = 0;
  readonly fired: Promise<void>;
  readonly released: Promise<void>;
  readonly rule: FaultRule;
  readonly #fire: () => void;
  readonly #release: () => void;
  readonly #remove: (state: RuleState) => void;

  constructor(rule: FaultRule, remove: (state: RuleState) => void) {
    this.rule = rule;
    this.#remove = remove;
    const fired = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.fired = fired.promise;
    this.released = released.promise;
    this.#fire = fired.resolve;
    this.#release = released.resolve;
  }

  /** Counts the request when it matches, and says whether this occurrence is to fail. */
  takes(request: S3RequestLine): boolean {
    if (!matches(this.rule, request)) return false;
    this.seen += 1;
    const first = this.rule.nth ?? 1;
    const times = this.rule.times ?? (this.rule.nth === undefined ? Number.POSITIVE_INFINITY : 1);
    return this.seen >= first && this.seen < first + times;
  }

  strike(): void {
    this.hits += 1;
    this.#fire();
  }

  release(): void {
    this.remove();
    this.#release();
  }

  remove(): void {
    this.#remove(this);
  }
}

function matchesText(pattern: string | RegExp | undefined, text: string | null): boolean {
  if (pattern === undefined) return true;
  if (text === null) return false;
  return typeof pattern === "string" ? pattern === text : pattern.test(text);
}

function matches(rule: FaultRule, request: S3RequestLine): boolean {
  const operations = rule.operation === undefined ? null : [rule.operation].flat();
  return (
    (operations === null || operations.includes(request.operation)) &&
    (rule.method === undefined || rule.method === request.method) &&
    matchesText(rule.path, request.path) &&
    matchesText(rule.key, request.key) &&
    Object.entries(rule.query ?? {}).every(([name, value]) => request.query.get(name) === value) &&
    (rule.when === undefined || rule.when(request))
  );
}
