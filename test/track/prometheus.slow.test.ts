/** Prometheus scrapes a real run, and answers every question of the dashboard for Grafana. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { train } from '../../coordinator/local/train.js';
import type { RunEvent } from '../../src/report/events.js';
import { serveMetrics } from '../../src/track/openmetrics/serve.js';
import { eventOf } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import { freePort } from '../support/free-port.js';
import { packageRoot } from '../support/package.js';
import { skipIf } from '../support/skip-if.js';

const isThere = spawnSync('prometheus', ['--version']).status === 0;
const { it } = skipIf(!isThere && "scraping needs Debian's package prometheus");
const folder = temporaryFolder();

/** A name that would be a line of its own. */
const evil = 'a"} 1\nlockstep_step 666\\';

interface Sample {
  readonly metric: Record<string, string>;
  readonly value: [number, string];
}

async function ask(port: number, query: string): Promise<Sample[]> {
  const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
  const { status, data, error } = (await (await fetch(url)).json()) as {
    status: string;
    error?: string;
    data: { result: Sample[] };
  };
  expect([query, status, error]).toEqual([query, 'success', undefined]);
  return data.result;
}

it('reads what the run told', async () => {
  const metrics = await serveMetrics({ port: 0 });
  const events: RunEvent[] = [];
  const report = (event: RunEvent) => {
    metrics.report(event);
    events.push(event);
  };
  await train(
    {
      name: 'scraped',
      data: { source: 'digits', examples: 200, validation: 0.2 },
      model: { layers: [{ flatten: {} }, { dense: { units: 'classes' } }] },
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
      training: { epochs: 1, batchSize: 20, logEvery: 1 },
    },
    { threads: 1, out: join(folder, 'runs'), report },
  );
  const epoch = eventOf(events, 'epoch');
  const validation = { ...epoch.validation, [evil]: 0.25 };
  metrics.report({ ...epoch, examplesPerSecond: 5, tokensPerSecond: 7, validation });
  // As of a cluster.
  const gone = { name: 'one', address: '', step: 3, reason: 'no sign of life for 3.0 s' };
  metrics.report({ event: 'worker', change: 'lost', ...gone });
  metrics.report({ event: 'world', workers: [], bytesSent: 70, bytesReceived: 50 });
  const target = JSON.stringify(new URL(metrics.url).host);
  const file = join(folder, 'prometheus.yml');
  writeFileSync(
    file,
    `scrape_configs: [{ job_name: lockstep, scrape_interval: 1s, static_configs: [{ targets: [${target}] }] }]`,
  );
  const port = await freePort();
  const server = spawn('prometheus', [
    ...[`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`, '--log.level=error'],
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  try {
    const url = `http://127.0.0.1:${port}/-/ready`;
    while (
      !(await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await sleep(50);
    // Twice, for rates.
    while ((await ask(port, 'count_over_time(up{job="lockstep"}[1m]) > 1')).length === 0) await sleep(100);
    expect((await ask(port, 'up{job="lockstep"}'))[0].value[1]).toBe('1');
    const [seen] = await ask(port, 'lockstep_step');
    expect([seen.metric.run, Number(seen.value[1])]).toEqual(['scraped-1', epoch.step]);
    const [accuracy] = await ask(port, 'lockstep_validation{metric="accuracy"}');
    expect(Number(accuracy.value[1])).toBe(epoch.validation?.accuracy);
    const names = (await ask(port, 'lockstep_validation')).map(({ metric }) => metric.metric);
    expect(names).toContain(evil);
    const dashboard = readFileSync(join(packageRoot, 'docs', 'grafana-dashboard.json'), 'utf8');
    const questions = [...dashboard.matchAll(/"expr": (".*")/g)].map(([, text]) => JSON.parse(text) as string);
    expect(questions.length).toBeGreaterThan(12);
    for (const question of questions) {
      expect([question, (await ask(port, question.replaceAll('$run', '.*'))).length > 0]).toEqual([question, true]);
    }
  } finally {
    server.kill();
    await once(server, 'exit');
    await metrics.close();
  }
});
