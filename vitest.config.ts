import { defineConfig } from "vitest/config";

// Tests run on the sources: the condition is the one that every package's exports map names first.
const conditions = ["@buildkit-node/source"];

/** Tests that share the daemons which global set-up starts. */
const onDaemons = {
  globalSetup: "test/support/global-setup.ts",
  pool: "forks",
  fileParallelism: false,
  testTimeout: 120_000,
  hookTimeout: 180_000,
} as const;

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  // The one that global set-up runs in.
  environments: { __vitest__: { resolve: { conditions, externalConditions: conditions } } },
  test: {
    reporters: ["default", "./test/support/summary-reporter.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "test/{scripts,examples}/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts", "test/faults/**/*.test.ts"],
          ...onDaemons,
        },
      },
      {
        extends: true,
        test: { name: "basics", include: ["test/basics/**/*.test.ts"], ...onDaemons },
      },
    ],
  },
});
