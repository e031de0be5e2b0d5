/** Bundles what tsc built: reading some hundred module files took half of the start of a command, and of each lane. */
import { defineConfig } from "rolldown";

export default defineConfig({
  input: {
    main: "dist/cli/main.js",
    "lane-thread": "dist/lane/lane-thread.js",
    "listing-thread": "dist/connectors/fs/listing-thread.js",
  },
  platform: "node",
  output: { dir: "dist/program", format: "esm" },
});
