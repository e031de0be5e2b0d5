import { spawn } from "node:child_process";
import { executables } from "./tools.ts";
import type { S3Access } from "./signed-request.ts";

export interface RcloneResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RcloneOptions {
  /** Remotes by name, as in `rclone(["ls", "store:bucket"], { remotes: { store: server } })`. */
  readonly remotes?: Readonly<Record<string, S3Access>>;
  /** Answers with any exit code, rather than throwing on a failure. */
  readonly mayFail?: boolean;
}

/** rclone takes its whole configuration from its environment: https://rclone.org/docs/#environment-variables */
export function rcloneEnv(remotes: Readonly<Record<string, S3Access>>): Record<string, string> {
  const env: Record<string, string> = { RCLONE_CONFIG: "/notfound" };
  for (const [name, access] of Object.entries(remotes)) {
    const prefix = `RCLONE_CONFIG_${name.toUpperCase()}_`;
    Object.assign(env, {
      [`${prefix}TYPE`]: "s3",
      [`${prefix}PROVIDER`]: "Other",
      [`${prefix}ENDPOINT`]: access.endpoint,
      [`${prefix}REGION`]: access.region,
      [`${prefix}ACCESS_KEY_ID`]: access.accessKeyId,
      [`${prefix}SECRET_ACCESS_KEY`]: access.secretAccessKey,
      [`${prefix}FORCE_PATH_STYLE`]: "true",
    });
  }
  return env;
}

/** The caller's own AWS settings (a profile, a CA bundle) would reach into rclone's S3 client. */
function withoutAws(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("AWS_")));
}

/**
 * Runs rclone to its end. The independent client of these tests: it shares no code with Godwit. A prefix ends in `/`:
 * without it rclone asks whether the prefix is an object, which s3s-fs answers by 500 for its folders.
 */
export function rclone(args: readonly string[], options: RcloneOptions = {}): Promise<RcloneResult> {
  const child = spawn(executables.rclone, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...withoutAws(process.env), ...rcloneEnv(options.remotes ?? {}) },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      const exitCode = code ?? 1;
      if (exitCode === 0 || options.mayFail === true) resolve({ exitCode, stdout, stderr });
      else reject(new Error(`rclone ${args.join(" ")} ended with ${exitCode}: ${stderr}`));
    });
  });
}
