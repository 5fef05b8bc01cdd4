/** Where examples come from, for messages: known by runs of rows that follow each other, so that it takes no room. */
import type { Dataset } from './examples.js';

interface Run {
  /** Example that the run starts with. */
  readonly example: number;
  readonly file: string;
  readonly unit: string;
  /** Line or row of that example. */
  readonly place: number;
}

/** Lines of the examples of tables: some rows are left out, and some take several lines. */
export class RowOrigins {
  readonly #runs: Run[] = [];
  #count = 0;

  /** Notes where the next example is. */
  add({ file, unit }: { readonly file: string; readonly unit: string }, place: number): void {
    const last = this.#runs.at(-1);
    const follows = last?.file === file && last.place + this.#count - last.example === place;
    if (!follows) this.#runs.push({ example: this.#count, file, unit, place });
    this.#count++;
  }

  /** `flowers.csv, line 7` */
  of(example: number): string {
    const run = this.#runs.findLast((one) => one.example <= example);
    return run ? `${run.file}, ${run.unit} ${run.place + example - run.example}` : unknownPlace(example);
  }
}

const unknownPlace = (example: number): string => `data: example ${example} (counted from 0)`;

/** Where the value of a field of an example is, as its source says it; columns of tables by their names. */
export function originOf({ where }: Pick<Dataset, 'where'>, example: number, field: string): string {
  return where?.(example, field) ?? unknownPlace(example);
}
