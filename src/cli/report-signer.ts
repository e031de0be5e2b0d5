/** The key with which a server signs reports, and its public half made known to the fleet before it signs anything. */
import { hostname } from "node:os";
import { resolve } from "node:path";
import type { Signers } from "../ports/signers.ts";
import { openSigningKey, readSigningKeyFile } from "../report/keys.ts";
import { publicKeyPem, type SigningKey } from "../report/signature.ts";
import { madeStateDirectory } from "./state.ts";

export interface SignerOptions {
  readonly signers: Signers;
  /** Null: that of the state directory, made where there is none. */
  readonly keyFile: string | null;
  readonly state: string | null;
}

/** @returns the key as it stands in its file at each call: a rotation needs no restart. It throws key_invalid */
export function reportSigner({ signers, keyFile, state }: SignerOptions): () => Promise<SigningKey> {
  let known = "";
  return async () => {
    const key = await (keyFile === null
      ? openSigningKey(madeStateDirectory(state))
      : readSigningKeyFile(resolve(keyFile)));
    if (key.keyId !== known) {
      await signers.addSigner({ keyId: key.keyId, publicKeyPem: publicKeyPem(key), host: hostname() });
      known = key.keyId;
    }
    return key;
  };
}
