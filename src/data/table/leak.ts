/** Features that say the target in every row: a copy of it, or another name for each of its classes. */
import { type Cell, textOf } from './table.js';

/** Rows below which that may be chance. */
const fewRows = 20;

interface Suspect {
  readonly place: number;
  /** Whether every value so far was the target itself. */
  copies: boolean;
  /** The target that each value came with, as long as each has one of its own. */
  targetOf: Map<string, string> | undefined;
}

/** One watch serves one pass over a table; a feature costs nothing more once a row has cleared it. */
export class LeakWatch {
  readonly #target: number;
  #suspects: Suspect[];
  readonly #targets = new Set<string>();
  #rows = 0;

  /**
   * @param features how many cells of a row, from the first on, are features
   * @param target place of the target's cell
   */
  constructor(features: number, target: number) {
    this.#target = target;
    this.#suspects = Array.from({ length: features }, (_, place) => ({ place, copies: true, targetOf: new Map() }));
  }

  see(cells: readonly Cell[]): void {
    const cell = cells[this.#target];
    if (this.#suspects.length === 0 || cell === null) return;
    this.#rows++;
    const target = textOf(cell);
    const isNew = !this.#targets.has(target);
    this.#targets.add(target);
    const stays = this.#suspects.filter((suspect) => {
      const value = cells[suspect.place];
      if (value === null) return false;
      const text = textOf(value);
      suspect.copies &&= text === target;
      const known = suspect.targetOf?.get(text);
      if (known === undefined && isNew) suspect.targetOf?.set(text, target);
      else if (known !== target) suspect.targetOf = undefined;
      return suspect.copies || suspect.targetOf !== undefined;
    });
    if (stays.length < this.#suspects.length) this.#suspects = stays;
  }

  /**
   * Places of the features that said the target in every row.
   * @param isClass whether other names for the target's values count
   */
  leaks(isClass: boolean): readonly number[] {
    if (this.#rows < fewRows || this.#targets.size < 2) return [];
    // Where nearly each row has a class of its own, every column without repetition would name them.
    const named = isClass && this.#targets.size <= this.#rows / 2;
    return this.#suspects.filter(({ copies, targetOf }) => copies || (named && targetOf)).map(({ place }) => place);
  }
}
