import { dirname, relative, resolve, sep } from 'node:path';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { patience } from './test/support/patience.js';

const root = import.meta.dirname;
const dist = resolve(root, process.env.LOCKSTEP_DIST ?? 'dist').replaceAll(sep, '/');
const inDist = new RegExp(`^${dist.replaceAll(/[^\w/]/g, '\\$&')}/`);

/**
 * Slow files first, so that none of them is left alone at the end: those named `*.slow.test.ts`, which take over a second and
 * a half of a core. `npm run test:fast` leaves them out.
 */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isFast = ({ moduleId }: TestSpecification) => Number(!moduleId.endsWith('.slow.test.ts'));
    return (await super.sort(files)).toSorted((a, b) => isFast(a) - isFast(b));
  }
}

/**
 * Tests are sources; what they test is compiled, so that threads and the tests load the same files; processes run the bundled
 * command that users get. So is the server of commands, which is loaded once in each worker and not once a test file.
 */
const compiled: Plugin = {
  name: 'compiled',
  enforce: 'pre',
  resolveId(source, importer) {
    if (!source.startsWith('.') || importer === undefined) return;
    const path = relative(root, resolve(dirname(importer), source))
      .split(sep)
      .join('/');
    return /^(src|cli|coordinator|worker|scripts|test\/support\/server\.js$)/.test(path)
      ? `${dist}/${path}`
      : undefined;
  },
};

export default defineConfig({
  plugins: [compiled],
  test: {
    root,
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build.ts', 'test/support/scratch.ts'],
    setupFiles: ['test/support/one-core.ts'],
    server: { deps: { external: [inDist] } },
    // Longer than any wait in it, which says more of what has not come.
    testTimeout: 2 * patience,
    // Hooks train the runs that the tests of a file look at.
    hookTimeout: 2 * patience,
    expect: { poll: { timeout: patience } },
    // For tests that load ONNX Runtime themselves; the program sets it by itself.
    // Nor is what is said to be as wide as the terminal of who tests.
    env: { ORT_DISABLE_TELEMETRY: '1', COLUMNS: '' },
    sequence: { sequencer: SlowFirst },
    // A process for each file would load tfjs over and over.
    isolate: false,
    // Some files wait more than they compute.
    maxWorkers: 4,
  },
});
