/** What `godwit doctor` finds out about a directory, by trying it in a folder of its own that is removed again. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  opendirSync,
  readlinkSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { ErrorRecord } from "../../base/errors.ts";
import { displayPath, pathToText, rootPath } from "../../model/path.ts";
import type { Finding, OpenOptions } from "../../ports/connector.ts";
import { ownUid } from "./attributes.ts";
import { StoredReader } from "./direct.ts";
import { isMissing, listingError, rootMissing, systemCode, writeError } from "./errors.ts";
import { native } from "./native.ts";
import { type Root, rootOfUrl, toFsPath } from "./root.ts";
import { readXattrs, writeXattrs, xattrsSupported } from "./xattrs.ts";

const clockToleranceMs = 2_000;

export async function* diagnose(
  url: string,
  role: "source" | "target",
  _options: OpenOptions,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  signal.throwIfAborted();
  const root = rootOfUrl(url);
  if (role === "source") yield* diagnoseSource(root);
  else yield* diagnoseTarget(root);
}

function* diagnoseSource(root: Root): Generator<Finding> {
  try {
    const directory = opendirSync(toFsPath(root.bytes));
    directory.readSync();
    directory.closeSync();
    yield ok("source", `${root.location} can be listed`);
  } catch (error) {
    yield problem(
      "source",
      (isMissing(error) ? rootMissing("source_missing", root.location) : listingError(error, rootPath)).toJSON(),
    );
    return;
  }
  if (ownUid !== 0) yield note("reading", "Not root: files of others that are not readable will end `failed`.");
  yield xattrsSupported
    ? ok("extended attributes", "are read")
    : note("extended attributes", "The optional package koffi is missing: they are not read.");
}

function* diagnoseTarget(root: Root): Generator<Finding> {
  const base = nearestDirectory(root);
  let probe: string;
  const before = statSync(base, { bigint: true }).mtimeNs;
  try {
    // The probes are plain text paths; a root that is not UTF-8 keeps its bytes by being resolved first.
    probe = mkdtempSync(join(base, ".godwit-doctor-"));
  } catch (error) {
    yield problem("target", writeError(error, rootPath).toJSON());
    return;
  }
  try {
    yield ok("target", base === pathToText(root.bytes) ? `${base} can be written` : `${root.location} can be made`);
    yield space(base);
    yield* files(probe);
    yield* names(probe);
  } catch (error) {
    yield problem("target", writeError(error, rootPath).toJSON());
  } finally {
    rmSync(probe, { recursive: true, force: true });
    restoreTime(base, before);
  }
}

/** Nothing is left behind: not even a newer time of the directory that held the probe. */
function restoreTime(base: string, mtimeNs: bigint): void {
  const fd = openSync(base, constants.O_RDONLY | constants.O_DIRECTORY);
  native?.setMtime(fd, mtimeNs);
  closeSync(fd);
}

function nearestDirectory(root: Root): string {
  let path = pathToText(root.bytes) ?? displayPath(root.bytes);
  while (path !== "/" && lstatSync(path, { throwIfNoEntry: false }) === undefined) path = dirname(path);
  return path;
}

function space(base: string): Finding {
  const { bavail, bsize, ffree, files: inodes } = statfsSync(base);
  const freeGigabytes = ((bavail * bsize) / 1e9).toFixed(1);
  if (bavail === 0) return note("space", "No space is left.");
  if (inodes > 0 && ffree === 0) return note("space", "No inodes are left.");
  return ok("space", `${freeGigabytes} GB free${inodes > 0 ? `, ${ffree} more files` : ""}`);
}

function* files(probe: string): Generator<Finding> {
  const path = join(probe, "file");
  writeFileSync(path, Buffer.alloc(8_192, 1), { mode: 0o600 });
  const fd = openSync(path, constants.O_RDWR);
  try {
    fsyncSync(fd);
    const apartMs = fstatSync(fd).mtimeMs - Date.now();
    yield Math.abs(apartMs) < clockToleranceMs
      ? ok("clock", "The file system's clock and this machine's agree.")
      : note("clock", `The file system's clock is ${Math.round(apartMs / 1_000)} s off this machine's.`);
    yield direct(path);
    yield times(fd);
    yield attributes(fd);
  } finally {
    closeSync(fd);
  }
  yield ownUid === 0
    ? ok("owner", "Owners are kept (root).")
    : note("owner", "Not root: files will belong to this user.");
}

function direct(path: string): Finding {
  const stored = new StoredReader(true);
  const opened = stored.open(path, 0);
  try {
    stored.read(opened, { position: 0, length: 4_096, buffer: 0 });
    if (opened.isDirect && stored.hasMedium(path, fstatSync(opened.fd).dev)) {
      return ok("read-back", "comes from the medium (O_DIRECT).");
    }
  } catch (error) {
    if (systemCode(error) !== "EINVAL") throw error;
  } finally {
    closeSync(opened.fd);
  }
  return note("read-back", "O_DIRECT does not work here: the proof will say `cache` instead of `medium`.");
}

function times(fd: number): Finding {
  const wanted = 1_234_567_890_123_456_789n;
  if (native === null)
    return note("times", "The optional package koffi is missing: times are exact to a microsecond only.");
  if (native.setMtime(fd, wanted) && fstatSync(fd, { bigint: true }).mtimeNs === wanted) {
    return ok("times", "are kept in nanoseconds.");
  }
  return note("times", "The file system keeps times less exactly than in nanoseconds.");
}

function attributes(fd: number): Finding {
  if (!xattrsSupported) return note("extended attributes", "The optional package koffi is missing: they are lost.");
  const wanted = new Map([["user.godwit.probe", Buffer.from("1")]]);
  const kept = writeXattrs(fd, wanted) && readXattrs(fd)?.has("user.godwit.probe") === true;
  return kept
    ? ok("extended attributes", "are kept.")
    : note("extended attributes", "The file system keeps none: they are lost.");
}

function* names(probe: string): Generator<Finding> {
  const path = join(probe, "file");
  yield supports("symlinks", () => {
    symlinkSync("file", join(probe, "symlink"));
    return readlinkSync(join(probe, "symlink")) === "file";
  });
  yield supports("hard links", () => {
    linkSync(path, join(probe, "twin"));
    return statSync(path).nlink === 2;
  });
  mkdirSync(join(probe, "Case"));
  const folds = lstatSync(join(probe, "cASE"), { throwIfNoEntry: false }) !== undefined;
  yield folds
    ? note("names", "Upper and lower case are one: names that differ in case alone would overwrite each other.")
    : ok("names", "Upper and lower case are told apart.");
  yield supports("names that are not UTF-8", () => {
    const odd = Buffer.concat([Buffer.from(`${probe}/`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(odd, "");
    return true;
  });
}

function supports(subject: string, attempt: () => boolean): Finding {
  try {
    if (attempt()) return ok(subject, "work.");
  } catch (error) {
    if (systemCode(error) === null || isMissing(error)) throw error;
  }
  return note(subject, "The file system has none: such entries are refused by name.");
}

function ok(subject: string, text: string): Finding {
  return { subject, level: "ok", text, error: null };
}

function note(subject: string, text: string): Finding {
  return { subject, level: "note", text, error: null };
}

function problem(subject: string, error: ErrorRecord): Finding {
  return { subject, level: "problem", text: `${error.what}. ${error.hint}`, error };
}
