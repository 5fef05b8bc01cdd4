/** Truths and detections as COCO writes them, checked: every image, class and box that is named is there. */
import { z } from 'zod';
import { DataError } from '../errors.js';
import { isTooDeep, type JsonFileKind, ruleOf } from '../ground/json-file.js';
import { plural } from '../ground/units.js';

const id = z.int();
const side = z.number().min(0);
/** [x, y, width, height] of the upper left corner and the sides. */
const bbox = z.tuple([z.number(), z.number(), side, side]);

export const truthsSchema = z.object({
  images: z.array(z.object({ id })).min(1),
  categories: z.array(z.object({ id, name: z.string().optional() })).min(1),
  annotations: z.array(
    z.object({
      id,
      image_id: id,
      category_id: id,
      bbox,
      area: z.number().min(0).optional(),
      iscrowd: z.union([z.literal(0), z.literal(1), z.boolean()]).optional(),
    }),
  ),
});

export const detectionsSchema = z.array(z.object({ image_id: id, category_id: id, bbox, score: z.number() }));

/** The truths of a set of images, as COCO's files have them; keys that are not listed are left alone. */
export interface CocoTruths {
  /** Every image that was looked at. */
  readonly images: readonly { readonly id: number }[];
  /** The classes. */
  readonly categories: readonly { readonly id: number; readonly name?: string }[];
  /** The boxes that are there, [x, y, width, height]; `area`, that of the object, is by default the box's. */
  readonly annotations: readonly {
    readonly id: number;
    readonly image_id: number;
    readonly category_id: number;
    readonly bbox: readonly number[];
    readonly area?: number;
    readonly iscrowd?: number | boolean;
  }[];
}

/** A box that was found, as COCO's files of results have it. */
export interface CocoDetection {
  /** Of one of the images. */
  readonly image_id: number;
  /** Of one of the classes. */
  readonly category_id: number;
  /** [x, y, width, height] */
  readonly bbox: readonly number[];
  /** The higher, the surer. */
  readonly score: number;
}

export const truthsKind: JsonFileKind = {
  Failure: DataError,
  what: "a file of truths in COCO's form",
  remedy:
    'give { images: [{ id }], categories: [{ id, name }], annotations: [{ id, image_id, category_id, bbox: [x, y, width, height], area, iscrowd }] }',
  whereMissing: 'check the path and its permissions',
};
export const detectionsKind: JsonFileKind = {
  Failure: DataError,
  what: "a file of detections in COCO's form",
  remedy: 'give a list of { image_id, category_id, bbox: [x, y, width, height], score }',
  whereMissing: 'check the path and its permissions',
};

/** @throws DataError when a value of a program is not what its file would have to be */
export function checkValue<T>(value: unknown, name: string, schema: z.ZodType<T>, kind: JsonFileKind): T {
  const found = isTooDeep(value) ? undefined : schema.safeParse(value);
  if (found?.success) return found.data;
  const why = found ? ruleOf(found.error) : 'it is nested too deeply';
  throw new DataError(`${name}: are not what ${kind.what} has (${why})`, kind.remedy);
}

export type Truths = z.infer<typeof truthsSchema>;
export type Detections = z.infer<typeof detectionsSchema>;

/** A box with the area by which it is small, medium or large. */
export interface Box {
  readonly bbox: readonly number[];
  readonly area: number;
}

/** A true box. */
export interface TrueBox extends Box {
  /** Many objects in one box: what is found in it counts neither way. */
  readonly crowd: boolean;
}

/** A box that was found. */
export interface FoundBox extends Box {
  readonly score: number;
}

/** The boxes of one class in one image. */
export interface ImageBoxes {
  /** The number of the image among all, from 0. */
  readonly image: number;
  readonly truths: TrueBox[];
  readonly found: FoundBox[];
}

/** A class with its boxes, images in the order of their ids; images without any are left out. */
export interface ClassBoxes {
  readonly name: string;
  readonly images: readonly ImageBoxes[];
}

/** What messages call the two. */
export interface BoxFileNames {
  readonly truths: string;
  readonly detections: string;
}

/**
 * Boxes by class, in the order of the classes' ids, and image.
 * @throws DataError where an id is given twice, or names nothing
 */
export function boxesByClass(
  truths: Truths,
  detections: Detections,
  names: BoxFileNames,
  warn: (message: string) => void,
): ClassBoxes[] {
  const images = distinct(truths.images, names.truths, 'images');
  const classes = distinct(truths.categories, names.truths, 'categories');
  distinct(truths.annotations, names.truths, 'annotations');
  const boxes = new Map([...classes].map((one) => [one, new Map<number, ImageBoxes>()]));
  const numbers = new Map(truths.images.map(({ id }, number) => [id, number]));
  const place = (kind: number, image: number): ImageBoxes => {
    const ofClass = boxes.get(kind)!;
    const known = ofClass.get(image) ?? { image: numbers.get(image)!, truths: [], found: [] };
    ofClass.set(image, known);
    return known;
  };
  for (const { id, image_id, category_id, bbox, area = bbox[2] * bbox[3], iscrowd } of truths.annotations) {
    const where = `${names.truths}: annotation ${id}`;
    if (!images.has(image_id)) throw unknown(where, 'image_id', image_id, 'images');
    if (!classes.has(category_id)) throw unknown(where, 'category_id', category_id, 'categories');
    place(category_id, image_id).truths.push({ bbox, area, crowd: Boolean(iscrowd) });
  }
  let others = 0;
  for (const [i, { image_id, category_id, bbox, score }] of detections.entries()) {
    if (!images.has(image_id)) throw unknown(`${names.detections}: detection ${i + 1}`, 'image_id', image_id, 'images');
    if (classes.has(category_id)) place(category_id, image_id).found.push({ bbox, area: bbox[2] * bbox[3], score });
    else others++;
  }
  if (others > 0) {
    const are = others === 1 ? 'is' : 'are';
    warn(`${names.detections}: ${plural(others, 'detection')} ${are} of classes that the truths do not name; left out`);
  }
  const titles = new Map(truths.categories.map(({ id, name }) => [id, name ?? String(id)]));
  const ascending = <T>(map: ReadonlyMap<number, T>) => [...map].sort(([a], [b]) => a - b);
  return ascending(boxes).map(([kind, ofClass]) => ({
    name: titles.get(kind)!,
    images: ascending(ofClass).map(([, each]) => each),
  }));
}

function distinct(items: readonly { readonly id: number }[], file: string, list: string): Set<number> {
  const ids = new Set<number>();
  for (const { id } of items) {
    if (ids.has(id)) throw new DataError(`${file}: two of its ${list} have id ${id}`, 'give each an id of its own');
    ids.add(id);
  }
  return ids;
}

function unknown(where: string, key: string, value: number, list: string): DataError {
  return new DataError(`${where}: ${key} ${value} is none of the ${list}`, `correct it, or add it to ${list}`);
}
