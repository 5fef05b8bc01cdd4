/** Examples from another place than the run's own, read as the run read its own. */
import type { DataConfig } from '../src/config/data.js';
import type { RunConfig } from '../src/config/run.js';
import type { Encoding } from '../src/data/encoding.js';
import type { Dataset } from '../src/data/examples.js';
import { loadDataset } from '../src/data/load.js';
import { ConfigError, DataError } from '../src/errors.js';

/**
 * All examples at `place`, as the training split of a data set.
 *
 * @param encoding saved with the model: what features and classes mean
 * @throws ConfigError where the config's source has no place that could be another
 * @throws DataError where the examples are not of the model's kind
 */
export async function loadOther(config: RunConfig, place: string, encoding: Encoding | undefined): Promise<Dataset> {
  const dataset = await loadDataset(elsewhere(config.data, place), config.seed);
  return withClassesOf(dataset, encoding);
}

/** Held out is nothing: what is left is everything. */
const whole = { validation: 0, test: 0, stratify: false } as const;

function elsewhere(data: DataConfig, place: string): DataConfig {
  switch (data.source) {
    case 'idx':
      return { ...data, ...whole, dir: place };
    default:
      throw new ConfigError(
        `--data ${place}: source ${data.source} cannot be pointed at other examples`,
        'leave --data out, or write a config for them and name it with --config',
      );
  }
}

/** The model's classes, where other data lack the last of them. */
function withClassesOf(dataset: Dataset, encoding: Encoding | undefined): Dataset {
  const { examples } = dataset;
  const known = encoding?.classes?.length;
  if (examples.classes === undefined || known === undefined) return dataset;
  if (examples.classes > known) {
    throw new DataError(
      `the data have ${examples.classes} classes, the model was trained on ${known}`,
      'use data with the classes of the training',
    );
  }
  return { ...dataset, examples: { ...examples, classes: known } };
}
