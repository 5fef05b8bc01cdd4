/** The tests that come in tfjs-core's own package, run by Jasmine on backends of ours. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);

export interface TestResult {
  /** The test's name without that of its backend, made unique. */
  readonly name: string;
  readonly backend: string;
  readonly failures: readonly string[];
  /** How many tests were started before it. */
  readonly place: number;
}

interface Jasmine {
  readonly jasmine: { getEnv(): JasmineEnv };
}
interface JasmineEnv {
  configure(options: object): void;
  addReporter(reporter: object): void;
  execute(): Promise<unknown>;
}
interface SpecResult {
  readonly fullName: string;
  readonly status: string;
  readonly failedExpectations: readonly { readonly message: string }[];
}

const folder = join(dirname(require.resolve('@tensorflow/tfjs-core/package.json')), 'dist');

/** All but those of browsers, files and timing, which call no kernel or print to the console. */
function testFiles(): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files.filter(
    (file) =>
      file.endsWith('_test.js') && !/^(io|platforms)\W|browser|debug_mode|profiler|flags|environment/.test(file),
  );
}

/** One CommonJS module of them all; tfjs keeps its state in globals, so that it is also the state of our own copy. */
async function bundle(backends: readonly string[]): Promise<string> {
  const environments = backends.map((name) => ({ name: `on<${name}>`, backendName: name, isDataSync: true }));
  const contents = [
    `import { setTestEnvs } from './jasmine_util';`,
    `import './index';`,
    `import './public/chained_ops/register_all_chained_ops';`,
    `setTestEnvs(${JSON.stringify(environments)});`,
    // Required, so that they come after the environments.
    ...testFiles().map((file) => `require(${JSON.stringify(`./${file.replaceAll('\\', '/')}`)});`),
  ].join('\n');
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    logLevel: 'error',
    external: ['jasmine-core/*', 'node-fetch'],
  });
  const file = join(tmpdir(), `tfjs-tests-${process.pid}.cjs`);
  // Where the packages are that it needs.
  const header = `require = require('node:module').createRequire(${JSON.stringify(import.meta.url)});\n`;
  writeFileSync(file, header + outputFiles[0].text);
  return file;
}

/**
 * Runs every test on every backend, one after the other.
 * @param started told before each test
 */
export async function runSuite(backends: readonly string[], started: () => void): Promise<TestResult[]> {
  const functions = (require('jasmine-core') as { noGlobals(): Jasmine }).noGlobals();
  Object.assign(globalThis, functions);
  const env = functions.jasmine.getEnv();
  // tfjs has several suites of one name.
  env.configure({ random: false, forbidDuplicateNames: false });
  const file = await bundle(backends);
  const { stackTraceLimit } = Error;
  try {
    require(file);
  } finally {
    rmSync(file);
    // tfjs's tests make it endless, which takes seconds for errors that are expected.
    Error.stackTraceLimit = stackTraceLimit;
  }
  const results: TestResult[] = [];
  let place = -1;
  const counts = new Map<string, number>();
  env.addReporter({
    specStarted: () => {
      place++;
      started();
    },
    specDone: ({ fullName, status, failedExpectations }: SpecResult) => {
      const [, before, backend, after] = /^(.*) on<([\w-]+)> \{.*?\} (.*)$/s.exec(fullName) ?? [];
      if (backend === undefined || status === 'excluded' || status === 'pending') return;
      const count = (counts.get(fullName) ?? 0) + 1;
      counts.set(fullName, count);
      const name = `${before}: ${after}${count > 1 ? ` (${count})` : ''}`;
      results.push({ name, backend, place, failures: failedExpectations.map(({ message }) => message) });
    },
  });
  await env.execute();
  return results;
}
