/** A list of checksums as `sha256sum` writes it, held in memory: 32 bytes and a name for each file. */
import { GodwitError } from "../base/errors.ts";

const digestBytes = 32;
const hexLength = 64;
const newline = 0x0a;
const carriageReturn = 0x0d;

export class Manifest {
  readonly #places = new Map<string, number>();
  #digests = Buffer.alloc(1_024 * digestBytes);

  /** @param name bytes as Latin-1, relative to the source. @returns hexadecimal; null where the list does not name it */
  digestOf(name: string): string | null {
    const place = this.#places.get(name);
    return place === undefined ? null : this.#digests.toString("hex", place, place + digestBytes);
  }

  /** @returns false when the name was added before with another digest */
  add(name: string, hex: string): boolean {
    const known = this.digestOf(name);
    if (known !== null) return known === hex;
    const place = this.#places.size * digestBytes;
    if (place === this.#digests.length) this.#digests = Buffer.concat([this.#digests, Buffer.alloc(place)]);
    this.#digests.write(hex, place, "hex");
    this.#places.set(name, place);
    return true;
  }
}

/**
 * Lines end at a newline alone: a carriage return may be part of a name, except at the end of a line.
 * @throws usage that names the first line which is none of sha256sum
 */
export function parseManifest(bytes: Buffer, path: string): Manifest {
  const manifest = new Manifest();
  let number = 0;
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(newline, from);
    const next = found < 0 ? bytes.length : found;
    const to = next > from && bytes[next - 1] === carriageReturn ? next - 1 : next;
    const line = bytes.toString("latin1", from, to);
    number += 1;
    from = next + 1;
    if (line === "" || line.startsWith("#")) continue;
    const parsed = parseLine(line);
    if (parsed === null) throw badLine(`line ${number} of ${path} is not a line of sha256sum`);
    if (!manifest.add(parsed.name, parsed.hex))
      throw badLine(`line ${number} of ${path} gives another digest for a name that an earlier line has`);
  }
  return manifest;
}

/** A backslash before the digest says that newline, carriage return and backslash are escaped in the name. */
function parseLine(line: string): { readonly hex: string; readonly name: string } | null {
  const at = line.startsWith("\\") ? 1 : 0;
  const hex = line.slice(at, at + hexLength).toLowerCase();
  const mark = line.slice(at + hexLength, at + hexLength + 2);
  const written = line.slice(at + hexLength + 2);
  if (!/^[0-9a-f]{64}$/.test(hex) || (mark !== "  " && mark !== " *") || written === "") return null;
  const name = at === 0 ? written : unescaped(written);
  if (name === null) return null;
  return { hex, name: name.startsWith("./") ? name.slice(2) : name };
}

const escapes: Readonly<Record<string, string>> = { "\\\\": "\\", "\\n": "\n", "\\r": "\r" };

/** @returns null where a backslash stands before anything else */
function unescaped(text: string): string | null {
  if (!/^(?:[^\\]|\\[\\nr])*$/s.test(text)) return null;
  return text.replaceAll(/\\./g, (escape) => escapes[escape] ?? escape);
}

function badLine(what: string): GodwitError {
  return new GodwitError("usage", {
    disposition: "fatal",
    what,
    hint: "Each line holds 64 hexadecimal digits, two spaces, and a name relative to the source; each name once.",
  });
}
