/**
 * Tokens look like `godwit_<id>_<secret>`: the id finds the row, and is shown in lists and the audit log; the secret is
 * 256 random bits, of which only the SHA-256 is kept. It is told once, in the answer that makes it.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Access, Role, TokenRecord } from "../ports/access.ts";
import { Refusal } from "./problem.ts";
import type { Caller } from "./route.ts";

const idBytes = 8;
const secretBytes = 32;
const tokenPattern = /^godwit_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
/** What no secret has: compared with where there is no token of that id, so that it takes the same time. */
const nobody = Buffer.alloc(32);

export type RandomBytes = (count: number) => Uint8Array;

export interface TokenWishes {
  readonly name: string;
  readonly role: Role;
  readonly expiresAt: number | null;
  readonly createdBy: string | null;
}

export interface MadeToken {
  readonly record: TokenRecord;
  /** Told once. */
  readonly token: string;
}

/** @param wishes the expiry is an instant by the Store's clock */
export async function makeToken(access: Access, randomBytes: RandomBytes, wishes: TokenWishes): Promise<MadeToken> {
  const { id, secret, secretSha256 } = newSecret(randomBytes);
  const record = await access.addToken({ id, secretSha256, ...wishes });
  return { record, token: `godwit_${id}_${secret}` };
}

/**
 * At each start of a server: the first token of an admin.
 * @returns the token, to be printed once; null where an admin has one that can be used
 */
export async function firstAdminToken(access: Access, randomBytes: RandomBytes): Promise<string | null> {
  const { id, secret, secretSha256 } = newSecret(randomBytes);
  const first = { id, secretSha256, name: "first admin", role: "admin", expiresAt: null, createdBy: null } as const;
  return (await access.addFirstToken(first)) === null ? null : `godwit_${id}_${secret}`;
}

interface NewSecret {
  readonly id: string;
  readonly secret: string;
  readonly secretSha256: string;
}

function newSecret(randomBytes: RandomBytes): NewSecret {
  const id = Buffer.from(randomBytes(idBytes)).toString("hex");
  const secret = Buffer.from(randomBytes(secretBytes)).toString("base64url");
  return { id, secret, secretSha256: sha256(secret).toString("hex") };
}

/** @param header `Authorization`, as it came. @throws token_invalid: for all reasons the same */
export async function callerOf(access: Access, header: string | undefined): Promise<Caller> {
  const given = /^bearer +(\S+)$/i.exec(header ?? "")?.[1];
  if (given === undefined) throw refused("no token was given");
  const [, id = "", secret = ""] = tokenPattern.exec(given) ?? [];
  const known = id === "" ? null : await access.token(id);
  const kept = known === null ? nobody : Buffer.from(known.secretSha256, "hex");
  const isSame = timingSafeEqual(sha256(secret), kept);
  if (known === null || !isSame || !known.isUsable) throw refused("the token is not one that can be used");
  return { tokenId: known.id, actor: known.name, role: known.role };
}

function refused(what: string): Refusal {
  return new Refusal("token_invalid", {
    status: 401,
    what,
    hint: "Send `Authorization: Bearer TOKEN` with a token that is neither revoked nor expired.",
    headers: { "www-authenticate": 'Bearer realm="godwit"' },
  });
}

function sha256(secret: string): Buffer {
  return createHash("sha256").update(secret, "utf8").digest();
}
