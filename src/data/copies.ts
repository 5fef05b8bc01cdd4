/** Targets that are inputs, as autoencoders have them: they share the memory, or the file, of their inputs. */

import { DataError } from '../errors.js';
import { oneOf } from '../ground/suggest.js';
import type { Column, Examples, SourceExamples } from './examples.js';
import { isPlain, ofRole } from './field.js';

/** Targets by their names. */
export type Copies = Readonly<Record<string, { readonly of: string }>>;

/** Those among the targets of a config. */
export function copiesOf(targets: unknown): Copies {
  if (typeof targets !== 'object' || targets === null) return {};
  const isCopy = (value: unknown) => typeof value === 'object' && value !== null && 'of' in value;
  return Object.fromEntries(Object.entries(targets).filter(([, value]) => isCopy(value))) as Copies;
}

/**
 * The examples with these targets behind their own.
 * @throws DataError where there is no such input, or the name is taken
 */
export function withCopies({ count, columns }: Examples, copies: Copies): Examples {
  const names = Object.keys(copies);
  if (names.length === 0) return { count, columns };
  const [inputs, targets] = [ofRole(columns, 'input'), ofRole(columns, 'target')];
  const others = columns.filter(({ role }) => role !== 'input' && role !== 'target');
  const made: Column[] = [];
  const masks: Column[] = [];
  for (const name of names) {
    const input = sourceOf(name, copies[name].of, inputs);
    if (columns.some((column) => column.name === name)) {
      throw new DataError(`data.targets.${name}: another field has that name`, 'use another name');
    }
    // A class for each place, or one an example.
    const isOne = input.categories !== undefined && input.shape.length === 1 && input.shape[0] === 1;
    made.push({ ...input, name, role: 'target', shape: isOne ? [] : input.shape, of: input.name });
    const mask = others.find(({ role, of }) => role === 'mask' && of === input.name);
    if (mask) masks.push({ ...mask, name: `${name}_mask`, of: name });
  }
  return { count, columns: [...inputs, ...targets, ...made, ...others, ...masks] };
}

function sourceOf(name: string, of: string, inputs: readonly Column[]): Column {
  const input = inputs.find((column) => column.name === of);
  if (input) return input;
  const names = inputs.map((column) => column.name);
  throw new DataError(`data.targets.${name}.of: there is no input ${of}`, oneOf(of, names, `use ${names.join(', ')}`));
}

/** The examples without the classes that a source has of itself, once they are split. */
export function withoutTargets({ count, columns }: SourceExamples): SourceExamples {
  return { count, columns: columns.filter((column) => column.role !== 'target' || !isPlain(column)) };
}
