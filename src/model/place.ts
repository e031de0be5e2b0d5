import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { GodwitError } from "../base/errors.ts";

/** A path or URL as somebody typed it, as the URL that jobs are known by. Slashes at the end do not matter. */
export function placeUrl(typed: string): string {
  if (typed === "") throw usage("an empty source or target", "Name a path, or a URL that begins with file: or s3:.");
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(typed)?.[1]?.toLowerCase();
  if (scheme === undefined && !/^(file|s3):/i.test(typed)) return trimmed(pathToFileURL(resolve(typed)).href);
  if (scheme === "s3") return bucketUrl(typed);
  if (scheme === "postgres" || scheme === "postgresql") return databaseUrl(typed);
  if (/^file:\//i.test(typed)) return fileUrl(typed);
  throw usage(`${typed} is no place`, "Name a path, or a URL that begins with file: or s3:.");
}

/** Its entries are tables. */
export function isDatabase(url: string): boolean {
  return url.startsWith("postgres:");
}

/** As people read it: a local path without its scheme. */
export function placeText(url: string): string {
  if (!url.startsWith("file://")) return url;
  try {
    return decodeURIComponent(new URL(url).pathname);
  } catch {
    return url;
  }
}

const threeSlashes = "Write file:///absolute/path with three slashes, or the plain path.";

/** RFC 8089 lets a host stand there; a path that another machine has is mounted here, or a mistyped one of this machine. */
function fileUrl(typed: string): string {
  if (/^file:\/\/(?:localhost)?$/i.test(typed)) throw usage(`${typed} names no path`, threeSlashes);
  if (!/^file:\/(?!\/)|^file:\/\/(?:localhost)?\//i.test(typed))
    throw usage(
      `${typed} names a host; a file: URL is of this machine: its host is empty or localhost`,
      `${threeSlashes} Mount what another machine has.`,
    );
  return trimmed(new URL(typed).href);
}

function bucketUrl(typed: string): string {
  const parsed = /^s3:\/\/([^/]+)\/?(.*)$/is.exec(typed);
  if (parsed === null) throw usage(`${typed} names no bucket`, "Write s3://BUCKET or s3://BUCKET/PREFIX.");
  const [, bucket, prefix] = parsed as unknown as [string, string, string];
  return `s3://${bucket}/${prefix.endsWith("/") ? prefix.slice(0, -1) : prefix}`;
}

/** A password would be seen by whoever lists processes or jobs. */
function databaseUrl(typed: string): string {
  const parsed = URL.parse(typed);
  const form = "Write postgres://USER@HOST:PORT/DATABASE.";
  if (parsed === null || parsed.pathname.length < 2) throw usage(`${visibleUrl(typed)} names no database`, form);
  if (parsed.password !== "" || parsed.searchParams.has("password"))
    throw usage(
      `the URL of the database ${parsed.pathname.slice(1)} holds a password`,
      "Leave it out, and put it into ~/.pgpass (or PGPASSFILE), where each database has its own line, or into PGPASSWORD.",
    );
  const { username, host, pathname, search } = parsed;
  return `postgres://${username === "" ? "" : `${username}@`}${host}${pathname}${search}`;
}

/** Without what may be a password. */
function visibleUrl(typed: string): string {
  return typed.replace(/:[^:@/]*@/, "@");
}

function trimmed(href: string): string {
  return href.length > "file:///".length && href.endsWith("/") ? href.slice(0, -1) : href;
}

function usage(what: string, hint: string): GodwitError {
  return new GodwitError("usage", { disposition: "fatal", what, hint });
}
