/**
 * `node dist/scripts/gpu.js`: what a graphics card is worth, as one program of less than 8 minutes: for each of four models the
 * throughput on the device, on all cores of the same machine, and of PyTorch with CUDA in float32 and bfloat16 where it is there
 * (`--python`). Prints the card, drivers and versions, a line a measurement, and ratios. `--tiny` only sees that everything runs.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { RunEvent } from '../src/report/events.js';
import { WatchedProgram } from './programs/watched-program.js';

interface Flags {
  readonly device: string;
  readonly seconds: string;
  readonly python?: string;
  readonly tiny?: boolean;
}

interface CardModel {
  readonly name: string;
  readonly batch: number;
  /** What is counted: of texts tokens, else examples. */
  readonly places: number;
  readonly data: object;
  readonly layers: readonly (string | object)[];
}

const here = dirname(fileURLToPath(import.meta.url));
const program = join(here, '../cli/main.js');
const peer = join(here, '../../scripts/peers/torch_gpu.py');
/** Of all that a measurement may take beside its seconds: loading, compiling, the first step. */
const patience = 90;

const dense = (units: number) => ({ dense: { units, activation: 'relu' } });
const convolution = (filters: number) => ({ conv2d: { filters, kernelSize: 3, activation: 'relu' } });
const classes = { dense: { units: 'classes' } };

/** @param folder for texts @param tiny sizes that a driver in software computes */
function modelsOf(folder: string, tiny: boolean): CardModel[] {
  const digits = (examples: number) => ({ source: 'digits', examples, validation: 0, test: 0 });
  const decoder = (name: string, batch: number, places: number, width: number, blocks: number, vocabulary: number) => ({
    name,
    batch,
    places,
    data: {
      source: 'text',
      file: textOf(folder, vocabulary, tiny ? 400 : 50_000),
      window: places,
      stride: 1,
      targets: 'all',
      validation: 0,
    },
    layers: [
      { tokenAndPositionEmbedding: { width } },
      {
        transformerDecoder: { repeat: blocks, heads: width / 64 || 1, feedForward: 4 * width, activation: 'geluTanh' },
      },
      'layerNormalization',
      { logits: { tied: true } },
    ],
  });
  const images = (filters: number, units: number) => [
    convolution(filters),
    convolution(2 * filters),
    { maxPooling2d: { poolSize: 2 } },
    'flatten',
    dense(units),
    classes,
  ];
  if (tiny) {
    return [
      { name: 'mlp', batch: 8, places: 1, data: digits(64), layers: ['flatten', dense(16), classes] },
      { name: 'cnn', batch: 4, places: 1, data: digits(32), layers: images(2, 4) },
      decoder('decoder-384', 2, 8, 64, 1, 65),
      decoder('decoder-768', 1, 8, 64, 2, 128),
    ];
  }
  const large = ['flatten', dense(1024), dense(1024), classes];
  return [
    { name: 'mlp', batch: 1024, places: 1, data: digits(20_480), layers: large },
    { name: 'cnn', batch: 512, places: 1, data: digits(20_480), layers: images(32, 128) },
    decoder('decoder-384', 32, 256, 384, 6, 65),
    decoder('decoder-768', 8, 512, 768, 12, 50_257),
  ];
}

/** A text of so many different letters, each of which is a token: first all of them, then others without a pattern. */
function textOf(folder: string, letters: number, more: number): string {
  let state = 1;
  const drawn = Array.from({ length: more }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * letters);
  });
  const all = [...Array.from({ length: letters }, (_, i) => i), ...drawn];
  const file = join(folder, `text-${letters}.txt`);
  // From where there are ideographs one behind the other, or from the first letter.
  const first = letters > 256 ? 0x20000 : 0x100;
  writeFileSync(file, all.map((letter) => String.fromCodePoint(first + letter)).join(''));
  return file;
}

/** Examples or tokens a second, and seconds to the first step, told by the steps of a run that is ended after a while. */
async function measured(model: CardModel, folder: string, device: string, seconds: number) {
  const file = join(folder, `${model.name}.yaml`);
  // On the card one shard keeps it busy; each core needs one of its own.
  const shards = device === 'cpu' ? Math.min(availableParallelism(), model.batch) : 1;
  const { batch: batchSize, data, layers } = model;
  const training = { epochs: 1000, batchSize, shards, logEvery: 1 };
  const loss = 'sparseCategoricalCrossentropy';
  writeFileSync(file, JSON.stringify({ data, model: { layers }, loss, optimizer: 'adam', training }));
  const args = ['train', file, '--device', device, '--out', join(folder, `runs-${device}`), '--json'];
  const started = performance.now();
  const steps: { readonly at: number; readonly step: number }[] = [];
  const run = new WatchedProgram<RunEvent>(model.name, { program, args, folder }, (patience + seconds) * 1000);
  try {
    await run.until('step');
    const first = (performance.now() - started) / 1000;
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const last = run.events.findLast((event) => event.event === 'step');
      if (last && last.step !== steps.at(-1)?.step) steps.push({ at: performance.now(), step: last.step });
    }
    const [from, to] = [steps[1] ?? steps[0]!, steps.at(-1)!];
    const rate = ((to.step - from.step) * batchSize * model.places) / ((to.at - from.at) / 1000);
    return { rate: to.step > from.step ? rate : Number.NaN, first };
  } finally {
    await run.kill();
  }
}

/** What a command says; nothing where it is not there. */
function said(command: string, args: readonly string[], timeout = 20_000): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', timeout, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

function describe(device: string): void {
  const card = said('nvidia-smi', ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader']);
  const vulkan = said('vulkaninfo', ['--summary'])?.match(/(deviceName|driverName|driverInfo|apiVersion)\s*=.*/g);
  const doctor = said(process.execPath, [program, 'doctor'], 60_000)?.split('\n') ?? [];
  const own = doctor.filter((line) => line.includes(`device ${device}`));
  console.log(`${cpus()[0]?.model}, ${availableParallelism()} cores; Node.js ${process.version}`);
  for (const line of [card, ...(vulkan ?? []), ...own]) if (line) console.log(line.trim());
}

const number = (value: number): string => (Number.isFinite(value) ? Math.round(value).toLocaleString('en') : 'none');

async function main({ device, seconds, python, tiny = false }: Flags): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-gpu-'));
  try {
    describe(device);
    for (const model of modelsOf(folder, tiny)) {
      const unit = model.places === 1 ? 'examples/s' : 'tokens/s';
      const onDevice = await measured(model, folder, device, Number(seconds));
      const onCores = await measured(model, folder, 'cpu', Number(seconds));
      const ratio = (onDevice.rate / onCores.rate).toFixed(2);
      const rates = `${number(onDevice.rate)} ${unit} on ${device}, ${number(onCores.rate)} on the cores: ${ratio}`;
      const firsts = `first step after ${onDevice.first.toFixed(1)} and ${onCores.first.toFixed(1)} s`;
      console.log(`${model.name}, batch ${model.batch}: ${rates}; ${firsts}`);
      if (!python) continue;
      for (const precision of ['float32', 'bfloat16']) {
        const asked = [peer, model.name, precision, String(model.batch), tiny ? 'tiny' : 'whole', seconds];
        const rate = Number(said(python, asked, (patience + Number(seconds)) * 1000) ?? Number.NaN);
        const beside = Number.isNaN(rate)
          ? 'none'
          : `${number(rate)} ${unit}, over which ours is ${(onDevice.rate / rate).toFixed(2)}`;
        console.log(`  PyTorch with CUDA, ${precision}: ${beside}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await new Command('gpu')
  .option('--device <name>', 'the device that is measured', 'webgpu')
  .option('--seconds <s>', 'of each measurement', '15')
  .option('--python <path>', 'a Python with PyTorch and CUDA')
  .option('--tiny', 'small models: only see that everything runs')
  .action(main)
  .parseAsync();
