/** Terminals of 60, 80 and 100 columns: everything that commands say there keeps its words whole. */
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import type { Command } from 'commander';
import { describe, expect, it, vi } from 'vitest';
import { coordinatorCommand } from '../../cli/coordinator.js';
import { dataCommand } from '../../cli/data.js';
import { doctorCommand } from '../../cli/doctor.js';
import { evaluateCommand } from '../../cli/evaluate.js';
import { exportCommand } from '../../cli/export.js';
import { predictCommand } from '../../cli/predict.js';
import { scaleCommand } from '../../cli/scale.js';
import { trainCommand } from '../../cli/train.js';
import { workerCommand } from '../../cli/worker.js';
import { workerLine } from '../../cli/worker-text.js';
import { terminalDownloadReporter } from '../../src/download/report.js';
import type { Reporter, RunEvent } from '../../src/report/events.js';
import { plainReporter } from '../../src/report/plain.js';
import { terminalReporter } from '../../src/report/terminal.js';
import type { WorkerInfo } from '../../src/report/world-events.js';
import { wrapLines } from '../../src/report/wrap.js';

const widths = [60, 80, 100];
const sha256 = '0123456789abcdef'.repeat(4);
const folder = 'runs/customers-of-the-last-quarter-17';
const why = 'no answer for 10 s while it sent the sum of shards 4 to 7 of step 1,234; unsent: 1,048,576 bytes';

const worker = (id: number): WorkerInfo => ({
  id,
  name: `rack${id}.example`,
  address: `192.168.100.${id}:53434`,
  threads: 16,
  state: 'active',
  examplesPerSecond: 123_456,
  share: 0.5,
  roundTrip: 12.3,
  optimizerBytes: 3_373_136,
});
const summary = (id: number) => ({
  name: `rack${id}.example`,
  address: '',
  threads: 16,
  shards: 12_345,
  steps: 1_234,
  computeSeconds: 123.4,
  exchangeSeconds: 12.3,
  updateSeconds: 1.2,
  optimizerBytes: 843_284,
  bytesSent: 1e9,
  bytesReceived: 1e9,
  timesLost: 1,
});
const metrics = { loss: 0.1203, accuracy: 0.9641, topKAccuracy: 0.9912 };

const events: RunEvent[] = [
  { event: 'warning', message: `column "joined" is nearly always distinct: ${why}` },
  {
    event: 'start',
    name: 'customers',
    folder,
    parameters: 421_642,
    trainable: 421_514,
    engine: 'onnx',
    seed: 42,
    data: '12,000 examples of shape [28, 28, 1], 10 classes (/home/somebody/data/customers-of-the-last-quarter.csv)',
    threads: 2,
    shards: 4,
    batchSize: 64,
    steps: 300,
    epochs: 2,
    training: 9_600,
    validation: 1_200,
    test: 1_200,
    prepared: { reading: 12.3, compiling: 1.23 },
    resumed: { step: 1_234, checkpoint: `${folder}/checkpoints/step-00001234` },
  },
  {
    event: 'columns',
    total: 30,
    features: 80,
    shown: [
      { name: 'plan', role: 'target', type: 'category', categories: 3, examples: ['gold', 'silver', 'basic'] },
      { name: 'number of orders', role: 'feature', type: 'number', lowest: -123456, highest: 1.5e6, missing: 12 },
      {
        name: 'town',
        role: 'feature',
        type: 'category',
        categories: 41,
        features: 41,
        missing: 1_234,
        examples: ['Amsterdam', 'Barcelona', 'Copenhagen', 'Düsseldorf', 'Edinburgh'],
      },
      { name: 'row', role: 'left out', why: 'the file says that it is the index of its rows' },
    ],
  },
  ...[1, 2].map(
    (epoch): RunEvent => ({
      event: 'epoch',
      epoch,
      step: 150 * epoch,
      loss: 1.23e-5,
      validation: metrics,
      examplesPerSecond: 1_234_567,
      seconds: 7_380,
      best: true,
    }),
  ),
  {
    event: 'listening',
    url: 'ws://192.168.100.1:7474',
    local: false,
    minimum: 2,
    join: 'lockstep worker ws://192.168.100.1:7474 --token 0123456789abcdefghijklmnopqrstuv',
    note: `a worker on another machine needs a line to this address, and a token that nobody else has`,
  },
  { event: 'world', bytesSent: 0, bytesReceived: 0, workers: [worker(1), worker(2)] },
  { event: 'worker', change: 'lost', name: 'rack1.example', address: '192.168.100.1:53434', step: 12, reason: why },
  { event: 'waiting', step: 12, present: 1, minimum: 3, away: ['rack1.example', 'rack2.example', 'rack3.example'] },
  {
    event: 'summary',
    steps: 1_234,
    bytesPerStep: 1e6,
    fewestBytesPerStep: 1e6,
    hosts: 2,
    bytesBetweenHosts: 1e5,
    reproducible: false,
    workers: [summary(1), summary(2)],
    precision: 'bfloat16',
    optimizerState: 'sharded',
    rank: 4,
    sums: 'mpi',
    local: { steps: 50, replicas: 4, parts: 1, overlap: 0, quantize: null },
  },
  {
    event: 'end',
    validation: metrics,
    test: metrics,
    sha256,
    seconds: 137.34,
    examplesPerSecond: 1_234_567,
    tokensPerSecond: 123_456_789,
    interrupted: true,
    steps: 1_500,
    epochs: 2,
    bestEpoch: 2,
    stoppedEarly: true,
    restored: true,
    resume: folder,
    model: `${folder}/model/model.json`,
    best: `${folder}/best/model.json`,
    weights: { 'dense/kernel': Array.from({ length: 12 }, () => 0.5) },
  },
  {
    event: 'error',
    code: 'LOCKSTEP_UNWRITTEN',
    message: `the run has ended, but ${why}`,
    remedy: `free space: ${why}`,
  },
];

/** What a reporter writes to a terminal of so many columns; none where it is no terminal. */
function shown(reporterOf: (stream: NodeJS.WriteStream) => Reporter, told: readonly RunEvent[], columns?: number) {
  let text = '';
  const sink = new Writable({
    write: (chunk, _, done) => {
      text += chunk;
      done();
    },
  });
  const stream = Object.assign(sink, columns === undefined ? {} : { isTTY: true, columns });
  const report = reporterOf(stream as unknown as NodeJS.WriteStream);
  for (const event of told) report(event);
  return stripVTControlCharacters(text);
}

/** As a shell reads lines that go on. */
const wordsOf = (text: string): string[] => text.replaceAll(' \\\n', ' ').trim().split(/\s+/);

function expectWhole(narrow: string, wide: string, columns: number): void {
  expect(wordsOf(narrow)).toEqual(wordsOf(wide));
  // What is longer by itself stays in one piece, for who copies it.
  const long = narrow.split('\n').filter((line) => line.length > columns && / /.test(line.trim()));
  expect(long).toEqual([]);
}

describe.each(widths)('a terminal of %i columns', (columns) => {
  it.each(
    events
      .filter(({ event }) => !['epoch', 'world', 'summary'].includes(event))
      .map((event) => [event.event, event] as const),
  )('shows %s in whole words', (_, event) => {
    expectWhole(shown(terminalReporter, [event], columns), shown(terminalReporter, [event]), columns);
    // Warnings and errors of commands whose results go elsewhere.
    expectWhole(shown(plainReporter, [event], columns), shown(plainReporter, [event]), columns);
  });

  it('leaves out the last columns of epochs that have no room', () => {
    const { loss, accuracy } = metrics;
    const epochs = events.flatMap((event) =>
      event.event === 'epoch' ? [{ ...event, validation: { loss, accuracy } }] : [],
    );
    const [titles, ...lines] = shown(terminalReporter, epochs, columns).trimEnd().split('\n');
    expect(titles.replace(/ +/g, ' ')).toBe(
      `epoch loss val loss val accuracy examples/s${columns === 60 ? '' : ' time'}`,
    );
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line.length).toBeLessThanOrEqual(columns);
      expect(line).toMatch(/ {2}best$/);
    }
  });

  it.each(['world', 'summary'])('leaves out columns of workers that have no room, in %s', (event) => {
    // Workers are shown before the next epoch.
    const next = event === 'world' ? events.filter((each) => each.event === 'epoch') : [];
    const told = [...events.filter((each) => each.event === event), ...next];
    const text = shown(terminalReporter, told, columns);
    const rows = text.split('\n').filter((line) => /^(?:worker|rack\d.example) {2}/.test(line));
    expect(rows).toHaveLength(3);
    expect(new Set(rows.map(({ length }) => length)).size).toBe(1);
    expect(rows[0].length).toBeLessThanOrEqual(columns);
    expect(rows[0]).toContain(event === 'world' ? 'state  examples/s' : 'steps');
    // What stands below the table has its words.
    const notes = (all: string) => wordsOf(all.split('\n').slice(4).join('\n'));
    if (event === 'summary') expect(notes(text)).toEqual(notes(shown(terminalReporter, told)));
  });

  it.each(['reading', 'compiling', 'warmingUp'] as const)(
    'shows that a run is %s until something else is to be shown',
    (phase) => {
      const warning: RunEvent = { event: 'warning', message: 'odd' };
      const line = { reading: 'reading data ...', compiling: 'compiling ...', warmingUp: 'warming up ...' }[phase];
      const told: RunEvent[] = [
        { event: 'phase', phase, seconds: 1 },
        warning,
        { event: 'phase', phase: 'training', seconds: 2 },
      ];
      expect(shown(terminalReporter, told, columns)).toBe(`${line}\rwarning: odd\n${line}\r`);
    },
  );

  it('shows a bar that fits, and its figures at least', () => {
    const at = { event: 'progress', epoch: 10, epochs: 20, step: 750, steps: 1_500, loss: 0.5 } as const;
    const bar = shown(terminalReporter, [{ ...at, examplesPerSecond: 1_234_567, secondsLeft: 7_380 }], columns);
    expect(bar.length).toBeLessThan(columns);
    expect(bar).toMatch(/^10\/20 .*750\/1,500 {2}loss 0\.5000 .*2 h 03 min left$/);
  });

  const commands: Command[] = [
    ...[trainCommand(), coordinatorCommand(), workerCommand(), scaleCommand(), evaluateCommand()],
    ...[predictCommand(), exportCommand(), dataCommand(), doctorCommand()],
  ];
  it.each(commands.map((command) => [command.name(), command] as const))('shows the help of %s', (_, command) => {
    let text = '';
    command.configureOutput({ getOutHelpWidth: () => columns, writeOut: (part) => (text += part) }).outputHelp();
    expectWhole(wrapLines(text, columns), text, columns);
  });

  it('shows what a worker and a download say', () => {
    const url = 'ws://trainer.example.org:7474';
    const reason = 'cannot connect to trainer.example.org:7474 (connect ECONNREFUSED 192.168.100.100:7474)';
    const line = workerLine({ event: 'connecting', url, reason, seconds: 61, timeout: 600 });
    expectWhole(wrapLines(line, columns), line, columns);
    const next = 'lockstep train configs/mnist.yaml --set data.test=t10k --set data.dir=/some/big/disk/for/data/mnist';
    const told = (width?: number) =>
      shown(
        (stream) => terminalDownloadReporter(stream) as unknown as Reporter,
        [{ event: 'end', dir: '/some/big/disk/for/data/mnist', interrupted: false, next } as unknown as RunEvent],
        width,
      );
    expectWhole(told(columns), told(), columns);
  });
});

it('on 60 columns each epoch has a line, and a course its blocks; on 20 no two titles are the same', () => {
  const told = [1, 2, 3].map((epoch) => ({ ...events.find(({ event }) => event === 'epoch'), epoch }) as RunEvent);
  const end = events.find(({ event }) => event === 'end')!;
  const lines = (columns: number) => shown(terminalReporter, [events[1], ...told, end], columns).split('\n');
  expect(lines(60).filter((line) => /^[123]\/2 .* best$/.test(line))).toHaveLength(3);
  expect(lines(60)).toContain('  val accuracy      ▁▁▁  0.9641 to 0.9641');
  const titles = lines(20).filter((line) => /^ {2}val /.test(line));
  expect([titles.length, new Set(titles).size]).toEqual([3, 3]);
});

describe('a report without a terminal', () => {
  it('says the size of each split once, and breaks no line', () => {
    const text = shown(plainReporter, events);
    for (const size of ['9,600', '1,200 validation', '1,200 test']) expect(text.split(size)).toHaveLength(2);
    expect(text).toContain(`parameters sha256: ${sha256}\n`);
    expect(text).toContain(`${why}\n`);
  });

  it('is as wide as COLUMNS says, where a terminal does not', () => {
    vi.stubEnv('COLUMNS', '60');
    try {
      expect(shown(plainReporter, events)).toBe(shown(plainReporter, events, 60));
      expect(shown(plainReporter, events, 100)).not.toBe(shown(plainReporter, events));
      vi.stubEnv('COLUMNS', 'many');
      expect(shown(plainReporter, events)).toContain(`${why}\n`);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('says of a world that took no step that, and nothing of bytes a step', () => {
    const told = events.flatMap((event) => (event.event === 'summary' ? [{ ...event, steps: 0 }] : []));
    expect(shown(plainReporter, told)).toMatch(/\n(?:rack.*\n){2}no step was taken\n$/);
  });

  it('of a worker says once how much comes and that it is here', () => {
    const total = 120_000_000;
    const parts = Array.from({ length: 101 }, (_, i) =>
      workerLine({ event: 'transfer', what: 'data', bytes: (total / 100) * i, total }),
    );
    const text = [...parts, workerLine({ event: 'data', from: 'coordinator' })].join('');
    expect(text).toBe('receiving data: 120 MB\ndata: received\n');
  });
});
