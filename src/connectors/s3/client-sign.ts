import { createHash, createHmac, createSecretKey, type Hash, type Hmac, type KeyObject } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** When they end; absent for long-lived keys. */
  readonly expiration?: Date | undefined;
}

export interface SignedRequest {
  readonly method: string;
  /** Encoded once, exactly as it is sent. */
  readonly path: string;
  /** Not encoded: it must be sent as `encodeQuery` writes it, which is how it is signed. */
  readonly query: Readonly<Record<string, string>>;
  /** Lower-case names. `host` and `x-amz-content-sha256` must be among them; with the latter the body is not hashed again. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Returns the headers to send. */
export type Sign = (request: SignedRequest, credentials: Credentials, nowMs: number) => Promise<Record<string, string>>;

/**
 * AWS Signature Version 4 for S3 in a header, by AWS's own signer.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function createSigner(region: string): Sign {
  let signer: SignatureV4 | null = null;
  let signerOf: Credentials | null = null;

  return async ({ method, path, query, headers }, credentials, nowMs) => {
    if (signer === null || signerOf !== credentials) {
      const { accessKeyId, secretAccessKey, sessionToken } = credentials;
      signer = new SignatureV4({
        service: "s3",
        region,
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
        sha256: Sha256,
        // S3 signs the path as it is sent: encoded once, and nothing normalised.
        uriEscapePath: false,
        applyChecksum: false,
      });
      signerOf = credentials;
    }
    const request = { method, protocol: "https:", hostname: headers["host"] ?? "", path, query, headers };
    return (await signer.sign(request, { signingDate: new Date(nowMs) })).headers;
  };
}

type Secret = string | ArrayBuffer | ArrayBufferView;

/** The hash that the signer is to use: with a secret it is an HMAC. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: Secret) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", keyOf(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new TypeError("a hash of one message");
  }
}

const keys = new WeakMap<object, KeyObject>();

/** The signer keeps the day's key as one array; an HMAC from its bytes would make a KeyObject of them for every request. */
function keyOf(secret: Secret): KeyObject | string {
  if (typeof secret === "string") return secret;
  let key = keys.get(secret);
  if (key === undefined) {
    key = createSecretKey(
      ArrayBuffer.isView(secret)
        ? Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength)
        : Buffer.from(secret),
    );
    keys.set(secret, key);
  }
  return key;
}
