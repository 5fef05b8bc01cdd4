/** Examples from another place than the run's own, read as the model reads its inputs. */

import { type DataConfig, tableIn } from '../../src/config/data.js';
import { ignoredClasses } from '../../src/config/heads.js';
import type { ImagesConfig } from '../../src/config/images.js';
import type { RunConfig } from '../../src/config/run-config.js';
import type { TableConfig } from '../../src/config/table.js';
import { copiesOf, withCopies } from '../../src/data/copies.js';
import { type Encoding, targetEncoding } from '../../src/data/encoding.js';
import { type Dataset, type Examples, targetColumn, withColumn } from '../../src/data/examples.js';
import { otherTableOfImages } from '../../src/data/images/image-table.js';
import { loadDataset } from '../../src/data/load-data.js';
import { type OtherPlace, otherArrays } from '../../src/data/npy/other-arrays.js';
import { Reading, type ReadingOptions } from '../../src/data/reading.js';
import { standardizedTargets } from '../../src/data/standardize.js';
import { targetsOf } from '../../src/data/table/columns.js';
import { tableExamples } from '../../src/data/table/inputs.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { plural } from '../../src/ground/units.js';
import { otherImages } from './other-images.js';

/**
 * All examples at `place`, as a data set whose test split they are: the pair of files of an `idx` folder that
 * `data.training` names, the folders or the table of `images`, the rows of `csv`, `parquet` and `jsonl`, the windows of `text`, the arrays of `npy`, what a
 * `module` makes. Columns and targets are scaled by what training measured; classes, categories and characters are those of training.
 *
 * @param encoding saved with the model
 * @throws ConfigError where the config's source has no place that could be another
 * @throws DataError where the examples are not of the model's kind
 */
export async function loadOther(
  config: RunConfig,
  place: OtherPlace,
  encoding: Encoding | undefined,
  options: ReadingOptions = {},
): Promise<Dataset> {
  const { data, seed } = config;
  if (typeof place !== 'string' && data.source !== 'npy' && data.source !== 'images') {
    const [[name, file]] = Object.entries(place);
    throw new ConfigError(
      `--data ${name}=${file}: source ${data.source} has its data in one place`,
      'give --data once, with a path alone',
    );
  }
  const path = typeof place === 'string' ? place : Object.values(place).join(', ');
  const ignoreClass = ignoredClasses(config.loss);
  const table = tableIn(data);
  if (table) {
    const images = data.source === 'images' ? otherImages(data, place, encoding) : undefined;
    return otherTable(table, images, path, encoding, { ...options, ignoreClass });
  }
  const other =
    data.source === 'images'
      ? { ...otherImages(data, place, encoding), ...whole, stratify: false as const }
      : elsewhere(data, path);
  const dataset = await loadDataset(other, seed, {
    ...options,
    ignoreClass,
    trained: encoding,
    ...(data.source === 'npy' && { arrays: otherArrays(data, place) }),
  });
  const { splits, examples } = dataset;
  // Its tokens are the model's already.
  if (data.source === 'text' && encoding?.input.kind === 'text') return described(path, dataset, splits.training);
  const found = classesOf(examples, dataset.encoding, encoding);
  return described(path, { ...dataset, examples: found }, splits.training);
}

/** Held out is nothing: what is left for training is everything. */
const whole = { split: undefined, trainingFraction: undefined, validation: 0, test: 0 } as const;

function elsewhere(data: DataConfig, place: string): DataConfig {
  switch (data.source) {
    case 'idx':
      return { ...data, ...whole, dir: place, stratify: false };
    case 'npy':
      return { ...data, ...whole, stratify: false };
    case 'module':
      return { ...data, ...whole, stratify: false, file: place };
    case 'text':
      // As in splits that are held out.
      return { ...data, ...whole, file: place, stride: data.targets === 'last' ? 1 : data.window };
    default:
      throw new ConfigError(
        `--data ${place}: source ${data.source} has no place that could be another`,
        'leave --data out, or write a config for other examples and name it with --config',
      );
  }
}

async function otherTable(
  data: TableConfig,
  images: ImagesConfig | undefined,
  place: string,
  encoding: Encoding | undefined,
  options: ReadingOptions,
): Promise<Dataset> {
  if (encoding?.input.kind !== 'table') {
    throw new ConfigError(
      `--data ${place}: the model does not come with how its columns are read (encoding.json)`,
      "name a model in a run's folder",
    );
  }
  const reading = new Reading(options);
  const targets = targetsOf(data).map((target) => ({
    ...target,
    ...targetEncoding(encoding, { name: target.name, role: 'target' }),
  }));
  const schemas = targets.map(({ name, columns, classes }) => ({ name, columns, classes }));
  const {
    examples: read,
    where,
    shown,
  } = images
    ? await otherTableOfImages(images, encoding.input, schemas, reading)
    : await tableExamples(place, encoding.input, schemas, reading);
  const scalings = new Map(
    targets.flatMap(({ name, targetScaling }) => (targetScaling ? [[name, targetScaling] as const] : [])),
  );
  const examples = withCopies(standardizedTargets(read, scalings, where), copiesOf(images?.targets));
  const all = Int32Array.from({ length: examples.count }, (_, i) => i);
  return described(place, { examples, encoding, where, shown }, all);
}

function described(place: string, data: Omit<Dataset, 'splits' | 'description'>, test: Int32Array): Dataset {
  const none = new Int32Array(0);
  const splits = { training: none, validation: none, test };
  return { ...data, splits, description: `${plural(test.length, 'example')} of ${place}` };
}

/** Targets as indices of the model's classes: by name, because other data may lack some. */
function classesOf(examples: Examples, found: Encoding, encoding: Encoding | undefined): Examples {
  const names = encoding?.classes;
  const target = targetColumn(examples);
  const { values } = target;
  if (target.categories === undefined || !names) return examples;
  const known = found.classes!.map((name) => names.indexOf(name));
  const unknown = known.indexOf(-1);
  if (unknown >= 0) {
    throw new DataError(
      `the data have a class ${JSON.stringify(found.classes![unknown])} that the model was not trained on`,
      `its classes are ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', ...' : ''}`,
    );
  }
  const translated = new Int32Array(new SharedArrayBuffer(values.byteLength));
  for (let i = 0; i < values.length; i++) translated[i] = known[values[i]];
  return withColumn(examples, { ...target, values: translated, categories: names.length });
}
