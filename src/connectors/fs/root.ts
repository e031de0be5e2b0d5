import { realpathSync } from "node:fs";
import { type BytePath, displayPath, isContained } from "../../model/path.ts";
import { escape, rootError } from "./errors.ts";

/** What `node:fs` takes: a string where it is plain ASCII (the fast way), else the exact bytes. */
export type FsPath = string | Buffer;

// oxlint-disable-next-line no-control-regex -- all of ASCII is meant
const beyondAscii = /[^\x00-\x7f]/;

export function toFsPath(bytes: string): FsPath {
  return beyondAscii.test(bytes) ? Buffer.from(bytes, "latin1") : bytes;
}

/** A directory, and the way from a path of an entry to a path of the system. */
export class Root {
  readonly bytes: BytePath;
  readonly #prefix: string;

  /** @param bytes absolute path, one character per byte */
  constructor(bytes: string) {
    this.bytes = bytes as BytePath;
    this.#prefix = bytes.endsWith("/") ? bytes : `${bytes}/`;
  }

  at(path: BytePath): FsPath {
    return toFsPath(path === "" ? this.bytes : this.#prefix + path);
  }

  /** Length in bytes of the system's path of an entry. */
  lengthOf(path: BytePath): number {
    return this.#prefix.length + path.length;
  }

  /** The same directory with every symlink of its own path resolved. */
  resolved(): Root {
    return new Root(realpathSync(toFsPath(this.bytes), { encoding: "latin1" as BufferEncoding }));
  }

  get location(): string {
    return displayPath(this.bytes);
  }
}

/** A path that came from a source never leads out of the target. */
export function assertContained(path: BytePath): void {
  if (!isContained(path)) throw escape(path, "the path does not stay inside the target");
}

/** @throws config_invalid for anything but `file:` with an absolute path on this machine */
export function rootOfUrl(url: string): Root {
  const match = /^file:(?:\/\/(?:localhost)?)?(\/.*)$/s.exec(url);
  if (match?.[1] === undefined) {
    throw rootError(
      "config_invalid",
      `${url} is no absolute file: URL`,
      "Write file:///absolute/path, or give the plain path.",
    );
  }
  // Escapes stand for bytes, which need not be UTF-8; everything else is text.
  const text = Buffer.from(match[1], "utf8").toString("latin1");
  const bytes = text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  if (bytes.includes("\0")) throw rootError("config_invalid", `${url} holds a NUL byte`, "No file system allows it.");
  return new Root(bytes.length > 1 ? bytes.replace(/\/+$/, "") || "/" : bytes);
}
