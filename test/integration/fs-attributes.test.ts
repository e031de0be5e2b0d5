/** Access control lists and extended attributes, as the system's own programs set and show them. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { godwit } from "../testbed/program.ts";
import type { Place } from "../testbed/place.ts";
import { describeWithTools } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { getXattr, setXattr } from "../testbed/xattrs.ts";

function bench(): Place {
  const root = tempDir("attributes");
  const source = join(root, "source");
  mkdirSync(join(source, "inner"), { recursive: true });
  for (const name of ["plain", "listed", "inner/plain", "inner/listed"]) writeFileSync(join(source, name), name);
  return { source, target: join(root, "target"), state: join(root, "state") };
}

function setAcl(path: string, ...args: readonly string[]): void {
  execFileSync("setfacl", [...args, path]);
}

/** Of everything below, without the name of the tree itself. */
function aclsOf(tree: string): string {
  return execFileSync("getfacl", ["--recursive", "--absolute-names", "--numeric", "."], {
    cwd: tree,
    encoding: "utf8",
  });
}

async function copied({ source, target, state }: Place, ...more: readonly string[]): Promise<void> {
  const end = await godwit(["copy", source, target, ...more], { state });
  expect([end.exitCode, end.stderr]).toEqual([0, ""]);
}

describeWithTools("access control lists between directories", ["acl"], () => {
  test("are copied, those of directories and their defaults too, and nobody gets a right by inheritance", async () => {
    const place = bench();
    // In this order: what was there before a directory got its default has not inherited it.
    setAcl(join(place.source, "listed"), "-m", "u:1234:rw,g:2345:r,m::rw");
    setAcl(join(place.source, "inner", "listed"), "-m", "u:1234:---");
    setAcl(join(place.source, "inner"), "-d", "-m", "u:4321:rwx,g::r-x");
    setAcl(join(place.source, "inner"), "-m", "u:4321:rwx");
    expect(aclsOf(place.source)).toMatch(/default:user:4321:rwx/);
    await copied(place);
    expect(aclsOf(place.target)).toBe(aclsOf(place.source));
  });

  test("are brought in line on what is there already with the same bytes", async () => {
    const place = bench();
    await copied(place);
    setAcl(join(place.source, "plain"), "-m", "u:1234:rw");
    setAcl(join(place.target, "inner", "plain"), "-m", "u:1234:rw");
    expect(aclsOf(place.target)).not.toBe(aclsOf(place.source));
    await copied(place, "--new");
    expect(aclsOf(place.target)).toBe(aclsOf(place.source));
  });
});

const lossShape = z.object({ exceptions: z.array(z.object({ path: z.string(), lost: z.array(z.string()) })) });

describeWithTools("extended attributes between directories", ["attr"], () => {
  test("arrive whatever bytes they hold, and labels of the host stay", async () => {
    const place = bench();
    const value = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    setXattr(join(place.source, "plain"), "user.bytes", value);
    setXattr(join(place.source, "plain"), "user.empty", "");
    setXattr(join(place.source, "plain"), "user.long", Buffer.alloc(2_000, 7));
    for (let at = 0; at < 12; at += 1) setXattr(join(place.source, "listed"), `user.${at}${"n".repeat(150)}`, "");
    setXattr(join(place.source, "inner"), "user.grüße", "directory");
    await copied(place);
    expect(getXattr(join(place.target, "plain"), "user.bytes")).toEqual(value);
    expect(getXattr(join(place.target, "plain"), "user.empty")).toHaveLength(0);
    expect(getXattr(join(place.target, "plain"), "user.long")).toEqual(Buffer.alloc(2_000, 7));
    expect(getXattr(join(place.target, "listed"), `user.11${"n".repeat(150)}`)).toHaveLength(0);
    expect(getXattr(join(place.target, "inner"), "user.grüße").toString()).toBe("directory");
  });

  test.runIf(process.getuid?.() === 0)(
    "what nobody but root may set is lost by name, and the rest arrives",
    async () => {
      const place = bench();
      const file = join(place.source, "plain");
      // cap_net_raw, of the second version of its format.
      const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
      setXattr(file, "security.capability", capability);
      setXattr(file, "user.kept", "yes");
      const report = join(place.state, "..", "report.json");
      const end = await godwit(["copy", place.source, place.target, "--report", report], {
        state: place.state,
        through: ["setpriv", "--bounding-set=-setfcap"],
      });
      expect(end.exitCode).toBe(0);
      const { exceptions } = lossShape.parse(JSON.parse(readFileSync(report, "utf8")));
      expect(exceptions.filter(({ lost }) => lost.includes("xattrs")).map(({ path }) => path)).toEqual(["plain"]);
      expect(getXattr(join(place.target, "plain"), "user.kept").toString()).toBe("yes");
    },
  );
});
