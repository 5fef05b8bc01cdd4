/** `--ui`: a page beside a run, which is gone when the run is, also where that was killed. */
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { startLockstep } from '../support/cli.js';
import { isFree } from '../support/cluster.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { smallModel } from '../support/small.js';

const newFolder = newFolders();

it.each(['SIGINT', 'SIGKILL'] as const)('a page is there until %s has ended the run', async (signal) => {
  const folder = newFolder();
  const config = {
    data: { source: 'digits', examples: 100 },
    ...smallModel,
    training: { epochs: 50_000, batchSize: 32 },
  };
  const run = startLockstep(['train', writeConfig(folder, 'run', config), '--threads', '1', '--json', '--ui'], folder);
  let said = '';
  run.process.stderr!.on('data', (text: string) => {
    said += text;
  });
  await run.says('"event":"step"');
  while (!said.includes('\n')) await once(run.process.stderr!, 'data');
  const [, url] = /^page: (http:\/\/127\.0\.0\.1:\d+\/)#token=[\w-]{22}\n$/.exec(said)!;
  const { runs } = (await (await fetch(`${url}api/runs`)).json()) as { runs: { name: string }[] };
  expect(runs).toMatchObject([{ name: 'run-1' }]);
  run.process.kill(signal);
  const { code, stdout } = await run.finished;
  expect(code).toBe(signal === 'SIGINT' ? 130 : null);
  // Standard output is what it is without the page.
  for (const line of stdout.trimEnd().split('\n')) expect(line).toMatch(/^\{"event":/);
  await expect.poll(() => isFree(url), { timeout: 20_000 }).toBe(true);
});
