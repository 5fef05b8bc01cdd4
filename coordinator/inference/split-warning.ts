/** A run that is evaluated with other splits than it was trained with: its test split then holds what it has learned. */
import { loadRunConfig } from '../../src/config/load-config.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { printable } from '../../src/ground/printable.js';

/** Keys of `data` that decide which example is in which split. */
const keys = ['examples', 'seed', 'validation', 'test', 'split', 'stratify', 'trainingFraction'];

const decidingOf = ({ seed, data }: RunConfig): Readonly<Record<string, unknown>> => ({
  seed,
  ...Object.fromEntries(keys.map((key) => [`data.${key}`, (data as Readonly<Record<string, unknown>>)[key]])),
});

const valueText = (value: unknown): string => (value === undefined ? 'none' : printable(JSON.stringify(value)));

/** @param file the config that the run was trained with */
export function warnOfOtherSplit(file: string, config: RunConfig, warn: (message: string) => void = () => {}): void {
  const [own, asked] = [decidingOf(loadRunConfig(file, [])), decidingOf(config)];
  const differs = Object.keys(asked).filter((key) => JSON.stringify(own[key]) !== JSON.stringify(asked[key]));
  if (differs.length === 0) return;
  const each = differs
    .map((key) => `${key} ${valueText(asked[key])} in the place of ${valueText(own[key])}`)
    .join(', ');
  warn(`the splits are not those of the run (${each}): examples that it was trained on may be among those evaluated`);
}
