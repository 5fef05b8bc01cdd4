/** Text that files choose reaches a terminal without what a terminal obeys, and tables without what spreadsheets compute. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { predictionLines } from '../../cli/prediction-text.js';
import { workerLine } from '../../cli/worker-text.js';
import type { Predictions } from '../../coordinator/inference/predict.js';
import { printable, printableDeep, printableMessage, printableText } from '../../src/ground/printable.js';
import type { RunEvent } from '../../src/report/events.js';
import { jsonLine } from '../../src/report/json.js';
import { plainReporter } from '../../src/report/plain.js';
import { lockstepServed } from '../support/cli.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';

const folder = temporaryFolder();
/** Every character that a terminal may obey, or that turns text around. */
const codes = [
  ...Array.from({ length: 0x20 }, (_, i) => i),
  ...Array.from({ length: 0x21 }, (_, i) => 0x7f + i),
  ...[0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069],
];
const evil = codes.map((code) => `a${String.fromCharCode(code)}`).join('');
/** Line ends of the program's own are fine; none other of those characters is. */
const raw = new RegExp(
  `[${codes
    .filter((code) => code !== 10)
    .map((code) => `\\u${code.toString(16).padStart(4, '0')}`)
    .join('')}]`,
);

it('every such character is escaped, and other letters are not', () => {
  expect(printable(evil)).toMatch(/^[ -~]+$/);
  expect(printable('\x1b[31m\x9b2J\u202e')).toBe('\\x1b[31m\\x9b2J\\u202e');
  expect(printable('Ünïcode 数 🙂 é')).toBe('Ünïcode 数 🙂 é');
  expect(printableMessage('a\nerror: forged\n  b')).toBe('a\\x0aerror: forged\n  b');
  expect(printableDeep({ [evil]: [evil, 1, null] })).toEqual({ [printable(evil)]: [printableMessage(evil), 1, null] });
});

it('JSON keeps the text and escapes the characters', () => {
  const line = jsonLine({ event: evil });
  expect(line.slice(0, -1)).toMatch(/^[ -~]+$/);
  expect(JSON.parse(line)).toEqual({ event: evil });
});

/** An event of each kind, with such a text in every place that has one. */
const events: RunEvent[] = [
  { event: 'warning', message: evil },
  { event: 'error', code: evil, message: evil, remedy: evil },
  {
    event: 'start',
    name: evil,
    data: evil,
    folder: evil,
    engine: 'onnx',
    backend: evil,
    training: 1,
    validation: 1,
    test: 1,
    parameters: 1,
    trainable: 1,
    threads: 1,
    prepared: { reading: 1, compiling: 1 },
    batchSize: 1,
    shards: 1,
    epochs: 1,
    steps: 1,
    seed: 1,
    resumed: { step: 1, checkpoint: evil },
  } as unknown as RunEvent,
  {
    event: 'epoch',
    epoch: 1,
    step: 1,
    loss: 1,
    examplesPerSecond: 1,
    seconds: 1,
    best: true,
    validation: { [evil]: 1 },
  } as unknown as RunEvent,
  {
    event: 'end',
    interrupted: true,
    epochs: 1,
    seconds: 1,
    sha256: evil,
    model: evil,
    best: evil,
    resume: evil,
    validation: { [evil]: 1 },
    test: { [evil]: 1 },
    weights: { [evil]: [1] },
  } as unknown as RunEvent,
  { event: 'listening', join: evil } as unknown as RunEvent,
  { event: 'worker', change: 'lost', name: evil, address: evil, step: 1, reason: evil } as unknown as RunEvent,
  {
    event: 'world',
    workers: [{ name: evil, address: evil, threads: 1, state: evil, examplesPerSecond: 1, share: 1, roundTrip: 1 }],
  } as unknown as RunEvent,
  { event: 'waiting', step: 1, present: 1, minimum: 2, away: [evil] } as unknown as RunEvent,
];

const epoch: RunEvent = {
  ...{ event: 'epoch', epoch: 1, step: 1, loss: 1, validation: null },
  ...{ seconds: 1, examplesPerSecond: 1, best: false },
};

it.each(events.map((event) => [event.event, event] as const))('an event of kind %s', (_, event) => {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const report = plainReporter(stream);
  report(event);
  // Workers are shown once something else has come.
  if (event.event === 'world') report(epoch);
  expect(text).not.toMatch(raw);
  expect(text).toContain('\\x1b');
  expect(text).not.toMatch(/^aa|^a$/m);
});

it('what a worker says', () => {
  const line = workerLine(printableDeep({ event: 'lost', reason: evil }));
  expect(line).not.toMatch(raw);
});

it('a text that goes on keeps its line ends and tabs', async () => {
  const given = async function* () {
    yield* ['a', '\r', '\n', '\t', '\r', 'b', '\x1b', '\u202e', '\n', '\r'];
  };
  let text = '';
  for await (const piece of printableText(given())) text += piece;
  expect(text).toBe('a\r\n\t\\x0db\\x1b\\u202e\n\\x0d');
});

describe('predictions', () => {
  const names = ['=1+1', '+a', '-1', '-1.5e3', '@x', '\tx', '\rx', '-x', 'plain', evil, 'a"b', '＝1'];
  const predictionsOf = (target: object) => ({ ...target, targets: [target] }) as unknown as Predictions;
  const about = predictionsOf({ kind: 'classes', names, measure: 'probability', inputs: 'files' });
  const given = (name: string) => ({ row: 1, name: 'f.png', classes: [{ name, score: 0.5 }] });

  it('as CSV begin with no formula, and numbers stay numbers', () => {
    const cells = names.map((name) => predictionLines('csv', about, 1).line(given(name)));
    expect(cells.slice(0, 9)).toEqual([
      ...["f.png,'=1+1,0.5\n", "f.png,'+a,0.5\n", 'f.png,-1,0.5\n', 'f.png,-1.5e3,0.5\n', "f.png,'@x,0.5\n"],
      ...["f.png,'\tx,0.5\n", 'f.png,"\'\rx",0.5\n', "f.png,'-x,0.5\n", 'f.png,plain,0.5\n'],
    ]);
    expect(cells[9].replace(/[\t\r]/g, '')).not.toMatch(raw);
    expect(cells.slice(10)).toEqual(['f.png,"a""b",0.5\n', "f.png,'＝1,0.5\n"]);
    const numbers = predictionsOf({ kind: 'numbers', names: ['=y', 'z'], inputs: 'rows' });
    const lines = predictionLines('csv', numbers, 1);
    expect(lines.header).toBe("row,'=y,z\n");
    expect(lines.line({ row: 1, values: [-1.5, 2] })).toBe('1,-1.5,2\n');
    expect(predictionLines('csv', about, 1).line({ ...given('plain'), name: '=cmd.png' })).toBe(
      "'=cmd.png,plain,0.5\n",
    );
  });

  it.each(['plain', 'json'] as const)('as %s', (format) => {
    const text = predictionLines(format, about, 1).line({ ...given(evil), name: evil });
    expect(text).not.toMatch(raw);
    expect(text.split('\n')).toHaveLength(2);
  });
});

it('names of files, YAML and options, by every command', async () => {
  const name = 'x\x1b[31m\x9b\u202e\r';
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, `${name}.yaml`), 'a: "\\e[31m"\nmodel: [');
  const wrong = writeConfig(folder, 'wrong', { 'x\x1b[31m': 1, loss: '\x9b\u202e', data: { source: '\x1b]0;t\x07' } });
  writeFileSync(join(folder, name, 'model.json'), JSON.stringify({ class_name: '\x1b[2J', config: { name: '\x1b' } }));
  const tries = [
    ...[
      ['train', name],
      ['train', `${name}.yaml`],
      ['train', wrong],
      ['train', wrong, '--set', `a=${name}`],
    ],
    ...[
      ['predict', name, name],
      ['evaluate', name],
      ['export', name, '--format', 'onnx', '--output', name],
    ],
    ...[
      ['worker', name, '--name', name],
      ['data', name],
      ['scale', name],
      ['train', '--resume', name],
      ['train', `--${name}`],
    ],
  ];
  const results = await Promise.all(tries.map((args) => lockstepServed(args, folder)));
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    const said = stdout + stderr;
    expect({ tried: tries[i], code, said }).toMatchObject({ code: 2, said: expect.stringMatching(/./) });
    expect(said).not.toMatch(raw);
    expect(said).not.toMatch(/^ +at /m);
  }
});
