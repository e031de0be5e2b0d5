/**
 * `npm run testbed`: installs what `tools.ts` pins. Does nothing for what is there in that version. What it cannot
 * install itself it names with the command that does.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  executables,
  isInstalled,
  mariadbPrograms,
  motoRequirements,
  motoStamp,
  postgresPrograms,
  s3sRustVersion,
  s3sVersion,
  testbedRoot,
  versionLine,
  type ToolName,
} from "./tools.ts";

/** The operator has to run a command of the system first. */
class Missing extends Error {}

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

function run(command: string, args: readonly string[], { env = {}, cwd }: Surroundings = {}): boolean {
  const result = spawnSync(command, args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
    cwd,
  });
  return result.error === undefined && result.status === 0;
}

function isOlder(version: string, needed: string): boolean {
  return version.localeCompare(needed, "en", { numeric: true }) < 0;
}

function installS3s(): void {
  const rustc = versionLine("rustc")?.split(" ")[1] ?? null;
  const hint = "apt-get install -y build-essential cargo-web rustc-web";
  if (rustc === null || versionLine("cargo") === null) {
    throw new Missing(`s3s-fs ${s3sVersion} needs Rust ${s3sRustVersion}, and there is none. On Debian 12: ${hint}`);
  }
  if (isOlder(rustc, s3sRustVersion)) {
    throw new Missing(`s3s-fs ${s3sVersion} needs Rust ${s3sRustVersion}, here is ${rustc}. On Debian 12: ${hint}`);
  }
  const root = join(testbedRoot, "s3s");
  const flags = ["--version", s3sVersion, "--features", "binary", "--locked", "--force", "--root", root];
  if (!run("cargo", ["install", "s3s-fs", ...flags])) throw new Error("cargo install s3s-fs failed");
}

function installMoto(): void {
  const root = join(testbedRoot, "moto");
  if (versionLine("python3", ["-c", "import venv, ensurepip"]) === null) {
    throw new Missing("moto needs Python 3 with venv. On Debian: apt-get install -y python3-venv");
  }
  rmSync(root, { recursive: true, force: true });
  if (!run("python3", ["-m", "venv", root])) throw new Error("python3 -m venv failed");
  const pip = ["install", "--quiet", "--disable-pip-version-check", ...motoRequirements];
  if (!run(join(root, "bin", "pip"), pip)) throw new Error("pip install moto failed");
  writeFileSync(motoStamp, motoRequirements.join("\n"));
}

function installPackage(name: "rclone" | "postgresql" | "mariadb-server"): void {
  const command = `apt-get install -y ${name}`;
  if (process.getuid?.() !== 0 || versionLine("apt-get") === null) {
    throw new Missing(`${name} is absent. On Debian: ${command}`);
  }
  const quiet = { env: { DEBIAN_FRONTEND: "noninteractive" } };
  const flags = ["install", "-y", "--no-install-recommends", name];
  if (run("apt-get", flags, quiet)) return;
  if (!run("apt-get", ["update"], quiet) || !run("apt-get", flags, quiet)) throw new Error(`${command} failed`);
}

/** Only unpacked: to install the package would start a server on this machine. */
function unpackPrometheus(): void {
  if (versionLine("apt-get") === null || versionLine("dpkg") === null)
    throw new Missing("promtool is unpacked from Debian's package prometheus, and this is not Debian");
  const root = join(testbedRoot, "prometheus");
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const download = (): boolean => run("apt-get", ["download", "--quiet", "prometheus"], { cwd: root });
  if (!download() && !(run("apt-get", ["update", "--quiet"]) && download()))
    throw new Error("apt-get download prometheus failed");
  for (const file of readdirSync(root)) {
    if (!run("dpkg", ["--extract", join(root, file), root])) throw new Error(`dpkg --extract ${file} failed`);
    rmSync(join(root, file));
  }
}

const installers = {
  rclone: () => installPackage("rclone"),
  postgresql: () => installPackage("postgresql"),
  mariadb: () => installPackage("mariadb-server"),
  promtool: unpackPrometheus,
  moto: installMoto,
  s3s: installS3s,
} as const satisfies Partial<Record<ToolName, () => void>>;
type Installed = keyof typeof installers;

function placeOf(tool: Installed): string | undefined {
  if (tool === "postgresql") return postgresPrograms() ?? undefined;
  return tool === "mariadb" ? mariadbPrograms()?.server : executables[tool];
}

function ensure(tool: Installed): string | null {
  if (isInstalled(tool)) {
    console.log(`${tool}: there (${placeOf(tool)})`);
    return null;
  }
  console.log(`${tool}: installing`);
  try {
    installers[tool]();
  } catch (error) {
    if (error instanceof Missing) return error.message;
    return `${tool}: ${error instanceof Error ? error.message : String(error)}`;
  }
  return isInstalled(tool) ? null : `${tool}: installed, but it does not answer with the expected version`;
}

mkdirSync(testbedRoot, { recursive: true });
const problems = (["rclone", "postgresql", "mariadb", "promtool", "moto", "s3s"] as const)
  .map(ensure)
  .filter((problem) => problem !== null);
for (const problem of problems) console.error(`testbed: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
