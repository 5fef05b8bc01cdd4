/** Classes that a slice has no example of: what averages over classes is then another number. */
import { plural } from '../ground/units.js';
import type { KeptExamples } from './kept-examples.js';

/** Classes that a note names. */
const named = 3;

export interface ClassesOfSlice {
  readonly isLacking: boolean;
  /** What is lacking; not said where each slice holds one class only, as slices by class do. */
  readonly note?: string;
}

/** @param parts slices of `whole` */
export function absentClasses(whole: KeptExamples, parts: readonly KeptExamples[]): ClassesOfSlice[] {
  const notes = parts.map((): string[] => []);
  const lacking = parts.map(() => false);
  whole.heads.forEach((head, i) => {
    if (!head.classes && !(head.binary && head.outputs === 1)) return;
    const all = classesIn(whole, i);
    const each = parts.map((part) => classesIn(part, i));
    const isByClass = each.every(({ size }) => size < 2);
    each.forEach((own, j) => {
      lacking[j] ||= own.size < all.size;
      if (isByClass) return;
      const absent = [...all].filter((index) => !own.has(index)).sort((a, b) => a - b);
      if (absent.length > 0) notes[j].push(absentText(absent, head.names));
    });
  });
  return notes.map((own, i) => ({ isLacking: lacking[i], ...(own.length > 0 && { note: own.join('; ') }) }));
}

/** Classes of places that count. */
function classesIn({ outputs }: KeptExamples, head: number): Set<number> {
  const { targets, weights } = outputs[head];
  const found = new Set<number>();
  targets.forEach((target, place) => {
    if (weights?.[place] !== 0) found.add(target);
  });
  return found;
}

function absentText(absent: readonly number[], names: readonly string[] | undefined): string {
  if (absent.length > named) return `no example of ${plural(absent.length, 'class', 'classes')}`;
  return `no example of class ${absent.map((index) => names?.[index] ?? index).join(', ')}`;
}
