/** Every data source: a new one is a folder of its own, its schema in config/data.ts, and a line here. */
import type { DataConfig } from '../config/data.js';
import { plainNames } from '../config/plain-names.js';
import { generateDigits } from './digits/digits.js';
import { idxExamples } from './idx/folder.js';
import type { OtherPlace, Wording } from './npy/other-arrays.js';
import type { Reading } from './reading.js';
import type { Source } from './source.js';
import { withGiven } from './splits/given.js';
import { planOf } from './splits/split-plan.js';
import { trainedLike } from './trained-like.js';
import { valueExamples } from './values.js';

type ConfigOf<Name extends DataConfig['source']> = Extract<DataConfig, { readonly source: Name }>;
type LoadSource<Config> = (config: Config, reading: Reading) => Source | Promise<Source>;

/** Nothing is held out of what a split has of its own. */
const allOfIt = { split: undefined, validation: 0, test: 0, stratify: false } as const;

/** By the names that `data.source` takes. What needs more than a few files of code is imported when it is asked for. */
const sources: { readonly [Name in DataConfig['source']]: LoadSource<ConfigOf<Name>> } = {
  async digits(config, reading) {
    const examples = await generateDigits(config.examples, config.seed, reading);
    return { examples, split: planOf(config), origin: `synthetic digits, seed ${config.seed}` };
  },
  values: (config, reading) => ({
    examples: valueExamples(config, reading.ignoredClass(plainNames.target)),
    split: planOf(config),
    origin: 'values in the config',
    where: (example, field) => `data.${field}.${example}`,
  }),
  async idx(config, reading) {
    const { examples, plan, origin } = await idxExamples(config, reading);
    return { examples, split: plan, origin };
  },
  images: async (config, reading) => (await import('./images/source.js')).imageSource(config, reading),
  text: async (config, reading) => (await import('./text/source.js')).textSource(config, reading),
  csv: async (config, reading) => (await import('./table/csv.js')).csvSource(config, reading),
  parquet: async (config, reading) => (await import('./table/parquet.js')).parquetSource(config, reading),
  jsonl: async (config, reading) => (await import('./table/jsonl.js')).jsonlSource(config, reading),
  async npy(config, reading) {
    const { npySource } = await import('./npy/source.js');
    const { otherArrays } = await import('./npy/other-arrays.js');
    const source = await npySource(config, reading);
    const read = async (own: OtherPlace, key: string) => {
      const wording: Wording = (place) => `${key}: ${JSON.stringify(place)}`;
      const arrays = otherArrays(config, own, wording);
      return npySource({ ...config, ...allOfIt }, reading.like(await trainedLike(source), arrays));
    };
    return withGiven(source, config, read, reading);
  },
  async module(config, reading) {
    const { moduleExamples } = await import('./module/source.js');
    const source = await moduleExamples(config, reading);
    const read = async (file: string, key: string) =>
      moduleExamples({ ...config, ...allOfIt, file }, reading.like(await trainedLike(source)), key);
    return withGiven(source, config, read, reading);
  },
};

/** @throws DataError if a file is missing or damaged */
export const loadSource = async (config: DataConfig, reading: Reading): Promise<Source> =>
  (sources[config.source] as LoadSource<DataConfig>)(config, reading);
