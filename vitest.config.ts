import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Tests run compiled, so that threads and the CLI start from the same files that users get.
const dist = process.env.LOCKSTEP_DIST ?? 'dist';

/** Those that take longest, so that none of them is left alone at the end; each that waits for others is among some that compute. */
const slow = [
  ...['chaos-lost', 'mnist', 'same-bits', 'namespaces', 'tfjs-kernels', 'coordinator-stops', 'digits-accuracy'],
  ...['full-disk', 'named-runs', 'chaos-silent', 'memory-budget', 'signals', 'chaos-butterfly', 'same-bits-world'],
  ...['scale', 'shakespeare', 'masked-runs', 'admission', 'images', 'bad-peers', 'buckets', 'augment'],
  ...['all-workers-lost', 'library', 'coordinator-cli', 'evaluate', 'kill-resume', 'worker-needs', 'soak'],
  ...['engine-conformance', 'resume', 'text', 'export', 'train-cli', 'checkpoint', 'evaluate-arrays', 'projection'],
];

class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = slow.findIndex((name) => moduleId.endsWith(`/${name}.test.js`));
      return found < 0 ? slow.length : found;
    };
    return files.toSorted((a, b) => place(a) - place(b) || a.moduleId.localeCompare(b.moduleId));
  }
}

export default defineConfig({
  test: {
    root: dist,
    include: ['test/**/*.test.js'],
    globalSetup: ['test/support/scratch.js'],
    server: { deps: { external: [/\/src\//, /\/cli\//, /\/coordinator\//, /\/worker\//, /\/support\/server\./] } },
    testTimeout: 60_000,
    // Hooks train the runs that the tests of a file look at.
    hookTimeout: 60_000,
    // For tests that load ONNX Runtime themselves; the program sets it by itself.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    sequence: { sequencer: SlowestFirst },
    // A process for each file would load tfjs over and over.
    isolate: false,
    // Some files wait more than they compute.
    maxWorkers: 3,
  },
});
