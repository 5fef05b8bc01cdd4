/** Arrays that stand in two places of a config. */
import { plainNames } from '../../config/plain-names.js';
import { DataError } from '../../errors.js';
import type { ArrayLocation } from './array-place.js';
import type { InputArray, TargetArray } from './fields.js';
import type { ArrayFiles } from './files.js';

interface Use {
  /** The key of the config that names it. */
  readonly key: string;
  readonly place: ArrayLocation;
  readonly names: readonly string[];
  readonly role: 'input' | 'target' | 'weight';
  readonly field: string;
}

const keyOf = (role: 'input' | 'target', name: string): string => {
  const plain = { input: 'features', target: 'targets' } as const;
  return name === plainNames[role] ? `data.${plain[role]}` : `data.${role}s.${name}`;
};

function usesOf(inputs: readonly InputArray[], targets: readonly TargetArray[]): Use[] {
  const answers = targets.flatMap(({ name, place, weights }): Use[] => {
    const isPlain = name === plainNames.target;
    const target: Use = { key: keyOf('target', name), place, names: [name], role: 'target', field: name };
    if (!weights) return [target];
    const key = isPlain ? 'data.weights' : `${target.key}.weights`;
    const names = [isPlain ? 'weights' : `${name}_weights`];
    return [target, { key, place: weights, names, role: 'weight', field: name }];
  });
  const asked = inputs.map(
    ({ name, place }): Use => ({ key: keyOf('input', name), place, names: [name], role: 'input', field: name }),
  );
  return [...asked, ...answers];
}

/**
 * An array is one input or one target, or weights, which several targets may share.
 * @param files that have opened all of them
 * @throws DataError naming both keys
 */
export function refuseRepeated(
  inputs: readonly InputArray[],
  targets: readonly TargetArray[],
  files: Pick<ArrayFiles, 'identityOf'>,
): void {
  const taken = new Map<string, Use>();
  for (const use of usesOf(inputs, targets)) {
    const array = files.identityOf(use.place, use.names);
    const other = taken.get(array);
    taken.set(array, use);
    if (!other || (other.role === 'weight' && use.role === 'weight')) continue;
    throw new DataError(
      `${other.key} and ${use.key} both name ${array}`,
      `give each array one role${hint(other, use)}`,
    );
  }
}

function hint({ role, field }: Use, use: Use): string {
  if (role !== 'input') return '';
  if (use.role === 'input') return '; several layers may read one input, by from';
  return use.role === 'target'
    ? `; if the input is the target too, write data.targets: { ${targetName(use)}: { of: ${field} } }`
    : '';
}

/** What a target is called that needs a name. */
const targetName = ({ field }: Use): string => (field === plainNames.target ? 'copy' : field);
