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
  /** What tfjs calls it, and maybe others. */
  readonly nameOfAll: string;
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
interface Spec {
  getFullName(): string;
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

/** The name of a test without that of its backend, and that; undefined for one that has none. */
function partsOf(fullName: string): { readonly name: string; readonly backend: string } | undefined {
  const [, before, backend, after] = /^(.*) on<([\w-]+)> \{.*?\} (.*)$/s.exec(fullName) ?? [];
  return backend === undefined ? undefined : { name: `${before}: ${after}`, backend };
}

/** Runs tests one after the other. @param isWanted whether a test, of a name that others may have too, is run on a backend */
export type RunTests = (isWanted: (name: string, backend: string) => boolean) => Promise<TestResult[]>;

/** @param started told before each test, also of one that is not run */
export async function loadSuite(backends: readonly string[], started: () => void): Promise<RunTests> {
  const functions = (require('jasmine-core') as { noGlobals(): Jasmine }).noGlobals();
  Object.assign(globalThis, functions);
  const env = functions.jasmine.getEnv();
  // tfjs has several suites of one name.
  env.configure({ random: false, forbidDuplicateNames: false, autoCleanClosures: false });
  const file = await bundle(backends);
  const { stackTraceLimit } = Error;
  try {
    require(file);
  } finally {
    rmSync(file);
    // tfjs's tests make it endless, which takes seconds for errors that are expected.
    Error.stackTraceLimit = stackTraceLimit;
  }
  let results: TestResult[] = [];
  let place = -1;
  const counts = new Map<string, number>();
  env.addReporter({
    specStarted: () => {
      place++;
      started();
    },
    specDone: ({ fullName, status, failedExpectations }: SpecResult) => {
      const test = partsOf(fullName);
      if (test === undefined || status === 'excluded' || status === 'pending') return;
      const count = (counts.get(fullName) ?? 0) + 1;
      counts.set(fullName, count);
      const failures = failedExpectations.map(({ message }) => message);
      results.push({
        ...test,
        nameOfAll: test.name,
        name: `${test.name}${count > 1 ? ` (${count})` : ''}`,
        place,
        failures,
      });
    },
  });
  return async (isWanted) => {
    const specFilter = (spec: Spec) => {
      const test = partsOf(spec.getFullName());
      return test !== undefined && isWanted(test.name, test.backend);
    };
    env.configure({ specFilter });
    results = [];
    await env.execute();
    return results;
  };
}
