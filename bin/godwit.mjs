#!/usr/bin/env node
// Only syntax that old Node parses stands here, so that it can refuse itself in one line.
import process from "node:process";
import v8 from "node:v8";

const needed = 24;

if (Number.parseInt(process.versions.node, 10) < needed) {
  process.stderr.write(
    "godwit: node_too_old: Node.js " +
      process.versions.node +
      " is too old; run it with Node.js " +
      needed +
      " or later, or as npx godwit, which brings its own\n",
  );
  process.exitCode = 2;
} else {
  // What a copy makes is short-lived, and V8's nurseries grow with it: to 134 MB here, 16 MiB in each lane. The lanes,
  // which begin later, get a small one. The one of this thread is 1 MiB at first, in which a plan's entries do not die
  // in time; loading the program makes it grow to 8 MiB, and there it is kept. What did outlive it is cleared away when
  // the heap has grown 1.6-fold, not fourfold: that is 120 MB less at the peak of a large plan, and takes no longer.
  v8.setFlagsFromString("--min-semi-space-size=4");
  v8.setFlagsFromString("--max-semi-space-size=4");
  v8.setFlagsFromString("--heap-growing-percent=60");
  import("../dist/program/main.js")
    .then(function run(cli) {
      v8.setFlagsFromString("--semi-space-growth-factor=1");
      return cli.main(process.argv.slice(2));
    })
    .then(
      function end(exitCode) {
        if (typeof exitCode === "number") process.exitCode = exitCode;
        return exitCode;
      },
      function refuse(error) {
        const isNotBuilt =
          error.code === "ERR_MODULE_NOT_FOUND" && String(error.message).indexOf("program/main.js") >= 0;
        const what = isNotBuilt ? "dist/ is not built; run: npm run build" : error.stack;
        process.stderr.write("godwit: internal: " + what + "\n");
        process.exitCode = 4;
      },
    );
}
