/** Whether a run has used every example as it should have. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { loadRunConfig } from '../../src/config/load-config.js';
import { loadDataset } from '../../src/data/load-data.js';
import type { LedgerEntry } from '../../src/report/ledger.js';

/** Every step once, in order; in each epoch every training example exactly once. @param run folder @param steps default: as many as it has */
export async function checkLedger(run: string, steps?: number): Promise<void> {
  const config = loadRunConfig(join(run, 'config.yaml'), []);
  const { splits } = await loadDataset(config.data, config.seed);
  const lines = readFileSync(join(run, 'ledger.jsonl'), 'utf8').trimEnd().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as LedgerEntry);
  expect(entries.map(({ step }) => step)).toEqual(Array.from({ length: steps ?? entries.length }, (_, i) => i + 1));
  for (let epoch = 1; epoch <= config.training.epochs; epoch++) {
    const used = entries.filter((entry) => entry.epoch === epoch).flatMap(({ examples }) => examples);
    expect(Int32Array.from(used).sort()).toEqual(splits.training);
  }
}
