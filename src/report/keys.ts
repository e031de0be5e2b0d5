/**
 * The signing key of a state directory, in `keys/` (mode 0700):
 * - `signing-key.pem`  the private key (PKCS 8), mode 0600, made once and replaced only by a rotation
 * - `<key id>.pub.pem` every public key that ever signed here: what a rotated key has signed stays verifiable
 * The private key never leaves this directory, and a rotated one is not kept.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { GodwitError } from "../base/errors.ts";
import type { Instant } from "../model/chunk.ts";
import { keyIdOf, publicKeyPem, readPublicKey, type SigningKey } from "./signature.ts";

const privateName = "signing-key.pem";
const publicSuffix = ".pub.pem";
const beyondOwner = 0o077;

export interface KeyInfo {
  readonly keyId: string;
  /** Signs now. */
  readonly isCurrent: boolean;
  readonly publicKeyPem: string;
  /** When its public key was written down. */
  readonly since: Instant;
}

/**
 * The key that signs, made on first use. Safe when several processes ask at once: all get the same key.
 * @throws key_invalid when others than the owner may read it, or it is no Ed25519 key
 */
export async function openSigningKey(stateDirectory: string): Promise<SigningKey> {
  const directory = await keyDirectory(stateDirectory);
  const key = (await readSigningKey(directory)) ?? (await createSigningKey(directory));
  await keepPublicKey(directory, key);
  return key;
}

/** From now on another key signs. @returns the one before (null where there was none), and the new one */
export async function rotateSigningKey(
  stateDirectory: string,
): Promise<{ readonly before: string | null; readonly current: SigningKey }> {
  const directory = await keyDirectory(stateDirectory);
  const before = await readSigningKey(directory);
  if (before !== null) await keepPublicKey(directory, before);
  const current = generate();
  await keepPublicKey(directory, current);
  await rename(await stagePrivateKey(directory, current), join(directory, privateName));
  await syncDirectory(directory);
  return { before: before?.keyId ?? null, current };
}

/** Every key that ever signed here, the newest first. Makes none. */
export async function listKeys(stateDirectory: string): Promise<readonly KeyInfo[]> {
  const directory = join(stateDirectory, "keys");
  const names: readonly string[] = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const current = names.includes(privateName) ? await readSigningKey(await keyDirectory(stateDirectory)) : null;
  if (current !== null) await keepPublicKey(directory, current);
  const keys: KeyInfo[] = [];
  if (names.length === 0) return keys;
  for (const name of await readdir(directory)) {
    if (!name.endsWith(publicSuffix)) continue;
    const path = join(directory, name);
    const key = readPublicKey(await readFile(path, "utf8"));
    const { mtimeMs } = await stat(path);
    keys.push({
      keyId: key.keyId,
      isCurrent: key.keyId === current?.keyId,
      publicKeyPem: publicKeyPem(key),
      since: Math.floor(mtimeMs),
    });
  }
  return keys.toSorted(
    (a, b) => Number(b.isCurrent) - Number(a.isCurrent) || b.since - a.since || (a.keyId < b.keyId ? -1 : 1),
  );
}

/** @throws key_invalid when no key of that id ever signed here */
export async function showKey(stateDirectory: string, keyId: string): Promise<KeyInfo> {
  const found = (await listKeys(stateDirectory)).find((key) => key.keyId === keyId);
  if (found !== undefined) return found;
  throw new GodwitError("key_invalid", {
    disposition: "rejected",
    what: `no key ${keyId} ever signed in ${stateDirectory}`,
    hint: "`godwit keys show` without an id lists those that did.",
  });
}

async function keyDirectory(stateDirectory: string): Promise<string> {
  const directory = join(stateDirectory, "keys");
  await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const { mode } = await stat(directory);
  if ((mode & beyondOwner) !== 0) throw tooOpen(directory, mode, "700");
  return directory;
}

function readSigningKey(directory: string): Promise<SigningKey | null> {
  return readKeyFile(join(directory, privateName));
}

/**
 * A key that was brought to a place of its owner's choice: several servers may sign with the same one.
 * @throws key_invalid when it is not there, others than the owner may read it, or it is no Ed25519 key
 */
export async function readSigningKeyFile(path: string): Promise<SigningKey> {
  const key = await readKeyFile(path);
  if (key !== null) return key;
  throw new GodwitError("key_invalid", {
    disposition: "fatal",
    what: `${path} does not exist`,
    hint: "Name a private Ed25519 key in PEM (PKCS 8), such as `openssl genpkey -algorithm ed25519` makes.",
  });
}

async function readKeyFile(path: string): Promise<SigningKey | null> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (file === null) return null;
  try {
    // Of the open file, so that nobody puts another one in its place in between.
    const { mode } = await file.stat();
    if ((mode & beyondOwner) !== 0) throw tooOpen(path, mode, "600");
    return signingKey(parsePrivateKey(await file.readFile("utf8"), path));
  } finally {
    await file.close();
  }
}

async function createSigningKey(directory: string): Promise<SigningKey> {
  const key = generate();
  const staged = await stagePrivateKey(directory, key);
  try {
    // A link fails where the name is taken: the first of several processes wins, and no one sees half a key.
    await link(staged, join(directory, privateName));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const winner = await readSigningKey(directory);
    if (winner !== null) return winner;
    throw error;
  } finally {
    await unlink(staged);
  }
  await syncDirectory(directory);
  return key;
}

async function stagePrivateKey(directory: string, key: SigningKey): Promise<string> {
  const path = join(directory, `${privateName}.${key.keyId}.partial`);
  await writeDurably(path, key.privateKey.export({ type: "pkcs8", format: "pem" }).toString(), 0o600);
  return path;
}

/** So that two askers in one process do not write to one place. */
let stagedPublicKeys = 0;

async function keepPublicKey(directory: string, key: SigningKey): Promise<void> {
  const path = join(directory, `${key.keyId}${publicSuffix}`);
  const known = await readFile(path, "utf8").catch(() => null);
  if (known === publicKeyPem(key)) return;
  stagedPublicKeys += 1;
  const staged = `${path}.${process.pid}-${stagedPublicKeys}.partial`;
  await writeDurably(staged, publicKeyPem(key), 0o644);
  await rename(staged, path);
  await syncDirectory(directory);
}

async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, "w", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function generate(): SigningKey {
  return signingKey(generateKeyPairSync("ed25519").privateKey);
}

function signingKey(privateKey: KeyObject): SigningKey {
  const publicKey = createPublicKey(privateKey);
  return { keyId: keyIdOf(publicKey), publicKey, privateKey };
}

function parsePrivateKey(pem: string, path: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
    throw new Error(`a key of type ${key.asymmetricKeyType}`);
  } catch (cause) {
    throw new GodwitError("key_invalid", {
      disposition: "fatal",
      what: `${path} is no Ed25519 private key`,
      hint: "Restore it from a backup, or move it away and let `godwit keys rotate` make a new one.",
      cause,
    });
  }
}

function tooOpen(path: string, mode: number, wanted: string): GodwitError {
  return new GodwitError("key_invalid", {
    disposition: "fatal",
    what: `${path} has mode ${(mode & 0o7777).toString(8)}: others than its owner may use it`,
    hint: `Find out who could have read it. Then \`chmod ${wanted} ${path}\`, and \`godwit keys rotate\` if in doubt.`,
  });
}
