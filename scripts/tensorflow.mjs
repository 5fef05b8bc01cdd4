#!/usr/bin/env node
/**
 * `node scripts/tensorflow.mjs --wheel [version or file]` or `--libtensorflow DIR`: backend `tensorflow` for a machine where
 * the install of @tensorflow/tfjs-node cannot download. The package's JavaScript comes from npm, TensorFlow's library and
 * headers from a Python wheel or a folder, and the addon between them is compiled here. Everything goes into
 * node_modules/@tensorflow/tfjs-node, which is put in place only when it works; nothing else is touched.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { Command, CommanderError } from 'commander';

/** 2.12 to 2.21 pass the tests of the backend; 2.21 greets on stderr, whatever it is told. */
const testedVersion = '2.20.0';
const worksWith = '2.12 to 2.21';
const packageName = '@tensorflow/tfjs-node';
const libraries = ['libtensorflow', 'libtensorflow_framework'];
const parts = ['lib', 'include'];
const require = createRequire(import.meta.url);

/** What a user can correct. */
class Failure extends Error {
  constructor(problem, remedy, exitCode = 1) {
    super(`${problem}\n  ${remedy}`);
    this.exitCode = exitCode;
  }
}

const say = (text) => process.stdout.write(`${text}\n`);
const lastLines = (text, count = 12) => text.trim().split('\n').slice(-count).join('\n');
const packageJson = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** Runs a program and waits: `missing` when there is none of this name. */
function run(program, args, cwd) {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = error ? error.message : `${stdout}${stderr}`;
  return { ok: status === 0, missing: error?.code === 'ENOENT', signal, stdout: stdout ?? '', output };
}

/** A Python that runs: node-gyp needs one, pip is one of its modules, and wheels are zip files, which it reads. */
function findPython() {
  const candidates = [process.env.PYTHON, 'python3', 'python'].filter(Boolean);
  const python = candidates.find((name) => run(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).ok);
  if (python) return python;
  throw new Failure('there is no Python 3.8 or later here', 'install one, e.g. apt install python3 python3-pip');
}

function checkCompiler() {
  for (const program of [process.env.CXX ?? 'c++', process.env.MAKE ?? 'make']) {
    // CXX may hold options too.
    if (!run(program.split(' ')[0], ['--version']).missing) continue;
    throw new Failure(`there is no ${program} here`, 'install a C++ compiler, e.g. apt install build-essential');
  }
}

/** The package with what it depends on, inside its own folder; what Lockstep shares with it is left to Lockstep's copy. */
function installJavaScript(modules, stage) {
  const core = packageJson(join(modules, '@tensorflow', 'tfjs-core'));
  say(`2/4 JavaScript of ${packageName} ${core.version}, from npm`);
  writeFileSync(join(stage, 'package.json'), '{ "private": true, "scripts": { "compile": "node-gyp rebuild" } }\n');
  const wanted = `${packageName}@${core.version}`;
  const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
  const { ok, missing, output } = run('npm', ['install', ...flags, wanted], stage);
  if (missing) throw new Failure('there is no npm on the PATH', 'install npm, which comes with Node');
  if (!ok)
    throw new Failure(`npm install ${wanted} failed:\n${lastLines(output)}`, 'check the connection to the registry');

  const installed = join(stage, 'node_modules');
  const folder = join(installed, packageName);
  const own = join(folder, 'node_modules');
  for (const name of packagesIn(installed)) {
    const shared = join(modules, name);
    // Two copies of tfjs-core would be two engines: a backend registered with one is unknown to the other.
    const same = name.startsWith('@tensorflow/') && existsSync(shared);
    if (name === packageName || same) continue;
    mkdirSync(dirname(join(own, name)), { recursive: true });
    renameSync(join(installed, name), join(own, name));
  }
  return folder;
}

function packagesIn(folder) {
  const visible = (path) => readdirSync(path).filter((name) => !name.startsWith('.'));
  return visible(folder).flatMap((name) =>
    name.startsWith('@') ? visible(join(folder, name)).map((inner) => `${name}/${inner}`) : [name],
  );
}

/** Downloads a wheel, which is the C library with its headers and much else; returns its path. */
function downloadWheel(python, version, stage) {
  say(`1/4 downloading the wheel of tensorflow-cpu ${version} (about 250 MB)`);
  const wanted = `tensorflow-cpu==${version}`;
  // Only the library is wanted, which is the same for every Python: ask for one that all these versions were built for.
  const target = ['--no-deps', '--only-binary=:all:', '--python-version', '3.11', '--dest', stage];
  const { ok, output } = run(python, ['-m', 'pip', 'download', '--disable-pip-version-check', wanted, ...target]);
  if (ok)
    return join(
      stage,
      readdirSync(stage).find((name) => name.endsWith('.whl')),
    );
  const elsewhere = 'or download the wheel elsewhere and pass --wheel FILE.whl';
  if (output.includes('No module named pip')) {
    throw new Failure(`${python} has no pip`, `install it, e.g. apt install python3-pip, ${elsewhere}`);
  }
  if (output.includes('No matching distribution')) {
    throw new Failure(
      `pip finds no ${wanted} for this machine:\n${lastLines(output, 2)}`,
      `choose another, ${elsewhere}`,
    );
  }
  throw new Failure(`pip download ${wanted} failed:\n${lastLines(output)}`, `check the connection, ${elsewhere}`);
}

// Prints how many libraries there were; takes no Python code out of the wheel.
const unpack = `
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
library = 'tensorflow/libtensorflow'
headers = ('tensorflow/include/tensorflow/', 'tensorflow/include/tsl/', 'tensorflow/include/xla/')
names = [n for n in wheel.namelist() if n.startswith(library) or (n.startswith(headers) and n.endswith('.h'))]
wheel.extractall(sys.argv[2], names)
print(sum(n.startswith(library) for n in names))
`;

/** lib/ and include/ out of a wheel. */
function unpackWheel(python, wheel, deps) {
  say(`1/4 TensorFlow, from ${wheel}`);
  const { ok, stdout, output } = run(python, ['-c', unpack, wheel, deps]);
  if (!ok)
    throw new Failure(`${wheel} cannot be unpacked:\n${lastLines(output, 3)}`, 'check the file and the free space');
  if (Number(stdout) < libraries.length) {
    throw new Failure(
      `${wheel} holds no libtensorflow_cc and libtensorflow_framework`,
      `take a Linux wheel of tensorflow-cpu or tensorflow, ${worksWith}`,
    );
  }
  const unpacked = join(deps, 'tensorflow');
  mkdirSync(join(deps, 'lib'));
  renameSync(join(unpacked, 'include'), join(deps, 'include'));
  for (const name of readdirSync(unpacked)) renameSync(join(unpacked, name), join(deps, 'lib', name));
  rmSync(unpacked, { recursive: true });
}

function copyLibrary(folder, deps) {
  say(`1/4 TensorFlow, from ${folder}`);
  for (const part of parts) {
    cpSync(join(folder, part), join(deps, part), { recursive: true, verbatimSymlinks: true });
  }
}

/** The names that the linker looks for: wheels call the library libtensorflow_cc.so.2. */
function nameLibraries(deps) {
  const folder = join(deps, 'lib');
  const there = readdirSync(folder);
  for (const library of libraries) {
    const link = `${library}.so`;
    if (there.includes(link)) continue;
    const name = there.find((file) => file.startsWith(`${library}.so`) || file.startsWith(`${library}_cc.so`));
    if (!name)
      throw new Failure(`there is no ${link} among the libraries`, 'give a complete libtensorflow, or use --wheel');
    symlinkSync(name, join(folder, link));
  }
  if (existsSync(join(deps, 'include', 'tensorflow', 'c', 'eager', 'c_api.h'))) return;
  throw new Failure('there is no tensorflow/c/eager/c_api.h among the headers', 'give a complete libtensorflow');
}

/** Node's headers, where they stand beside the running Node; node-gyp downloads them otherwise, or is told where by npm. */
function headersBeside() {
  const prefix = dirname(dirname(process.execPath));
  const file = join(prefix, 'include', 'node', 'node_version.h');
  if (process.env.npm_config_nodedir || !existsSync(file)) return [];
  const [major] = process.versions.node.split('.');
  return readFileSync(file, 'utf8').includes(`NODE_MAJOR_VERSION ${major}\n`) ? [`--nodedir=${prefix}`] : [];
}

/** Compiles the addon with the node-gyp that npm brings, and puts it where the package looks for it. */
function compile(folder, stage) {
  const { binary } = packageJson(folder);
  const napi = Math.max(...binary.napi_versions.filter((version) => version <= Number(process.versions.napi)));
  const lib = join(folder, 'lib', `napi-v${napi}`);
  say(`3/4 compiling the addon for Node ${process.versions.node}`);
  const variables = [
    `--directory=${folder}`,
    `--module_name=${binary.module_name}`,
    `--module_path=${lib}`,
    `--napi_build_version=${napi}`,
  ];
  const { ok, output } = run('npm', ['run', 'compile', '--', ...variables, ...headersBeside()], stage);
  rmSync(join(folder, 'build'), { recursive: true, force: true });
  if (ok) return;
  const noHeaders = /node_api\.h: No such file|common\.gypi not found|rolling back install/;
  const wrongLibrary = /skipping incompatible|file in wrong format|cannot find -ltensorflow/;
  throw new Failure(
    `the addon does not compile:\n${lastLines(output, 20)}`,
    noHeaders.test(output)
      ? "Node's headers are not here and cannot be downloaded: unpack them and set npm_config_nodedir=FOLDER (it holds include/node)"
      : wrongLibrary.test(output)
        ? `the library is not for ${process.platform} ${process.arch}: take one that is`
        : `try the tested TensorFlow: --wheel ${testedVersion}`,
  );
}

const proof = `
const [folder, modules] = process.argv.slice(1);
// The package calls a function that Node 23 removed; src/engine/backends.ts does the same.
require('util').isNullOrUndefined ??= (x) => x == null;
const tf = require(modules + '/@tensorflow/tfjs-core');
require(folder);
if (tf.getBackend() !== 'tensorflow') throw new Error('it registers with another tfjs-core');
const product = tf.matMul(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2])).dataSync().join();
if (product !== '19,22,43,50') throw new Error('wrong product ' + product);
console.log('TensorFlow ' + tf.backend().binding.TF_Version);
`;

/** Loads the package as Lockstep will, and multiplies two matrices. */
function prove(folder, modules) {
  say('4/4 loading it and multiplying two matrices');
  const { ok, signal, stdout, output } = run(process.execPath, ['-e', proof, folder, modules]);
  if (ok) return stdout.trim().split('\n').at(-1);
  const [, symbol] = /undefined symbol: (\S+)/.exec(output) ?? [];
  const [, needed] = /version `(GLIBC\S*)' not found/.exec(output) ?? [];
  if (symbol) {
    throw new Failure(`the library lacks ${symbol}`, `take TensorFlow's C library, ${worksWith}`);
  }
  if (needed)
    throw new Failure(`the library needs ${needed} of a newer system`, 'take an older version: --wheel 2.16.2');
  const what = signal ? `it ends Node with ${signal}` : 'it does not load';
  throw new Failure(`${what}:\n${lastLines(output, 20)}`, `try the tested TensorFlow: --wheel ${testedVersion}`);
}

/** @returns a wheel's file, or the version of one to download */
function wheelOf(value) {
  if (value === true) return { version: testedVersion };
  if (/^\d+\.\d+\.\d+(\.post\d+)?$/.test(value)) return { version: value };
  if (value.endsWith('.whl') && existsSync(value)) return { file: resolve(value) };
  throw new Failure(
    `--wheel ${value} is neither a version nor a wheel's file`,
    `give a version such as ${testedVersion}, the path of a .whl file, or nothing`,
    2,
  );
}

/** @returns a folder that has the parts of libtensorflow */
function folderOf(value) {
  const missing = parts.find((part) => !existsSync(join(value, part)));
  if (missing === undefined) return { folder: resolve(value) };
  throw new Failure(`${value} has no folder ${missing}`, 'give a folder as libtensorflow-*.tar.gz unpacks to', 2);
}

function install({ wheel, libtensorflow }) {
  if ((wheel === undefined) === (libtensorflow === undefined)) {
    throw new Failure('give either --wheel or --libtensorflow', 'see --help', 2);
  }
  const source = wheel === undefined ? folderOf(libtensorflow) : wheelOf(wheel);
  if (process.platform !== 'linux') {
    throw new Failure(`this script is for Linux, not ${process.platform}`, `use npm install --no-save ${packageName}`);
  }
  const python = findPython();
  checkCompiler();
  const modules = dirname(dirname(dirname(require.resolve('@tensorflow/tfjs-core/package.json'))));
  // Beside its destination, so that it can be renamed; a run that was killed leaves it to the next one.
  const stage = join(modules, '.lockstep-tensorflow');
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage);
  try {
    const deps = join(stage, 'deps');
    mkdirSync(deps);
    if (source.folder) copyLibrary(source.folder, deps);
    else unpackWheel(python, source.file ?? downloadWheel(python, source.version, stage), deps);
    nameLibraries(deps);
    const folder = installJavaScript(modules, stage);
    renameSync(deps, join(folder, 'deps'));
    compile(folder, stage);
    const works = prove(folder, modules);
    const target = join(modules, packageName);
    rmSync(target, { recursive: true, force: true });
    renameSync(folder, target);
    say(`backend tensorflow works: ${works} in ${target}\n(npm ci removes it: run this again afterwards)`);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

const program = new Command('node scripts/tensorflow.mjs')
  .description("Installs @tensorflow/tfjs-node, backend tensorflow, where the package's own install cannot download.")
  .option(
    '--wheel [version or file]',
    `TensorFlow's library from a Python wheel: pip downloads ${testedVersion} by default`,
  )
  .option('--libtensorflow <dir>', "TensorFlow's library from a folder with lib/ and include/")
  .allowExcessArguments(false)
  .exitOverride()
  .addHelpText(
    'after',
    `
Needs npm, Python 3 (with pip, or the wheel's file), a C++ compiler and make; takes 1 GB in node_modules.

Examples:
  node scripts/tensorflow.mjs --wheel
  node scripts/tensorflow.mjs --wheel 2.16.2
  node scripts/tensorflow.mjs --wheel ./tensorflow_cpu-2.20.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl

Exit codes: 0 it works, 1 it failed and nothing was changed, 2 bad options.`,
  );

try {
  install(program.parse().opts());
} catch (error) {
  if (error instanceof Failure) process.stderr.write(`error: ${error.message}\n`);
  else if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error instanceof Failure ? error.exitCode : error.exitCode === 0 ? 0 : 2;
}
