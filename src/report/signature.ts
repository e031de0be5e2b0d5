import { createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";
import { GodwitError } from "../base/errors.ts";
import { canonicalJson } from "./canonical.ts";
import type { ReportBody, ReportSignature } from "./schema.ts";

/** Ed25519. The key id is the first 16 hex digits of SHA-256 over the public key (SPKI, DER). */
export interface PublicKey {
  readonly keyId: string;
  readonly publicKey: KeyObject;
}
export interface SigningKey extends PublicKey {
  readonly privateKey: KeyObject;
}

const keyIdDigits = 16;

export function publicKeyDer(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

export function publicKeyPem(key: PublicKey): string {
  return key.publicKey.export({ type: "spki", format: "pem" }).toString();
}

export function keyIdOf(key: KeyObject): string {
  return hash("sha256", publicKeyDer(key)).slice(0, keyIdDigits);
}

export function signBody(body: ReportBody, key: SigningKey): ReportSignature {
  return {
    algorithm: "ed25519",
    key_id: key.keyId,
    public_key: publicKeyDer(key.publicKey).toString("base64"),
    value: sign(null, Buffer.from(canonicalJson(body)), key.privateKey).toString("base64"),
  };
}

/** The key that a report says it was signed with; null when the signature's own fields contradict each other. */
export function signerOf(signature: ReportSignature): PublicKey | null {
  const der = decodeExactly(signature.public_key);
  if (der === null) return null;
  try {
    const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
    const isSame = publicKey.asymmetricKeyType === "ed25519" && publicKeyDer(publicKey).equals(der);
    return isSame && keyIdOf(publicKey) === signature.key_id ? { keyId: signature.key_id, publicKey } : null;
  } catch {
    return null;
  }
}

/** @param canonicalBody the body in canonical form, whatever it says */
export function isSignedBy(canonicalBody: string, signature: ReportSignature, key: PublicKey): boolean {
  const value = decodeExactly(signature.value);
  return value !== null && verify(null, Buffer.from(canonicalBody), key.publicKey, value);
}

/** @throws key_invalid */
export function readPublicKey(pem: string): PublicKey {
  try {
    const publicKey = createPublicKey(pem);
    if (publicKey.asymmetricKeyType !== "ed25519" || pem.includes("PRIVATE"))
      throw new Error("not a public Ed25519 key");
    return { keyId: keyIdOf(publicKey), publicKey };
  } catch (cause) {
    throw new GodwitError("key_invalid", {
      disposition: "rejected",
      what: "the public key to check with is no Ed25519 public key in PEM form",
      hint: "`godwit keys export` prints one on the machine that signed; it begins with BEGIN PUBLIC KEY.",
      cause,
    });
  }
}

/** Base64 has spare bits in its last letter: only one spelling counts, or an edited digit could go unseen. */
function decodeExactly(base64: string): Buffer | null {
  const bytes = Buffer.from(base64, "base64");
  return bytes.toString("base64") === base64 ? bytes : null;
}
