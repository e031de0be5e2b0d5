/** A database, as its URL names it: never with a password. */
export interface DatabasePlace {
  /** As shown to people. */
  readonly location: string;
  /** For `pg` and for libpq's own programs: `postgres://user@host:port/database?settings`. */
  readonly url: string;
}

export function placeOf(url: string): DatabasePlace {
  const parsed = new URL(url);
  const { host, pathname } = parsed;
  return { location: `postgres://${host}${pathname}`, url };
}
