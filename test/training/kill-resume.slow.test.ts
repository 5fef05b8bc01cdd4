/** A run that is killed at random moments and resumed each time with another number of threads. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventOf, eventsOf, groupIsAlive, lockstepServed, startLockstep } from '../support/cli.js';
import { lcg } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { paced } from '../support/held.js';
import { checkLedger } from '../support/ledgers.js';
import { resultOf, trained } from '../support/runs.js';

/** A multiple of six. */
const kills = Number(process.env.LOCKSTEP_KILLS ?? 6);
const folder = temporaryFolder();
const file = writeConfig(folder, 'killed', {
  data: { source: 'digits', examples: 1300, validation: 0.1, test: 0.1, stratify: true },
  model: {
    layers: [
      'flatten',
      { dense: { units: 24, activation: 'relu' } },
      { dropout: { rate: 0.2 } },
      { dense: { units: 'classes' } },
    ],
  },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  schedule: { cosine: { warmupSteps: 20 } },
  // Of each a twentieth of a second more than it takes, so that the last kill finds it unfinished.
  training: { epochs: 3 * kills, batchSize: 32, shards: 4, clipNorm: 1 },
  checkpoint: { everySteps: 20, everyEpochs: 3, keep: 3 },
});

it('ends with the parameters of the undisturbed run and a complete ledger', async () => {
  const undisturbed = await trained(file, [], join(folder, 'undisturbed'));
  const random = lcg(20);
  const run = join(folder, 'runs', 'killed-1');
  const slow = paced('"event":"epoch"', 100);
  const reached: number[] = [];
  let landed = 0;
  for (let kill = 0; kill < kills; kill++) {
    const threads = String(1 + Math.floor(random() * 4));
    const how = existsSync(run) ? ['--resume', run] : [file, '--ledger'];
    const life = startLockstep(['train', ...how, '--threads', threads, '--json'], folder, slow);
    // One in six is killed while it loads.
    const early = kill % 6 === 5;
    if (!early) {
      await life.says('"event":"start"');
      await life.says('"event":"checkpoint"', Math.floor(random() * 4));
    }
    // A kill comes at any moment, which no event tells.
    await new Promise((resolve) => setTimeout(resolve, random() * (early ? 500 : 40)));
    expect(life.process.kill('SIGKILL')).toBe(true);
    const { signal, stdout } = await life.finished;
    expect(signal).toBe('SIGKILL');
    expect(groupIsAlive(life.process)).toBe(false);
    // Mid-run: it had begun and had not ended.
    const whole = stdout.slice(0, stdout.lastIndexOf('\n') + 1);
    const events = whole === '' ? [] : eventsOf(whole).filter(({ event }) => event !== 'phase');
    expect(events.some(({ event }) => event === 'end' || event === 'error')).toBe(false);
    if (!early) expect(events[0].event).toBe('start');
    const start = events.find((event) => event.event === 'start');
    if (start) reached.push(start.resumed?.step ?? 0);
    if (start) landed++;
  }
  expect(landed).toBeGreaterThanOrEqual((kills * 5) / 6);
  // Never back behind a checkpoint, and on the whole forward.
  expect(reached).toEqual([...reached].sort((a, b) => a - b));
  expect(reached.at(-1)!).toBeGreaterThan(0);
  expect(reached.at(-1)!).toBeLessThan(undisturbed.start.steps);
  process.stdout.write(`killed ${kills} times, at steps ${reached.join(' ')} of ${undisturbed.start.steps} and on\n`);

  const { code, stdout } = await lockstepServed(['train', '--resume', run, '--threads', '2', '--json'], folder);
  expect(code).toBe(0);
  const end = eventOf(eventsOf(stdout), 'end');
  const { sha256, validation, test } = resultOf(undisturbed);
  expect({ sha256: end.sha256, validation: end.validation, test: end.test }).toEqual({ sha256, validation, test });
  await checkLedger(run, undisturbed.start.steps);
  const left = ['best', 'checkpoints', 'config.yaml', 'events.jsonl', 'ledger.jsonl', 'metrics.jsonl', 'model'];
  expect(readdirSync(run).sort()).toEqual(left);
  expect(readdirSync(join(folder, 'runs'))).toEqual(['killed-1']);
  // Loss by loss, the record is that of a run that nothing happened to.
  const record = (path: string) =>
    readFileSync(join(path, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ event, epoch, step, loss, validation }) => ({ event, epoch, step, loss, validation }));
  expect(record(run)).toEqual(record(undisturbed.start.folder));

  // Nothing is left to do, and says so.
  const again = await lockstepServed(['train', '--resume', run], folder);
  expect(again.code).toBe(2);
  expect(again.stdout).toContain(`the run is complete: it has ${3 * kills} of ${3 * kills} epochs`);
});
