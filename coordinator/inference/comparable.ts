/** Whether models can be compared: on the same examples and places of them, by numbers that mean the same. */
import { join } from 'node:path';
import { leaves } from '../../src/config/leaves.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { sameExamples } from '../../src/data/same-examples.js';
import { ConfigError, DataError } from '../../src/errors.js';
import type { KeptExamples } from '../../src/evaluate/kept-examples.js';
import type { HeadNumber, RunMetrics } from '../../src/evaluate/run-metrics.js';
import { firstFew } from '../../src/ground/first-few.js';
import { oneOf } from '../../src/ground/suggest.js';
import { configName } from '../../src/report/run-folder.js';
import type { EvaluatedExamples } from './evaluate-examples.js';
import { runAround } from './locate.js';

/** An evaluated model and what the user calls it. */
export interface NamedExamples extends EvaluatedExamples {
  readonly name: string;
}

/** Differences that a message has. */
const shown = 5;

/** @throws DataError saying in what the examples differ */
export async function checkExamples(
  one: NamedExamples,
  other: NamedExamples,
  warn: (message: string) => void = () => {},
) {
  if (one.split !== other.split) {
    throw new DataError(
      `${one.name} is evaluated on its ${one.split} split, and ${other.name} on its ${other.split} split`,
      'name one that both have with --split, such as --split validation',
    );
  }
  const { difference, seesInputs } = await sameExamples(one, other);
  if (difference === undefined) {
    if (seesInputs) return;
    warn(
      `${one.name} and ${other.name} read inputs of other kinds: that their examples are the same is seen by the targets alone`,
    );
    return;
  }
  const before = leaves({ seed: one.config.seed, data: one.config.data });
  const now = leaves({ seed: other.config.seed, data: other.config.data });
  const keys = [...new Set([...before.keys(), ...now.keys()])].filter((key) => before.get(key) !== now.get(key));
  // Those of one source say nothing of another.
  const isOther = one.config.data.source !== other.config.data.source;
  const said = (isOther ? ['data.source'] : keys).map(
    (key) =>
      `${key} is ${before.get(key) ?? 'not said'} in ${one.name} and ${now.get(key) ?? 'not said'} in ${other.name}`,
  );
  const what = one.split === null ? 'the examples' : `the ${one.split} examples`;
  const again = keys.map((key) => `--set ${key}=${before.get(key) ?? 'null'}`).join(' ');
  const copied = `with seed and data as in ${join(runAround(one.located.path) ?? one.name, configName)}`;
  const remedy =
    keys.length === 0
      ? 'compare runs of the same data'
      : `train ${other.name} again ${keys.length > shown ? copied : `with ${again}`}`;
  const elsewhere =
    one.config.data.source === 'digits' ? '' : ', or compare them on other examples of both with --data';
  throw new DataError(
    `${what} of ${other.name} are not those of ${one.name}: ${firstFew([difference, ...said], shown, '; ')}`,
    isOther ? 'compare runs of the same data' : `${remedy}${elsewhere}`,
  );
}

/** @throws DataError where models count other places of the same examples, or number their classes otherwise */
export function checkPlaces(
  one: NamedExamples,
  kept: KeptExamples,
  other: NamedExamples,
  keptOther: KeptExamples,
): void {
  for (const [head, theirs] of pairsOf(kept, keptOther)) {
    const [names, otherNames] = [kept.heads[head].names, keptOther.heads[theirs].names];
    if (names && otherNames && names.join('\n') !== otherNames.join('\n')) {
      throw new DataError(
        `${one.name} has the classes ${names.join(', ')}, and ${other.name} ${otherNames.join(', ')}`,
        'compare runs that were trained on the same classes, in the same order',
      );
    }
    const [weights, otherWeights] = [kept.outputs[head].weights, keptOther.outputs[theirs].weights];
    if (weights?.length === otherWeights?.length && (weights?.every((each, i) => each === otherWeights![i]) ?? true))
      continue;
    throw new DataError(
      `${one.name} and ${other.name} do not count the same places of the examples, by weights, masks or ignoreClass`,
      'compare runs that do',
    );
  }
}

/** Outputs of the same target. */
function pairsOf({ heads }: KeptExamples, { heads: others }: KeptExamples): (readonly [number, number])[] {
  if (heads.length === 1 && others.length === 1) return [[0, 0]];
  return heads.flatMap(({ target }, i) => {
    const at = others.findIndex((other) => other.target === target);
    return at < 0 ? [] : [[i, at] as const];
  });
}

/** Whether numbers of the same name mean the same: a loss of the same kind and units, a metric with the same options. */
export function commonNumbers(one: NamedExamples, kept: KeptExamples, other: NamedExamples, keptOther: KeptExamples) {
  const lossOf = ({ loss }: RunConfig, { heads }: KeptExamples) =>
    JSON.stringify([loss, heads.map(({ factor, means, deviations }) => [factor, means, deviations])]);
  const isSameLoss = lossOf(one.config, kept) === lossOf(other.config, keptOther);
  return (a: HeadNumber, b: HeadNumber) =>
    a.config === undefined ? isSameLoss : JSON.stringify(a.config) === JSON.stringify(b.config);
}

/** @throws ConfigError when a metric was asked for that a model does not have */
export function checkMetricNames(place: string, { numbers }: RunMetrics, asked: readonly string[] = []): void {
  const names = numbers.map(({ name }) => name);
  const unknown = asked.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new ConfigError(
    `--metric ${unknown}: ${place} has ${names.join(', ')}`,
    oneOf(unknown, names, 'use one of those, or ask for others with --set metrics=[accuracy, f1]'),
  );
}
