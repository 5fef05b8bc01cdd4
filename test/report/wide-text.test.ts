/** Names of characters that take two columns, or none: tables are aligned and lines are broken by what a terminal shows. */
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { explanationText } from '../../cli/explanation-text.js';
import { importanceText } from '../../cli/importance-text.js';
import { predictionLines } from '../../cli/prediction-text.js';
import type { Explanation } from '../../coordinator/inference/explanation.js';
import type { ImportanceResult } from '../../coordinator/inference/importance.js';
import type { Prediction, Predictions } from '../../coordinator/inference/predict.js';
import { cutMiddle, cutText, displayWidth, tableLines } from '../../src/report/aligned.js';
import { columnsText } from '../../src/report/columns-text.js';
import type { RunEvent } from '../../src/report/events.js';
import { figureText } from '../../src/report/figure-text.js';
import { galleryText } from '../../src/report/gallery-text.js';
import { learningCurveText } from '../../src/report/learning-curve.js';
import { slicesText } from '../../src/report/slices-text.js';
import { textReporter } from '../../src/report/text.js';
import { table, worldText } from '../../src/report/world-text.js';
import { wrapLines } from '../../src/report/wrap.js';

const colors = pc.createColors(false);
const names = ['cat', '猫', 'ねこのなまえ', 'chat é', 'cafe\u0301', '고양이', '🐈'];
/** By Unicode's East Asian Width: W is 2; combining marks are 0. */
const columns = [3, 2, 12, 6, 4, 6, 2];
const most = Math.max(...columns);

/** Columns before a mark that no name holds. */
const before = (line: string, mark: string): number => {
  const head = line.slice(0, line.indexOf(mark));
  return names.reduce((sum, name, i) => sum + (head.includes(name) ? columns[i] - name.length : 0), head.length);
};

describe('text of wide characters', () => {
  it('takes the columns that terminals give it, in colours too', () => {
    expect(names.map(displayWidth)).toEqual(columns);
    expect(displayWidth(`\x1b[32m${names[1]}\x1b[39m`)).toBe(2);
  });

  it('is aligned in every table', () => {
    const ready = { address: '', threads: 1, state: 'active' as const, examplesPerSecond: 1, share: 1, roundTrip: 1 };
    const worker = { ...ready, optimizerBytes: 0 };
    const figure = { kind: 'table' as const, rows: names, columns: ['#'], values: names.map(() => [1]) };
    const shown = names.map((name) => ({ name, role: 'feature' as const, type: 'number' as const }));
    const tables = {
      pairs: [
        table(
          names.map((name) => [name, '#']),
          colors,
          80,
        ),
        '#',
        2 + most + 2,
      ],
      figure: [figureText('confusion', figure, String, 80).split('\n').slice(2).join('\n'), ' 1', 2 + most + 1],
      columns: [
        columnsText({ event: 'columns', total: 7, features: 7, shown }, colors, 80).split('\n').slice(1).join('\n'),
        'feature',
        2 + most + 2,
      ],
      workers: [
        worldText(
          {
            event: 'world',
            bytesSent: 0,
            bytesReceived: 0,
            workers: names.map((name, id) => ({ ...worker, id, name })),
          },
          colors,
          80,
        )
          .split('\n')
          .slice(1)
          .join('\n'),
        '  active',
        most + 2 + 'address'.length + 2 + 'threads'.length,
      ],
    } as const;
    for (const [kind, [text, mark, place]] of Object.entries(tables)) {
      const lines = text.split('\n').filter((line) => line.includes(mark));
      expect(
        lines.map((line) => before(line, mark)),
        kind,
      ).toEqual(names.map(() => place));
    }
  });

  it('is aligned by its end in columns of numbers', () => {
    expect(
      tableLines(
        [
          ['a', '猫'],
          ['b', '1234'],
        ],
        80,
      ),
    ).toEqual(['a    猫', 'b  1234']);
  });

  it('is cut between characters', () => {
    expect(cutText('ねこのなまえ', 12)).toBe('ねこのなまえ');
    expect(cutText('ねこのなまえ', 10)).toBe('ねこの...');
    expect(cutText('🐈🐈🐈🐈', 7)).toBe('🐈🐈...');
  });

  it('keeps a number and its percent sign on one line', () => {
    const words = 'each is of 95 % of them, or 5 % ';
    for (let columns = 12; columns < 60; columns++) {
      for (const line of wrapLines(`title  ${words.repeat(4)}`, columns).split('\n')) expect(line).not.toMatch(/^\s*%/);
    }
    expect(wrapLines(words, 20)).toContain('95 %');
  });

  it('stays a command where it is one, with each option beside its value', () => {
    const join = `  npx lockstep worker wss://192.0.2.2:7661 --token ${'k'.repeat(32)} --tls-ca <certificate>`;
    for (const columns of [40, 60, 80]) {
      const lines = wrapLines(join, columns).split(' \\\n');
      expect(lines.map((line) => line.trim()).join(' ')).toBe(join.trim());
      expect(lines.slice(1).every((line) => line.startsWith('    --'))).toBe(true);
    }
  });

  it('is broken before it is wider than the terminal', () => {
    const words = Array.from({ length: 12 }, () => 'ねこのなまえ').join(' ');
    const lines = wrapLines(`title  ${words}`, 40).split('\n');
    // 7 columns of title, two words of 12 and a space: a third one would end in column 45.
    expect(lines).toEqual(['title  ', ...Array(5).fill('       ')].map((head) => `${head}ねこのなまえ ねこのなまえ`));
  });
});

describe('names that are longer than a terminal is wide', () => {
  const long = `${'a'.repeat(150)}${'b'.repeat(150)}`;
  const wide = '猫'.repeat(100);
  const widest = (text: string) => Math.max(...text.split('\n').map(displayWidth));

  it('are cut in their middle, and their ends stay', () => {
    expect(cutMiddle(long, 11)).toBe('aaaaa…bbbbb');
    expect(cutMiddle(wide, 10)).toBe('猫猫…猫猫');
    expect(cutMiddle('short', 5)).toBe('short');
  });

  it('leave every table within the terminal, and whole where there is none', () => {
    const figure = {
      kind: 'table' as const,
      rows: [long, wide],
      columns: [long, wide],
      values: [
        [1, 2],
        [3, 4],
      ],
    };
    const groups = [long, `${long}c`].map((value) => ({
      value,
      examples: 50,
      metrics: { loss: 1, accuracy: 0.5 },
      intervals: {},
      note: 'no example of class 1',
    }));
    const gap = { metric: 'accuracy', gap: 0.1, low: 0, high: 0.2, byChance: 0.1, least: long, most: `${long}c` };
    const slices = { column: 'x', confidence: 0.95, by: 'accuracy', edges: {}, groups, gaps: [gap] };
    const gallery = [
      {
        title: 'Most confidently wrong',
        examples: [{ example: 1, truth: long, predicted: wide, confidence: 0.9, loss: 1 }],
      },
    ];
    const importance = {
      ...{ model: 'runs/x-1/best', split: 'test' as const, data: 'x', examples: 9, repeats: 3, confidence: 0.95 },
      metrics: { loss: 1, accuracy: 0.5, f1Macro: 0.5, auc: 0.5 },
      importance: [long, 'b'].flatMap((input) =>
        ['loss', 'accuracy', 'f1Macro', 'auc'].map((metric) => ({ input, metric, value: 0.1, low: 0, high: 0.2 })),
      ),
    };
    const none = { examplesPerSecond: 1, seconds: 1, best: true, step: 1 };
    const interval = { low: 0.4, high: 0.6, standardError: 0.1, method: 'bootstrap' as const };
    const worker = { ...{ name: long, address: '', threads: 1, shards: 1, steps: 1, timesLost: 0 }, bytesSent: 1 };
    const seconds = { computeSeconds: 1, exchangeSeconds: 1, updateSeconds: 1, bytesReceived: 1 };
    const state = { optimizerState: 'replicated' as const };
    const bytes = {
      ...state,
      bytesPerStep: 1,
      fewestBytesPerStep: 1,
      hosts: 1,
      bytesBetweenHosts: 0,
      precision: 'float32' as const,
      reproducible: true,
    };
    const decision = { target: long, threshold: 0.5, before: { f1: 0.5 }, after: { f1: 0.6 } };
    const explained = {
      ...{ row: 1, of: 'a', measure: 'logit', value: 1, baselineValue: 0 },
      inputs: [{ input: 'x', parts: [{ name: long, value: wide, attribution: 1 }] }],
    };
    /** What training tells. */
    const told: Record<string, object> = {
      epoch: { epoch: 1, loss: 1, validation: { [long]: 1, accuracy: 0.5 }, ...none },
      columns: { total: 1, features: 1, shown: [{ name: long, role: 'feature', type: 'number', field: wide }] },
      world: { workers: [{ ...worker, state: 'active', examplesPerSecond: 1, share: 1, roundTrip: 1 }] },
      summary: { steps: 1, workers: [{ ...worker, ...seconds }], ...bytes },
      end: {
        ...{ validation: null, test: null, best: null, resume: null, model: 'x', sha256: 'ab', seconds: 1 },
        ...{ weights: { [long]: [1] }, decisions: { final: [decision] }, figures: { test: { confusion: figure } } },
      },
    };
    const reported = (event: string, columns: number) => {
      let text = '';
      const write = (part: string) => {
        text += wrapLines(part, columns);
      };
      let time = 0;
      const report = textReporter(
        colors,
        write,
        () => {},
        () => columns,
        () => (time += 60_000),
      );
      report({ event, ...told[event] } as unknown as RunEvent);
      // Workers are shown once nobody else has come for a moment.
      report({ event: 'progress' } as RunEvent);
      return text;
    };
    const texts = (columns = Number.POSITIVE_INFINITY): Record<string, string> => ({
      ...Object.fromEntries(Object.keys(told).map((event) => [event, reported(event, columns)])),
      curve: wrapLines(
        learningCurveText(
          {
            split: 'validation',
            points: [{ size: 10, metrics: { [long]: 0.5 }, intervals: { [long]: interval } }],
            verdict: '',
          },
          columns,
        ),
        columns,
      ),
      explanation: wrapLines(
        explanationText(explained as unknown as Explanation, 'integratedGradients', 5, columns),
        columns,
      ),
      predictions: predictionLines(
        'plain',
        { targets: [{ kind: 'classes', names: [long], measure: 'probability' }] } as unknown as Predictions,
        1,
        columns,
      ).line({ row: 1, classes: [{ name: long, score: 0.5 }] } as Prediction),
      figure: figureText('confusionMatrix', figure, String, columns),
      slices: wrapLines(slicesText(slices, columns), columns),
      gallery: galleryText(gallery, columns),
      importance: importanceText(importance as unknown as ImportanceResult, 20, columns),
    });
    for (const columns of [60, 80, 120]) {
      for (const [kind, text] of Object.entries(texts(columns)))
        expect([kind, widest(text) <= columns]).toEqual([kind, true]);
    }
    expect(texts(80).importance.match(/worse without/g)).toHaveLength(2);
    for (const [kind, text] of Object.entries(texts()))
      expect([kind, kind === 'columns' || text.includes(long)]).toEqual([kind, true]);
  });
});
