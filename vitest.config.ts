import { defineConfig } from 'vitest/config';

// Tests run compiled, so that threads and the CLI start from the same files that users get.
const dist = process.env.LOCKSTEP_DIST ?? 'dist';

export default defineConfig({
  test: {
    root: dist,
    include: ['test/**/*.test.js'],
    globalSetup: ['test/support/scratch.js'],
    server: { deps: { external: [/\/src\//, /\/coordinator\//, /\/worker\//] } },
    testTimeout: 60_000,
    // For tests that load ONNX Runtime themselves; the program sets it by itself.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    // A process for each file would load tfjs 140 times over.
    isolate: false,
    // Some files wait more than they compute.
    maxWorkers: 3,
  },
});
