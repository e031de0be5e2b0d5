/** Names and texts as they stand in a statement of PostgreSQL. */

export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literalText(text: string): string {
  const escaped = text.replaceAll("'", "''");
  return escaped.includes("\\") ? ` E'${escaped.replaceAll("\\", "\\\\")}'` : `'${escaped}'`;
}
