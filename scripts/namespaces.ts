/** `node scripts/namespaces.mjs`: see docs/cluster.md. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { loadRunConfig } from '../src/config/load-config.js';
import { sizeText } from '../src/ground/units.js';
import type { RunEvent } from '../src/report/events.js';
import { Cluster } from './namespaces/cluster.js';
import { Network, NetworkError } from './namespaces/network.js';
import { startOn } from './namespaces/program.js';

interface Flags {
  readonly workers: number;
  readonly processes: number;
  readonly rate?: number;
  readonly delay: number;
  readonly loss: number;
  readonly after: number;
  readonly outage: number;
  readonly set: readonly string[];
}

/** A number with one of the units given, as a multiple of what that unit stands for. */
function quantity(units: Readonly<Record<string, number>>): (text: string) => number {
  return (text) => {
    const [, number, unit] = /^(\d+(?:\.\d+)?)(\D+)$/.exec(text) ?? [];
    if (number !== undefined && Object.hasOwn(units, unit)) return Number(number) * units[unit];
    throw new InvalidArgumentError(`It must be a number with one of ${Object.keys(units).join(', ')} behind it.`);
  };
}

function part(text: string): number {
  const value = quantity({ '%': 0.01 })(text);
  if (value < 1) return value;
  throw new InvalidArgumentError('It must be less than 100%.');
}

function between(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${low} to ${high}.`);
  };
}

const say = (text: string) => process.stdout.write(`${text}\n`);
const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`;

/** Cuts the last worker off and heals it. */
async function disturb(network: Network, cluster: Cluster, { workers, after, outage }: Flags): Promise<void> {
  await Promise.all(Array.from({ length: workers }, (_, i) => cluster.changed(i + 1, 'active')));
  say(`workers of all ${workers} hosts take part`);
  const { step } = await cluster.steps(after, performance.now());
  const cut = performance.now();
  network.cut(workers);
  say(`${Cluster.nameOf(workers)} is cut off after step ${step}`);
  const lost = await cluster.changed(workers, 'lost', cut);
  say(`detected after ${seconds(lost.at - cut)}: it was lost ${lost.reason}`);
  const recovered = await cluster.steps(1, lost.at);
  say(`recovered after ${seconds(recovered.at - cut)}: step ${recovered.step} is done without it`);
  await sleep(Math.max(0, cut + outage * 1000 - performance.now()));
  const healed = performance.now();
  network.heal(workers);
  say(`healed after ${seconds(healed - cut)}`);
  const back = await cluster.changed(workers, 'active', healed);
  const sent = cluster.coordinator.events.some(
    (event) => event.event === 'transfer' && event.name === Cluster.nameOf(workers) && event.at > healed,
  );
  say(`back after ${seconds(back.at - healed)}, from step ${back.step + 1} on${sent ? '' : ', and no data was sent'}`);
}

/** The hash of the same run on one machine, where only a coordinator takes local steps. */
async function referenceHash(network: Network, config: string, set: readonly string[], folder: string) {
  const values = set.flatMap((value) => ['--set', value]);
  const inStep = loadRunConfig(config, [...set]).cluster.sync === 'step';
  const command = inStep ? ['train', config] : ['coordinator', config, '--min-workers', '0', '--port', '0'];
  const train = startOn<RunEvent>(network, 0, [...command, ...values], folder);
  try {
    return (await train.until('end')).sha256;
  } finally {
    await train.kill();
  }
}

async function perform(config: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const { workers, processes, rate, delay, loss, set } = flags;
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-namespaces-'));
  let network: Network | undefined;
  let cluster: Cluster | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new NetworkError('interrupted')));
  });
  interrupted.catch(() => {});
  try {
    network = await Network.create(workers + 1, { rate, delay, loss });
    say(`${workers + 1} hosts, ${network.addresses.join(', ')}, joined by ${network.switchName}`);
    // Without the one that is cut off the run goes on.
    const minimum = (workers - 1) * processes;
    cluster = new Cluster({ network, config: resolve(config), set, workers, processes, minimum, folder });
    await Promise.race([cluster.start(), interrupted]);
    await Promise.race([disturb(network, cluster, flags), interrupted]);
    say('training to the end');
    const { sha256, examplesPerSecond } = await Promise.race([cluster.end(), interrupted]);
    say(`${examplesPerSecond.toFixed(1)} examples/s, hash ${sha256}`);
    const { bytesPerStep, bytesBetweenHosts } = await cluster.coordinator.until('summary');
    say(`${sizeText(bytesPerStep)} of gradients in a step, ${sizeText(bytesBetweenHosts)} of that between hosts`);
    say('training once more, on one machine');
    const expected = await Promise.race([referenceHash(network, resolve(config), set, folder), interrupted]);
    say(`hash ${expected} on one machine: ${sha256 === expected ? 'the same' : 'ANOTHER ONE'}`);
    if (sha256 !== expected) process.exitCode = 1;
  } finally {
    await cluster?.close();
    network?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const command = new Command('namespaces.mjs')
  .description('Run over hosts that are really apart, on this machine, and cut one off and heal it on the way.')
  .argument('<config>', 'the run, as YAML; it has to go on for some seconds after the cut')
  .option('--workers <n>', 'hosts beside that of the coordinator', between(2, 16), 3)
  .option('--processes <n>', 'workers on each of them', between(1, 16), 1)
  .option('--rate <rate>', 'bandwidth of each host, such as 200mbit', quantity({ kbit: 1e3, mbit: 1e6, gbit: 1e9 }))
  .option('--delay <time>', 'time from a host to any other, such as 5ms', quantity({ us: 1e-3, ms: 1, s: 1000 }), 0)
  .option('--loss <part>', 'part of the packets that are lost, such as 0.1%', part, 0)
  .option('--after <steps>', 'steps that all workers do before one is cut off', between(1, 1e6), 10)
  .option('--outage <seconds>', 'how long it is cut off; at least until that is noticed', between(0, 3600), 0)
  .option('--set <path=value>', 'override one value of the config; repeatable', (value, all) => [...all, value], [
    'cluster.silence=1',
  ] as string[])
  .addHelpText(
    'after',
    `
Example:
  node scripts/namespaces.mjs configs/digits-mlp.yaml --workers 3 --rate 200mbit --delay 5ms --loss 0.1%

A worker is given up after cluster.silence=1 second, unless --set says otherwise. Needs Linux, root, ip and tc; a kernel
without netem needs python3 for a switch in user space. Exit codes: 0 the hash is that of one machine, 1 it is not,
or something failed, 2 bad usage.`,
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .action(async (config: string, flags: Flags) => {
    const interruption = new AbortController();
    // Every one of them: what is being removed has to be removed to the end.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interruption.abort());
    try {
      await perform(config, flags, interruption.signal);
    } catch (error) {
      process.stderr.write(`error: ${(error as Error).message}\n`);
      process.exitCode = 1;
    }
  });
await command.parseAsync();
