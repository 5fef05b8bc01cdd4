/** From the `data` section of a config to examples in shared memory, split. */
import type { DataConfig } from '../config/data.js';
import { generateDigits } from './digits.js';
import type { Dataset, Examples, Splits } from './examples.js';
import { idxExamples } from './idx-folder.js';
import { type SplitPlan, splitExamples } from './split.js';
import { valueExamples } from './values.js';

/**
 * @param seed seed of the run: decides which examples the splits by fraction take
 * @throws DataError if a file is missing or damaged, or if the examples cannot be split as asked
 */
export async function loadDataset(config: DataConfig, seed: number): Promise<Dataset> {
  const { examples, plan, origin } = await loadExamples(config);
  const splits = splitExamples(examples, plan, seed);
  return { examples, splits, description: describe(examples, splits, origin) };
}

async function loadExamples(config: DataConfig): Promise<{ examples: Examples; plan: SplitPlan; origin: string }> {
  switch (config.source) {
    case 'digits':
      return {
        examples: generateDigits(config.examples, config.seed),
        plan: config,
        origin: `synthetic digits, seed ${config.seed}`,
      };
    case 'values':
      return { examples: valueExamples(config), plan: config, origin: 'values in the config' };
    case 'idx':
      return idxExamples(config);
  }
}

function describe(examples: Examples, { training, validation, test }: Splits, origin: string): string {
  const [all, ...parts] = [examples.count, training.length, validation.length, test.length].map((count) =>
    count.toLocaleString('en-US'),
  );
  const targets = examples.classes === undefined ? '' : `, ${examples.classes} classes`;
  const shape = examples.featureShape.join(', ');
  return `${all} examples of shape [${shape}]${targets} (${origin}): ${parts[0]} training, ${parts[1]} validation, ${parts[2]} test`;
}
