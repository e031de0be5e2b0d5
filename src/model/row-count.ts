/** How many rows a range had: told as the tag of its one block, and so kept with its digest. */

const prefix = "rows=";

export function rowsTag(rows: number): string {
  return `${prefix}${rows}`;
}

/** @returns null where the tags are no counts of rows */
export function rowsOfTags(tags: readonly (string | null)[] | null): number | null {
  const [tag = null] = tags ?? [];
  return tag?.startsWith(prefix) === true ? Number(tag.slice(prefix.length)) : null;
}
