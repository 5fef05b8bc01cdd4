/** Options that several commands have: a name is one option, in the same words and read in the same way. */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { EvaluateOptions } from '../coordinator/inference/evaluated-data.js';
import { shippedFile } from '../src/ground/own-version.js';
import { beforeAction, beforeTraining } from './device.js';
import { wholeFlag } from './flag-numbers.js';
import { namedFiles } from './named-files.js';
import { threadCount, wholeNumber } from './running.js';

/** What they are in the flags of a command. */
export interface SharedFlags {
  readonly split?: NonNullable<EvaluateOptions['split']>;
  readonly data?: readonly string[];
  readonly unseal?: boolean;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly model?: string;
  readonly module?: string;
  readonly threads?: string;
  readonly device?: string;
  readonly repeats?: string;
  readonly input?: readonly string[];
  readonly text?: string;
  readonly dir?: string;
  readonly images?: string;
  readonly html?: string;
  readonly markdown?: string;
  readonly force?: boolean;
  readonly seed?: string;
  readonly out?: string;
  readonly token?: string;
  readonly tlsCert?: string;
  readonly tlsCa?: string;
  readonly tlsKey?: string;
  readonly cache?: string;
  readonly timeout?: string;
  readonly allowMixedNumerics?: boolean;
  readonly json?: boolean;
  readonly ui?: boolean;
}

/** An option that may be given several times; undefined where it is not given. */
export const repeatable = (flags: string, description: string): Option =>
  new Option(flags, `${description}; repeatable`).argParser((value, previous: readonly string[] = []) => [
    ...previous,
    value,
  ]);

const option = (flags: string, description: string) => () => new Option(flags, description);

const makers: Readonly<Record<keyof SharedFlags, () => Option>> = {
  split: () =>
    new Option(
      '--split <name>',
      'which examples (default: those of a gate, else test where the run has them, else validation)',
    ).choices(['training', 'validation', 'test']),
  data: () =>
    repeatable(
      '--data <path>',
      'all examples of another file or folder instead; of sources npy and images also name=path for each field',
    ),
  unseal: option('--unseal', 'open a sealed test split for good'),
  config: option('--config <file>', "the data, loss, metrics and evaluation (default: those of the model's run)"),
  set: () => repeatable('--set <path=value>', 'override one value of the config'),
  model: option('--model <best|final|path>', 'which model of a run (default: best where there is one, else final)'),
  module: option('--module <file>', "the module that makes the model (default: that of the run's config)"),
  threads: option('--threads <n>', 'threads that compute; the result is the same for any number (default: one a core)'),
  device: option(
    '--device <cpu|webgpu|auto>',
    'on what engine onnx computes: the processor, a graphics card, or the latter where there is one (default: cpu)',
  ),
  repeats: option('--repeats <n>', 'how often each input is shuffled for its importance (default: 10)'),
  input: () => repeatable('--input <name=file>', 'one of several inputs, by its name, instead of [input]'),
  text: option('--text <text>', 'the text itself, instead of a file'),
  dir: option('--dir <folder>', 'where names of images in a table start (default: the folder of the table)'),
  images: option(
    '--images <folder>',
    'write PNG files there: what is predicted, instead of printing it, or what speaks for an answer',
  ),
  html: option('--html <file>', 'write a report there: a page with charts that needs no network'),
  markdown: option('--markdown <file>', 'write the report there as Markdown'),
  force: option('--force', 'replace files that are there'),
  seed: option('--seed <n>', 'decides what is drawn (default: 0)'),
  out: option('--out <dir>', "folder that receives the run's or report's own (default: runs)"),
  token: option(
    '--token <token>',
    'what workers must know to join (default: $LOCKSTEP_TOKEN; a coordinator without one makes one up)',
  ),
  tlsCa: option('--tls-ca <file>', 'for wss://: the only authority, or certificate, that is trusted, in PEM'),
  tlsCert: option('--tls-cert <file>', 'certificate in PEM, for wss://'),
  tlsKey: option('--tls-key <file>', 'its private key in PEM'),
  cache: option('--cache <dir>', 'where data sets are kept from one run to the next'),
  ui: option('--ui', 'show the runs of the folder on a page meanwhile, as lockstep ui does'),
  timeout: option('--timeout <seconds>', 'how long to wait for the others; 0 for ever (default: 600)'),
  allowMixedNumerics: option(
    '--allow-mixed-numerics',
    'admit machines whose arithmetic gives other bits; the run is not reproducible then',
  ),
  json: option('--json', 'print JSON and nothing else, an object a line'),
};

/** Adds options, in this order. */
export function withShared(command: Command, ...names: readonly (keyof SharedFlags)[]): Command {
  for (const name of names) command.addOption(makers[name]());
  if (names.includes('device')) command.hook('preAction', (_, action) => beforeAction(action));
  return command;
}

/** Adds what tells a model to use. */
export const withModel = (command: Command): Command =>
  command.argument('<run|model>', "a run's folder such as runs/digits-1, or a model's folder or model.json");

/** Adds what tells a run to train. */
export const withConfig = (command: Command, argument: '<config>' | '[config]'): Command =>
  command.argument(argument, `the run, as YAML; complete ones are in ${shippedFile('configs')}`);

/** What every command that trains a run is given. */
export interface RunFlags extends Pick<SharedFlags, 'threads' | 'set' | 'out' | 'json'> {
  readonly resume?: string;
  readonly seal?: boolean;
  readonly steps?: string;
  readonly trace?: string;
  readonly ledger?: boolean;
  readonly metricsPort?: string;
  readonly metricsHost?: string;
}

/** Adds the options of these. */
export function withRunOptions(command: Command): Command {
  withShared(command, 'threads', 'device', 'set')
    .hook('preAction', (_, action) => beforeTraining(action))
    .option('--resume <run>', 'go on with an interrupted run, by its folder, from its newest checkpoint')
    .option('--seal', 'keep the test split closed: the run does not look at it (evaluation.seal)')
    .option('--steps <n>', 'end after so many steps, with a checkpoint to go on from')
    .option('--trace <file>', 'write a Chrome trace of every phase of every thread or worker')
    .option('--ledger', 'record in ledger.jsonl which examples went into each step')
    .option('--metrics-port <n>', 'serve OpenMetrics for Prometheus at /metrics on this port; 0 for any')
    .option('--metrics-host <address>', 'address that they are served on (default: 127.0.0.1, this machine only)');
  return withShared(command, 'out', 'json');
}

type EvaluationFlags = Pick<
  SharedFlags,
  'split' | 'data' | 'unseal' | 'config' | 'set' | 'model' | 'module' | 'threads'
>;

/**
 * What flags say of an evaluation.
 * @throws ConfigError naming the flag
 */
export function evaluationOf(flags: EvaluationFlags) {
  const { split, data, unseal, config, set: overrides = [], model, module, threads } = flags;
  return { split, data: placeOf(data), unseal, config, overrides, model, module, threads: threadCount(threads) };
}

/** A path, or files by name. */
function placeOf(entries: readonly string[] = []): EvaluateOptions['data'] {
  if (entries.length === 0) return undefined;
  const [first, ...others] = entries;
  // A file that is there may have any name.
  return others.length === 0 && (!first.includes('=') || existsSync(first)) ? first : namedFiles('--data', entries);
}

/** @throws ConfigError */
export const repeatsFlag = ({ repeats }: Pick<SharedFlags, 'repeats'>): number | undefined =>
  repeats === undefined ? undefined : wholeNumber('--repeats', repeats, 1, 10_000, 'leave it out for the default');

/** @throws ConfigError */
export const seedOf = ({ seed }: Pick<SharedFlags, 'seed'>): number | undefined => wholeFlag('--seed', seed, 0);
