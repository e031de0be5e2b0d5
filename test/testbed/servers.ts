/** Starts and stops real S3 servers that others wrote, on loopback and a free port. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort, startProcess, until, type ServerCommand, type ServerProcess } from "./server-process.ts";
import { s3Request, type S3Access } from "./signed-request.ts";
import { absent, executables, isInstalled } from "./tools.ts";

export const s3ServerNames = ["s3s", "moto"] as const;
export type S3ServerName = (typeof s3ServerNames)[number];

export interface S3Server extends S3Access, AsyncDisposable {
  readonly name: S3ServerName;
  /** Its own pid: `process.kill(pid, "SIGSTOP")` stalls it. */
  readonly pid: number;
  readonly port: number;
  /** s3s keeps an object as a plain file at `dataDir/bucket/key`, which another process may damage; moto keeps memory. */
  readonly dataDir: string | null;
  /** Creates it when it is absent; answers its name. */
  bucket(name: string): Promise<string>;
  /** What a client of the AWS family reads from its environment. */
  env(): Record<string, string>;
  /** What the server wrote last, for a failure's message. */
  output(): string;
  stop(): Promise<void>;
}

export interface S3ServerOptions {
  readonly dir: string;
  /** Given to start it again where clients expect it; else a free one. */
  readonly port?: number;
}

const credentials = { accessKeyId: "godwit-test", secretAccessKey: "godwit-test-secret", region: "us-east-1" };

function commandOf(name: S3ServerName, port: number, dataDir: string): ServerCommand {
  const host = ["--host", "127.0.0.1", "--port", String(port)];
  if (name === "moto") {
    return { command: executables.moto, args: host };
  }
  const keys = ["--access-key", credentials.accessKeyId, "--secret-key", credentials.secretAccessKey];
  return { command: executables.s3s, args: [...host, ...keys, dataDir], env: { RUST_LOG: "warn" } };
}

/** Another process may take the free port first: then the next one is tried. */
export async function startS3Server(name: S3ServerName, options: S3ServerOptions): Promise<S3Server> {
  if (!isInstalled(name)) throw new Error(absent(name));
  const dataDir = join(options.dir, `${name}-data`);
  mkdirSync(dataDir, { recursive: true });
  const tries = options.port === undefined ? 3 : 1;
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const server = await startProcess(commandOf(name, port, dataDir));
    const access: S3Access = { ...credentials, endpoint: `http://127.0.0.1:${port}` };
    try {
      await untilAnswers(access, server);
    } catch (error) {
      await server.stop();
      if (attempt < tries && server.output().includes("in use")) continue;
      throw new Error(`${name} did not start: ${server.output()}`, { cause: error });
    }
    return asS3Server(name, { access, port, server, dataDir });
  }
}

interface Started {
  readonly access: S3Access;
  readonly port: number;
  readonly server: ServerProcess;
  readonly dataDir: string;
}

function asS3Server(name: S3ServerName, started: Started): S3Server {
  const { access, port, server } = started;
  return {
    ...access,
    name,
    pid: server.pid,
    port,
    dataDir: name === "s3s" ? started.dataDir : null,
    bucket: async (bucket) => {
      const head = await s3Request(access, { method: "HEAD", bucket });
      if (head.status === 200) return bucket;
      const made = await s3Request(access, { method: "PUT", bucket });
      if (made.status !== 200) throw new Error(`bucket ${bucket} on ${name}: ${made.status} ${made.body.toString()}`);
      return bucket;
    },
    env: () => awsEnv(access),
    output: () => server.output(),
    stop: () => server.stop(),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

async function untilAnswers(access: S3Access, server: ServerProcess): Promise<void> {
  const answers = async (): Promise<boolean> => {
    const end = server.ended();
    if (end !== null) throw new Error(`it ended: ${end}`);
    try {
      return (await s3Request(access, { method: "GET", timeoutMs: 1000 })).status === 200;
    } catch {
      return false;
    }
  };
  await until(answers, () => `${access.endpoint} did not answer`, 60_000);
  // Whoever won the port may have answered in its place.
  if (server.ended() !== null) throw new Error("it ended: another process answered on its port");
}

export function awsEnv(access: S3Access): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: access.endpoint,
    AWS_ACCESS_KEY_ID: access.accessKeyId,
    AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
    AWS_REGION: access.region,
    AWS_EC2_METADATA_DISABLED: "true",
  };
}
