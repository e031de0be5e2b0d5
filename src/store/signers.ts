import type { NewSigner, Signer, Signers } from "../ports/signers.ts";
import type { Engine } from "./schema.ts";

export class SqlSigners implements Signers {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async addSigner({ keyId, publicKeyPem, host }: NewSigner): Promise<void> {
    await this.#engine.write((tx, now) =>
      tx
        .insertInto("signers")
        .values({ key_id: keyId, public_key: publicKeyPem, host, since: now })
        .onConflict((conflict) => conflict.column("key_id").doNothing())
        .execute(),
    );
  }

  signers(): Promise<readonly Signer[]> {
    return this.#engine.read(async (tx) => {
      const rows = await tx.selectFrom("signers").selectAll().orderBy("since", "desc").orderBy("key_id").execute();
      return rows.map((row) => ({
        keyId: row.key_id,
        publicKeyPem: row.public_key,
        host: row.host,
        since: row.since,
      }));
    });
  }
}
