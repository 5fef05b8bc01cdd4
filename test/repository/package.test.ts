/** What `npm pack` puts into the package: all that its programs need, and nothing else. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import { expect, it } from 'vitest';
import { buildFolder, packageRoot } from '../support/package.js';
import { skipIf } from '../support/skip-if.js';

const read = (file: string) => readFileSync(join(packageRoot, file), 'utf8');
const manifest = JSON.parse(read('package.json'));

/** What npm would pack. */
function packed(): { readonly files: readonly { path: string }[]; readonly size: number } {
  const options = { cwd: packageRoot, encoding: 'utf8', shell: process.platform === 'win32' } as const;
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], options);
  const [found] = Object.values<ReturnType<typeof packed>>(JSON.parse(stdout));
  return found;
}

/** Static imports, of what is written without spaces too. */
const imports = /(?:^|[;}])(?:import|export)\b\s*(?:type\s+)?(?:[^'"();]*?\bfrom\s*)?['"]([^'"]+)['"]/gm;

const importsOf = (file: string): string[] => [...read(file).matchAll(imports)].map(([, target]) => target);

/** What a file of the package loads: static and late imports, and files found beside it. Names that are computed are left out. */
function loadedBy(file: string): string[] {
  const late = /(?:import|require|require\.resolve|import\.meta\.resolve|new URL)\(\s*['"]([^'"`]+)['"]/g;
  return [...importsOf(file), ...[...read(file).matchAll(late)].map(([, target]) => target)];
}

const threadFiles = ['pool/thread', 'evaluate/replicate-thread', 'wire/mpi/sum-thread'].map(
  (file) => `dist/src/${file}.js`,
);

/** Programs, what threads run, and the library. */
const entries = [
  ...Object.values<string>(manifest.bin),
  ...Object.values<string | { default: string }>(manifest.exports).map((entry) =>
    typeof entry === 'string' ? entry : entry.default,
  ),
  ...threadFiles,
].map((file) => posix.normalize(file));

/** What a browser loads, from the server that `lockstep ui` starts. */
const isPage = (file: string) => file.startsWith('dist/page/');

const generated = ['dist/src/zod.js', 'dist/src/zod.d.ts'];
const known = [
  /^(?:CHANGELOG|README|LICENSE|package)(?:\.md|\.json)?$/,
  /^configs\/[\w-]+\.(?:yaml|ts|schema\.json)$/,
  /^docs\/(?:[\w-]+\/)*[\w-]+\.md$/,
  /^docs\/grafana-dashboard\.json$/,
  /^scripts\/(?:tensorflow\.mjs|movielens\.py)$/,
  /^dist\/src\/kernels\/[\w-]+\.wasm$/,
  /^dist\/program\/[\w-]+\.js$/,
  /^dist\/page\/(?:page|stream)\.(?:js|css)$/,
  /^dist\/(?:src|cli|coordinator|worker)\/(?:[\w-]+\/)*[\w-]+(?:\.js|\.d\.ts)$/,
];

// npm packs the standard build folder alone.
skipIf(buildFolder !== join(packageRoot, 'dist') && 'what is packed is built elsewhere').describe('the package', () => {
  const { files: listed, size } = packed();
  const files = listed.map(({ path }) => path);
  const present = new Set(files);
  const scripts = files.filter((file) => file.endsWith('.js'));

  it('holds no strays', () => {
    expect(files.filter((file) => !known.some((pattern) => pattern.test(file)))).toEqual([]);
    const sourceOf = (file: string) =>
      file.endsWith('.wasm')
        ? file.replace('dist/src/kernels/', 'src/kernels/assembly/').replace('.wasm', '.ts')
        : file.replace('dist/', '').replace(/(?:\.d\.ts|\.js)$/, '.ts');
    const isMade = (file: string) => generated.includes(file) || file.startsWith('dist/program/') || isPage(file);
    const compiled = files.filter((file) => file.startsWith('dist/') && !isMade(file));
    expect(compiled.filter((file) => !existsSync(join(packageRoot, sourceOf(file))))).toEqual([]);
  });

  it('holds every file that another one loads, and declares every package', () => {
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
    const isThere = (file: string, target: string) => {
      if (isBuiltin(target)) return true;
      if (target.startsWith('.')) {
        const named = posix.join(posix.dirname(file), target);
        // Declarations name scripts, and mean theirs.
        const path = file.endsWith('.d.ts') ? named.replace(/\.js$/, '.d.ts') : named;
        return present.has(path) || path.endsWith('/');
      }
      return declared.some((name) => target === name || target.startsWith(`${name}/`)) || target === manifest.name;
    };
    const texts = files.filter((file) => /\.(?:js|d\.ts)$/.test(file) && !generated.includes(file));
    const missing = texts.flatMap((file) =>
      loadedBy(file)
        .filter((target) => !isThere(file, target))
        .map((target) => `${file} loads ${target}`),
    );
    expect(missing).toEqual([]);
    expect(entries.filter((file) => !present.has(file))).toEqual([]);
  });

  /** What files load, and what these do. */
  function reachedFrom(starts: readonly string[], pathOf: (target: string) => string): Set<string> {
    const reached = new Set<string>();
    const visit = (file: string) => {
      if (!present.has(file) || reached.has(file)) return;
      reached.add(file);
      if (!/\.(?:js|d\.ts)$/.test(file) || generated.includes(file)) return;
      for (const target of loadedBy(file)) {
        if (target.startsWith('.')) visit(pathOf(posix.join(posix.dirname(file), target)));
      }
    };
    starts.forEach(visit);
    return reached;
  }

  it('has a file for each thread that loads no others as it starts, which takes longer than to start', () => {
    const loaded = threadFiles.map(importsOf);
    expect(loaded[0]).toContain('node:worker_threads');
    expect(loaded.flat().filter((target) => !isBuiltin(target))).toEqual([]);
  });

  it('holds no script that no program loads', () => {
    const reached = reachedFrom(entries, (target) => target);
    const alone = scripts.filter((file) => !reached.has(file) && readsAsCode(file) && !isPage(file));
    expect(alone).toEqual([]);
  });

  it('holds no declaration that users of the library do not meet, and is small', () => {
    const types = Object.values<{ types?: string }>(manifest.exports).flatMap((entry) => entry.types ?? []);
    const reached = reachedFrom(
      types.map((file) => posix.normalize(file)),
      (target) => target.replace(/\.js$/, '.d.ts'),
    );
    expect(reached.size).toBeGreaterThan(50);
    expect(files.filter((file) => file.endsWith('.d.ts') && !reached.has(file))).toEqual([]);
    // The page of `lockstep ui`, with its two libraries, is 39 kB of it.
    expect(size).toBeLessThan(1_680_000);
  });
});

/** Types alone compile to nothing. */
const readsAsCode = (file: string): boolean =>
  read(file)
    .replace(/\/\*[\s\S]*?\*\/|^\/\/.*$/gm, '')
    .replace(/export \{\};/, '')
    .trim() !== '';
