import { expect, test } from "vitest";
import { isPassing } from "./definition.ts";

test.each([
  ['pg_dump: error: connection to server at "127.0.0.1", port 5432 failed: Connection refused', true],
  ["pg_dump: error: query failed: server closed the connection unexpectedly", true],
  ["pg_dump: error: query failed: FATAL:  terminating connection due to administrator command", true],
  ['pg_dump: error: query failed: ERROR:  invalid snapshot identifier: "00000003-0000001B-1"', true],
  ["pg_dump: error: query failed: ERROR:  permission denied for table t", false],
  ["pg_dump: error: aborting because of server version mismatch", false],
])("%s", (stderr, passes) => {
  expect(isPassing(stderr)).toBe(passes);
});
