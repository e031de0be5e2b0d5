import { closeSync, openSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type BytePath, pathFromText, pathToText } from "../../src/model/path.ts";
import { s3Request, type S3Call } from "../testbed/signed-request.ts";
import type { S3Server } from "../testbed/servers.ts";
import type { Tree } from "./place.ts";

/** A prefix of a bucket as any other program sees it. */
export function treeOf(server: S3Server, bucket: string, prefix: string): Tree {
  const keyOf = (path: BytePath): string => `${prefix}/${pathToText(path) ?? ""}`;
  const ask = async (call: S3Call): Promise<{ readonly status: number; readonly body: Buffer }> => {
    const answer = await s3Request(server, call);
    if (answer.status >= 300 && answer.status !== 404) {
      throw new Error(`${call.method} ${call.key ?? bucket}: ${answer.status} ${answer.body.toString()}`);
    }
    return answer;
  };
  return {
    put: async (path, bytes) => void (await ask({ method: "PUT", bucket, key: keyOf(path), body: bytes })),
    read: async (path) => {
      const { status, body } = await ask({ method: "GET", bucket, key: keyOf(path) });
      return status === 404 ? null : body;
    },
    remove: async (path) => void (await ask({ method: "DELETE", bucket, key: keyOf(path) })),
    names: async () => {
      const names: BytePath[] = [];
      for (let token: string | null = null; ;) {
        const query: Record<string, string> = {
          "list-type": "2",
          prefix: `${prefix}/`,
          ...(token !== null && { "continuation-token": token }),
        };
        const page: string = (await ask({ method: "GET", bucket, query })).body.toString();
        for (const key of textsOf(page, "Key")) names.push(pathFromText(key.slice(prefix.length + 1)));
        token = textsOf(page, "NextContinuationToken")[0] ?? null;
        if (token === null) return names.toSorted();
      }
    },
    loseStaged: () => loseStaged(server, bucket, ask),
    ...(server.dataDir !== null && {
      damage: async (path, offset) => flip(join(server.dataDir ?? "", bucket, keyOf(path)), offset),
    }),
  };
}

/** On moto by its own operation; s3s-fs cannot list uploads, but keeps each in a file. */
async function loseStaged(
  server: S3Server,
  bucket: string,
  ask: (call: S3Call) => Promise<{ readonly body: Buffer }>,
): Promise<void> {
  if (server.dataDir !== null) {
    for (const name of readdirSync(server.dataDir)) if (name.startsWith(".upload")) rmSync(join(server.dataDir, name));
    return;
  }
  const page = (await ask({ method: "GET", bucket, query: { uploads: "" } })).body.toString();
  const uploads = textsOf(page, "UploadId");
  for (const [index, key] of textsOf(page, "Key").entries()) {
    await ask({ method: "DELETE", bucket, key, query: { uploadId: uploads[index] ?? "" } });
  }
}

function textsOf(xml: string, element: string): readonly string[] {
  return Array.from(xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, "g")), ([, text = ""]) =>
    unescaped(text),
  );
}

const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replaceAll(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return named[name] ?? whole;
      return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
    },
  );
}

/** One bit of one byte, behind the server's back. */
export function flip(file: string, offset: number): void {
  const fd = openSync(file, "r+");
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ 1;
  writeSync(fd, byte, 0, 1, offset);
  closeSync(fd);
}
