/** How to repeat an evaluation, as its report says: followed to the letter, it comes to the same numbers. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { evaluateCommand } from '../../cli/evaluate.js';
import { evaluateLine, evaluationReport } from '../../coordinator/inference/make-report.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';
import { smallModel } from '../support/small.js';

const folder = temporaryFolder();

it('training and evaluating by its lines come to the same parameters and numbers', async () => {
  const data = { source: 'digits', examples: 100, validation: 0.2, test: 0.2 };
  const file = writeConfig(folder, 'digits', { ...smallModel, data, training: { epochs: 2, batchSize: 32 } });
  const { start } = await trained(file, ['seed=7'], join(folder, 'runs'));
  const options = { overrides: ['evaluation.resamples=20'], model: 'final', threads: 1 };
  const report = await evaluationReport(start.folder, options);
  const [{ fitted, readings }] = report.calibration!;
  expect([fitted, readings.map(({ isCalibrated }) => isCalibrated)]).toEqual([undefined, [false]]);
  const [train, evaluate] = report.repeat!.commands.map((line) => line.split(' '));
  expect(train.slice(0, 3)).toEqual(['npx', 'lockstep', 'train']);
  const again = await trained(train[3], train.slice(4), join(folder, 'again'));
  expect(again.end.sha256).toBe(report.repeat!.parameters);
  expect(evaluate).toEqual(
    `npx lockstep evaluate ${start.folder} --split test --model final --set evaluation.resamples=20 --no-diagnosis`.split(
      ' ',
    ),
  );
  const { metrics, intervals, card } = await evaluationReport(again.start.folder, options);
  expect({ metrics, intervals, card }).toEqual({
    ...{ metrics: report.metrics, intervals: report.intervals, card: report.card },
  });
  expect(await evaluationReport(start.folder, options, false)).not.toHaveProperty('card');
  expect(report.repeat!.note).toBeUndefined();
  const rounded = { ...options, overrides: [...options.overrides, 'cluster.precision=bfloat16'] };
  expect((await evaluationReport(start.folder, rounded, false)).repeat!.note).toMatch(/bfloat16 .* only by chance/);
});

it('the line has every option that changes what is found', () => {
  const line = evaluateLine('runs/a', 'test', {
    ...{ unseal: true, model: 'final', config: 'c.yaml', module: 'm.ts', overrides: ['seed=1'], by: ['age:4'] },
    ...{ importance: true, repeats: 3 },
  });
  const others = evaluateLine('runs/a', null, { data: { x: 'x.npy' }, diagnose: true });
  expect(others).toEqual(['evaluate', 'runs/a', '--data', 'x=x.npy']);
  // --gallery is said as --set evaluation.gallery.
  // A device says where something is computed, not what.
  const harmless = ['--threads', '--device', '--html', '--markdown', '--force', '--json', '--gallery'];
  const asked = evaluateCommand().options.map(({ long }) => long!);
  expect(new Set([...line, ...others].filter((word) => word.startsWith('--')))).toEqual(
    new Set(asked.filter((flag) => !harmless.includes(flag))),
  );
});
