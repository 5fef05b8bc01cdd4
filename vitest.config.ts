import { defineConfig } from 'vitest/config';

// Tests run compiled, so that threads and the CLI start from the same files that users get.
const dist = process.env.LOCKSTEP_DIST ?? 'dist';

export default defineConfig({
  test: {
    root: dist,
    include: ['test/**/*.test.js'],
    server: { deps: { external: [/\/src\//, /\/coordinator\//] } },
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
