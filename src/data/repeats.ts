/** Examples whose inputs come again: in the same split, and in another, where what was trained on is no test. */
import { hash } from 'node:crypto';
import { eachRow } from './each-row.js';
import { type Column, type Dataset, type SplitName, type Splits, splitNames } from './examples.js';
import { isCopy, ofRole, rowBytes } from './field.js';

/** Two splits with examples in common. */
export interface SharedInputs {
  /** The earlier one. */
  readonly of: SplitName;
  readonly split: SplitName;
  /** Examples of `split` whose inputs are those of an example of the other, ascending as in `split`. */
  readonly rows: Int32Array;
}

export interface Repeats {
  /** Examples whose inputs all equal those of one before. */
  readonly rows: number;
  /** Those of validation and test whose inputs are those of an example of an earlier split. */
  readonly acrossSplits: number;
  /** The first of the latter, with the one that it repeats. */
  readonly example?: readonly [number, number];
  /** Examples that repeat inputs and have another target than the first that has them. */
  readonly conflicts: number;
  /** The first of these, with the one whose inputs it has. */
  readonly conflict?: readonly [number, number];
  /** Pairs of splits that share inputs. */
  readonly shared: readonly SharedInputs[];
}

/** Numbers of 32 bits in a digest: 128 bits, so that of any number of examples no two are taken for one by chance. */
const words = 4;

/**
 * Two examples are the same where all inputs have the same bytes; as for sequences, where as many places count. It takes some 50
 * bytes an example.
 *
 * @param opened the splits that are looked at; examples of others are not
 */
export async function repeatsOf(
  { examples: { columns, count }, splits }: Pick<Dataset, 'examples' | 'splits'>,
  opened: readonly SplitName[] = splitNames,
): Promise<Repeats> {
  const seen = splitNames.filter((split) => opened.includes(split));
  const isSeen = new Uint8Array(count);
  for (const split of seen) for (const row of splits[split]) isSeen[row] = 1;
  const inputs = ofRole(columns, 'input');
  const masks = ofRole(columns, 'mask').filter(({ of }) => inputs.some(({ name }) => name === of));
  const digests = await digestsOf([...inputs, ...masks], isSeen);
  const targets = await digestsOf(
    ofRole(columns, 'target').filter((target) => !isCopy(target)),
    isSeen,
  );
  return found(splits, seen, new FirstRows(digests), targets);
}

/** Bytes that `repeatsOf` hashes. */
export const comparedBytes = ({ columns, count }: Dataset['examples']): number =>
  columns.reduce((sum, column) => sum + (column.role === 'weight' ? 0 : rowBytes(column) * count), 0);

function found(splits: Splits, seen: readonly SplitName[], firsts: FirstRows, targets: Uint32Array): Repeats {
  let [rows, acrossSplits, conflicts] = [0, 0, 0];
  let example: Repeats['example'];
  let conflict: Repeats['conflict'];
  // Bits of the splits that have the inputs of a row which is the first to have them.
  const inSplits = new Uint8Array(targets.length / words);
  const shared = new Map<string, { of: SplitName; split: SplitName; rows: number[] }>();
  for (const split of seen) {
    for (const row of splits[split]) {
      const first = firsts.of(row);
      const before = inSplits[first];
      inSplits[first] |= 1 << splitNames.indexOf(split);
      if (first === row) continue;
      rows++;
      if (!isSame(targets, row, first)) {
        conflicts++;
        conflict ??= [row, first];
      }
      const earlier = splitNames.filter((of, i) => of !== split && (before & (1 << i)) !== 0);
      if (earlier.length === 0) continue;
      acrossSplits++;
      example ??= [row, first];
      for (const of of earlier) {
        const key = `${of} ${split}`;
        if (!shared.has(key)) shared.set(key, { of, split, rows: [] });
        shared.get(key)!.rows.push(row);
      }
    }
  }
  const pairs = [...shared.values()].map((each) => ({ ...each, rows: Int32Array.from(each.rows) }));
  return { rows, acrossSplits, conflicts, shared: pairs, ...(example && { example }), ...(conflict && { conflict }) };
}

function isSame(digests: Uint32Array, one: number, other: number): boolean {
  for (let i = 0; i < words; i++) if (digests[one * words + i] !== digests[other * words + i]) return false;
  return true;
}

/** The first row of each digest that was asked for: a hash table with open addresses. */
class FirstRows {
  readonly #digests: Uint32Array;
  /** Rows, each one more than it is; 0 where there is none. */
  readonly #table: Uint32Array;

  constructor(digests: Uint32Array) {
    this.#digests = digests;
    this.#table = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(1, (2 * digests.length) / words))));
  }

  /** @returns the row itself where no other with its digest was asked for before */
  of(row: number): number {
    const mask = this.#table.length - 1;
    for (let at = this.#digests[row * words] & mask; ; at = (at + 1) & mask) {
      const known = this.#table[at];
      if (known === 0) {
        this.#table[at] = row + 1;
        return row;
      }
      if (isSame(this.#digests, known - 1, row)) return known - 1;
    }
  }
}

/** SHA-256 of the columns' bytes, its first 128 bits; of several, each is hashed with the digest of those before it. */
async function digestsOf(columns: readonly Column[], isSeen: Uint8Array): Promise<Uint32Array> {
  const digests = new Uint32Array(isSeen.length * words);
  for (const column of columns) {
    const bytes = rowBytes(column);
    const hashed = Buffer.alloc(4 * words + bytes);
    await eachRow(column, isSeen.length, (values, start, row) => {
      if (isSeen[row] === 0) return;
      const own = new Uint8Array(digests.buffer, 4 * words * row, 4 * words);
      hashed.set(own);
      // Copied, because hashing takes no shared memory.
      const from = values.byteOffset + start * values.BYTES_PER_ELEMENT;
      hashed.set(new Uint8Array(values.buffer, from, bytes), 4 * words);
      own.set(hash('sha256', hashed, 'buffer').subarray(0, 4 * words));
    });
  }
  return digests;
}
