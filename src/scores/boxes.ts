/** Average precision and recall of detections, by COCO's rule (Lin et al. 2014), as pycocotools 2.0.11 computes them. */
import { z } from 'zod';
import { multiplicities } from '../evaluate/bootstrap.js';
import { type AreaRange, MatchableImage, mostDetections } from './box-matching.js';
import { BoxRanking, type Curve } from './box-ranking.js';
import {
  type BoxFileNames,
  boxesByClass,
  type ClassBoxes,
  type CocoDetection,
  type CocoTruths,
  checkValue,
  type Detections,
  detectionsKind,
  detectionsSchema,
  type Truths,
  truthsKind,
  truthsSchema,
} from './coco-files.js';
import { fewestDrawn, intervalOf, type ScoreInterval } from './score-interval.js';
import { bootstrapOptions, checkOptions } from './text-options.js';

/** One class. */
export interface ClassScore {
  /** Its name, or its id where it has none. */
  readonly name: string;
  /** True boxes that are no crowds. */
  readonly truths: number;
  /** Boxes that were found, all of them. */
  readonly detections: number;
  /** Over overlaps of 0.5 to 0.95; NaN, as the others, where the class has no truths. */
  readonly ap: number;
  /** At an overlap of 0.5. */
  readonly ap50: number;
  /** At an overlap of 0.75. */
  readonly ap75: number;
  /** Average recall with up to 100 detections an image. */
  readonly ar: number;
  /** Of those four, by their names. */
  readonly intervals: Readonly<Record<string, ScoreInterval>>;
}

/** COCO's twelve numbers by their names; NaN where no class has a truth of the kind. */
export type BoxMetrics = Readonly<Record<(typeof summaries)[number]['name'], number>>;

/** How good detections are. */
export interface BoxScores {
  /** Images that were looked at. */
  readonly images: number;
  /** True boxes, crowds among them. */
  readonly truths: number;
  /** Boxes that were found. */
  readonly detections: number;
  /** Means over the classes that have truths. */
  readonly metrics: BoxMetrics;
  /** By the names of metrics, from draws of images: there where ten images or more are given, and nearly every draw has the number. */
  readonly intervals: Readonly<Record<string, ScoreInterval>>;
  /** Each class by itself. */
  readonly classes: readonly ClassScore[];
}

const schema = z.strictObject(bootstrapOptions);

/** How intervals are made, and what is told besides the scores. */
export interface ScoreBoxesOptions {
  /** Of the intervals; default: 0.95. */
  readonly confidence?: number;
  /** Draws of the bootstrap; default: 1000. 0 gives no intervals. */
  readonly resamples?: number;
  /** Decides the draws; default: 0. */
  readonly seed?: number;
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
}

const areas = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const satisfies Readonly<Record<string, AreaRange>>;
type AreaName = keyof typeof areas;

/** The twelve, in COCO's order. */
const summaries = [
  { name: 'AP', of: 'precision', area: 'all', most: 100 },
  { name: 'AP50', of: 'precision', area: 'all', most: 100, overlap: 0 },
  { name: 'AP75', of: 'precision', area: 'all', most: 100, overlap: 5 },
  { name: 'APsmall', of: 'precision', area: 'small', most: 100 },
  { name: 'APmedium', of: 'precision', area: 'medium', most: 100 },
  { name: 'APlarge', of: 'precision', area: 'large', most: 100 },
  { name: 'AR1', of: 'recall', area: 'all', most: 1 },
  { name: 'AR10', of: 'recall', area: 'all', most: 10 },
  { name: 'AR100', of: 'recall', area: 'all', most: mostDetections },
  { name: 'ARsmall', of: 'recall', area: 'small', most: 100 },
  { name: 'ARmedium', of: 'recall', area: 'medium', most: 100 },
  { name: 'ARlarge', of: 'recall', area: 'large', most: 100 },
] as const;
type Summary = (typeof summaries)[number];

/** What is said of each class, and which of the twelve it is. */
const ofClass = { ap: summaries[0], ap50: summaries[1], ap75: summaries[2], ar: summaries[8] } as const;
const classKeys = Object.keys(ofClass) as (keyof typeof ofClass)[];

/**
 * Scores boxes that were found anywhere by COCO's rule.
 * @param truths as in COCO's files: images, categories, annotations
 * @param detections as in COCO's files of results
 * @throws DataError where they are not so, an id is given twice, or one names nothing; ConfigError for options
 */
export function scoreBoxes(
  truths: CocoTruths,
  detections: readonly CocoDetection[],
  options: ScoreBoxesOptions = {},
): BoxScores {
  const names = { truths: 'truths', detections: 'detections' };
  const known = checkValue(truths, names.truths, truthsSchema, truthsKind);
  return scoreCheckedBoxes(
    known,
    checkValue(detections, names.detections, detectionsSchema, detectionsKind),
    names,
    options,
  );
}

/** The same of what has passed the schemas. @param names for messages */
export function scoreCheckedBoxes(
  known: Truths,
  found: Detections,
  names: BoxFileNames,
  { warn = () => {}, ...options }: ScoreBoxesOptions = {},
): BoxScores {
  const drawing = checkOptions(schema, options);
  if (known.annotations.some(({ id }) => id === 0)) {
    warn(`${names.truths}: annotation 0 is matched like any other; pycocotools takes it for never found`);
  }
  const classes = boxesByClass(known, found, names, warn);
  const rankings = classes.map(rankingsOf);
  const images = known.images.length;
  const width = summaries.length + classKeys.length * classes.length;
  const values = new Float64Array(width);
  score(rankings, new Float64Array(images).fill(1), values);
  const draws = images < fewestDrawn ? 0 : drawing.resamples;
  const drawn = new Float64Array(draws * width);
  for (let draw = 0; draw < draws; draw++) {
    const times = multiplicities({ seed: drawing.seed, examples: images }, draw);
    score(rankings, times, drawn.subarray(draw * width, (draw + 1) * width));
  }
  const intervals = (names: readonly string[], first: number) =>
    Object.fromEntries(
      names.flatMap((name, i) => {
        const own = Float64Array.from({ length: draws }, (_, draw) => drawn[draw * width + first + i]);
        const { interval } = intervalOf(own, drawing.confidence);
        return interval ? [[name, interval]] : [];
      }),
    );
  const namesOfAll = summaries.map(({ name }) => name);
  return {
    images,
    truths: known.annotations.length,
    detections: found.length,
    metrics: Object.fromEntries(namesOfAll.map((name, i) => [name, values[i]])) as BoxMetrics,
    intervals: intervals(namesOfAll, 0),
    classes: classes.map(({ name, images }, i) => {
      const first = summaries.length + i * classKeys.length;
      const [ap, ap50, ap75, ar] = values.subarray(first);
      return {
        name,
        truths: images.reduce((sum, { truths }) => sum + truths.filter(({ crowd }) => !crowd).length, 0),
        detections: images.reduce((sum, { found }) => sum + found.length, 0),
        ...{ ap, ap50, ap75, ar },
        intervals: intervals(classKeys, first),
      };
    }),
  };
}

const keyOf = ({ area, most }: { readonly area: AreaName; readonly most: number }) => `${area} ${most}`;

/** By area and number of detections. */
function rankingsOf({ images }: ClassBoxes): ReadonlyMap<string, BoxRanking> {
  const matchable = images.map((each) => new MatchableImage(each));
  const numbers = images.map(({ image }) => image);
  const rankings = new Map<string, BoxRanking>();
  for (const area of Object.keys(areas) as AreaName[]) {
    const matches = matchable.map((each) => each.match(areas[area]));
    const asked = summaries.filter((summary) => summary.area === area);
    for (const most of new Set(asked.map(({ most }) => most))) {
      const isPrecise = asked.some((summary) => summary.most === most && summary.of === 'precision');
      rankings.set(keyOf({ area, most }), new BoxRanking(matches, numbers, most, isPrecise ? undefined : 'recall'));
    }
  }
  return rankings;
}

/** @param into gets the twelve numbers, means over the classes that have them, and those of each class */
function score(classes: readonly ReadonlyMap<string, BoxRanking>[], times: Float64Array, into: Float64Array): void {
  const curves = classes.map((rankings) => new Map([...rankings].map(([key, ranking]) => [key, ranking.curve(times)])));
  for (const [i, summary] of summaries.entries()) {
    const values = curves.map((own) => figureOf(own, summary)).filter((value) => !Number.isNaN(value));
    into[i] = values.reduce((sum, value) => sum + value, 0) / values.length;
  }
  for (const [i, own] of curves.entries()) {
    for (const [j, key] of classKeys.entries()) {
      into[summaries.length + i * classKeys.length + j] = figureOf(own, ofClass[key]);
    }
  }
}

function figureOf(curves: ReadonlyMap<string, Curve | undefined>, summary: Summary): number {
  const values = curves.get(keyOf(summary))?.[summary.of];
  if (!values) return Number.NaN;
  if ('overlap' in summary) return values[summary.overlap];
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
