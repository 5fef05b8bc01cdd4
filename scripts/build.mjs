/**
 * `npm run build [-- --outDir DIR] [--changed]`: AssemblyScript kernels to dist/src/kernels/*.wasm, TypeScript to dist/, zod,
 * what a thread runs and what draws charts to one file each, the page of `lockstep ui` to dist/page/, commands and library to a few in dist/program/. With `--changed`, which tests use,
 * only what is older than its source, in a second and without a check of types; without it, nothing where all is as it was made. Declarations are those that users of the library meet.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { forgetBuilt, isBuilt, noteBuilt } from './built.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { resolve: find } = createRequire(import.meta.url);
const { values } = parseArgs({
  options: { outDir: { type: 'string', default: join(root, 'dist') }, changed: { type: 'boolean', default: false } },
});
const outDir = resolve(values.outDir);
// Only folders that the compiler writes: DIR may be anything.
const folders = ['src', 'cli', 'coordinator', 'worker', 'scripts', 'test', 'examples'];
/** Options of each kernel module's compiler. */
const kernels = {
  update: ['--enable=threads', '--sharedMemory', '--maximumMemory=65536'],
  noise: [],
  'graph-kernels': [],
};

/** Files below the folders of `base` that end so, as paths from `base`. */
const filesBelow = (base, ending) =>
  folders.flatMap((folder) =>
    existsSync(join(base, folder))
      ? readdirSync(join(base, folder), { recursive: true })
          .filter((name) => name.endsWith(ending))
          .map((name) => join(folder, name))
      : [],
  );

const changedAt = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Compiles one kernel module. It has no runtime and no data: nothing but its functions touches the imported memory. */
async function compileKernels(name) {
  const { default: asc } = await import('assemblyscript/asc');
  const { error, stderr } = await asc.main([
    `src/kernels/assembly/${name}.ts`,
    `--baseDir=${root}`,
    `--outFile=${join(outDir, 'src', 'kernels', `${name}.wasm`)}`,
    ...['-O3', '--noAssert', '--runtime=stub', '--importMemory', '--noExportMemory', '--enable=simd'],
    ...kernels[name],
  ]);
  if (error) throw new Error(`${name}.ts does not compile: ${error.message}\n${stderr}`);
}

/** Messages are Lockstep's own, or English. */
const withoutTranslations = {
  name: 'without-translations',
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]zod[\\/].*[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    })),
};

/** zod is a hundred files, half of them translations, and every command needs it: as one file it is loaded in less than half the time. */
async function bundleZod() {
  const license = readFileSync(join(dirname(find('zod/package.json')), 'LICENSE'));
  await build({
    stdin: { contents: "export { z } from 'zod';", resolveDir: root },
    outfile: join(outDir, 'src', 'zod.js'),
    ...{ bundle: true, format: 'esm', platform: 'node', minifyWhitespace: true, plugins: [withoutTranslations] },
    banner: { js: `/* zod:\n${license}*/` },
  });
}

/** Lets compiled files take zod from that one file. Declarations go on naming the package. @param files paths below DIR */
function nameOwnZod(files) {
  for (const name of files) {
    const file = join(outDir, name);
    const text = readFileSync(file, 'utf8');
    const path = relative(dirname(file), join(outDir, 'src', 'zod.js')).replaceAll(sep, posix.sep);
    const own = text.replace(
      /^(import \{ z \} from )['"]zod['"];$/m,
      `$1'${path.startsWith('.') ? path : `./${path}`}';`,
    );
    if (own !== text) writeFileSync(file, own);
  }
}

/**
 * Sources as they are bundled. `import x = require('y')` is what the compiler makes of it in a module of its own kind, which has no
 * `require`; what a file finds beside itself is found from the folder `base` of DIR, where its code goes; zod is one file already.
 */
const bundled = (base) => ({
  name: 'bundled',
  setup({ onLoad, onResolve }) {
    const to = (path) => {
      const from = posix.relative(base, path.replaceAll(sep, posix.sep));
      return from.startsWith('.') ? from : `./${from}`;
    };
    onResolve({ filter: /^zod$/ }, () => ({ path: to('src/zod.js'), external: true }));
    onResolve({ filter: /\/draw\.js$/ }, () => ({ path: to('src/report/draw.js'), external: true }));
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const folder = dirname(relative(root, path));
      const text = withRequire(readFileSync(path, 'utf8')).replace(
        /(new URL\(\s*['"`])(\.{1,2}\/[^'"`$]*)(?=[^,]*, import\.meta\.url\))/g,
        (_, start, place) => `${start}${to(join(folder, place))}${place.endsWith('/') ? '/' : ''}`,
      );
      return { contents: text, loader: 'ts' };
    });
  },
});

const bundling = { bundle: true, format: 'esm', platform: 'node', packages: 'external', logLevel: 'error' };

/** Packages of many small files that every command or thread needs: inside its own files they are loaded in a tenth of the time. */
const inside = {
  // Beside the files of Node.js, which are one module each in the old way, the package has the same as modules.
  yaml: join(dirname(find('yaml/package.json')), 'browser', 'index.js'),
  '@bufbuild/protobuf/wire': fileURLToPath(import.meta.resolve('@bufbuild/protobuf/wire')),
};
/** @param more others, by the beginning of their names: of what is one file itself, not many that share it */
const withPackages = (more = []) => ({
  name: 'with-packages',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^[^.]/ }, ({ path }) => {
      if (path in inside) return { path: inside[path] };
      const isInside = more.some((start) => path.startsWith(start));
      return isInside ? { path: fileURLToPath(import.meta.resolve(path)) } : undefined;
    }),
});

/**
 * A command loads some three hundred files of Lockstep, which takes a quarter of a second of a small run: as the few that follow
 * it starts in three quarters of the time. What all of these programs have in common is in one file, as a class has to be.
 */
async function bundlePrograms() {
  rmSync(join(outDir, 'program'), { recursive: true, force: true });
  const entries = {
    'cli/main': 'cli/main.ts',
    'program/lockstep': 'coordinator/lockstep.ts',
    'program/worker': 'worker/worker.ts',
    'program/layers': 'src/model/attention/own-layers.ts',
    'program/tfjs-engine': 'src/engine/tfjs-engine.ts',
    'program/draw-report': 'src/ui/draw-report.ts',
  };
  const { metafile, outputFiles } = await build({
    ...bundling,
    entryPoints: Object.fromEntries(Object.entries(entries).map(([to, from]) => [to, join(root, from)])),
    ...{ outdir: outDir, chunkNames: 'program/[name]-[hash]', splitting: true, metafile: true, write: false },
    plugins: [withPackages(), bundled('program')],
  });
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    const { inputs } = metafile.outputs[relative(process.cwd(), path).replaceAll(sep, posix.sep)];
    writeFileSync(path, noticesOf(inputs) + text);
  }
}

/** A thread takes half as long to start from one file as from fifty. The engine that only some models need is not in it. */
async function bundleThreads() {
  for (const thread of ['src/pool/thread', 'src/evaluate/replicate-thread', 'src/wire/mpi/sum-thread']) {
    const apart = ({ onResolve }) =>
      onResolve({ filter: /\/tfjs-engine\.js$/ }, () => ({ path: '../../program/tfjs-engine.js', external: true }));
    const { metafile, outputFiles } = await build({
      ...{ ...bundling, minifyWhitespace: true, sourcemap: true, metafile: true, write: false },
      ...{ entryPoints: [join(root, `${thread}.ts`)], outfile: join(outDir, `${thread}.js`) },
      plugins: [withPackages(['pure-rand/']), { name: 'apart', setup: apart }, bundled(posix.dirname(thread))],
    });
    for (const { path, text } of outputFiles) {
      const { inputs } = metafile.outputs[relative(process.cwd(), path).replaceAll(sep, posix.sep)];
      // At the end: what stands before the code would move it away from its map.
      writeFileSync(
        path,
        path.endsWith('.js') ? text.replace(/\/\/# sourceMappingURL=.*\n$/, (map) => noticesOf(inputs) + map) : text,
      );
    }
  }
}

/** As the compiler does it: `import x = require('y')` in a module of its own kind, which has no `require`. */
function withRequire(text) {
  const own = text.replace(/^import (\w+) = require\(/gm, 'const $1 = __require(');
  const made =
    "import { createRequire as __createRequire } from 'node:module'; const __require = __createRequire(import.meta.url);";
  return own === text ? text : `${made} ${own}`;
}

const requires = {
  name: 'requires',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({ contents: withRequire(readFileSync(path, 'utf8')), loader: 'ts' })),
};

/** Where that package is installed, Vega would measure texts by it, and charts would look otherwise than elsewhere. */
const withoutCanvas = {
  name: 'without-canvas',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^canvas$/ }, ({ path }) => ({ path, namespace: 'nothing' }));
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'export default null;' }));
  },
};

/** Charts are drawn by a library of 75 packages, most of which they do not need: what they need becomes one file. */
async function bundleCharts() {
  const source = join(root, 'src', 'report', 'draw.ts');
  const file = join(outDir, 'src', 'report', 'draw.js');
  const { metafile, outputFiles } = await build({
    ...{ entryPoints: [source], outfile: file, metafile: true, write: false, logLevel: 'error' },
    ...{ bundle: true, format: 'esm', platform: 'node', minify: true, legalComments: 'none', plugins: [withoutCanvas] },
  });
  writeFileSync(file, noticesOf(Object.values(metafile.outputs)[0].inputs) + outputFiles[0].text);
}

/** The page of `lockstep ui`, with its two libraries, and the worker by which its tabs share a stream. */
async function bundlePage() {
  const { metafile, outputFiles } = await build({
    ...{ entryPoints: ['page.css', 'stream.ts'].map((name) => join(root, 'page', name)), outdir: join(outDir, 'page') },
    ...{
      bundle: true,
      format: 'esm',
      minify: true,
      legalComments: 'none',
      logLevel: 'error',
      metafile: true,
      write: false,
    },
  });
  const page = await build({
    ...{ entryPoints: [join(root, 'page', 'main.tsx')], outfile: join(outDir, 'page', 'page.js'), write: false },
    ...{ bundle: true, format: 'esm', minify: true, legalComments: 'none', logLevel: 'error', metafile: true },
    ...{ jsx: 'automatic', jsxImportSource: 'preact', target: 'es2022' },
  });
  mkdirSync(join(outDir, 'page'), { recursive: true });
  for (const { path, text } of [...outputFiles, ...page.outputFiles]) {
    const { inputs } = { ...metafile.outputs, ...page.metafile.outputs }[
      relative(process.cwd(), path).replaceAll(sep, posix.sep)
    ];
    writeFileSync(path, noticesOf(inputs) + text);
  }
}

/** What a file has to begin with that holds code of packages. @param inputs of it, as the bundler lists them */
function noticesOf(inputs) {
  const packages = new Map();
  for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
    const [folder] = bytesInOutput > 0 ? (/^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []) : [];
    if (folder) packages.set(folder, [...(packages.get(folder) ?? []), path]);
  }
  const notices = [...packages].sort().map(([folder, files]) => noticeOf(folder, files));
  return notices.length > 0 ? `/* ${notices.join('\n').replaceAll('*/', '* /')}*/\n` : '';
}

/**
 * Name, version and licence of a package, whose files have it at their heads where it is none of its own.
 * @param folder where it is installed, from the current one
 * @param files of it that are passed on
 */
function noticeOf(folder, files) {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const license = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const heads = files.flatMap((file) => /^(?:\/\/.*\n)+/.exec(readFileSync(file, 'utf8')) ?? []);
  const text = license ? readFileSync(join(folder, license), 'utf8') : [...new Set(heads)].join('\n');
  if (!text) throw new Error(`${name} has no licence to pass on`);
  return `${name} ${version}:\n${text}`;
}

/** Declarations that those of the library and of the worker do not lead to are of use to nobody who installs the package. */
function keepPublicTypes() {
  const reached = new Set();
  const visit = (file) => {
    if (reached.has(file)) return;
    reached.add(file);
    const text = readFileSync(join(outDir, file), 'utf8');
    for (const [, target] of text.matchAll(/(?:from |import |import\()['"](\.[^'"]+)\.js['"]/g)) {
      visit(posix.join(posix.dirname(file), `${target}.d.ts`));
    }
  };
  for (const entry of ['coordinator/lockstep.d.ts', 'worker/worker.d.ts']) visit(entry);
  for (const file of filesBelow(outDir, '.d.ts')) {
    if (!reached.has(file.replaceAll(sep, posix.sep))) rmSync(join(outDir, file));
  }
}

async function buildAll() {
  if (isBuilt(root, outDir)) return;
  forgetBuilt(outDir);
  for (const folder of folders) rmSync(join(outDir, folder), { recursive: true, force: true });
  for (const name of Object.keys(kernels)) await compileKernels(name);
  // The package exports no path to its compiler except package.json, which stands beside bin/.
  const typescript = dirname(find('typescript/package.json'));
  const compiler = [join(typescript, 'bin', 'tsc'), '--outDir', outDir];
  process.exitCode = spawnSync(process.execPath, compiler, { cwd: root, stdio: 'inherit' }).status ?? 1;
  keepPublicTypes();
  await bundleZod();
  nameOwnZod(filesBelow(outDir, '.js'));
  await bundlePrograms();
  await bundleThreads();
  await bundleCharts();
  const check = [join(typescript, 'bin', 'tsc'), '-p', 'page'];
  process.exitCode ||= spawnSync(process.execPath, check, { cwd: root, stdio: 'inherit' }).status ?? 1;
  await bundlePage();
  if (process.exitCode === 0) noteBuilt(root, outDir);
}

async function buildChanged() {
  const assembled = join('src', 'kernels', 'assembly');
  const sources = filesBelow(root, '.ts').filter((file) => !file.endsWith('.d.ts') && !file.startsWith(assembled));
  const compiled = new Map(sources.map((file) => [file.replace(/\.ts$/, '.js'), file]));
  for (const file of [...filesBelow(outDir, '.js'), ...filesBelow(outDir, '.d.ts')]) {
    const script = file.replace(/\.d\.ts$/, '.js');
    if (!compiled.has(script) && script !== join('src', 'zod.js')) rmSync(join(outDir, file));
  }
  const assembly = join(root, 'src', 'kernels', 'assembly');
  const changed = Math.max(...readdirSync(assembly).map((name) => changedAt(join(assembly, name))));
  for (const name of Object.keys(kernels)) {
    if (changed <= changedAt(join(outDir, 'src', 'kernels', `${name}.wasm`))) continue;
    forgetBuilt(outDir);
    await compileKernels(name);
  }
  const page = join(root, 'page');
  const pageChanged = Math.max(...readdirSync(page).map((name) => changedAt(join(page, name))));
  if (pageChanged > changedAt(join(outDir, 'page', 'page.js'))) {
    forgetBuilt(outDir);
    await bundlePage();
  }
  const stale = [...compiled].filter(([file, source]) => changedAt(join(root, source)) > changedAt(join(outDir, file)));
  if (stale.length === 0) return;
  forgetBuilt(outDir);
  const entryPoints = stale.map(([, source]) => join(root, source));
  const options = { outdir: outDir, outbase: root, format: 'esm', platform: 'node', sourcemap: true };
  await build({ entryPoints, ...options, plugins: [requires] });
  nameOwnZod(stale.map(([file]) => file));
  await bundlePrograms();
  await bundleThreads();
  if (stale.some(([file]) => file === join('src', 'report', 'draw.js'))) await bundleCharts();
}

await (values.changed && existsSync(join(outDir, 'src', 'zod.js')) ? buildChanged() : buildAll());
const main = join(outDir, 'cli', 'main.js');
if (existsSync(main)) chmodSync(main, 0o755);
