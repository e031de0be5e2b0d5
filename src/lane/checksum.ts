import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { Crc32c } from "@aws-crypto/crc32c";
import { Crc64Nvme } from "@aws-sdk/crc64-nvme";
import type { StoreChecksum } from "../ports/source.ts";

/** A running checksum of one entry, in the algorithm that its store keeps. */
export interface Checksum {
  update(bytes: Uint8Array): void;
  hex(): Promise<string>;
}

export function checksum(algorithm: StoreChecksum["algorithm"]): Checksum {
  switch (algorithm) {
    case "sha256":
    case "sha1":
    case "md5": {
      const running = createHash(algorithm);
      return { update: (bytes) => void running.update(bytes), hex: async () => running.digest("hex") };
    }
    case "crc32": {
      let value = 0;
      return { update: (bytes) => void (value = crc32(bytes, value)), hex: async () => hex32(value) };
    }
    case "crc32c": {
      const running = new Crc32c();
      return { update: (bytes) => void running.update(bytes), hex: async () => hex32(running.digest()) };
    }
    case "crc64nvme": {
      const running = new Crc64Nvme();
      return {
        update: (bytes) => running.update(bytes),
        hex: async () => Buffer.from(await running.digest()).toString("hex"),
      };
    }
  }
}

/** A checksum of checksums: each part's is taken by itself, the whole is over theirs as binary. */
export function compositeChecksum(algorithm: StoreChecksum["algorithm"], partBytes: readonly number[]): Checksum {
  const closed: Promise<string>[] = [];
  let running = checksum(algorithm);
  let filled = 0;
  const closeFull = (): void => {
    while (closed.length < partBytes.length && filled === partBytes[closed.length]) {
      closed.push(running.hex());
      running = checksum(algorithm);
      filled = 0;
    }
  };
  return {
    update: (bytes) => {
      for (let at = 0; at < bytes.length;) {
        closeFull();
        const taken = Math.min(bytes.length - at, (partBytes[closed.length] ?? Infinity) - filled);
        running.update(bytes.subarray(at, at + taken));
        filled += taken;
        at += taken;
      }
    },
    hex: async () => {
      closeFull();
      const whole = checksum(algorithm);
      for (const part of await Promise.all(closed)) whole.update(Buffer.from(part, "hex"));
      return whole.hex();
    },
  };
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}
