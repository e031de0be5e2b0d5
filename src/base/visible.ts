/**
 * Control characters (C0 and C1), and those that turn the direction of text or take no room: a name could show as another
 * name, hide a line, or be obeyed by a terminal.
 */
// oxlint-disable-next-line no-control-regex
const hidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** For people: one line in which nothing is hidden; what would be stands as `\uXXXX`. */
export function visible(text: string): string {
  return text.replaceAll(
    hidden,
    (character) => `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, "0")}`,
  );
}
