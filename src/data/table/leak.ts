/** Features that say the target in every row: a copy of it, or another name for each of its classes. */
import { type Cell, textOf } from './table.js';

/** Rows below which that may be chance. */
const fewRows = 20;

/** One watch serves one pass over a table; a feature costs nothing more once a row has cleared it. */
export class LeakWatch {
  readonly #target: number;
  readonly #isClass: boolean;
  /** Places of the features under suspicion, and the target that each of their values came with. */
  #suspects: { readonly place: number; readonly targetOf: Map<string, string> }[];
  readonly #targets = new Set<string>();
  #rows = 0;

  /**
   * @param features how many cells of a row, from the first on, are features
   * @param target place of the target's cell
   * @param isClass whether other names for its values count
   */
  constructor(features: number, target: number, isClass: boolean) {
    this.#target = target;
    this.#isClass = isClass;
    this.#suspects = Array.from({ length: features }, (_, place) => ({ place, targetOf: new Map() }));
  }

  see(cells: readonly Cell[]): void {
    const cell = cells[this.#target];
    if (this.#suspects.length === 0 || cell === null) return;
    this.#rows++;
    const target = textOf(cell);
    const isNew = !this.#targets.has(target);
    if (isNew) this.#targets.add(target);
    const stays = this.#suspects.filter(({ place, targetOf }) => {
      const value = cells[place];
      if (value === null) return false;
      if (!this.#isClass) return value === cell || textOf(value) === target;
      const known = targetOf.get(textOf(value));
      if (known === undefined && isNew) targetOf.set(textOf(value), target);
      return known === undefined ? isNew : known === target;
    });
    if (stays.length < this.#suspects.length) this.#suspects = stays;
  }

  /** Places of the features that said the target in every row. */
  get leaks(): readonly number[] {
    if (this.#rows < fewRows || this.#targets.size < 2) return [];
    // Where each row has a class of its own, every column without repetition would name them.
    if (this.#isClass && this.#targets.size > this.#rows / 2) return [];
    return this.#suspects.map(({ place }) => place);
  }
}
