/** One operation of the API: its words in the OpenAPI document, what it takes and gives, and what it does. */
import type { Writable } from "node:stream";
import { z } from "zod";
import type { Access, Role } from "../ports/access.ts";
import type { BudgetStore } from "../ports/budget.ts";
import type { Clock } from "../ports/clock.ts";
import type { Overview } from "../ports/overview.ts";
import type { Signers } from "../ports/signers.ts";
import type { Store } from "../ports/store.ts";
import type { ReportStore } from "../report/build.ts";
import type { SigningKey } from "../report/signature.ts";
import type { AllowLists } from "./allow-list.ts";
import type { MapCache } from "./map-cache.ts";
import type { Seats } from "./seats.ts";

export type ApiStore = Pick<Store, "wish" | "setTerms" | "requeue" | "stopIdle" | "workers" | "open"> & ReportStore;

/** What a server is given for its operations. */
export interface ApiParts {
  readonly store: ApiStore;
  readonly access: Access;
  readonly overview: Overview;
  readonly budget: BudgetStore;
  readonly signers: Signers;
  /** That signs now, and is among the `signers`. @throws key_invalid */
  readonly signingKey: () => Promise<SigningKey>;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly version: string;
  /** This process's numbers in the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
}

/** What operations work with. */
export interface Api extends ApiParts {
  readonly allowLists: AllowLists;
  readonly maps: MapCache;
  readonly seats: Seats;
  readonly reportSeats: Seats;
  /** A job was cancelled and nobody leads it: what it has staged may be removed. */
  readonly onCancelled: (jobId: string) => void;
}

/** Who asks. */
export interface Caller {
  /** Null where the server asks for no token. */
  readonly tokenId: string | null;
  readonly actor: string;
  readonly role: Role;
}

export interface Call<P, Q, B> {
  readonly api: Api;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly caller: Caller;
  readonly idempotencyKey: string | null;
  /** Asked again from time to time by whoever answers for long. @throws token_invalid */
  readonly stillAllowed: () => Promise<void>;
  /** Aborts when nobody waits for the answer any more, or the server ends. */
  readonly signal: AbortSignal;
}

export interface Reply<A> {
  /** The lowest of the route's statuses where none is given. */
  readonly status?: number;
  readonly body: A;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Written as it comes, until it ends or the request's signal aborts. */
export type Streamed = AsyncIterable<string>;

/** Writes itself, no faster than it is taken. What fails half-way cuts the answer off. */
export interface Written {
  readonly media: string;
  readonly write: (out: Writable) => Promise<void>;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

interface Words {
  /** The name of the operation in the document and in the audit log. */
  readonly id: string;
  readonly method: Method;
  /** With `{name}` for each parameter. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** The least role that may call it; null for everybody. */
  readonly role: Role | null;
  /** Takes an Idempotency-Key. */
  readonly isKeyed?: boolean;
  /** The answer writes itself, as one of these media types. */
  readonly written?: readonly string[];
  readonly media?: "application/json" | "text/html" | "text/event-stream" | "text/plain";
  /** What each status of success says. */
  readonly statuses: Readonly<Record<number, string>>;
}

type Shape = z.ZodObject | null;
type Of<S extends Shape> = S extends z.ZodObject ? z.output<S> : Readonly<Record<string, never>>;

export interface RouteSpec<P extends Shape, Q extends Shape, B extends Shape, A extends z.ZodType> extends Words {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly answer: A;
  readonly handle: (call: Call<Of<P>, Of<Q>, Of<B>>) => Promise<Reply<z.input<A>>> | Promise<Reply<Streamed | Written>>;
}

export interface Route extends Words {
  readonly params: Shape;
  readonly query: Shape;
  readonly body: Shape;
  readonly answer: z.ZodType;
  readonly handle: (call: Call<unknown, unknown, unknown>) => Promise<Reply<unknown>>;
}

/** Whoever calls `handle` has parsed what it is given by the route's own shapes. */
export function route<P extends Shape, Q extends Shape, B extends Shape, A extends z.ZodType>(
  spec: RouteSpec<P, Q, B, A>,
): Route {
  return spec as unknown as Route;
}

export function changes({ method }: Pick<Route, "method">): boolean {
  return method !== "GET";
}

const noFields = z.strictObject({});

/** Also where a route takes nothing: then anything is too much. */
export function shapeOf(shape: Shape): z.ZodObject {
  return shape ?? noFields;
}

/** Told as it is made: its beginning says nothing of its end. */
export function isMadeOnTheWay({ media, written }: Pick<Route, "media" | "written">): boolean {
  return media === "text/event-stream" || written !== undefined;
}
