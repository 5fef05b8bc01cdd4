/** Average precision and recall of detections, by COCO's rule (Lin et al. 2014), as pycocotools 2.0.11 computes them. */
import {
  type AreaRange,
  ignored,
  MatchableImage,
  type Matches,
  mostDetections,
  overlaps,
  right,
} from './box-matching.js';
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
  /** Each class by itself. */
  readonly classes: readonly ClassScore[];
}

/** What is told besides the scores. */
export interface ScoreBoxesOptions {
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
}

const areas = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const satisfies Readonly<Record<string, AreaRange>>;
type Area = keyof typeof areas;

/** Points of recall at which precision is read, to the bits of numpy's linspace. */
const points: readonly number[] = Array.from({ length: 101 }, (_, i) => (i === 100 ? 1 : i * 0.01));

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

/**
 * Scores boxes that were found anywhere by COCO's rule.
 * @param truths as in COCO's files: images, categories, annotations
 * @param detections as in COCO's files of results
 * @throws DataError where they are not so, an id is given twice, or one names nothing
 */
export function scoreBoxes(
  truths: CocoTruths,
  detections: readonly CocoDetection[],
  { warn }: ScoreBoxesOptions = {},
): BoxScores {
  const names = { truths: 'truths', detections: 'detections' };
  const known = checkValue(truths, names.truths, truthsSchema, truthsKind);
  return scoreCheckedBoxes(
    known,
    checkValue(detections, names.detections, detectionsSchema, detectionsKind),
    names,
    warn,
  );
}

/** The same of what has passed the schemas. @param names for messages */
export function scoreCheckedBoxes(
  known: Truths,
  found: Detections,
  names: BoxFileNames,
  warn: (message: string) => void = () => {},
): BoxScores {
  if (known.annotations.some(({ id }) => id === 0)) {
    warn(`${names.truths}: annotation 0 is matched like any other; pycocotools takes it for never found`);
  }
  const classes = boxesByClass(known, found, names, warn).map((one) => ({ one, curves: curvesOf(one) }));
  const mean = (summary: Summary) => {
    const values = classes.map(({ curves }) => figureOf(curves, summary)).filter((value) => !Number.isNaN(value));
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  return {
    images: known.images.length,
    truths: known.annotations.length,
    detections: found.length,
    metrics: Object.fromEntries(summaries.map((summary) => [summary.name, mean(summary)])) as BoxMetrics,
    classes: classes.map(({ one, curves }) => ({
      name: one.name,
      truths: one.images.reduce((sum, each) => sum + each.truths.filter(({ crowd }) => !crowd).length, 0),
      detections: one.images.reduce((sum, each) => sum + each.found.length, 0),
      ap: figureOf(curves, summaries[0]),
      ap50: figureOf(curves, summaries[1]),
      ap75: figureOf(curves, summaries[2]),
      ar: figureOf(curves, summaries[8]),
    })),
  };
}

/** Mean precision over the points, and recall, at each overlap. */
interface Curve {
  readonly precision: readonly number[];
  readonly recall: readonly number[];
}

const keyOf = ({ area, most }: { readonly area: Area; readonly most: number }) => `${area} ${most}`;

/** By area and number of detections; those are left out of which there is nothing to find. */
function curvesOf({ images }: ClassBoxes): ReadonlyMap<string, Curve> {
  const matchable = images.map((each) => new MatchableImage(each));
  const curves = new Map<string, Curve>();
  for (const area of Object.keys(areas) as Area[]) {
    const matches = matchable.map((each) => each.match(areas[area]));
    const wanted = matches.reduce((sum, each) => sum + each.wanted, 0);
    if (wanted === 0) continue;
    const ranked = rankedOf(matches);
    const asked = new Set(summaries.filter((summary) => summary.area === area).map(({ most }) => most));
    for (const most of asked) curves.set(keyOf({ area, most }), curveOf(matches, ranked, wanted, most));
  }
  return curves;
}

/** A detection: its image, and its place among those of the image. */
interface Ranked {
  readonly image: number;
  readonly place: number;
  readonly score: number;
}

/** Of all images, the surest first, of equal ones the first. */
function rankedOf(matches: readonly Matches[]): Ranked[] {
  const all = matches.flatMap(({ scores }, image) => scores.map((score, place) => ({ image, place, score })));
  return all.sort((a, b) => b.score - a.score);
}

function curveOf(matches: readonly Matches[], ranked: readonly Ranked[], wanted: number, most: number): Curve {
  const counted = ranked.filter(({ place }) => place < most);
  const each = overlaps.map((_, overlap) => {
    const outcomes = counted.map(({ image, place }) => matches[image].outcomes[overlap][place]);
    return alongOf(
      outcomes.filter((outcome) => outcome !== ignored),
      wanted,
    );
  });
  return { precision: each.map(({ precision }) => precision), recall: each.map(({ recall }) => recall) };
}

/** The mean over the points of the best precision from that recall on. */
function alongOf(outcomes: readonly number[], wanted: number): { precision: number; recall: number } {
  let hits = 0;
  const recalls = new Float64Array(outcomes.length);
  const precisions = new Float64Array(outcomes.length);
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome === right) hits++;
    recalls[i] = hits / wanted;
    precisions[i] = hits / (i + 1);
  }
  for (let i = outcomes.length - 1; i > 0; i--) precisions[i - 1] = Math.max(precisions[i - 1], precisions[i]);
  let sum = 0;
  let at = 0;
  for (const point of points) {
    while (at < outcomes.length && recalls[at] < point) at++;
    if (at < outcomes.length) sum += precisions[at];
  }
  return { precision: sum / points.length, recall: hits / wanted };
}

function figureOf(curves: ReadonlyMap<string, Curve>, summary: Summary): number {
  const values = curves.get(keyOf(summary))?.[summary.of];
  if (!values) return Number.NaN;
  if ('overlap' in summary) return values[summary.overlap];
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
