/**
 * `npm run build [-- --outDir DIR]`: AssemblyScript kernels to dist/src/kernels/*.wasm, then TypeScript to dist/.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import asc from 'assemblyscript/asc';

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

// Only folders that the compiler writes: DIR may be anything.
for (const folder of ['src', 'coordinator', 'worker', 'scripts', 'test']) {
  rmSync(join(outDir, folder), { recursive: true, force: true });
}
await compileKernels('update', '--enable=threads', '--sharedMemory', '--maximumMemory=65536');
await compileKernels('noise');
await compileKernels('pool');

// The package exports no path to its compiler except package.json, which stands beside bin/.
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
const compiler = [join(typescript, 'bin', 'tsc'), '--outDir', outDir];
process.exitCode = spawnSync(process.execPath, compiler, { cwd: root, stdio: 'inherit' }).status ?? 1;

const main = join(outDir, 'src', 'cli', 'main.js');
if (existsSync(main)) chmodSync(main, 0o755);
