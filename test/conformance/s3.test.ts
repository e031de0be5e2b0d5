import { beforeAll } from "vitest";
import { s3Connector } from "../../src/connectors/s3/connector.ts";
import type { S3ServerName } from "../testbed/servers.ts";
import { describeOnServers, type S3Suite } from "../testbed/suites.ts";
import { connectorContract } from "./connector-contract.ts";
import type { ContractSubject } from "./place.ts";
import { treeOf } from "./s3-tree.ts";

/** What a server itself cannot do, by the name of the case; the other server is held to it. */
const beyond: Readonly<Record<S3ServerName, Readonly<Record<string, string>>>> = {
  s3s: {
    "lists names byte for byte": longKeys(),
    "names arrive byte for byte": longKeys(),
    "accepts everything that it then holds": longKeys(),
    "a sweep finds what is staged, removes it when told to, and leaves published entries alone":
      "s3s-fs 0.14.1 does not implement ListMultipartUploads",
  },
  moto: {
    "lists names byte for byte": "moto 5.2.5 loses keys with a newline",
    "names arrive byte for byte": "moto 5.2.5 loses keys with a newline",
    "a sweep finds what is staged, removes it when told to, and leaves published entries alone":
      "moto 5.2.5 says that every upload began in 2010",
  },
};

function longKeys(): string {
  return "s3s-fs 0.14.1 names a file after the whole key in base64: keys end at about 150 bytes";
}

describeOnServers("s3", (s3) => {
  beforeAll(() => {
    Object.assign(process.env, s3.server().env());
  });
  connectorContract(subjectOn(s3));
});

function subjectOn(s3: S3Suite): ContractSubject {
  return {
    name: `s3 on ${s3.name}`,
    connector: s3Connector,
    beyond: beyond[s3.name],
    capabilities: {
      anyBytes: false,
      // Of a key on both: see above.
      nameBytes: 100,
      directories: false,
      symlinks: false,
      hardLinks: false,
      xattrs: false,
      // They are kept, but a listing does not give them: see test/integration/s3.test.ts.
      attributes: false,
      plainSegments: false,
      absence: true,
    },
    async createPlace() {
      const bucket = await s3.bucket();
      return {
        sourceUrl: `s3://${bucket}/source`,
        targetUrl: `s3://${bucket}/target`,
        source: treeOf(s3.server(), bucket, "source"),
        target: treeOf(s3.server(), bucket, "target"),
        emptyUrl: `s3://${bucket}`,
        absentUrl: `s3://${bucket}/sourc`,
      };
    },
  };
}
