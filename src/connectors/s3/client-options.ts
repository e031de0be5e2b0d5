import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { GodwitError } from "../../base/errors.ts";

export interface S3ClientOptions {
  readonly bucket: string;
  /** `http://host:port` or `https://host`; without it the environment's or the profile's, else Amazon's own. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  /** `host/bucket/key` instead of `bucket.host/key`. Default: everywhere but at Amazon. */
  readonly pathStyle?: boolean | undefined;
  readonly profile?: string | undefined;
  /** At most so many requests are under way at a time; more wait their turn. */
  readonly maxSockets: number;
  readonly connectTimeoutMs: number;
  /** No byte either way for so long fails the request. A store that assembles a large upload may be silent for minutes. */
  readonly idleTimeoutMs: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where requests go, settled once. */
export interface S3Place {
  readonly bucket: string;
  readonly region: string;
  readonly isTls: boolean;
  readonly host: string;
  readonly port: number;
  /** The Host header; with the bucket in it, or not. */
  readonly authority: string;
  /** What stands before `/key`: empty, or `/bucket`, after the endpoint's own path. */
  readonly basePath: string;
  readonly profile: string | undefined;
  /** PEM, replaces the system's authorities. */
  readonly ca: string | undefined;
}

const bucketName = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;

/** Options, then environment, then the profile in the shared config file, then defaults: the order of AWS's own tools. */
export async function resolvePlace(options: S3ClientOptions, env: Environment): Promise<S3Place> {
  const { bucket } = options;
  if (!bucketName.test(bucket))
    throw invalid(`${JSON.stringify(bucket)} is not a bucket name`, "Use s3://BUCKET/PREFIX.");
  const profile = options.profile ?? text(env["AWS_PROFILE"]);
  const fromEnv = {
    region: options.region ?? text(env["AWS_REGION"]) ?? text(env["AWS_DEFAULT_REGION"]),
    endpoint: options.endpoint ?? text(env["AWS_ENDPOINT_URL_S3"]) ?? text(env["AWS_ENDPOINT_URL"]),
  };
  const isComplete = fromEnv.region !== undefined && fromEnv.endpoint !== undefined;
  const shared = isComplete ? {} : await readProfile(profile ?? "default", env);
  const region = fromEnv.region ?? shared.region ?? "us-east-1";
  const given = fromEnv.endpoint ?? shared.endpoint;
  const endpoint = parseEndpoint(given ?? amazonEndpoint(region));
  const isTls = endpoint.protocol === "https:";
  // Amazon's certificate covers one label before the host.
  const isPathStyle = options.pathStyle ?? (given !== undefined || (isTls && bucket.includes(".")));
  const hostname = endpoint.hostname.replace(/^\[|\]$/g, "");
  const path = endpoint.pathname.replace(/\/+$/, "");
  const ca = text(env["AWS_CA_BUNDLE"]);
  return {
    bucket,
    region,
    isTls,
    host: isPathStyle ? hostname : `${bucket}.${hostname}`,
    port: endpoint.port === "" ? (isTls ? 443 : 80) : Number(endpoint.port),
    authority: isPathStyle ? endpoint.host : `${bucket}.${endpoint.host}`,
    basePath: isPathStyle ? `${path}/${bucket}` : path,
    profile,
    ca: ca === undefined ? undefined : readBundle(ca),
  };
}

function amazonEndpoint(region: string): string {
  return `https://s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
}

function parseEndpoint(endpoint: string): URL {
  const url = URL.parse(endpoint);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.username !== "") {
    throw invalid(
      `${JSON.stringify(endpoint)} is not an endpoint`,
      "Give it as https://host or http://host:port, without credentials.",
    );
  }
  return url;
}

async function readProfile(
  profile: string,
  env: Environment,
): Promise<{ region?: string | undefined; endpoint?: string | undefined }> {
  const configPath = text(env["AWS_CONFIG_FILE"]) ?? join(homedir(), ".aws", "config");
  const credentialsPath = text(env["AWS_SHARED_CREDENTIALS_FILE"]) ?? join(homedir(), ".aws", "credentials");
  if (!existsSync(configPath) && !existsSync(credentialsPath)) return {};
  const { loadSharedConfigFiles } = await import("@smithy/core/config");
  const files = await loadSharedConfigFiles({ configFilepath: configPath, filepath: credentialsPath });
  const section = { ...files.credentialsFile[profile], ...files.configFile[profile] };
  const services = section["services"] === undefined ? undefined : files.configFile[`services.${section["services"]}`];
  const isIgnored =
    env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] === "true" || section["ignore_configured_endpoint_urls"] === "true";
  return {
    region: section["region"],
    endpoint: isIgnored ? undefined : (services?.["s3.endpoint_url"] ?? section["endpoint_url"]),
  };
}

function readBundle(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw invalid(`AWS_CA_BUNDLE ${path} cannot be read`, "Point it at a PEM file, or unset it.", cause);
  }
}

function text(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === "" ? undefined : value;
}

function invalid(what: string, hint: string, cause?: unknown): GodwitError {
  return new GodwitError("config_invalid", { disposition: "fatal", what, hint, cause });
}
