/** `lockstep score` as people call it: what it prints, and what it ends with. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lockstepServed } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();
const files = {
  'r.txt': 'the cat sat on the mat\na dog ran over the hill\n',
  'h.txt': 'the cat sat in the mat\na dog ran over the hill\n',
  'g.txt': 'the cat is on a mat\na dog ran\n',
  'one.txt': 'the cat\n',
  'truths.json':
    '{"images":[{"id":1}],"categories":[{"id":1,"name":"cat\\u001b[31m"}],"annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[0,0,9,9]}]}',
  'found.json': '[{"image_id":1,"category_id":1,"bbox":[0,0,9,9],"score":0.5}]',
  't.csv': 'day,y\n1,2\n2,3\n',
  'p.csv': 'day,mean\n1,2\n2,4\n',
  'h.csv': 'day,y\n-1,1\n0,3\n',
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
const score = (...args: string[]) => lockstepServed(['score', ...args], folder);

it('prints scores of texts with intervals and signatures, and each line if asked for', async () => {
  const { code, stdout, stderr } = await score('texts', 'r.txt', 'h.txt', 'g.txt', '--metric', 'bleu,chrf', '--each');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^text\tbleu\tchrF2\tother bleu\tother chrF2\n1\t37\.9918\t/);
  expect(stdout).toMatch(/\n2 texts, 1 reference each\n/);
  expect(stdout).toMatch(/^bleu +\d+\.\d{4} +\d+\.\d{4} to 100\.0000 +\d+\.\d{4} .* -\d/m);
  expect(stdout).toMatch(
    / {2}chrF2 {2}nrefs:1\|bs:1000\|seed:0\|case:mixed\|eff:yes\|nc:6\|nw:0\|space:no\|version:lockstep-/,
  );
});

it('prints them as JSON', async () => {
  const { code, stdout } = await score(
    'texts',
    'r.txt',
    'h.txt',
    '--reference',
    'g.txt',
    '--each',
    '--resamples',
    '0',
    '--json',
  );
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect([code, lines.map(({ event }) => event)]).toEqual([0, ['text', 'text', 'scores']]);
  expect(lines[2]).toMatchObject({ texts: 2, references: 2, scores: { bleu: { value: expect.any(Number) } } });
  expect(lines[2].scores.bleu).not.toHaveProperty('interval');
});

it('prints the twelve numbers and the classes of boxes, with names that do nothing to a terminal', async () => {
  const { code, stdout } = await score('boxes', 'truths.json', 'found.json');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^1 image, 1 true box, 1 detection\nAP +1\.0000\n/);
  expect(stdout).toMatch(/^APlarge +NaN$/m);
  expect(stdout).toMatch(/^class +truths +detections +AP +AP50 +AP75 +AR100\ncat.* +1 +1 +1\.0000/m);
  expect(stdout).not.toContain('\u001b');
  const json = JSON.parse((await score('boxes', 'truths.json', 'found.json', '--json')).stdout);
  expect(json).toMatchObject({ event: 'scores', images: 1, metrics: { AP: 1, APlarge: 'NaN' } });
});

it('prints the intervals of boxes in ten images, of classes too', async () => {
  const images = Array.from({ length: 10 }, (_, i) => ({ id: i + 1 }));
  const boxes = images.map(({ id }) => ({ id, image_id: id, category_id: 1, bbox: [0, 0, 9, 9] }));
  const found = boxes.map((box, i) => ({ ...box, score: 1 - i / 10, bbox: [i % 3 === 0 ? 5 : 0, 0, 9, 9] }));
  writeFileSync(join(folder, 'ten.json'), JSON.stringify({ images, categories: [{ id: 1 }], annotations: boxes }));
  writeFileSync(join(folder, 'ten-found.json'), JSON.stringify(found));
  const { code, stdout } = await score('boxes', 'ten.json', 'ten-found.json', '--confidence', '0.9');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ +score +90 % interval\nAP +0\.\d{4} +0\.\d{4} to 0\.\d{4}$/m);
  expect(stdout).toMatch(/^APlarge +NaN *$/m);
  expect(stdout).toMatch(/^class +truths +detections +AP +90 % interval +AP50/m);
  const json = JSON.parse((await score('boxes', 'ten.json', 'ten-found.json', '--resamples', '0', '--json')).stdout);
  expect([json.intervals, json.metrics.AP]).toEqual([{}, expect.any(Number)]);
});

it('prints scores of forecasts', async () => {
  const { code, stdout } = await score('series', 't.csv', 'p.csv', '--history', 'h.csv');
  expect([code, stdout]).toEqual([0, '1 series, 2 values\n        score\nmase   0.2500\nsmape  0.1429\n']);
});

it.each([
  [['texts', 'r.txt', 'one.txt'], /r\.txt has 2 texts, and .*one\.txt has 1/],
  [['texts', 'r.txt', 'none.txt'], /none\.txt does not exist/],
  [['texts', '-', '-'], /- is named twice/],
  [['texts', 'r.txt', 'h.txt', '--metric', 'blue'], /--metric blue is not known\nremedy: did you mean bleu/],
  [['texts', 'r.txt', 'h.txt', '--metric', 'chrf++'], /remedy: give chrf and --word-order 2/],
  [['texts', 'r.txt', 'h.txt', '--word-order', 'two'], /--word-order two is not a whole number/],
  [['texts', 'r.txt', 'h.txt', '--confidence', '95'], /--confidence 95 is not between 0 and 1/],
  [['texts', 'r.txt', 'h.txt', '--tokenize', 'moses'], /Allowed choices are 13a, intl, zh, char, none/],
  [['boxes', 'no.json', 'found.json'], /no\.json: no such file[\s\S]*check the path/],
  [['boxes', 'found.json', 'truths.json'], /found\.json: is not a file of truths in COCO's form/],
  [['boxes', 'truths.json', 'r.txt'], /r\.txt: is not a file of detections in COCO's form/],
  [['series', 't.csv', 'p.csv', '--season', '2'], /there is no history\nremedy: give --history/],
  [['series', 't.csv', 'p.csv', '--history', 'h.csv', '--season', '2'], /not more than its season 2/],
  [['series', 't.csv', 'p.csv', '--quantile', 'mean'], /--quantile mean: is no q=column\nremedy: write it as 0\.9=p90/],
  [['series', 't.csv', 'p.csv', '--quantile', '9=mean'], /9 is not between 0 and 1/],
  [['pictures'], /unknown command 'pictures'/],
])('refuses %j', async (args, message) => {
  const { code, stdout, stderr } = await score(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(message);
});
