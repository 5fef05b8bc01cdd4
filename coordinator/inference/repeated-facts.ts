/** Examples of a run that stand in two splits, and what its model comes to without them. */
import { join } from 'node:path';
import { type Splits, splitNames } from '../../src/data/examples.js';
import { comparedBytes, repeatsOf } from '../../src/data/repeats.js';
import type { RepeatedFacts } from '../../src/diagnosis/facts.js';
import { subset } from '../../src/evaluate/kept-examples.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { commandLine } from '../../src/ground/shell-words.js';
import { bytesText, grouped } from '../../src/ground/units.js';
import { configName } from '../../src/report/run-folder.js';
import type { EvaluatedExamples } from './evaluate-examples.js';
import { runAround } from './locate.js';

/** What an evaluation compares at most: it takes a few seconds. `lockstep doctor data` has no such bounds. */
const mostBytes = 2 ** 30;
const mostExamples = 2_000_000;

/** @returns undefined where the data are too large to be compared by the way, which is told */
export async function repeatedFacts(
  evaluated: EvaluatedExamples,
  warn: (message: string) => void,
): Promise<RepeatedFacts | undefined> {
  const { dataset, config, split, rows, isSealed, kept, located } = evaluated;
  const { examples, splits } = dataset;
  if (examples.count > mostExamples || comparedBytes(examples) > mostBytes) {
    warn(
      `splits are not searched for the same examples: ${grouped(examples.count)} of ${bytesText(comparedBytes(examples))}, and at most ` +
        `${grouped(mostExamples)} of ${bytesText(mostBytes)} are compared here; ${commandLine(['doctor', 'data', join(runAround(located.path) ?? '.', configName)])} compares all`,
    );
    return undefined;
  }
  const opened = splitNames.filter((name) => !(isSealed && name === 'test'));
  const found = await repeatsOf(dataset, opened);
  const compared: Partial<Record<keyof Splits, number>> = Object.fromEntries(
    opened.map((name) => [name, splits[name].length]),
  );
  // Windows of a text go on in more than one way.
  const repeats = config.data.source === 'text' ? { ...found, conflicts: 0 } : found;
  const leaked = new Set(repeats.shared.find((each) => each.of === 'training' && each.split === split)?.rows);
  const places = Array.from(rows, (_, place) => place).filter((place) => !leaked.has(rows[place]));
  if (split === null || !kept || leaked.size === 0 || places.length === 0) return { ...repeats, compared };
  const without = new RunMetrics(kept.heads).ofKept(subset(kept, places).outputs).scalars;
  return { ...repeats, compared, metrics: { split, all: evaluated.results.scalars, without } };
}
