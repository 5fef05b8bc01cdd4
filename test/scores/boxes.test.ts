/** Detections by COCO's rule: values of pycocotools 2.0.11 by hand, where it is wrong, and input that is refused. */
import { describe, expect, it } from 'vitest';
import { multiplicities } from '../../src/evaluate/bootstrap.js';
import { percentileInterval } from '../../src/evaluate/intervals.js';
import { randomStream } from '../../src/ground/random.js';
import { type BoxScores, scoreBoxes } from '../../src/scores/boxes.js';
import type { CocoDetection, CocoTruths } from '../../src/scores/coco-files.js';

const truth = (id: number, image_id: number, bbox: readonly number[], more: object = {}) => ({
  ...{ id, image_id, category_id: 1, bbox },
  ...more,
});
const found = (image_id: number, bbox: readonly number[], score: number, category_id = 1): CocoDetection => ({
  ...{ image_id, category_id, bbox, score },
});
const truthsOf = (annotations: CocoTruths['annotations']): CocoTruths => ({
  images: [{ id: 2 }, { id: 1 }],
  categories: [{ id: 1, name: 'cat' }],
  annotations,
});
const ap = ({ metrics }: BoxScores) => metrics.AP;

/** Boxes of 10 by 10 far from each other. */
const at = (i: number) => [20 * i, 0, 10, 10];

describe('the twelve numbers', () => {
  it('of three truths in two images are those of pycocotools', () => {
    const truths = truthsOf([
      truth(1, 1, [10, 10, 40, 40]),
      truth(2, 1, [60, 10, 20, 20]),
      truth(3, 2, [0, 0, 100, 100]),
    ]);
    const { metrics } = scoreBoxes(truths, [
      found(1, [12, 10, 40, 40], 0.9),
      found(1, [61, 12, 20, 20], 0.6),
      found(2, [0, 0, 100, 90], 0.6),
      found(2, [50, 50, 10, 10], 0.8),
    ]);
    const expected = [0.617079, 0.834158, 0.5, 0.25, 0.9, 0.9, 0.3, 0.766667, 0.766667, 0.5, 0.9, 0.9];
    for (const [i, value] of Object.values(metrics).entries()) expect(value).toBeCloseTo(expected[i], 6);
  });

  it.each([
    ['2 truths, right, wrong, right', 2, [0, 9, 1], 0.8349835],
    ['3 truths, right, wrong, right', 3, [0, 9, 1], 0.5544554],
    ['10 truths, 5 of them found', 10, [0, 1, 2, 3, 4], 51 / 101],
  ])('of %s', (_, count, order, expected) => {
    const truths = truthsOf(Array.from({ length: count }, (_, i) => truth(i + 1, 1, at(i))));
    const detections = order.map((place, i) => found(1, at(place === 9 ? 99 : place), 1 - i / 10));
    expect(ap(scoreBoxes(truths, detections))).toBeCloseTo(expected, 7);
  });

  it('of no truths and no detections are no numbers', () => {
    for (const value of Object.values(scoreBoxes(truthsOf([]), [found(1, at(0), 1)]).metrics)) expect(value).toBeNaN();
    const { metrics } = scoreBoxes(truthsOf([truth(1, 1, at(0))]), []);
    expect([metrics.AP, metrics.AR100, metrics.APsmall]).toEqual([0, 0, 0]);
    expect(metrics.APlarge).toBeNaN();
  });
});

describe('rules', () => {
  it('a box that overlaps by just half counts at half', () => {
    const { metrics } = scoreBoxes(truthsOf([truth(1, 1, [0, 0, 10, 10])]), [found(1, [0, 0, 10, 5], 1)]);
    expect([metrics.AP50, metrics.AP75]).toEqual([1, 0]);
  });

  it('an area of 1024 is small and medium', () => {
    const { metrics } = scoreBoxes(truthsOf([truth(1, 1, [0, 0, 32, 32])]), [found(1, [0, 0, 32, 32], 1)]);
    expect([metrics.APsmall, metrics.APmedium, metrics.APlarge]).toEqual([1, 1, Number.NaN]);
  });

  it('what is found in a crowd counts neither way, as often as it is', () => {
    const truths = truthsOf([truth(1, 1, at(0)), truth(2, 1, [200, 0, 100, 100], { iscrowd: 1 })]);
    const inCrowd = [0.9, 0.8].map((score) => found(1, [210, 10, 20, 20], score));
    expect(ap(scoreBoxes(truths, [...inCrowd, found(1, at(0), 0.7)]))).toBe(1);
  });

  it('equally sure boxes are ranked by the id of their image, not by its place in the file', () => {
    const truths = truthsOf([truth(1, 1, at(0))]);
    const both = [found(2, at(5), 0.5), found(1, at(0), 0.5)];
    expect(ap(scoreBoxes(truths, both))).toBe(1);
  });

  it('a class without truths is none of the mean', () => {
    const truths = { ...truthsOf([truth(1, 1, at(0))]), categories: [{ id: 3 }, { id: 1, name: 'cat' }] };
    const { metrics, classes } = scoreBoxes(truths, [found(1, at(0), 1), found(1, at(1), 1, 3)]);
    expect(metrics.AP).toBe(1);
    expect(classes.map(({ name, truths: count, ap: each }) => [name, count, each])).toEqual([
      ['cat', 1, 1],
      ['3', 0, Number.NaN],
    ]);
  });

  it('annotation 0 can be found, where pycocotools never finds it', () => {
    const warnings: string[] = [];
    const scores = scoreBoxes(truthsOf([truth(0, 1, at(0))]), [found(1, at(0), 1)], { warn: (w) => warnings.push(w) });
    expect(ap(scores)).toBe(1);
    expect(warnings).toEqual([expect.stringMatching(/annotation 0 is matched like any other/)]);
  });

  it('detections of other classes are left out, and that is said', () => {
    const warnings: string[] = [];
    const detections = [found(1, at(0), 1), found(1, at(0), 1, 8)];
    const scores = scoreBoxes(truthsOf([truth(1, 1, at(0))]), detections, { warn: (w) => warnings.push(w) });
    expect([ap(scores), scores.detections]).toEqual([1, 2]);
    expect(warnings).toEqual([expect.stringMatching(/1 detection is of classes that the truths do not name/)]);
  });
});

describe('intervals', () => {
  const random = randomStream('boxes of images', 0);
  const uniform = () => (random.next() >>> 0) / 2 ** 32;
  const images = Array.from({ length: 12 }, (_, i) => ({ id: i + 1 }));
  const annotations = images.flatMap(({ id }, i) =>
    Array.from({ length: 1 + (i % 3) }, (_, j) => truth(10 * i + j + 1, id, at(j), { category_id: 1 + (j % 2) })),
  );
  const detections = annotations.flatMap(({ image_id, category_id, bbox }) => [
    found(image_id, [bbox[0] + 4 * uniform(), ...bbox.slice(1)], uniform(), category_id),
    found(image_id, [bbox[0] + 8 * uniform(), ...bbox.slice(1)], uniform(), category_id),
  ]);
  const truths = { images, categories: [{ id: 1 }, { id: 2 }], annotations };

  /** The images of a draw, those that are drawn twice given twice. */
  function drawn(draw: number) {
    const times = multiplicities({ seed: 3, examples: images.length }, draw);
    const copies = images.flatMap(({ id }, i) =>
      Array.from({ length: times[i] }, (_, copy) => ({ of: id, id: 100 * copy + id })),
    );
    const placed = <T extends { readonly image_id: number }>(boxes: readonly T[]) =>
      copies.flatMap(({ of, id }) =>
        boxes.filter((box) => box.image_id === of).map((box) => ({ ...box, image_id: id })),
      );
    const annotations = placed(truths.annotations).map((one, i) => ({ ...one, id: i + 1 }));
    const drawnTruths = { images: copies.map(({ id }) => ({ id })), categories: truths.categories, annotations };
    return scoreBoxes(drawnTruths, placed(detections), { resamples: 0 });
  }

  it('are of what is scored when images are really drawn', () => {
    const scores = scoreBoxes(truths, detections, { resamples: 30, seed: 3, confidence: 0.8 });
    const draws = Array.from({ length: 30 }, (_, draw) => drawn(draw));
    for (const name of ['AP', 'AP50', 'AR1', 'AR100', 'APsmall'] as const) {
      const values = Float64Array.from(draws, ({ metrics }) => metrics[name]);
      const expected = percentileInterval(values, 0.8)!;
      for (const key of ['low', 'high', 'standardError'] as const) {
        expect(scores.intervals[name][key], `${name} ${key}`).toBeCloseTo(expected[key], 12);
      }
    }
    const ofSecond = percentileInterval(
      Float64Array.from(draws, ({ classes }) => classes[1].ap),
      0.8,
    )!;
    expect(scores.classes[1].intervals.ap.low).toBeCloseTo(ofSecond.low, 12);
  });

  it('are not there for large boxes, of which there are none, for fewer than ten images, and for no draws', () => {
    expect(scoreBoxes(truths, detections, { resamples: 20 }).intervals).not.toHaveProperty('APlarge');
    expect(scoreBoxes(truths, detections, { resamples: 0 }).intervals).toEqual({});
    expect(scoreBoxes(truthsOf([truth(1, 1, at(0))]), [found(1, at(0), 1)]).intervals).toEqual({});
    expect(() => scoreBoxes(truths, detections, { confidence: 2 })).toThrow(/confidence/);
  });
});

describe('input that is refused', () => {
  const good = truthsOf([truth(1, 1, at(0))]);

  it.each([
    ['two images of one id', { ...good, images: [{ id: 1 }, { id: 1 }] }, [], /two of its images have id 1/],
    [
      'two annotations of one id',
      truthsOf([truth(1, 1, at(0)), truth(1, 2, at(0))]),
      [],
      /two of its annotations have id 1/,
    ],
    [
      'an image that is not there',
      truthsOf([truth(1, 9, at(0))]),
      [],
      /annotation 1: image_id 9 is none of the images/,
    ],
    ['a class that is not there', truthsOf([truth(1, 1, at(0), { category_id: 4 })]), [], /category_id 4 is none of/],
    ['a detection elsewhere', good, [found(9, at(0), 1)], /detection 1: image_id 9 is none of the images/],
    ['a width below 0', good, [found(1, [0, 0, -1, 1], 1)], /0\.bbox\.2/],
    ['corners of three numbers', good, [found(1, [0, 0, 1], 1)], /0\.bbox/],
    ['no score', good, [{ ...found(1, at(0), 1), score: undefined }], /0\.score/],
    ['a score that is no number', good, [found(1, at(0), Number.NaN)], /0\.score/],
    ['no images', { ...good, images: [] }, [], /images/],
    ['detections for truths', [found(1, at(0), 1)], [], /truths: are not what a file of truths in COCO's form has/],
  ])('%s', (_, truths, detections, message) => {
    expect(() => scoreBoxes(truths as never, detections as never)).toThrow(message);
  });
});
