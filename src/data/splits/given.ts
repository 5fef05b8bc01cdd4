/** Splits that have examples of their own, behind those of the others: read as those were, field by field. */

import { DataError } from '../../errors.js';
import { realPath } from '../../ground/real-path.js';
import { plural } from '../../ground/units.js';
import { eachRow } from '../each-row.js';
import { joinedColumns } from '../example-columns.js';
import type { Column, SourceColumn, SourceExamples } from '../examples.js';
import { inRoleOrder, rowBytes, widthOf } from '../field.js';
import type { Reading } from '../reading.js';
import { budgetBytes, closeExamples, RowWriter, sharesOf } from '../row-writer.js';
import type { Source } from '../source.js';
import { givenOf, planOf, type SplitConfig, sectionOf } from './split-plan.js';

/** Reads a split's own examples, as a source of them alone. */
type ReadGiven<Own> = (own: Own, key: string) => Promise<Source>;

/**
 * @param source of the examples that are divided
 * @throws DataError where what a split has of its own has other fields
 */
export async function withGiven<Own>(
  source: Source,
  config: SplitConfig<Own> & { readonly memory?: string },
  read: ReadGiven<Own>,
  reading: Reading,
): Promise<Source> {
  const parts: Read[] = [{ key: 'data', source }];
  const given = givenOf(config);
  if (given.length === 0) return source;
  try {
    if (config.split?.group !== undefined) {
      throw new DataError(
        'data.split.group: which groups the examples of other files are of is not known',
        'hold out fractions, or leave group out',
      );
    }
    for (const { split, own } of given) {
      const key = `${sectionOf(config)}.${split}`;
      parts.push({ key, source: await read(own, key) });
    }
    const files = parts.map((part) => realPath(part.source.origin));
    const twice = files.findIndex((file, i) => files.indexOf(file) < i);
    if (twice >= 0) {
      throw new DataError(
        `${parts[twice].key}: ${parts[twice].source.origin} is to serve two splits`,
        'give each split files of its own, or hold out a fraction',
      );
    }
    const by = 'training' in source.split ? undefined : source.split.by;
    const counts = parts.map(({ source: { examples } }) => examples.count);
    const [first, ...others] = counts;
    return {
      ...source,
      examples: await joined(aligned(parts), budgetBytes(config.memory), reading),
      shown: joinedColumns(parts.map((part) => part.source.shown)),
      split: planOf(config, { given: { first, counts: others }, by }),
      origin: parts.map((part) => part.source.origin).join(', '),
      where: placesIn(
        counts,
        parts.map((part) => part.source.where),
      ),
    };
  } finally {
    for (const { source } of parts) closeExamples(source.examples);
  }
}

/** Apart, so that what messages need keeps no examples. @param counts examples of each part */
const placesIn =
  (counts: readonly number[], places: readonly Source['where'][]): Source['where'] =>
  (example, field) => {
    let [part, start] = [0, 0];
    while (example - start >= counts[part]) start += counts[part++];
    return places[part]?.(example - start, field) ?? `data: example ${example}`;
  };

interface Read {
  readonly key: string;
  readonly source: Source;
}

/**
 * The parts with the fields of all, in one order; a weight that one of them says nothing of is 1.
 * @throws DataError unless fields are otherwise the same
 */
function aligned(parts: readonly Read[]): SourceExamples[] {
  const all = parts.flatMap(({ source }) => source.examples.columns);
  const firsts = all.filter(({ name }, i) => all.findIndex((other) => other.name === name) === i);
  const wanted = inRoleOrder(firsts);
  return parts.map(({ key, source: { examples } }) => ({
    count: examples.count,
    columns: wanted.map((column) => {
      const own = examples.columns.find(({ name }) => name === column.name);
      if (!own && column.role === 'weight') return onesOf(column, examples.count);
      if (own && formOf(own) === formOf(column)) return own;
      const form = own ? `is ${formOf(own)}` : 'is missing';
      throw new DataError(
        `${key}: the ${column.role} ${column.name} ${form}, and that of other splits ${formOf(column)}`,
        'give all splits the same fields, of the same types',
      );
    }),
  }));
}

const formOf = ({ type, shape, categories }: SourceColumn): string =>
  `${type} [${shape.join(', ')}]${categories === undefined ? '' : ` of ${plural(categories, 'class', 'classes')}`}`;

function onesOf(column: SourceColumn, count: number): SourceColumn {
  const values = new Float32Array(new SharedArrayBuffer(4 * count * widthOf(column)));
  return { ...column, values: values.fill(1) };
}

/** All examples, one part behind the other. */
async function joined(parts: readonly SourceExamples[], budget: number, reading: Reading): Promise<SourceExamples> {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const [{ columns }] = parts;
  // Only inputs may be on disk.
  const budgets = sharesOf(
    budget,
    columns.map((column) => (column.role === 'input' ? rowBytes(column) : 0)),
  );
  const made: SourceColumn[] = [];
  try {
    for (const [i, column] of columns.entries()) {
      const own = parts.map((part) => ({ count: part.count, column: part.columns[i] }));
      made.push(
        column.values instanceof Float64Array
          ? { ...column, values: exact(own, count * widthOf(column)) }
          : {
              ...column,
              file: undefined,
              ...(await rowsOf(
                own as GivenPart[],
                column.role === 'input' ? budgets[i] : count * rowBytes(column),
                reading,
              )),
            },
      );
    }
  } catch (error) {
    closeExamples({ columns: made });
    throw error;
  }
  return { count, columns: made };
}

interface GivenPart {
  readonly count: number;
  readonly column: Column;
}

/** Targets that are still to be standardized, which are in memory. */
function exact(parts: readonly { readonly column: SourceColumn }[], length: number): Float64Array {
  const values = new Float64Array(new SharedArrayBuffer(8 * length));
  let start = 0;
  for (const { column } of parts) {
    values.set(column.values, start);
    start += column.values.length;
  }
  return values;
}

async function rowsOf(parts: readonly GivenPart[], budget: number, reading: Reading) {
  const [{ column }] = parts;
  const width = widthOf(column);
  const rows = new RowWriter(width, column.type, budget);
  try {
    for (const part of parts) {
      await eachRow(part.column, part.count, (values, start) => rows.append(values.subarray(start, start + width)));
      if (reading.due) await reading.pause();
    }
    return rows.finish();
  } catch (error) {
    rows.discard();
    throw error;
  }
}
