/** Values of a report as text of a page: nothing in them can become markup, or hide what it is. */

const markup = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
]);

/** Control characters, and those that turn the direction of text: a name could show as another name. */
// oxlint-disable-next-line no-control-regex
const hidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

export function escapeHtml(value: string): string {
  return value
    .replaceAll(hidden, (character) => `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, "0")}`)
    .replaceAll(/[&<>"']/g, (character) => markup.get(character) as string);
}

/** Markup that is safe as it stands. */
export interface Html {
  readonly html: string;
}

export function raw(text: string): Html {
  return { html: text };
}

/** A template whose values are escaped, unless they are `Html` already. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  let text = parts[0] ?? "";
  values.forEach((value, index) => {
    text += shown(value) + (parts[index + 1] ?? "");
  });
  return { html: text };
}

function shown(value: string | number | Html | readonly Html[]): string {
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return value.toLocaleString("en-US");
  return "html" in value ? value.html : value.map((part) => part.html).join("");
}

const units = ["bytes", "KB", "MB", "GB", "TB", "PB", "EB"] as const;

/** Decimal units, three digits. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${bytes} bytes` : `${value.toPrecision(3)} ${units[unit] ?? ""}`;
}
