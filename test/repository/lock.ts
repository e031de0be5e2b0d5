/**
 * package-lock.json must name the native packages of every platform, not only those of the machine that wrote it: npm
 * leaves out optional packages that its registry did not serve, and `npm ci` then fails on every machine.
 */
interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

type MutablePackages = Record<string, LockedPackage>;

export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

export interface Absent {
  readonly owner: string;
  readonly name: string;
  readonly range: string;
}

const listNames = ["dependencies", "devDependencies", "optionalDependencies"] as const;

/** Dependencies whose range in the lock is another than in package.json. */
export function outOfStep(lock: Lock, manifest: LockedPackage): readonly string[] {
  const root = lock.packages[""] ?? {};
  return listNames.flatMap((list) => {
    const names = new Set([...Object.keys(manifest[list] ?? {}), ...Object.keys(root[list] ?? {})]);
    return [...names].filter((name) => manifest[list]?.[name] !== root[list]?.[name]).map((name) => `${list}: ${name}`);
  });
}

/** Optional packages that some locked package asks for and that have no entry where Node would look for them. */
export function absentOptional(lock: Lock): readonly Absent[] {
  return Object.entries(lock.packages).flatMap(([owner, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !isResolved(lock, owner, name))
      .map(([name, range]) => ({ owner, name, range })),
  );
}

function isResolved(lock: Lock, owner: string, name: string): boolean {
  const folders = owner.split("/node_modules/");
  return (
    folders.some((_, depth) => {
      const base = folders.slice(0, folders.length - depth).join("/node_modules/");
      return lock.packages[base === "" ? `node_modules/${name}` : `${base}/node_modules/${name}`] !== undefined;
    }) || lock.packages[`node_modules/${name}`] !== undefined
  );
}

const systems = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"] as const;
const processors = ["arm64", "arm", "x64", "ia32", "ppc64", "riscv64", "s390x", "wasm32", "loong64"] as const;

/** Adds what is absent, where its name tells the platform and its range is one exact version, as for all such packages. */
export function complete(lock: Lock): { lock: Lock; added: readonly string[]; unknown: readonly Absent[] } {
  const packages: MutablePackages = { ...lock.packages };
  const added: string[] = [];
  const unknown: Absent[] = [];
  for (const absent of absentOptional(lock)) {
    const entry = entryOf(absent, lock.packages[absent.owner] ?? {});
    const top = `node_modules/${absent.name}`;
    const place = packages[top] === undefined ? top : `${absent.owner}/${top}`;
    if (entry === null) unknown.push(absent);
    else {
      packages[place] = entry;
      added.push(place);
    }
  }
  const sorted = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, "en"));
  return { lock: { ...lock, packages: Object.fromEntries(sorted) }, added, unknown };
}

function entryOf({ name, range }: Absent, owner: LockedPackage): LockedPackage | null {
  const words = (name.split("/").at(-1) ?? "").split("-");
  const system = systems.find((word) => words.includes(word));
  const processor = processors.find((word) => words.includes(word));
  if (system === undefined || processor === undefined || !/^\d+\.\d+\.\d+$/.test(range)) return null;
  const libc = words.some((word) => word.startsWith("musl")) ? ["musl"] : ["glibc"];
  return {
    version: range,
    cpu: [processor],
    ...(owner.dev === true ? { dev: true } : {}),
    ...(system === "linux" ? { libc } : {}),
    ...(owner.license === undefined ? {} : { license: owner.license }),
    optional: true,
    os: [system],
    ...(owner.engines === undefined ? {} : { engines: owner.engines }),
  } as LockedPackage;
}
