/** Which runs are made, in which order, on how many examples. */
import { examplesBefore, stepsOf } from '../data/geometry.js';
import { ConfigError } from '../errors.js';
import type { StartEvent } from '../report/events.js';
import type { Mode } from './record.js';

/** What to compare. */
export interface Choices {
  readonly modes: readonly Mode[];
  /** Ascending. */
  readonly workers: readonly number[];
  readonly repeats: number;
  /** Of the fewest workers; so many that a run takes some seconds, where undefined. */
  readonly steps: number | undefined;
}

/** How a run with so many workers differs from the others of its mode. */
export interface Setting {
  readonly mode: Mode;
  readonly workers: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly shards: number;
}

/** Steps that are not counted at the beginning of each run. */
export const warmUp = 10;

/** Seconds that the counted steps of a run with the fewest workers take. */
const seconds = 3;
const [fewestSteps, mostSteps] = [40, 5000];
/** Steps that have to be left to count. */
const counted = 10;

/** @param millisecondsPerStep of the fewest workers */
export function stepsFor(millisecondsPerStep: number): number {
  const wanted = Math.round((1000 * seconds) / millisecondsPerStep);
  return warmUp + Math.min(mostSteps, Math.max(fewestSteps, wanted));
}

/**
 * Strong: all have the batch of the config, and its shards, the same for all, since they decide about the bits. Weak: the
 * batch and its shards are those of the config for the fewest workers, and grow with them; then fewer steps see as many
 * examples.
 *
 * @param start of a run with the fewest workers
 * @param isAuto whether the config leaves the number of shards to the program
 * @throws ConfigError when a batch cannot be
 */
export function settingsOf(
  { modes, workers }: Pick<Choices, 'modes' | 'workers'>,
  steps: number,
  start: Pick<StartEvent, 'batchSize' | 'shards' | 'training'>,
  isAuto: boolean,
): Setting[] {
  const strong = isAuto ? sharedShards(start, workers) : start.shards;
  return modes.flatMap((mode) =>
    workers.map((count) =>
      mode === 'strong'
        ? { mode, workers: count, steps, batchSize: start.batchSize, shards: strong }
        : grown(start, count, workers[0], steps),
    ),
  );
}

/** The smallest number of shards from `shards` on that every number of workers divides and that divides the batch; else `shards`. */
function sharedShards(
  { batchSize, shards }: Pick<StartEvent, 'batchSize' | 'shards'>,
  workers: readonly number[],
): number {
  for (let count = shards; count <= batchSize; count++) {
    if (batchSize % count === 0 && workers.every((each) => count % each === 0)) return count;
  }
  return shards;
}

function grown(
  { batchSize, shards, training }: Pick<StartEvent, 'batchSize' | 'shards' | 'training'>,
  workers: number,
  fewest: number,
  steps: number,
): Setting {
  const factor = workers / fewest;
  const batch = batchSize * factor;
  if (!Number.isInteger(batch) || batch > training) {
    const rule = batch > training ? `more than the ${training} training examples` : 'not a whole number';
    throw new ConfigError(
      `--mode weak: ${workers} workers would have a batch of ${batch}, ${rule}`,
      `use fewer workers, a smaller batch (--set training.batchSize=${Math.max(1, Math.floor(training / factor))}), or --mode strong`,
    );
  }
  const own = stepsWith(examplesIn(steps, batchSize, training), batch, training);
  if (own < warmUp + counted) {
    throw new ConfigError(
      `--steps ${steps}: weak runs of ${workers} workers would have ${own} of them to see as many examples, and ${warmUp} are for warming up`,
      `use --steps ${Math.ceil(factor * (warmUp + counted))} or more, or --mode strong`,
    );
  }
  // The shards of a worker stay; where they are no whole number the batch still has to divide into them.
  const grownShards = Number.isInteger(shards * factor) ? shards * factor : shards;
  return { mode: 'weak', workers, steps: own, batchSize: batch, shards: grownShards };
}

/** Examples of so many steps: the last step of an epoch may have fewer. */
export function examplesIn(steps: number, batchSize: number, training: number): number {
  const cut = { training, batchSize };
  const epochs = Math.floor(steps / stepsOf(cut));
  return epochs * training + examplesBefore(cut, steps % stepsOf(cut));
}

/** Steps that come closest to so many examples. */
function stepsWith(examples: number, batchSize: number, training: number): number {
  const epochs = Math.floor(examples / training);
  return epochs * stepsOf({ training, batchSize }) + Math.round((examples - epochs * training) / batchSize);
}

/**
 * All runs, so that whatever changes meanwhile (clock, temperature, other programs) meets every number of workers alike:
 * repeat by repeat, each beginning with another one.
 */
export function orderOfRuns(settings: readonly Setting[], repeats: number): (Setting & { readonly repeat: number })[] {
  return Array.from({ length: repeats }, (_, i) => {
    const first = i % settings.length;
    return [...settings.slice(first), ...settings.slice(0, first)].map((setting) => ({ ...setting, repeat: i + 1 }));
  }).flat();
}
