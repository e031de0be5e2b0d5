/** Who signs the reports of a state: public keys alone, for those who check. The private ones stay with their processes. */
import type { Instant } from "../model/chunk.ts";

export interface NewSigner {
  readonly keyId: string;
  readonly publicKeyPem: string;
  /** The machine whose key it is; several may share one. */
  readonly host: string;
}

export interface Signer extends NewSigner {
  /** When it was made known, by the Store's clock. */
  readonly since: Instant;
}

/** Every method is one transaction. */
export interface Signers {
  /** Once known, a key stays as it was told first: what it has signed is checked with it for ever. */
  addSigner(signer: NewSigner): Promise<void>;
  /** The newest first. */
  signers(): Promise<readonly Signer[]>;
}
