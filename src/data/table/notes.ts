/** What is legitimate but suspicious about columns, gathered by kind: a table may have thousands of them. */
import { grouped } from '../../ground/units.js';

const kinds = {
  constant: ['hold one value in every row and say nothing', 'list them under data.exclude'],
  counter: [
    'hold each whole number of a range once, as row numbers do',
    'list them under data.exclude if they number the rows: a model learns the order of the file from them',
  ],
  identifier: [
    'are identifiers by their names, and are read as quantities',
    'list them under data.exclude, or under data.categorical where their values come again',
  ],
  day: ['hold days written as numbers such as 20240131', 'write them as 2024-01-31 and name them in data.dates'],
  many: ['become a feature for each of very many texts', 'list them under data.exclude if they name rows or people'],
  distinct: ['hold another text in nearly every row', 'list them under data.exclude'],
  units: [
    'hold numbers with units, and each is read as a category',
    'write the numbers alone to have them read as numbers',
  ],
  numbers: ['hold numbers as text, and each is read as a category', 'write them as numbers to have them read so'],
  spelling: ['spell categories in several ways', 'write each in one way: they are read as different ones'],
  leak: [
    'say the target in every row',
    'list them under data.exclude unless they are known before the target is: the model only learns to copy them',
  ],
} as const;

export type NoteKind = keyof typeof kinds;

const list = 'list them under data.exclude';

/** Columns that a warning names. */
const shown = 5;

export class Notes {
  readonly #leaveOut: string;
  readonly #columns = new Map<NoteKind, string[]>();

  /** @param leaveOut how columns are left out, where data.exclude is not for those that are named */
  constructor(leaveOut = list) {
    this.#leaveOut = leaveOut;
  }

  /** @param detail what was seen, e.g. `("12 cm")` */
  add(kind: NoteKind, column: string, detail = ''): void {
    const found = this.#columns.get(kind) ?? [];
    found.push(detail === '' ? column : `${column} ${detail}`);
    this.#columns.set(kind, found);
  }

  /** One warning a kind. */
  tell(file: string, warn: (message: string) => void): void {
    for (const [kind, columns] of this.#columns) {
      const [what, remedy] = kinds[kind];
      const more = columns.length > shown ? ` and ${grouped(columns.length - shown)} more` : '';
      warn(
        `${file}: columns that ${what}: ${columns.slice(0, shown).join(', ')}${more}; ${remedy.replace(list, this.#leaveOut)}`,
      );
    }
  }
}
