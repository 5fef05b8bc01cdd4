/** `configs/recommender.yaml` on ratings that a rule gives: two inputs, two outputs, the same bits for any number of threads. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { eventOf, eventsOf, lockstepServed } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';

const config = fileURLToPath(new URL('../../configs/recommender.yaml', import.meta.url));
const folder = temporaryFolder();

/** 40 users and 30 films of four kinds each; who shares a kind with a film gives it 5, others 2. */
function ratings(): string {
  const rows = Array.from({ length: 1000 }, (_, i) => {
    const [user, film] = [(i * 7) % 40, (i * 11 + Math.floor(i / 40)) % 30];
    const isLiked = user % 4 === film % 4;
    return `${100 + user},f${film},${isLiked ? 5 : 2},${1000 - i},${isLiked ? 'yes' : 'no'}`;
  });
  const file = join(folder, 'ratings.csv');
  writeFileSync(file, `userId,movieId,rating,timestamp,liked\n${rows.join('\n')}\n`);
  return file;
}

it('learns who likes what, with equal parameters on one thread and on two, and splits by time', async () => {
  const set = (pairs: readonly string[]) => pairs.flatMap((pair) => ['--set', pair]);
  const common = [
    'train',
    config,
    '--json',
    ...set([`data.file=${ratings()}`, 'training.batchSize=64', 'training.epochs=10']),
  ];
  const more = set(['data.split.order=timestamp', 'optimizer.adam.learningRate=0.03']);
  const ends = [];
  for (const threads of ['1', '2']) {
    const out = join(folder, `runs-${threads}`);
    const { code, stdout } = await lockstepServed([...common, ...more, '--threads', threads, '--out', out], folder);
    expect(code, stdout).toBe(0);
    ends.push(eventOf(eventsOf(stdout), 'end'));
  }
  const [one, two] = ends;
  expect(one.sha256).toBe(two.sha256);
  // The ratings' deviation is 1.3; they are predicted within a fraction of it.
  expect(one.test).toMatchObject({ rating_mse: expect.any(Number), liked_accuracy: expect.any(Number) });
  expect(Number(one.test?.rating_mse)).toBeLessThan(0.3);
  expect(Number(one.test?.liked_accuracy)).toBeGreaterThan(0.95);
  const encoding = JSON.parse(readFileSync(join(one.model, '..', 'encoding.json'), 'utf8'));
  expect(Object.keys(encoding.named)).toEqual(['rating', 'liked']);
  expect(encoding.input.inputs).toEqual([
    { name: 'user', columns: 1 },
    { name: 'film', columns: 1 },
  ]);
});
