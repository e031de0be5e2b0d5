/** Where jobs may read and write. Places are compared as they are known to jobs, and once more with links followed. */
import { GodwitError, toGodwitError } from "../base/errors.ts";
import { realPlace } from "../coordinator/nested.ts";
import { placeUrl } from "../model/place.ts";
import { invalid, Refusal } from "./problem.ts";

export interface AllowLists {
  /** Paths or URLs below which sources may lie; null: anywhere. */
  readonly sources: readonly string[] | null;
  readonly targets: readonly string[] | null;
  /**
   * Endpoints of S3-compatible stores beside that of the workers' own configuration. Null: any, or none where places are
   * on a list: under another endpoint, a bucket of the same name is another place.
   */
  readonly s3Endpoints: readonly string[] | null;
}

/** @returns the same, with canonical URLs. @throws usage */
export function canonicalLists({ sources, targets, s3Endpoints }: AllowLists): AllowLists {
  return { sources: canonical(sources), targets: canonical(targets), s3Endpoints };
}

function canonical(list: readonly string[] | null): readonly string[] | null {
  return list?.map(placeUrl) ?? null;
}

/** @returns the canonical URL of what was given. @throws request_invalid that names the field */
export function placeOf(field: string, given: string): string {
  const refuse = (detail: string): Refusal => invalid([{ field, detail }]);
  if (!/^(?:\/|file:\/|s3:\/\/)/i.test(given)) throw refuse("is neither an absolute path nor a file: or s3: URL");
  // oxlint-disable-next-line no-control-regex -- what no path can hold
  if (/\u0000/.test(given)) throw refuse("holds a character that no path has");
  let url: string;
  try {
    url = placeUrl(given);
  } catch (error) {
    throw refuse(error instanceof GodwitError ? toGodwitError(error).what : "is no URL");
  }
  if (!url.startsWith("file:")) return url;
  const { pathname, search, hash } = new URL(url);
  if (search !== "" || hash !== "") throw refuse("has a query or a fragment: write %3F and %23 for ? and #");
  // Decoded later, they would lead elsewhere than they are compared.
  if (/%(?:2f|00)/i.test(pathname)) throw refuse("has an escaped slash or zero byte");
  if (/%(?![0-9a-f]{2})/i.test(pathname)) throw refuse("has a percent sign that begins no escape: write %25");
  return url;
}

export interface Wanted {
  readonly source: string;
  readonly target: string;
  readonly links: "preserve" | "follow" | "skip";
  readonly s3Endpoint: string | null;
}

/** @throws place_forbidden */
export function refuseForbidden(lists: AllowLists, { source, target, links, s3Endpoint }: Wanted): void {
  if (lists.sources !== null) {
    refuseOutside("source_path", source, lists.sources);
    if (links === "follow" && source.startsWith("file:"))
      throw forbidden("links", "links may lead out of the places from which sources may be read");
  }
  if (lists.targets !== null) refuseOutside("target_path", target, lists.targets);
  const hasLists = lists.sources !== null || lists.targets !== null;
  const endpoints = lists.s3Endpoints ?? (hasLists ? [] : null);
  if (s3Endpoint !== null && endpoints !== null && !endpoints.includes(s3Endpoint))
    throw forbidden("s3.endpoint", "is not on the list of endpoints");
}

function refuseOutside(field: string, url: string, list: readonly string[]): void {
  const hasDots = url.startsWith("s3:") && url.split("/").some((segment) => segment === "." || segment === "..");
  if (!hasDots && liesIn(decoded(url), list.map(decoded)) && liesIn(realPlace(url), list.map(realPlace))) return;
  throw forbidden(field, "lies outside of the places that the server's allow-list names");
}

function liesIn(place: string, allowed: readonly string[]): boolean {
  return allowed.some((prefix) => place === prefix || place.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`));
}

/** Escapes that stand for the same bytes are the same place. */
function decoded(url: string): string {
  if (!url.startsWith("file:")) return url;
  return Buffer.from(new URL(url).pathname, "utf8")
    .toString("latin1")
    .replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function forbidden(field: string, detail: string): Refusal {
  return new Refusal("place_forbidden", {
    status: 403,
    what: `${field}: ${detail}`,
    hint: "Whoever runs the server decides where jobs may read and write.",
    fields: [{ field, detail }],
  });
}
