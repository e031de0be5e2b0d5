import { defineConfig } from "vitest/config";

/** Projects that share real servers, disks or whole processes: one file at a time, and minutes rather than seconds. */
const heavy = ["integration", "faults", "e2e"] as const;
const light = ["repository", "simulation", "testbed", "conformance"] as const;

/** Bounds, so that a hang ends as a failure that names its test. */
const minute = 60_000;
const lightTimeoutMs = 2 * minute;
const heavyTimeoutMs = 10 * minute;

const shared = {
  pool: "forks",
  environment: "node",
  globalSetup: "test/testbed/temp-root.ts",
  restoreMocks: true,
} as const;

export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: "unit", include: ["src/**/*.test.ts"], testTimeout: minute / 2 } },
      ...light.map((name) => ({
        test: {
          ...shared,
          name,
          include: [`test/${name}/**/*.test.ts`],
          testTimeout: lightTimeoutMs,
          hookTimeout: lightTimeoutMs,
        },
      })),
      ...heavy.map((name) => ({
        test: {
          ...shared,
          name,
          include: [`test/${name}/**/*.test.ts`],
          fileParallelism: false,
          testTimeout: heavyTimeoutMs,
          hookTimeout: lightTimeoutMs,
        },
      })),
    ],
  },
});
