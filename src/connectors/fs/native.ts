/**
 * The few calls of the C library that Node has not: times in nanoseconds, early write-back, and pages given back.
 * Through koffi, an optional dependency: without it everything works, less exactly.
 */
import { koffi, type Koffi, type Library } from "../../base/koffi.ts";

export interface Native {
  /** Sets the modification time of an open file, leaves its access time. @returns false when the system refused */
  setMtime(fd: number, mtimeNs: bigint): boolean;
  /** The same for a symlink itself. */
  setLinkMtime(path: string | Buffer, mtimeNs: bigint): boolean;
  /** Starts writing pages to the disk without waiting for them; a no-op where the system has no such call. */
  startWriteBack(fd: number, offset: number, bytes: number): void;
  /** Gives pages that are on the disk already back to the system; others stay. */
  dropCached(fd: number, offset: number, bytes: number): void;
  /** Turns the kernel's read-ahead off for this open file: only what is asked for is read from the disk. */
  readNothingAhead(fd: number): void;
  /**
   * `statx` of a name in an open directory, as `struct statx`: cheaper than `lstat` of a path, and makes no garbage.
   * Null where the C library has no such call. The function returns false when the system refused.
   * @param name with its closing NUL
   */
  readonly statAt: ((directory: number, name: Uint8Array, isFollowed: boolean, into: Uint8Array) => boolean) | null;
  /** Where the bytes lie in memory, for alignment. */
  address(bytes: Uint8Array): bigint;
}

const isLinux = process.platform === "linux";
const second = 1_000_000_000n;

/** Numbers of <fcntl.h> and <sys/stat.h>. */
const numbers = isLinux
  ? { omit: 0x3ffffffen, currentDirectory: -100, noFollow: 0x100 }
  : { omit: -2n, currentDirectory: -2, noFollow: 0x20 };
const syncFileRangeWrite = 2;
/** POSIX_FADV_RANDOM of <fcntl.h>. */
const adviseRandom = 1;
/** POSIX_FADV_DONTNEED of <fcntl.h>; s390 has another number and keeps its pages. */
const adviseDontNeed = 4;
/** STATX_BASIC_STATS of <linux/stat.h>. */
const basicStats = 0x7ff;

function bind(found: Koffi): Native {
  const libc = found.load(null);
  const futimens = libc.func("int futimens(int fd, const void *times)");
  const utimensat = libc.func("int utimensat(int dirfd, const void *path, const void *times, int flags)");
  const syncFileRange = isLinux
    ? libc.func("int sync_file_range(int fd, int64_t offset, int64_t nbytes, unsigned int flags)")
    : null;
  const fadvise = isLinux ? libc.func("int posix_fadvise(int fd, int64_t offset, int64_t len, int advice)") : null;
  const statx = isLinux ? bindStatx(libc) : null;
  // struct timespec[2]: access time, modification time.
  const times = new BigInt64Array(4);
  times[1] = numbers.omit;
  const fill = (mtimeNs: bigint): void => {
    let nanoseconds = mtimeNs % second;
    if (nanoseconds < 0n) nanoseconds += second;
    times[2] = (mtimeNs - nanoseconds) / second;
    times[3] = nanoseconds;
  };
  return {
    setMtime(fd, mtimeNs) {
      fill(mtimeNs);
      return futimens(fd, times) === 0;
    },
    setLinkMtime(path, mtimeNs) {
      fill(mtimeNs);
      const bytes = typeof path === "string" ? Buffer.from(`${path}\0`) : Buffer.concat([path, Buffer.alloc(1)]);
      return utimensat(numbers.currentDirectory, bytes, times, numbers.noFollow) === 0;
    },
    startWriteBack(fd, offset, bytes) {
      // A hint: where it fails, the fsync that follows does all the work.
      syncFileRange?.(fd, offset, bytes, syncFileRangeWrite);
    },
    dropCached(fd, offset, bytes) {
      fadvise?.(fd, offset, bytes, adviseDontNeed);
    },
    readNothingAhead(fd) {
      fadvise?.(fd, 0, 0, adviseRandom);
    },
    statAt:
      statx &&
      ((directory, name, isFollowed, into) =>
        statx(directory, name, isFollowed ? 0 : numbers.noFollow, basicStats, into) === 0),
    address: (bytes) => found.address(bytes),
  };
}

/** In glibc since 2.28, in musl since 1.2. */
function bindStatx(libc: Library): ((...parameters: unknown[]) => number | bigint) | null {
  try {
    return libc.func("int statx(int dirfd, const void *path, int flags, unsigned int mask, void *into)");
  } catch {
    return null;
  }
}

export const native = bound();

/** Null without koffi, or where the C library is another one. */
function bound(): Native | null {
  try {
    return koffi === null ? null : bind(koffi);
  } catch {
    return null;
  }
}
