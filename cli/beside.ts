/** `--ui`: the page as a program of its own beside a run, which leaves the run its threads. It ends with the run, however that ends. */
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { printable } from '../src/ground/printable.js';
import type { RunFlags, SharedFlags } from './shared-options.js';

/** Does a run's work, with a page of the run's folder beside it where one is wanted. */
export async function withPage(
  { ui, out = 'runs', resume }: Pick<RunFlags & SharedFlags, 'ui' | 'out' | 'resume'>,
  work: () => Promise<void>,
): Promise<void> {
  const close = ui ? openPage(resume === undefined ? out : dirname(resume)) : () => {};
  try {
    await work();
  } finally {
    close();
  }
}

function openPage(folder: string): () => void {
  const args = [process.argv[1], 'ui', folder, '--port', '0', '--json', '--until-input-ends'];
  const page = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Ctrl-C is for the run, which has more to show until its end. The token of workers is none for browsers.
    ...{ detached: true, windowsHide: true, env: { ...process.env, LOCKSTEP_TOKEN: '' } },
  });
  page.on('error', ({ message }) => process.stderr.write(`no page: ${message}\n`));
  page.stdin.on('error', () => {});
  createInterface({ input: page.stdout }).once('line', (line) => {
    const { url } = JSON.parse(line) as { readonly url?: string };
    if (url !== undefined) process.stderr.write(`page: ${printable(url)}\n`);
    page.stdout.destroy();
  });
  page.unref();
  return () => page.stdin.end();
}
