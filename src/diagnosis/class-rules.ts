/** What the share of right answers hides: that always naming the most frequent class does as well, or that rare ones are missed. */
import { type KeptOutput, RowKeeper } from '../evaluate/kept-rows.js';
import type { HeadMetrics } from '../evaluate/run-metrics.js';
import { percent } from '../ground/units.js';
import type { EvaluatedRows } from '../metrics/evaluated-rows.js';
import type { Finding } from '../report/evaluation-report.js';
import { estimate, isSure } from './estimate.js';
import type { RunFacts } from './facts.js';
import { capacity, rareClasses } from './remedies.js';

/** Examples without which nothing is said, of validation and of a class. */
const fewest = 30;
const fewestOfClass = 10;
/** The most frequent class has this many times the examples of one that is rare. */
const rare = 3;
/** How far the recall of a rare class may lie below the share of right answers. */
const mostMissed = 0.2;

export function classFindings(facts: RunFacts): Finding[] {
  const { validation, training, losses } = facts;
  if (!validation || validation.examples < fewest) return [];
  return validation.heads.flatMap((head, i) => {
    if (!isOfClasses(head, losses[i].name)) return [];
    const target = validation.heads.length > 1 ? head.target : undefined;
    const counted = countsOf(head, training.outputs[i], validation.outputs[i]);
    const majority = noBetterThanMajority(facts, counted, target);
    return majority.length > 0 ? majority : missesRare(facts, counted, target);
  });
}

/** Of classes of which one is true. */
const isOfClasses = ({ classes, binary, outputs }: HeadMetrics, loss: string): boolean =>
  classes || loss === 'categoricalCrossentropy' || (binary && outputs === 1);

interface CountedClasses {
  readonly name: (index: number) => string;
  /** Examples of each class that were trained on, and of validation. */
  readonly trained: ReadonlyMap<number, number>;
  readonly held: ReadonlyMap<number, number>;
  /** Those of validation that were right. */
  readonly right: ReadonlyMap<number, number>;
  readonly rows: EvaluatedRows;
}

function countsOf(head: HeadMetrics, training: KeptOutput, validation: KeptOutput): CountedClasses {
  const keeper = new RowKeeper(head, true);
  const rows = keeper.rows(validation);
  return {
    name: (index) => JSON.stringify(head.names?.[index] ?? String(index)),
    trained: countWhere(keeper.rows(training), () => true),
    held: countWhere(rows, () => true),
    right: countWhere(rows, (row) => rows.predicted[row] === rows.classes[row]),
    rows,
  };
}

function countWhere(rows: EvaluatedRows, holds: (row: number) => boolean): Map<number, number> {
  const counts = new Map<number, number>();
  for (let row = 0; row < rows.count; row++) {
    if (rows.weights?.[row] === 0 || !holds(row)) continue;
    counts.set(rows.classes[row], (counts.get(rows.classes[row]) ?? 0) + 1);
  }
  return counts;
}

const sum = (counts: ReadonlyMap<number, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);

function mostFrequent(counts: ReadonlyMap<number, number>): number {
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

function noBetterThanMajority(facts: RunFacts, { rows, trained, held, right, name }: CountedClasses, target?: string) {
  if (held.size === 0 || trained.size === 0) return [];
  const majority = mostFrequent(trained);
  const counts = (row: number) => (rows.weights?.[row] === 0 ? 0 : 1);
  const isRight = (row: number) => Number(rows.predicted[row] === rows.classes[row]);
  const gained = (row: number) => counts(row) * (isRight(row) - Number(rows.classes[row] === majority));
  const places = Array.from({ length: rows.count }, (_, row) => row);
  const gain = estimate([{ values: places.map(gained), divisors: places.map(counts), factor: 1 }]);
  const shares = [sum(right), held.get(majority) ?? 0].map((count) => count / sum(held));
  if (isSure(gain, 2) || (gain.mean > 0 && shares[1] < 0.5)) return [];
  const [share, always] = shares.map(percent);
  const text =
    `${share} of the examples of validation are told rightly${of(target)}; always saying ${name(majority)}, the most frequent class, is ` +
    `right for ${always}${gain.mean > 0 ? ', which may be chance' : ''}.`;
  const remedies = shares[1] < 0.5 ? capacity(facts) : [...rareClasses(facts, target), ...capacity(facts)];
  return [{ title: 'No better than the most frequent class', text, remedies }];
}

function missesRare(facts: RunFacts, { trained, held, right, name }: CountedClasses, target?: string): Finding[] {
  const most = Math.max(...trained.values());
  const accuracy = sum(right) / sum(held);
  const missed = [...held].flatMap(([index, count]) => {
    const recall = (right.get(index) ?? 0) / count;
    const error = Math.sqrt((accuracy * (1 - accuracy)) / count);
    const isRare = most >= rare * (trained.get(index) ?? 0);
    const isLow = accuracy - recall > mostMissed && isSure({ mean: accuracy - recall, error }, 2);
    return isRare && count >= fewestOfClass && isLow ? [{ index, recall }] : [];
  });
  if (missed.length === 0) return [];
  const worst = missed.sort((a, b) => a.recall - b.recall).slice(0, 3);
  const named = worst.map(({ index, recall }) => `${percent(recall)} of ${name(index)}`).join(', ');
  const text =
    `${percent(accuracy)} of the examples of validation are told rightly${of(target)}, but only ${named}, which ` +
    `${worst.length === 1 ? 'is' : 'are'} rare in training.`;
  return [{ title: 'Rare classes are missed', text, remedies: rareClasses(facts, target) }];
}

const of = (target: string | undefined): string => (target === undefined ? '' : ` (target ${target})`);
