/** Examples that are worth a look: those that a model is most confidently wrong about, and labels that may be wrong. */
import type { KeptExamples } from '../evaluate/kept-examples.js';
import { type KeptOutput, RowKeeper } from '../evaluate/kept-rows.js';
import type { HeadMetrics } from '../evaluate/run-metrics.js';
import { numberText } from '../ground/units.js';
import type { EvaluatedRows } from '../metrics/evaluated-rows.js';
import { doubtfulLabels } from './label-doubts.js';

/** An example by its place among those that were evaluated. */
export interface Shown {
  readonly place: number;
  readonly truth: string;
  readonly predicted: string;
  /** Probability of what was predicted, where outputs are probabilities. */
  readonly confidence?: number;
  readonly loss?: number;
}

export interface Shelf {
  readonly title: string;
  readonly examples: readonly Shown[];
}

/** Numbers of a target that are shown. */
const mostNumbers = 5;

/**
 * @param most examples of each shelf
 * @param isNew whether the model was not trained on the examples: only then do its doubts say something of labels
 */
export function galleryOf({ heads, outputs }: KeptExamples, most: number, isNew: boolean): Shelf[] {
  return heads.flatMap((head, i) => {
    const rows = new RowKeeper(head, true).rows(outputs[i]);
    const of = heads.length > 1 ? ` (target ${head.target})` : '';
    const shelves = hasOneClass(head)
      ? [wrong(head, outputs[i], rows, most), ...(isNew ? doubtful(head, outputs[i], rows, most) : [])]
      : [largest(head, outputs[i], rows, most)];
    return shelves
      .filter(({ examples }) => examples.length > 0)
      .map(({ title, examples }) => ({ title: `${title}${of}`, examples }));
  });
}

/** Whether each example has one class, and outputs are known to say how likely it is. */
const hasOneClass = ({ classes, binary, outputs, places, kind }: HeadMetrics): boolean =>
  places === 1 && kind !== undefined && (classes || (binary && outputs === 1));

const nameOf = ({ names }: HeadMetrics, index: number): string => names?.[index] ?? String(index);

const probability = ({ probabilities, count }: EvaluatedRows, row: number, index: number): number =>
  probabilities[row * (probabilities.length / count) + index];

function show(head: HeadMetrics, { losses }: KeptOutput, rows: EvaluatedRows, place: number): Shown {
  const predicted = rows.predicted[place];
  return {
    place,
    truth: nameOf(head, rows.classes[place]),
    predicted: predicted < 0 ? 'no number' : nameOf(head, predicted),
    ...(predicted >= 0 && { confidence: probability(rows, place, predicted) }),
    ...(losses && { loss: losses[place] }),
  };
}

const placesOf = (rows: EvaluatedRows): number[] =>
  Array.from({ length: rows.count }, (_, row) => row).filter((row) => rows.weights?.[row] !== 0);

function wrong(head: HeadMetrics, output: KeptOutput, rows: EvaluatedRows, most: number): Shelf {
  const sure = (row: number) => (rows.predicted[row] < 0 ? 2 : probability(rows, row, rows.predicted[row]));
  const places = placesOf(rows)
    .filter((row) => rows.predicted[row] !== rows.classes[row])
    .sort((a, b) => sure(b) - sure(a) || a - b)
    .slice(0, most);
  return { title: 'Most confidently wrong', examples: places.map((place) => show(head, output, rows, place)) };
}

function doubtful(head: HeadMetrics, output: KeptOutput, rows: EvaluatedRows, most: number): Shelf[] {
  const places = placesOf(rows).filter((row) => rows.predicted[row] >= 0);
  const found = doubtfulLabels(places, Math.max(2, head.outputs), {
    label: (row) => rows.classes[row],
    probability: (row, index) => probability(rows, row, index),
  });
  const title = `Labels that may be wrong: ${found.length} of ${places.length}`;
  return [{ title, examples: found.slice(0, most).map((place) => show(head, output, rows, place)) }];
}

/** By the loss of each example, which is what the model was trained to make small. */
function largest(head: HeadMetrics, { losses, examples }: KeptOutput, rows: EvaluatedRows, most: number): Shelf {
  if (!losses) return { title: 'Largest errors', examples: [] };
  const places = Array.from({ length: examples }, (_, place) => place)
    .sort((a, b) => losses[b] - losses[a] || a - b)
    .slice(0, most);
  const shown = places.map((place) => ({ place, ...valuesOf(head, rows, place), loss: losses[place] }));
  return { title: 'Largest errors', examples: shown };
}

function valuesOf(head: HeadMetrics, rows: EvaluatedRows, place: number): Pick<Shown, 'truth' | 'predicted'> {
  const { places, outputs: width, classes } = head;
  const listed = (count: number, at: (i: number) => string) => {
    const texts = Array.from({ length: Math.min(count, mostNumbers) }, (_, i) => at(i));
    return `${texts.join(', ')}${count > mostNumbers ? ', ...' : ''}`;
  };
  if (classes) {
    const name = (of: ArrayLike<number>) => listed(places, (i) => nameOf(head, of[place * places + i]));
    return { truth: name(rows.classes), predicted: name(rows.predicted) };
  }
  const first = place * places * width;
  const truth = (i: number) => rows.truths[first + i];
  return {
    truth: listed(places * width, (i) => numberText(truth(i), 4)),
    predicted: listed(places * width, (i) => numberText(truth(i) + rows.errors[first + i], 4)),
  };
}
