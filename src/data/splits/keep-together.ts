/** How a config keeps examples of one kind in one split, for remedies. */
import { type DataConfig, tableIn } from '../../config/data.js';
import { givenOf, heldOutParts } from './split-plan.js';

/**
 * @param by what examples go together by, in the words of the source; a placeholder where that is the user's to know
 * @returns what to write, and what it takes the place of; undefined where the source has no such key, or splits have files of their own
 */
export function keepTogether(config: DataConfig, by?: string): string | undefined {
  const placeholder = { npy: 'ARRAY.npy', module: 'KEY' }[config.source as string] ?? (tableIn(config) && 'COLUMN');
  if (placeholder === undefined || givenOf<unknown>(config).length > 0) return undefined;
  const group = `group: ${by ?? placeholder}`;
  const { split } = config;
  if (!split) {
    const { validation, test } = heldOutParts<unknown>(config);
    return `data.split: { validation: ${validation}, test: ${test}, ${group} } in the place of data.validation, data.test and data.stratify`;
  }
  const { group: known } = split as { readonly group?: string };
  if (known !== undefined) return `data.split.${group} in the place of ${known}`;
  const decides = (['order', 'stratify'] as const).find(
    (key) => (split as { readonly [Key in typeof key]?: unknown })[key],
  );
  return `data.split.${group}${decides ? ` in the place of data.split.${decides}` : ''}`;
}
