/** Scores of texts against references, with intervals, and of two systems against each other. */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { multiplicities } from '../evaluate/bootstrap.js';
import { ownVersion } from '../ground/own-version.js';
import { randomStream } from '../ground/random.js';
import { intervalOf, type ScoreInterval } from './score-interval.js';
import { Account } from './text-account.js';
import { eachTogether, type NamedTexts } from './text-lines.js';
import type { TextMetric } from './text-metric.js';
import { TextOddities } from './text-oddities.js';
import { type CheckedTextOptions, checkTextOptions, type TextScoreOptions, textMetricsOf } from './text-options.js';

/** A score of all texts. */
export interface Score {
  /** From 0 to 100 for BLEU and chrF, from 0 to 1 for ROUGE; NaN where it is not defined. */
  readonly value: number;
  /** Absent without resamples, or where many draws have no score. */
  readonly interval?: ScoreInterval;
  /** What it is made of, such as precision and recall. */
  readonly parts: Readonly<Record<string, number | readonly number[]>>;
  /** Why the value is NaN. */
  readonly note?: string;
}

/** The second system against the first, on the same texts. */
export interface ScoreDifference {
  /** Second minus first. */
  readonly value: number;
  /** From the same draws for both. */
  readonly interval?: ScoreInterval;
  /** How often two systems of equal worth differ as much: texts are exchanged between them at random (Noreen 1989). */
  readonly pValue?: number;
}

/** One metric of all texts. */
export interface TextScore extends Score {
  /** The options that decide the value: scores are comparable where it is the same. */
  readonly signature: string;
  /** Of the second system. */
  readonly other?: Score;
  /** Of the second system against the first. */
  readonly difference?: ScoreDifference;
}

/** Scores by their names: bleu, chrF2, rouge1, ... */
export interface TextScores {
  /** How many there are of each side. */
  readonly texts: number;
  /** How many references each text has. */
  readonly references: number;
  /** One for each metric that was asked for. */
  readonly scores: Readonly<Record<string, TextScore>>;
}

/** Scores of one text by their names, of each system. */
export type TextVisit = (text: number, scores: readonly Readonly<Record<string, number>>[]) => void;

/** What is told besides the scores. */
export interface TextScoreListeners {
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
  /** Told the scores of each text by itself, texts counted from 1. */
  readonly each?: TextVisit;
}

/**
 * Scores texts that were made anywhere against references: BLEU and chrF as sacrebleu 2.6.0 has them, ROUGE as rouge-score
 * 0.1.2, word and character error rates.
 * @param references lists of texts, one for each hypothesis in its order
 * @param systems one list of hypotheses, or two to be compared
 * @throws ConfigError for options, DataError where there are not as many texts everywhere
 */
export async function scoreNamedTexts(
  references: readonly NamedTexts[],
  systems: readonly NamedTexts[],
  options: TextScoreOptions = {},
  { warn, each }: TextScoreListeners = {},
): Promise<TextScores> {
  const checked = checkTextOptions(options);
  const metrics = textMetricsOf(checked);
  const keeps = checked.resamples > 0;
  const accounts = metrics.map((metric) => systems.map(() => new Account(metric, keeps)));
  const oddities = new TextOddities();
  let at = 0;
  const texts = await eachTogether([...references, ...systems], (all) => {
    const expected = all.slice(0, references.length);
    const given = all.slice(references.length);
    const own: Record<string, number>[] = systems.map(() => ({}));
    at++;
    oddities.look(expected[0], given[0]);
    for (const [m, metric] of metrics.entries()) {
      const measure = metric.against(expected);
      for (const [s, hypothesis] of given.entries()) {
        const scores = accounts[m][s].add(hypothesis, measure);
        if (each) for (const [i, value] of scores().entries()) own[s][metric.names[i]] = value;
      }
    }
    each?.(at, own);
  });
  for (const message of oddities.messages(checked, systems[0].name)) warn?.(message);
  const draws = keeps ? drawsOf(accounts, metrics, texts, checked) : undefined;
  const exchanges = keeps && systems.length === 2 ? exchangesOf(accounts, metrics, texts, checked) : undefined;
  const head = `nrefs:${references.length}${keeps ? `|bs:${checked.resamples}|seed:${checked.seed}` : ''}`;
  const found = metrics.flatMap((metric, m) =>
    scoresOf(metric, accounts[m], texts, checked, draws?.[m], exchanges?.[m]).map((score, i): [string, TextScore] => [
      metric.names[i],
      { signature: `${head}|${metric.signature}|version:lockstep-${ownVersion}`, ...score },
    ]),
  );
  return { texts, references: references.length, scores: Object.fromEntries(found) };
}

/** Scores of each draw: [metrics][systems][names][resamples]. The same texts are drawn for all systems. */
type Draws = Float64Array[][];

function drawsOf(
  accounts: readonly (readonly Account[])[],
  metrics: readonly TextMetric[],
  texts: number,
  { resamples, seed }: CheckedTextOptions,
): Draws[] {
  const draws = accounts.map((each, m) => each.map(() => metrics[m].names.map(() => new Float64Array(resamples))));
  for (let draw = 0; draw < resamples; draw++) {
    const times = multiplicities({ seed, examples: texts }, draw);
    for (const [m, each] of accounts.entries()) {
      for (const [s, account] of each.entries()) {
        for (const [i, value] of account.redrawn(times, texts).entries()) draws[m][s][i][draw] = value;
      }
    }
  }
  return draws;
}

/** Differences where texts are exchanged at random: [metrics][names][resamples]. */
function exchangesOf(
  accounts: readonly (readonly Account[])[],
  metrics: readonly TextMetric[],
  texts: number,
  { resamples, seed }: CheckedTextOptions,
): Float64Array[][] {
  const differences = metrics.map(({ names }) => names.map(() => new Float64Array(resamples)));
  const swapped = new Float64Array(texts);
  for (let trial = 0; trial < resamples; trial++) {
    const random = randomStream('exchange of texts', seed, trial);
    for (let i = 0; i < texts; i++) swapped[i] = uniformInt(random, 0, 1);
    for (const [m, [first, second]] of accounts.entries()) {
      const [own, others] = first.exchanged(second, swapped, texts);
      for (const [i, value] of own.entries()) differences[m][i][trial] = others[i] - value;
    }
  }
  return differences;
}

/** What rounding of sums may differ by. */
const slight = 1e-9;

/** How often exchanges differ as much as was seen; equal systems always do, where sacrebleu asks how often they differ more. */
function pValueOf(differences: Float64Array, seen: number): number | undefined {
  if (Number.isNaN(seen)) return undefined;
  const asMuch = differences.filter((value) => Math.abs(value) >= Math.abs(seen) - slight).length;
  return (asMuch + 1) / (differences.length + 1);
}

function scoresOf(
  metric: TextMetric,
  accounts: readonly Account[],
  texts: number,
  { confidence }: CheckedTextOptions,
  draws: Draws | undefined,
  exchanges: Float64Array[] | undefined,
): Omit<TextScore, 'signature'>[] {
  return metric.names.map((_, i) => {
    const [first, second] = accounts.map(({ sums }, s): Score => {
      const note = metric.note?.(sums);
      return {
        value: metric.scores(sums, texts)[i],
        ...intervalOf(draws?.[s][i], confidence),
        parts: metric.parts(sums, texts)[i],
        ...(note !== undefined && { note }),
      };
    });
    if (!second) return first;
    const value = second.value - first.value;
    const differences = draws?.[1][i].map((score, draw) => score - draws[0][i][draw]);
    const within = intervalOf(differences, confidence);
    const pValue = exchanges && pValueOf(exchanges[i], value);
    const difference = { value, ...within, ...(pValue !== undefined && { pValue }) };
    return { ...first, other: second, difference };
  });
}
