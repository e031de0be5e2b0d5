/** Values of a report as text of a page: nothing in them can become markup, or hide what it is. */
import { visible } from "../base/visible.ts";

const markup = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
]);

export function escapeHtml(value: string): string {
  return visible(value).replaceAll(/[&<>"']/g, (character) => markup.get(character) as string);
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
