import {
  appendFileSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { OutputError } from '../../src/errors.js';
import { duration, grouped, metricText, sizeText } from '../../src/ground/units.js';
import type { Reporter, RunEvent } from '../../src/report/events.js';
import { jsonLine, jsonReporter } from '../../src/report/json.js';
import { metricsLog } from '../../src/report/metrics-log.js';
import { plainReporter } from '../../src/report/plain.js';
import { terminalReporter } from '../../src/report/terminal.js';
import { skipIf } from '../support/skip-if.js';

const SHA = '0123456789abcdef'.repeat(4);

const START: RunEvent = {
  event: 'start',
  name: 'digits',
  folder: 'runs/digits-1',
  data: 'digits: 12,000 generated images, 28x28x1, 10 classes',
  parameters: 421_642,
  trainable: 421_514,
  engine: 'onnx',
  threads: 2,
  shards: 4,
  batchSize: 64,
  steps: 300,
  epochs: 2,
  training: 9_600,
  validation: 1_200,
  test: 1_200,
  prepared: { reading: 0.31, compiling: 1.26 },
  seed: 42,
};

const PROGRESS: RunEvent = {
  event: 'progress',
  epoch: 1,
  epochs: 2,
  step: 75,
  steps: 150,
  loss: 0.5,
  examplesPerSecond: 4_321.6,
  secondsLeft: 61.2,
};

const STEP: RunEvent = {
  event: 'step',
  epoch: 1,
  step: 50,
  loss: 0.75,
  learningRate: 0.001,
  gradientNorm: Number.POSITIVE_INFINITY,
  examplesPerSecond: 4_000,
};

const EPOCHS: RunEvent[] = [
  {
    event: 'epoch',
    epoch: 1,
    step: 150,
    loss: 0.3125,
    validation: { loss: 0.1203, accuracy: 0.9641 },
    seconds: 12.34,
    examplesPerSecond: 4_321.6,
    best: true,
  },
  {
    event: 'epoch',
    epoch: 2,
    step: 300,
    loss: 0.0000123,
    validation: { loss: Number.NaN, accuracy: 0.96 },
    seconds: 125,
    examplesPerSecond: 4_400,
    best: false,
  },
];

const END: RunEvent = {
  event: 'end',
  validation: { loss: 0.1203, accuracy: 0.9641 },
  test: { loss: 0.125, accuracy: 0.9625 },
  model: 'runs/digits-1/model/model.json',
  best: 'runs/digits-1/best/model.json',
  sha256: SHA,
  seconds: 137.34,
  examplesPerSecond: 4_360,
  interrupted: false,
  steps: 96,
  epochs: 2,
  bestEpoch: 2,
  stoppedEarly: false,
  restored: false,
  resume: null,
};

const WARNING: RunEvent = { event: 'warning', message: 'no lowering for Cumsum: engine tfjs takes over' };
const ERROR: RunEvent = {
  event: 'error',
  code: 'LOCKSTEP_DATA',
  message: 'x.gz is cut short',
  remedy: 'fetch it again',
};

const RUN: RunEvent[] = [START, WARNING, PROGRESS, STEP, ...EPOCHS, END];

describe('plain report', () => {
  it('prints the run as aligned lines without control codes', () => {
    expect(reported(plainReporter, RUN)).toBe(`digits
  data      digits: 12,000 generated images, 28x28x1, 10 classes
  examples  9,600 training, 1,200 validation, 1,200 test
  model     421,642 parameters, 128 of them not trained
  engine    onnx, 2 threads
  batch     64 examples in 4 shards
  training  2 epochs, 300 steps, seed 42
  prepared  read in 0.3 s, compiled in 1.3 s
  folder    runs/digits-1

warning: no lowering for Cumsum: engine tfjs takes over
epoch      loss  val loss  val accuracy  examples/s      time
1/2      0.3125    0.1203        0.9641       4,322    12.3 s  best
2/2    1.230e-5       NaN        0.9600       4,400  2 min 05 s

  validation  loss 0.1203  accuracy 0.9641
  test        loss 0.1250  accuracy 0.9625
  model       runs/digits-1/model/model.json
  best model  runs/digits-1/best/model.json
  time        2 min 17 s
  speed       4,360 examples/s
parameters sha256: ${SHA}
`);
  });

  it('prints weights of tiny models, an interruption, and leaves out what a run does not have', () => {
    const weights = { 'dense/kernel': [2.0000004], 'dense/bias': [-0.0000012] };
    const tokensPerSecond = 64 * 4_360;
    const end: RunEvent = { ...END, validation: null, test: null, best: null, weights, seconds: 1, tokensPerSecond };
    const interrupted = { interrupted: true, resume: 'runs/digits-1' };
    expect(reported(plainReporter, [{ ...end, ...interrupted }])).toBe(`
  interrupted   the model is that of step 96, the last that was finished
  dense/kernel  2.0000
  dense/bias    -1.200e-6
  model         runs/digits-1/model/model.json
  time          1.0 s
  speed         4,360 examples/s, 279,040 tokens/s
parameters sha256: ${SHA}
`);
    expect(reported(plainReporter, [{ ...end, ...interrupted, steps: 0, epochs: 0 }])).toContain(
      '\n  interrupted   before the first step: the model has its initial parameters\n',
    );
  });

  it('prints an error with its remedy and code', () => {
    expect(reported(plainReporter, [ERROR])).toBe('error: x.gz is cut short\nremedy: fetch it again\nLOCKSTEP_DATA\n');
  });

  it('gives a sign of life when an epoch is silent for half a minute, and no sooner', () => {
    let time = 0;
    const chunks: string[] = [];
    const report = plainReporter(collector(chunks), () => time);
    report(START);
    chunks.length = 0;
    time = 29_999;
    report(PROGRESS);
    expect(chunks).toEqual([]);
    time = 30_000;
    report(PROGRESS);
    report(PROGRESS);
    expect(chunks.join('')).toBe('epoch 1/2: step 75/150, loss 0.5000, 4,322 examples/s, 1 min 01 s left\n');
  });

  it('says what a run is busy with when that takes its time', () => {
    vi.useFakeTimers();
    try {
      const chunks: string[] = [];
      const report = plainReporter(collector(chunks));
      for (const phase of ['reading', 'compiling', 'warmingUp', 'training'] as const) {
        report({ event: 'phase', phase, seconds: 1 });
        vi.advanceTimersByTime(phase === 'reading' ? 4_999 : 5_000);
      }
      expect(chunks.join('')).toBe('compiling ...\nwarming up ...\n');
    } finally {
      vi.useRealTimers();
    }
  });

  it('counts tokens of texts', () => {
    const [epoch] = EPOCHS.map((event) => ({ ...event, examplesPerSecond: 10, tokensPerSecond: 640 }));
    expect(reported(plainReporter, [START, epoch as RunEvent])).toMatch(
      / {2}tokens\/s {2,}time\n1\/2 .* 640 {2,}12\.3 s {2}best\n$/,
    );
    const bar = { ...PROGRESS, examplesPerSecond: 10, tokensPerSecond: 640 } as RunEvent;
    const chunks: string[] = [];
    const stream = Object.assign(collector(chunks), { isTTY: true, columns: 80 });
    terminalReporter(stream as unknown as NodeJS.WriteStream)(bar);
    expect(chunks.join('')).toContain('640 tokens/s  1 min 01 s left');
  });
});

describe('JSON report', () => {
  it('prints one object a line, without progress, and names numbers that are not finite', () => {
    const lines = reported(jsonReporter, RUN).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(['start', 'warning', 'step', 'epoch', 'epoch', 'end']);
    expect(lines[2]).toBe(
      '{"event":"step","epoch":1,"step":50,"loss":0.75,"learningRate":0.001,"gradientNorm":"Infinity","examplesPerSecond":4000}',
    );
    expect(JSON.parse(lines[4]).validation).toEqual({ loss: 'NaN', accuracy: 0.96 });
    expect(JSON.parse(lines[5])).toEqual(END);
  });
});

describe('metrics.jsonl', () => {
  it('appends step, epoch and end lines', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-'));
    const file = join(folder, 'metrics.jsonl');
    const { report } = metricsLog(file, 0);
    for (const event of RUN) report(event);
    const events = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(events.map((line) => JSON.parse(line).event)).toEqual(['step', 'epoch', 'epoch', 'end']);
    // Taken up from a checkpoint, it forgets what came later, and a line that was cut off.
    const lines = readFileSync(file, 'utf8').split('\n');
    const first = JSON.parse(lines[1]).step as number;
    appendFileSync(file, '{"event":"st');
    metricsLog(file, first).report(STEP);
    const kept = lines.filter((line) => line !== '' && JSON.parse(line).step <= first).length;
    expect(kept).toBeLessThan(lines.length - 1);
    const now = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(now.slice(0, -1)).toEqual(lines.slice(0, kept));
    const { time, ...last } = JSON.parse(now.at(-1)!);
    expect(last).toEqual(JSON.parse(jsonLine(STEP)));
    expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(60);
    rmSync(folder, { recursive: true });
    expect(() => metricsLog(file, 0)).toThrow(OutputError);
  });
});

skipIf(!existsSync('/proc/self/fdinfo') && 'how files are open is told by /proc').it(
  'log files can be cut on Windows, too: they are not open for appending',
  () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-')));
    const file = join(folder, 'metrics.jsonl');
    const log = metricsLog(file, 0).file;
    const descriptors = readdirSync('/proc/self/fd').filter((fd) => existsSync(`/proc/self/fd/${fd}`));
    const fd = descriptors.find((fd) => readlinkSync(`/proc/self/fd/${fd}`) === file);
    const [, flags] = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))!;
    expect(Number.parseInt(flags, 8) & constants.O_APPEND).toBe(0);
    log.close();
    rmSync(folder, { recursive: true });
  },
);

describe('terminal report', () => {
  it('shows the bar with its fields on a narrow line, then the epoch lines', () => {
    const chunks: string[] = [];
    const stream = Object.assign(collector(chunks), { isTTY: true, columns: 80 }) as unknown as NodeJS.WriteStream;
    const report = terminalReporter(stream);
    report(START);
    chunks.length = 0;
    report({ ...PROGRESS, epoch: 10, epochs: 20, step: 750, steps: 1_500, examplesPerSecond: 123_456 });
    const bar = stripVTControlCharacters(chunks.join(''));
    expect(bar).toMatch(/^10\/20 █+░+ {3}750\/1,500 {2}loss 0\.5000 {2}123,456 examples\/s {2}1 min 01 s left$/);
    expect(bar.length).toBeLessThan(80);
    for (const event of [WARNING, PROGRESS, ...EPOCHS, END]) report(event);
    const all = stripVTControlCharacters(chunks.join(''));
    expect(all).toContain('warning: no lowering for Cumsum');
    expect(all).toContain('1/2      0.3125    0.1203        0.9641       4,322    12.3 s  best\n');
    expect(all.endsWith(`\nparameters sha256:\n${SHA}\n`)).toBe(true);
  });

  it('clears the bar before an error', () => {
    const chunks: string[] = [];
    const stream = Object.assign(collector(chunks), { isTTY: true }) as unknown as NodeJS.WriteStream;
    const report = terminalReporter(stream);
    for (const event of [START, PROGRESS, ERROR]) report(event);
    expect(chunks.join('')).toContain('\u001b[2K');
    expect(stripVTControlCharacters(chunks.at(-1) ?? '')).toContain('error: x.gz is cut short\nremedy: fetch it again');
  });
});

describe('figures', () => {
  it('keeps numbers short and readable', () => {
    expect([0, 2, -0.5, 0.0001, 123_456, Number.NaN].map(metricText)).toEqual([
      '0.0000',
      '2.0000',
      '-0.5000',
      '1.000e-4',
      '1.235e+5',
      'NaN',
    ]);
    expect([0, 999, 1000, 1_234_567].map(sizeText)).toEqual(['0 B', '999 B', '1.0 kB', '1.2 MB']);
    expect([0, 999.6, 1_234_567].map(grouped)).toEqual(['0', '1,000', '1,234,567']);
    expect([0, 59.94, 59.95, 3_599.4, 3_599.6, 7_380, Number.POSITIVE_INFINITY].map(duration)).toEqual([
      '0.0 s',
      '59.9 s',
      '1 min 00 s',
      '59 min 59 s',
      '1 h 00 min',
      '2 h 03 min',
      '?',
    ]);
  });
});

function collector(chunks: string[]): Writable {
  return new Writable({
    write(chunk, _, done) {
      chunks.push(String(chunk));
      done();
    },
  });
}

function reported(create: (stream: NodeJS.WritableStream) => Reporter, events: readonly RunEvent[]): string {
  const chunks: string[] = [];
  const report = create(collector(chunks));
  for (const event of events) report(event);
  return chunks.join('');
}
