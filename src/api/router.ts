import { isMadeOnTheWay, type Route } from "./route.ts";

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** A path that is known, for other methods; or one that is not known at all. */
export interface NoMatch {
  readonly route: null;
  readonly methods: readonly string[];
}

export class Router {
  readonly #routes: readonly { readonly route: Route; readonly segments: readonly string[] }[];

  constructor(routes: readonly Route[]) {
    // A word comes before a parameter in its place.
    this.#routes = routes
      .toSorted((a, b) => parametersIn(a.path) - parametersIn(b.path))
      .map((route) => ({ route, segments: route.path.split("/") }));
  }

  /** @param path still with its escapes */
  match(method: string, path: string): Match | NoMatch {
    const asked = segmentsOf(path);
    const wanted = method === "HEAD" ? "GET" : method;
    const methods: string[] = [];
    if (asked === null) return { route: null, methods };
    for (const { route, segments } of this.#routes) {
      const params = paramsOf(segments, asked);
      if (params === null) continue;
      // The head of a stream would say nothing.
      const isWithoutHead = isMadeOnTheWay(route);
      if (route.method === wanted && !(method === "HEAD" && isWithoutHead)) return { route, params };
      methods.push(route.method, ...(route.method === "GET" && !isWithoutHead ? ["HEAD"] : []));
    }
    return { route: null, methods };
  }
}

function parametersIn(path: string): number {
  return path.split("{").length - 1;
}

function segmentsOf(path: string): readonly string[] | null {
  try {
    return path.split("/").map(decodeURIComponent);
  } catch {
    // An escape that stands for no character: nothing of ours is called so.
    return null;
  }
}

function paramsOf(segments: readonly string[], asked: readonly string[]): Readonly<Record<string, string>> | null {
  if (segments.length !== asked.length) return null;
  const params: [string, string][] = [];
  for (const [at, segment] of segments.entries()) {
    const given = asked[at] ?? "";
    if (segment.startsWith("{")) params.push([segment.slice(1, -1), given]);
    else if (segment !== given) return null;
  }
  return Object.fromEntries(params);
}
