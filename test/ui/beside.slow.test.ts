/** `--ui`: a page beside a run, which is gone when the run is, also where that was killed. */
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startLockstep } from '../support/cli.js';
import { isFree } from '../support/cluster.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { paced } from '../support/held.js';
import { smallModel } from '../support/small.js';

const newFolder = newFolders();

function isSocket(file: string): boolean {
  try {
    return readlinkSync(file).startsWith('socket:');
  } catch {
    // It is closed by now.
    return false;
  }
}

/** A thousand who connect, ask for all that changes and read nothing: they are none of the process that trains, which goes on. */
async function crowd(url: string, pid: number): Promise<void> {
  const openSockets = () => readdirSync(`/proc/${pid}/fd`).filter((file) => isSocket(`/proc/${pid}/fd/${file}`)).length;
  const steps = async () => {
    const { rows } = (await (await fetch(`${url}api/curve?run=run-1`)).json()) as { rows: number };
    return rows;
  };
  const [open, before] = [openSockets(), await steps()];
  const sockets = Array.from({ length: 1000 }, () => connect(Number(new URL(url).port), '127.0.0.1').pause());
  let refused = 0;
  for (const socket of sockets) {
    socket.on('error', () => {}).on('close', () => refused++);
    socket.write('GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  }
  try {
    await expect.poll(() => sockets.filter(({ connecting }) => connecting).length).toBe(0);
    // No more than the server has room for.
    for (const socket of sockets) socket.resume();
    await expect.poll(() => refused).toBeGreaterThanOrEqual(1000 - 256);
    expect(openSockets()).toBe(open);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  await expect.poll(() => steps().catch(() => 0)).toBeGreaterThan(before);
}

it.each(['SIGINT', 'SIGKILL'] as const)('a page is there until %s has ended the run', async (signal) => {
  const folder = newFolder();
  const config = {
    data: { source: 'digits', examples: 100 },
    ...smallModel,
    training: { epochs: 50_000, batchSize: 32 },
  };
  const args = ['train', writeConfig(folder, 'run', config), '--threads', '1', '--json', '--ui'];
  // It rests, since it goes on while others compute: more than it takes for an epoch.
  const run = startLockstep(args, folder, paced('"event":"epoch"', 20));
  let said = '';
  run.process.stderr!.on('data', (text: string) => {
    said += text;
  });
  await run.says('"event":"step"');
  while (!said.includes('\n')) await once(run.process.stderr!, 'data');
  const [, url] = /^page: (http:\/\/127\.0\.0\.1:\d+\/)#token=[\w-]{22}\n$/.exec(said)!;
  const { runs } = (await (await fetch(`${url}api/runs`)).json()) as { runs: { name: string }[] };
  expect(runs).toMatchObject([{ name: 'run-1' }]);
  if (signal === 'SIGINT' && process.platform === 'linux') await crowd(url, run.process.pid!);
  run.process.kill(signal);
  const { code, stdout } = await run.finished;
  expect(code).toBe(signal === 'SIGINT' ? 130 : null);
  // Standard output is what it is without the page.
  for (const line of stdout.trimEnd().split('\n')) expect(line).toMatch(/^\{"event":/);
  await expect.poll(() => isFree(url)).toBe(true);
});

it('says where there may be nothing to see', async () => {
  const folder = newFolder();
  writeConfig(folder, 'config', {});
  for (const [asked, doubt] of [
    ['none', 'none is not there yet'],
    ['.', '. is a run by itself: name the folder that holds it'],
  ]) {
    const page = startLockstep(['ui', asked, '--port', '0'], folder);
    await page.says(`warning: ${doubt}`);
    page.process.kill('SIGTERM');
    await page.finished;
  }
});
