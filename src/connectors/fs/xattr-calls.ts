/** The calls of Linux on extended attributes of an open file, through koffi. Names are bytes, one character for each. */
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { koffi, type Koffi } from "../../base/koffi.ts";

export interface XattrCalls {
  /** @throws what the system says, by its code; E2BIG where the names are more than it can tell */
  list(fd: number): readonly string[];
  /** @throws ENODATA where there is none of that name */
  get(fd: number, name: string): Uint8Array;
  set(fd: number, name: string, value: Uint8Array): void;
  remove(fd: number, name: string): void;
}

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of <linux/limits.h>: neither the names nor a value are longer. */
const bytesMax = 65_536;
/** Most are shorter. The kernel fetches memory for as much as it is offered, so that offering little is much faster. */
const bytesUsual = 1_024;

const { ERANGE } = constants.errno;

function bind(found: Koffi): XattrCalls {
  const libc = found.load(null);
  const flistxattr = libc.func("int64_t flistxattr(int fd, void *list, size_t size)");
  const fgetxattr = libc.func("int64_t fgetxattr(int fd, const void *name, void *value, size_t size)");
  const fsetxattr = libc.func("int fsetxattr(int fd, const void *name, const void *value, size_t size, int flags)");
  const fremovexattr = libc.func("int fremovexattr(int fd, const void *name)");
  const buffer = Buffer.allocUnsafeSlow(bytesMax);
  // Asked for right after the call.
  const checked = (result: number | bigint, call: string): number => {
    if (result >= 0) return Number(result);
    const code = getSystemErrorName(-found.errno());
    throw Object.assign(new Error(`${code}: ${call}`), { code, syscall: call });
  };
  const offering = (fetch: (size: number) => number | bigint, call: string): number => {
    const bytes = fetch(bytesUsual);
    return checked(bytes < 0 && found.errno() === ERANGE ? fetch(bytesMax) : bytes, call);
  };
  return {
    list(fd) {
      if (flistxattr(fd, null, 0) === 0) return [];
      const bytes = offering((size) => flistxattr(fd, buffer, size), "flistxattr");
      return bytes === 0 ? [] : buffer.toString("latin1", 0, bytes - 1).split("\0");
    },
    get(fd, name) {
      const ended = terminated(name);
      const bytes = offering((size) => fgetxattr(fd, ended, buffer, size), "fgetxattr");
      return Buffer.from(buffer.subarray(0, bytes));
    },
    set(fd, name, value) {
      checked(fsetxattr(fd, terminated(name), value, value.length, 0), "fsetxattr");
    },
    remove(fd, name) {
      checked(fremovexattr(fd, terminated(name)), "fremovexattr");
    },
  };
}

function terminated(name: string): Buffer {
  return Buffer.from(`${name}\0`, "latin1");
}

/** Null without koffi, elsewhere than on Linux, or where the C library is another one. */
export const xattrCalls = bound();

function bound(): XattrCalls | null {
  try {
    return koffi === null || process.platform !== "linux" ? null : bind(koffi);
  } catch {
    return null;
  }
}
