import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listKeys, openSigningKey, readSigningKeyFile, rotateSigningKey, showKey } from "./keys.ts";
import { keyIdOf, publicKeyPem, readPublicKey } from "./signature.ts";

let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "godwit-keys-"));
});
afterEach(() => rm(state, { recursive: true, force: true }));

test("the key is made once, readable by its owner alone", async () => {
  const first = await openSigningKey(state);
  const second = await openSigningKey(state);
  expect(second.keyId).toBe(first.keyId);
  expect(first.keyId).toMatch(/^[0-9a-f]{16}$/);
  expect((await stat(join(state, "keys"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(state, "keys", "signing-key.pem"))).mode & 0o777).toBe(0o600);
  expect((await readdir(join(state, "keys"))).toSorted()).toEqual(
    [`${first.keyId}.pub.pem`, "signing-key.pem"].toSorted(),
  );
});

test("several askers at once get one and the same key", async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => openSigningKey(state)));
  expect(new Set(keys.map((key) => key.keyId)).size).toBe(1);
  expect((await readdir(join(state, "keys"))).filter((name) => name.endsWith(".partial"))).toEqual([]);
});

test.each([0o640, 0o604, 0o660])("a private key of mode %o is refused", async (mode) => {
  await openSigningKey(state);
  await chmod(join(state, "keys", "signing-key.pem"), mode);
  await expect(openSigningKey(state)).rejects.toMatchObject({ code: "key_invalid" });
  await expect(rotateSigningKey(state)).rejects.toMatchObject({ code: "key_invalid" });
});

test("a key directory that others may enter is refused", async () => {
  await openSigningKey(state);
  await chmod(join(state, "keys"), 0o755);
  await expect(openSigningKey(state)).rejects.toMatchObject({ code: "key_invalid" });
});

test("a file that is no Ed25519 key is refused, not replaced", async () => {
  await openSigningKey(state);
  const path = join(state, "keys", "signing-key.pem");
  await writeFile(path, "not a key", { mode: 0o600 });
  await expect(openSigningKey(state)).rejects.toMatchObject({ code: "key_invalid" });
  expect(await readFile(path, "utf8")).toBe("not a key");
});

test("a rotation brings another key and keeps the public half of the old one", async () => {
  const old = await openSigningKey(state);
  const { before, current } = await rotateSigningKey(state);
  expect(before).toBe(old.keyId);
  expect((await openSigningKey(state)).keyId).toBe(current.keyId);
  const keys = await listKeys(state);
  expect(keys.map(({ keyId, isCurrent }) => [keyId, isCurrent])).toEqual([
    [current.keyId, true],
    [old.keyId, false],
  ]);
  expect((await showKey(state, old.keyId)).publicKeyPem).toBe(publicKeyPem(old));
  await expect(showKey(state, "0000000000000000")).rejects.toMatchObject({ code: "key_invalid" });
});

test("listing makes no key", async () => {
  expect(await listKeys(state)).toEqual([]);
  expect(await readdir(state)).toEqual([]);
});

test("an exported key is read again as the same; a private key is not taken for it", async () => {
  const key = await openSigningKey(state);
  expect(readPublicKey(publicKeyPem(key)).keyId).toBe(key.keyId);
  const secret = await readFile(join(state, "keys", "signing-key.pem"), "utf8");
  expect(() => readPublicKey(secret)).toThrow("key_invalid");
  expect(() => readPublicKey("nonsense")).toThrow("key_invalid");
});

test("a key that was brought signs from its own place, unless others may read it", async () => {
  const path = join(state, "fleet.pem");
  await expect(readSigningKeyFile(path)).rejects.toMatchObject({ code: "key_invalid" });
  const { privateKey } = generateKeyPairSync("ed25519");
  await writeFile(path, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const key = await readSigningKeyFile(path);
  expect(key.keyId).toBe(keyIdOf(createPublicKey(privateKey)));
  await chmod(path, 0o640);
  await expect(readSigningKeyFile(path)).rejects.toMatchObject({ code: "key_invalid" });
});
