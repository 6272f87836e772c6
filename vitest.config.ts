import { defineConfig } from "vitest/config";

/** One project a kind of test: `npx vitest run --project unit`. Root-only and peer-driven suites are projects of their own. */
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.{ts,tsx}"],
          exclude: [
            "test/cli/**",
            "test/privileged/**",
            "test/conformance/**",
            "test/interop/**",
            "test/examples/**",
            "test/pack/**",
          ],
        },
      },
      {
        extends: true,
        test: {
          name: "cli",
          include: ["test/cli/**/*.test.ts"],
          globalSetup: ["test/helpers/build-dist.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "privileged",
          include: ["test/privileged/**/*.test.ts", "test/interop/**/*.test.ts"],
          globalSetup: ["test/helpers/build-dist.ts"],
          fileParallelism: false,
          testTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: "examples",
          include: ["test/examples/**/*.test.ts"],
          globalSetup: ["test/helpers/build-dist.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      {
        extends: true,
        test: {
          name: "conformance",
          include: ["test/conformance/**/*.test.ts"],
          globalSetup: ["test/helpers/build-dist.ts"],
          testTimeout: 600_000,
        },
      },
      {
        extends: true,
        test: {
          name: "pack",
          include: ["test/pack/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
