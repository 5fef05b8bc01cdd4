/** Takes up a run where its newest checkpoint left it, if config and data are still those that it was made with. */

import { join } from 'node:path';
import { type Checkpoint, newestCheckpoint } from '../../src/checkpoint/checkpoint.js';
import { defineConfig } from '../../src/config/define.js';
import { leaves } from '../../src/config/leaves.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { isPlanned } from '../../src/config/schedule.js';
import { withoutDefaults } from '../../src/config/without-defaults.js';
import type { Dataset } from '../../src/data/examples.js';
import { type DataFingerprint, fingerprintOf } from '../../src/data/fingerprint.js';
import { ConfigError, DataError, RunCompleteError } from '../../src/errors.js';
import { firstFew } from '../../src/ground/first-few.js';
import { commandLine } from '../../src/ground/shell-words.js';
import { grouped } from '../../src/ground/units.js';
import { metricsName, saysEnded } from '../../src/report/metrics-log.js';
import { configName, noRun } from '../../src/report/run-folder.js';
import type { RunLock } from '../../src/report/run-lock.js';

export interface Resumption {
  readonly folder: string;
  /** That this process has on it. */
  readonly lock: RunLock;
  readonly config: RunConfig;
  /** None when the run was killed before its first. */
  readonly checkpoint?: Checkpoint;
  /** What the user should know. */
  readonly warnings: readonly string[];
}

export const checkpointFolder = (run: string): string => join(run, 'checkpoints');

/** @throws ConfigError if the folder is no run */
export function checkRun(folder: string): void {
  const none = noRun(folder);
  if (none) throw new ConfigError(`${folder}: is no run (${none.why})`, none.remedy);
}

/**
 * Reads a run's config and newest valid checkpoint; writes nothing.
 *
 * @param lock on the folder: no other process can go on with the run meanwhile
 * @param overrides `path=value`, of keys that do not change the result of the steps so far
 * @throws ConfigError if the config no longer fits the checkpoint, or if nothing is left to do
 */
export async function findResumption(folder: string, lock: RunLock, overrides: readonly string[]): Promise<Resumption> {
  const config = loadRunConfig(join(folder, configName), overrides);
  const { checkpoint, skipped } = await newestCheckpoint(checkpointFolder(folder));
  const warnings = skipped.map(({ path, reason }) => `${path} is passed over: ${reason}`);
  if (skipped.length > 0 && !checkpoint) warnings.push('no checkpoint is left: the run starts over');
  if (!checkpoint) return { folder, lock, config, warnings };
  checkConfig(checkpoint, config);
  checkSeal(folder, checkpoint, config);
  checkUnfinished(folder, checkpoint, config);
  return { folder, lock, config, checkpoint, warnings };
}

/** @throws ConfigError when nothing is left to do; after the last checkpoint, that can be the test and saving the model */
function checkUnfinished(folder: string, { state }: Checkpoint, config: RunConfig): void {
  const { epoch, position, stopped } = state.progress;
  const trained = stopped || (epoch === config.training.epochs && position === 0);
  if (trained && !saysEnded(join(folder, metricsName))) return;
  if (stopped) throw new RunCompleteError(`${folder}: the run has stopped early, and is complete`, 'start a new one');
  if (epoch >= config.training.epochs) {
    throw new RunCompleteError(
      `${folder}: the run is complete: it has ${grouped(epoch)} of ${grouped(config.training.epochs)} epochs`,
      isPlanned(config.schedule)
        ? 'start a new run: under its schedule, every step depends on how many there will be'
        : `to train on, add --set training.epochs=${epoch * 2}, or start a new run`,
    );
  }
}

/** Keys, and beginnings of keys, that change nothing of the steps. The data themselves are compared, not where they are. */
const free = [
  ...['name', 'checkpoint', 'data', 'evaluation', 'track'],
  ...['logEvery', 'earlyStopping', 'recompute'].map((key) => `training.${key}`),
  ...['allReduce', 'transport', 'optimizerState', 'placement'].map((key) => `cluster.${key}`),
  ...['silence', 'grace', 'stragglerFactor'].map((key) => `cluster.${key}`),
];

/**
 * Options of layers that were not given before, or are not any more: whether they change anything, the compiled step tells, which
 * `checkGraph` compares.
 */
function isOfGraph(key: string, one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  const [layer] = /^model\.layers\.\d+\.[^.]+/.exec(key) ?? [];
  if (layer === undefined || key === `${layer}.name` || (one.has(key) && other.has(key))) return false;
  return [one, other].every((keys) => [...keys.keys()].some((at) => at === layer || at.startsWith(`${layer}.`)));
}

/** @throws ConfigError listing the values that differ */
function checkConfig({ path, state }: Checkpoint, config: RunConfig): void {
  const isCompiled = state.graph !== null;
  // An older checkpoint does not have what has become a key since: its default is how it was.
  const [before, now] = [defineConfig(state.config), config].map((each) =>
    leaves(JSON.parse(JSON.stringify(withoutDefaults(each, isCompiled)))),
  );
  const allowed = isPlanned(config.schedule) ? free : [...free, 'training.epochs'];
  // MPI's own order of sums would make the bits depend on the workers from here on; to leave it costs nothing.
  const isFree = (key: string) =>
    allowed.some((prefix) => key === prefix || key.startsWith(`${prefix}.`)) &&
    !(key === 'cluster.allReduce' && now.get(key) === '"mpi"');
  const changed = [...new Set([...before.keys(), ...now.keys()])].filter(
    (key) => before.get(key) !== now.get(key) && !isFree(key) && !(isCompiled && isOfGraph(key, before, now)),
  );
  if (changed.length === 0) return;
  const say = (value: string | undefined) => value ?? 'not set';
  const list = changed.map((key) => `${key}: ${say(before.get(key))} in the checkpoint, ${say(now.get(key))} now`);
  const onlyEpochs = changed.every((key) => key === 'training.epochs');
  const [schedule] = Object.keys(config.schedule);
  throw new ConfigError(
    `${path} does not fit the config: ${firstFew(list, 8, '; ')}`,
    onlyEpochs
      ? `leave it: under schedule ${schedule} every step depends on how many there will be`
      : 'undo the change, or start a new run',
  );
}

/** @throws ConfigError when a change of the config would open a sealed test split, which nobody would know of */
function checkSeal(folder: string, { state }: Checkpoint, config: RunConfig): void {
  if (!defineConfig(state.config).evaluation.seal || config.evaluation.seal) return;
  throw new ConfigError(
    `evaluation.seal: the test split of ${folder} is sealed`,
    `leave it so; when the run has ended, ${commandLine(['evaluate', folder, '--unseal'])} opens it`,
  );
}

/** @throws DataError saying in what the data differ from those of the checkpoint */
export function checkData({ path, state }: Checkpoint, dataset: Dataset): void {
  const now = fingerprintOf(dataset);
  const before = state.data;
  if (now.sha256 === before.sha256) return;
  const sizes: (keyof DataFingerprint)[] = ['examples', 'featureShape', 'classes', 'training', 'validation', 'test'];
  const differing = sizes.filter((key) => String(before[key]) !== String(now[key]));
  const list = differing.map((key) => `${key}: ${before[key]} in the checkpoint, ${now[key]} now`);
  const values = `as many examples, but other values (sha256 ${before.sha256.slice(0, 12)}, now ${now.sha256.slice(0, 12)})`;
  throw new DataError(
    `the data are not those of ${path}: ${list.length > 0 ? list.join('; ') : values}`,
    'bring the data back as they were, or start a new run',
  );
}

/** @throws ConfigError when model and loss come to other operations than those that the steps so far were made of */
export function checkGraph({ path, state }: Checkpoint, graph: string | null): void {
  if (graph === state.graph) return;
  throw new ConfigError(
    `the model and its loss compile to another step than that of ${path}`,
    'bring back the module, model file or version of Lockstep that it was made with, or start a new run',
  );
}
