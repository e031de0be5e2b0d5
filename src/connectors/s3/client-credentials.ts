import { GodwitError } from "../../base/errors.ts";
import type { Environment, S3Place } from "./client-options.ts";
import type { Credentials } from "./client-sign.ts";

/** AWS's tools treat credentials as expired five minutes early: a request signed now may be judged later. */
const refreshBeforeMs = 5 * 60_000;

/** Current credentials; a promise only where they have to be fetched. */
export type GetCredentials = (nowMs: number) => Credentials | Promise<Credentials>;

/**
 * The usual chain: environment, SSO, web identity, shared files, container and instance metadata. The SDK's part is loaded only when
 * the environment does not answer by itself, for it costs every lane some 60 ms.
 */
export function createCredentials(place: Pick<S3Place, "profile" | "region">, env: Environment): GetCredentials {
  const ofEnvironment = place.profile === undefined ? fromEnvironment(env) : null;
  return createRefreshing(ofEnvironment === null ? fromChain(place) : async () => ofEnvironment);
}

/** Keeps what `load` gave until shortly before it ends; one fetch at a time, and a failed one is no error while the old ones last. */
export function createRefreshing(load: () => Promise<Credentials>): GetCredentials {
  let current: Credentials | null = null;
  let loading: Promise<Credentials> | null = null;

  const fetchOnce = async (nowMs: number): Promise<Credentials> => {
    try {
      current = await load();
      return current;
    } catch (error) {
      if (current !== null && remainingMs(current, nowMs) > 0) return current;
      throw error;
    } finally {
      loading = null;
    }
  };

  return (nowMs) => {
    if (current !== null && remainingMs(current, nowMs) > refreshBeforeMs) return current;
    loading ??= fetchOnce(nowMs);
    return loading;
  };
}

function remainingMs(credentials: Credentials, nowMs: number): number {
  return credentials.expiration === undefined ? Number.POSITIVE_INFINITY : credentials.expiration.getTime() - nowMs;
}

function fromEnvironment(env: Environment): Credentials | null {
  const accessKeyId = env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"];
  if (!accessKeyId || !secretAccessKey) return null;
  const expiration = env["AWS_CREDENTIAL_EXPIRATION"];
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: env["AWS_SESSION_TOKEN"] || undefined,
    expiration: expiration ? new Date(expiration) : undefined,
  };
}

function fromChain(place: Pick<S3Place, "profile" | "region">): () => Promise<Credentials> {
  let provider: Promise<() => Promise<Credentials>> | null = null;
  return async () => {
    try {
      provider ??= loadChain(place);
      return await (
        await provider
      )();
    } catch (cause) {
      throw new GodwitError("credentials_missing", {
        disposition: "fatal",
        what: `no S3 credentials: ${cause instanceof Error ? cause.message : String(cause)}`,
        hint: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a profile in ~/.aws, or run `aws sso login`.",
        cause,
      });
    }
  };
}

async function loadChain({
  profile,
  region,
}: Pick<S3Place, "profile" | "region">): Promise<() => Promise<Credentials>> {
  const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
  return defaultProvider({ ...(profile !== undefined && { profile }), clientConfig: { region } });
}
