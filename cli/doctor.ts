/** `lockstep doctor`: what this machine has, what is missing, and the remedy. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, freemem, platform } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import pc from 'picocolors';
import type { BackendName } from '../src/engine/backends.js';
import { chooseProvider, providers } from '../src/engine/onnx/providers.js';
import { EngineError } from '../src/errors.js';
import { memoryLimit } from '../src/ground/memory.js';
import { packageFolder, shippedFile } from '../src/ground/own-version.js';
import { printableDeep } from '../src/ground/printable.js';
import { bytesText } from '../src/ground/units.js';
import { loadNoiseKernels } from '../src/kernels/load-kernels.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { doctorDataCommand } from './doctor-data.js';
import { withShared } from './shared-options.js';
import { isTerminal } from './streams.js';

interface DoctorCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

export function doctorCommand(): Command {
  const command = new Command('doctor').description(
    'Show what this machine has: cores, engines and backends that really load, versions.',
  );
  return withShared(command, 'json')
    .addOption(
      new Option('--only-device <name>', 'look at this device of engine onnx alone').choices(Object.keys(providers)),
    )
    .addCommand(doctorDataCommand())
    .action(runDoctor);
}

const require = createRequire(import.meta.url);

/** Undefined where it is not installed. */
function version(name: string): string | undefined {
  try {
    const file = require.resolve(`${name}/package.json`);
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  } catch {
    return undefined;
  }
}

async function runDoctor({ json, onlyDevice }: { json?: boolean; onlyDevice?: string }): Promise<void> {
  if (onlyDevice !== undefined) {
    chooseProvider(onlyDevice);
    const finding = await onnx(onlyDevice);
    process.stdout.write(json ? jsonLine(finding) : text(printableDeep([finding]), finding.ok));
    process.exitCode = finding.ok ? 0 : 1;
    return;
  }
  const findings = [nodeVersion(), hardware(), kernels(), await onnx('cpu')];
  for (const name of Object.keys(providers)) if (name !== 'cpu') findings.push(elsewhere(name));
  // Late, because tfjs takes most of the time that any command needs to start.
  const { backendNames, loadBackend } = await import('../src/engine/backends.js');
  for (const name of backendNames) findings.push(await backend(name, loadBackend));
  const canTrain = findings.slice(0, 3).every(({ ok }) => ok) && findings.slice(3).some(({ ok }) => ok);
  process.stdout.write(
    json
      ? jsonLine({ canTrain, findings })
      : wrapLines(text(printableDeep(findings), canTrain), terminalColumns(process.stdout)),
  );
  process.exitCode = canTrain ? 0 : 1;
}

function nodeVersion(): DoctorCheck {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  const remedy = ok ? undefined : 'install Node 20.19 or later';
  return { name: 'node', ok, detail: `${process.versions.node} on ${platform()} ${arch()}`, remedy };
}

function hardware(): DoctorCheck {
  const [first] = cpus();
  const detail = `${availableParallelism()} cores (${first?.model.trim() ?? 'unknown'}), ${bytesText(Math.min(freemem(), memoryLimit()))} of ${bytesText(memoryLimit())} free`;
  return { name: 'machine', ok: true, detail };
}

function kernels(): DoctorCheck {
  try {
    loadNoiseKernels(new WebAssembly.Memory({ initial: 1 }));
    return { name: 'kernels', ok: true, detail: 'WebAssembly SIMD' };
  } catch (error) {
    return { name: 'kernels', ok: false, detail: (error as Error).message, remedy: 'reinstall with npm ci' };
  }
}

/** A process of its own looks for a graphics card: drivers that are not there write what they like to its standard error. */
function elsewhere(device: string): DoctorCheck {
  const program = join(packageFolder, 'dist', 'cli', 'main.js');
  const args = [program, 'doctor', '--json', '--only-device', device];
  const { stdout } = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 });
  try {
    return JSON.parse(String(stdout)) as DoctorCheck;
  } catch {
    const remedy = `optional: ${providers[device].remedy}`;
    return { name: nameOf(device), ok: false, detail: 'looking for it ended without an answer', remedy };
  }
}

const nameOf = (device: string): string => (device === 'cpu' ? 'engine onnx' : `engine onnx, device ${device}`);

/** Loads the library and runs a model of one node, on the device that is chosen. */
async function onnx(provider: string): Promise<DoctorCheck> {
  const name = nameOf(provider);
  try {
    const { checkDevice } = await import('../src/engine/onnx/check-device.js');
    checkDevice();
    const { numericFingerprint } = await import('../src/engine/onnx/numerics.js');
    const { hash, processor } = numericFingerprint();
    // Machines of one world have to show the same.
    const detail = `onnxruntime-node ${version('onnxruntime-node')}, arithmetic ${hash.slice(0, 12)} (${processor})`;
    return { name, ok: true, detail: provider === 'cpu' ? detail : `${detail}${await cards()}` };
  } catch (error) {
    const [reason] = (error instanceof EngineError ? error.problem : (error as Error).message).split('\n');
    return {
      name,
      ok: false,
      detail: provider === 'cpu' ? reason! : `${reason}${await cards()}`,
      remedy:
        provider === 'cpu'
          ? 'reinstall with npm ci; without it training is many times slower'
          : `optional: ${providers[provider].remedy}`,
    };
  }
}

/** What Vulkan's drivers say of graphics cards, or what is missing. */
async function cards(): Promise<string> {
  const { vulkanAdapters } = await import('../src/engine/onnx/adapters.js');
  // Elsewhere there is no Vulkan to ask.
  if (platform() !== 'linux') return '';
  const adapters = vulkanAdapters();
  if (!adapters) return "; Vulkan's loader is not installed (Debian's package libvulkan1)";
  const given = process.env.VK_DRIVER_FILES;
  if (adapters.length === 0)
    return given ? `; VK_DRIVER_FILES=${given} names no driver` : '; no driver for Vulkan is installed';
  const told = adapters.map(
    ({ name, version, bytes, largestBuffer }) =>
      `${name} (Vulkan ${version}, memory ${bytesText(bytes)}, largest tensor ${bytesText(largestBuffer)})`,
  );
  return `; ${adapters.length > 1 ? 'the first of ' : ''}${told.join(', ')}`;
}

const packages: Record<BackendName, string> = {
  tensorflow: '@tensorflow/tfjs-node',
  wasm: '@tensorflow/tfjs-backend-wasm',
  cpu: '@tensorflow/tfjs-backend-cpu',
};

async function backend(name: BackendName, load: (name: BackendName) => Promise<void>): Promise<DoctorCheck> {
  const label = `engine tfjs, backend ${name}`;
  const found = version(packages[name]);
  const detail = `${packages[name]} ${found ?? 'is not installed'}`;
  try {
    await load(name);
    return { name: label, ok: true, detail };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const remedy =
      name === 'tensorflow'
        ? `optional, engine onnx does not need it: where npm could not download it, node ${shippedFile('scripts', 'tensorflow.mjs')} --wheel builds it`
        : 'reinstall with npm ci';
    return { name: label, ok: false, detail: found === undefined ? detail : `${detail}: ${error.problem}`, remedy };
  }
}

function text(findings: readonly DoctorCheck[], canTrain: boolean): string {
  // picocolors alone would also colour what a CI run writes to a file.
  const colors = pc.createColors(pc.isColorSupported && isTerminal(process.stdout));
  const lines = findings.map(({ name, ok, detail, remedy }) => {
    const mark = ok ? colors.green('ok     ') : colors.yellow('missing');
    return `${mark}  ${name}: ${detail}${remedy ? `\n         ${colors.dim(remedy)}` : ''}`;
  });
  const verdict = canTrain ? 'Ready to train.' : 'Cannot train here: see what is missing above.';
  return `${lines.join('\n')}\n${verdict}\n`;
}
