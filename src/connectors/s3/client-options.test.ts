import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createCredentials, createRefreshing } from "./client-credentials.ts";
import { resolvePlace } from "./client-options.ts";
import type { Credentials } from "./client-sign.ts";

const base = { bucket: "bkt", maxSockets: 1, connectTimeoutMs: 1, idleTimeoutMs: 1 };
const nowhere = { AWS_CONFIG_FILE: "/nonexistent/config", AWS_SHARED_CREDENTIALS_FILE: "/nonexistent/credentials" };
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "godwit-s3-options-"));
});
afterEach(async () => rm(folder, { recursive: true }));

test("without an endpoint it is Amazon's, with the bucket in the host", async () => {
  expect(await resolvePlace({ ...base, region: "eu-west-1" }, nowhere)).toMatchObject({
    isTls: true,
    host: "bkt.s3.eu-west-1.amazonaws.com",
    authority: "bkt.s3.eu-west-1.amazonaws.com",
    port: 443,
    basePath: "",
  });
  expect((await resolvePlace({ ...base, region: "cn-north-1" }, nowhere)).host).toBe(
    "bkt.s3.cn-north-1.amazonaws.com.cn",
  );
});

test("a bucket with a dot does not go into a host that a certificate has to cover", async () => {
  expect(await resolvePlace({ ...base, bucket: "my.bkt" }, nowhere)).toMatchObject({
    host: "s3.us-east-1.amazonaws.com",
    basePath: "/my.bkt",
  });
});

test("another endpoint is used path-style, unless told otherwise", async () => {
  const endpoint = "http://127.0.0.1:9000/s3/";
  expect(await resolvePlace({ ...base, endpoint }, nowhere)).toMatchObject({
    host: "127.0.0.1",
    port: 9000,
    authority: "127.0.0.1:9000",
    basePath: "/s3/bkt",
  });
  const virtual = await resolvePlace({ ...base, endpoint: "http://store:9000", pathStyle: false }, nowhere);
  expect(virtual).toMatchObject({ host: "bkt.store", authority: "bkt.store:9000", basePath: "" });
  expect(await resolvePlace({ ...base, endpoint: "http://[::1]:9" }, nowhere)).toMatchObject({
    host: "::1",
    authority: "[::1]:9",
  });
});

test("options come before the environment, and that before the profile", async () => {
  const config = join(folder, "config");
  await writeFile(
    config,
    "[profile p]\nregion = from-profile\nservices = local\n[services local]\ns3 =\n  endpoint_url = http://from-services:1\n",
  );
  const env = { ...nowhere, AWS_CONFIG_FILE: config };
  expect(await resolvePlace({ ...base, profile: "p" }, env)).toMatchObject({
    region: "from-profile",
    host: "from-services",
    profile: "p",
  });
  const more = {
    ...env,
    AWS_PROFILE: "p",
    AWS_REGION: "from-env",
    AWS_ENDPOINT_URL: "http://general:1",
    AWS_ENDPOINT_URL_S3: "http://special:1",
  };
  expect(await resolvePlace(base, more)).toMatchObject({ region: "from-env", host: "special" });
  expect(await resolvePlace({ ...base, region: "told", endpoint: "http://told:1" }, more)).toMatchObject({
    region: "told",
    host: "told",
  });
});

test.each(["ftp://x", "nonsense", "http://user:pass@x"])("the endpoint %s is refused", async (endpoint) => {
  await expect(resolvePlace({ ...base, endpoint }, nowhere)).rejects.toMatchObject({
    code: "config_invalid",
    disposition: "fatal",
  });
});

test.each(["", "a/b", "../x", "a b"])("the bucket %j is refused", async (bucket) => {
  await expect(resolvePlace({ ...base, bucket }, nowhere)).rejects.toMatchObject({ code: "config_invalid" });
});

test("the environment's credentials are used unless a profile is named", async () => {
  const env = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret", AWS_SESSION_TOKEN: "token" };
  const get = createCredentials({ profile: undefined, region: "r" }, env);
  expect(await get(0)).toMatchObject({ accessKeyId: "id", secretAccessKey: "secret", sessionToken: "token" });
  const named = createCredentials({ profile: "godwit-test-nonexistent", region: "r" }, env);
  await expect(named(0)).rejects.toMatchObject({ code: "credentials_missing", disposition: "fatal" });
});

test("credentials are fetched once, and again before they end", async () => {
  const minuteMs = 60_000;
  let fetches = 0;
  const get = createRefreshing(async () => credentials(++fetches * 60 * minuteMs));
  const [a, b] = await Promise.all([get(0), get(0)]);
  expect(a).toBe(b);
  expect(get(54 * minuteMs)).toBe(a);
  expect(await get(56 * minuteMs)).not.toBe(a);
  expect(fetches).toBe(2);
});

test("credentials that cannot be refreshed are used to their end, and not beyond", async () => {
  let isDown = false;
  const get = createRefreshing(async () => {
    if (isDown) throw new Error("down");
    return credentials(1000);
  });
  const first = await get(0);
  isDown = true;
  expect(await get(999)).toBe(first);
  await expect(Promise.resolve(get(1001))).rejects.toThrow("down");
  isDown = false;
  expect(await get(1001)).not.toBe(first);
});

function credentials(endsMs: number): Credentials {
  return { accessKeyId: "id", secretAccessKey: "secret", expiration: new Date(endsMs) };
}
