/** Hooks of a real cluster: a killed worker is told, hooks that hang hold nothing up, Ctrl-C tells the end, and a second one ends a hook too. */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { expect, it, onTestFinished } from 'vitest';
import { urlOf, withCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { smallModel } from '../support/small.js';

it('are told, and hold nothing up', async () => {
  // It takes every request, and answers none.
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => {
    silent.close();
    silent.closeAllConnections();
  });
  await withCluster(async (cluster) => {
    const script = join(cluster.folder, 'tell.mjs');
    const told = join(cluster.folder, 'told.json');
    const hanging = join(cluster.folder, 'hanging');
    writeFileSync(
      script,
      `import { readFileSync, writeFileSync } from 'node:fs';
const line = readFileSync(0, 'utf8');
writeFileSync(process.argv[2], process.argv[3] ? String(process.pid) : line);
if (process.argv[3]) setInterval(() => {}, 1000);`,
    );
    const command = (...args: readonly string[]) => [execPath, script, ...args].map((arg) => `"${arg}"`).join(' ');
    const coordinator = cluster.coordinator({
      data: { source: 'digits', examples: 400, validation: 0.2 },
      ...smallModel,
      training: { epochs: 100_000, batchSize: 32, shards: 2 },
      track: {
        hooks: {
          best: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`,
          workerLost: command(told),
          end: command(hanging, 'hang'),
          timeout: 2,
        },
      },
    });
    const worker = cluster.worker(await urlOf(coordinator), { name: 'one' });
    await coordinator.until('epoch');
    await worker.kill();
    await eventually('the hook is told', () => existsSync(told));
    await eventually('all of it', () => readFileSync(told, 'utf8').endsWith('\n'));
    expect(JSON.parse(readFileSync(told, 'utf8'))).toMatchObject({ hook: 'workerLost', event: 'worker', name: 'one' });
    coordinator.signal('SIGINT');
    await eventually('the hook hangs', () => existsSync(hanging) && readFileSync(hanging, 'utf8') !== '');
    const pid = Number(readFileSync(hanging, 'utf8'));
    coordinator.signal('SIGINT');
    await coordinator.ended;
    // The hanging one is ended with the process, long before its time is over.
    await eventually('the hook is gone', () => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    });
  });
});
