/**
 * `npm run build [-- --outDir DIR]`: AssemblyScript kernels to dist/src/kernels/*.wasm, TypeScript to dist/, zod and what a
 * thread runs to one file each.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: { outDir: { type: 'string', default: join(root, 'dist') } } });
const outDir = resolve(values.outDir);

/** Compiles one kernel module. It has no runtime and no data: nothing but its functions touches the imported memory. */
async function compileKernels(name, ...options) {
  const { error, stderr } = await asc.main([
    `src/kernels/assembly/${name}.ts`,
    `--baseDir=${root}`,
    `--outFile=${join(outDir, 'src', 'kernels', `${name}.wasm`)}`,
    ...['-O3', '--noAssert', '--runtime=stub', '--importMemory', '--noExportMemory', '--enable=simd'],
    ...options,
  ]);
  if (error) throw new Error(`${name}.ts does not compile: ${error.message}\n${stderr}`);
}

/**
 * zod is a hundred files, half of them translations, and every command needs it: as one file it is loaded in less than half
 * the time. Declarations go on naming the package.
 */
async function bundleZod() {
  const { resolve: find } = createRequire(import.meta.url);
  const license = readFileSync(join(dirname(find('zod/package.json')), 'LICENSE'));
  await build({
    stdin: { contents: "export { z } from 'zod';", resolveDir: root },
    outfile: join(outDir, 'src', 'zod.js'),
    ...{ bundle: true, format: 'esm', platform: 'node', minifyWhitespace: true },
    banner: { js: `/* zod:\n${license}*/` },
  });
  for (const folder of folders) {
    for (const name of readdirSync(join(outDir, folder), { recursive: true })) {
      const file = join(outDir, folder, name);
      if (!name.endsWith('.js')) continue;
      const text = readFileSync(file, 'utf8');
      const path = relative(dirname(file), join(outDir, 'src', 'zod.js')).replaceAll(sep, posix.sep);
      const own = text.replace(/^(import \{ z \} from )'zod';$/m, `$1'${path.startsWith('.') ? path : `./${path}`}';`);
      if (own !== text) writeFileSync(file, own);
    }
  }
}

/**
 * A thread takes half as long to start from one file as from fifty. What it loads only for some models, and what finds files
 * beside itself, stays where it is.
 */
async function bundleThread() {
  const file = join(outDir, 'src', 'pool', 'thread.js');
  const apart = /\/(engine\/tfjs-engine|kernels\/load-kernels)\.js$/;
  const asIs = ({ path, resolveDir }) => ({
    path: relative(dirname(file), join(resolveDir, path)).replaceAll(sep, posix.sep),
    external: true,
  });
  await build({
    ...{ entryPoints: [file], outfile: file, allowOverwrite: true, sourcemap: true, logLevel: 'error' },
    ...{ bundle: true, format: 'esm', platform: 'node', packages: 'external' },
    plugins: [{ name: 'apart', setup: ({ onResolve }) => onResolve({ filter: apart }, asIs) }],
  });
}

// Only folders that the compiler writes: DIR may be anything.
const folders = ['src', 'cli', 'coordinator', 'worker', 'scripts', 'test'];
for (const folder of folders) {
  rmSync(join(outDir, folder), { recursive: true, force: true });
}
await compileKernels('update', '--enable=threads', '--sharedMemory', '--maximumMemory=65536');
await compileKernels('noise');
await compileKernels('max-pool-gradient');

// The package exports no path to its compiler except package.json, which stands beside bin/.
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
const compiler = [join(typescript, 'bin', 'tsc'), '--outDir', outDir];
process.exitCode = spawnSync(process.execPath, compiler, { cwd: root, stdio: 'inherit' }).status ?? 1;
await bundleZod();
await bundleThread();

const main = join(outDir, 'cli', 'main.js');
if (existsSync(main)) chmodSync(main, 0o755);
