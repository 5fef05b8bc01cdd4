/** Columns of text that are hardly categories: numbers and dates as another program writes them, identifiers, free text. */
import type { TableConfig } from '../../config/table.js';
import { DataError } from '../../errors.js';
import { grouped, plural } from '../../ground/units.js';
import { chooseOther, type FieldColumn, leaveOut, readAs } from './cell-values.js';
import { looksLikeDate, secondsOf } from './dates.js';
import type { Notes } from './notes.js';
import { formatText, type NumberLook, numberLook, numberReader, unitBehind } from './numbers.js';
import type { Table } from './table.js';

/** A column of text that nobody has called categorical. */
export interface SuspectColumn extends FieldColumn {
  readonly table: Table;
  /** Rows of each text, and of all. */
  readonly categories: ReadonlyMap<string, number>;
  readonly count: number;
}

/** The part of the rows that decides what a column looks like; the others may be markers of what is missing. */
const most = 0.9;
/** Texts that may well be categories although they look like numbers. */
const fewTexts = 20;
/** Distinct texts of a column that may hardly be told apart from names of rows. */
const manyTexts = 50;

/** @throws DataError if the column looks like numbers, dates, identifiers or free text, with what to do about it */
export function refuseSuspicious(column: SuspectColumn, config: TableConfig): void {
  refuseMarkers(column, config);
  refuseDates(column);
  refuseNumbers(column);
  const { name, role, table, categories, count } = column;
  if (categories.size < manyTexts || categories.size < most * count) return;
  throw new DataError(
    `${table.file}: column ${name} holds another text in nearly every row: ${grouped(categories.size)} in ${plural(count, 'row')}, such as ${sample(categories)}`,
    role === 'target'
      ? `${chooseOther(column)}, or ${readAs('class', column)} if they are classes all the same`
      : `${leaveOut(column)}, or list it under data.categorical to have ${grouped(categories.size)} features of it all the same`,
  );
}

/** @param notes gets what is odd and goes on */
export function tellSuspicious({ name, categories, count, role }: SuspectColumn, notes: Notes): void {
  const texts = [...categories.keys()];
  if (role === 'feature') {
    if (categories.size >= fewTexts && categories.size >= most * count) notes.add('distinct', name);
    else if (categories.size > 2 * manyTexts && 10 * categories.size > count)
      notes.add('many', name, `(${grouped(categories.size)})`);
    if (rowsOf(categories, (text) => unitBehind(text) !== undefined) >= most * count)
      notes.add('units', name, `(${sample(categories)})`);
    if (texts.every((text) => plain(text) !== undefined)) notes.add('numbers', name, `(${sample(categories)})`);
  }
  const spellings = new Map<string, string>();
  for (const text of texts) {
    const same = text.trim().toLowerCase();
    const other = spellings.get(same);
    if (other !== undefined) {
      notes.add('spelling', name, `(${JSON.stringify(other)}, ${JSON.stringify(text)})`);
      break;
    }
    spellings.set(same, text);
  }
}

const plain = numberReader();

/** Numbers among which a few texts stand, as markers of what is missing do. */
function refuseMarkers(column: SuspectColumn, config: TableConfig): void {
  const { name, role, table, categories, count } = column;
  const isNumber = (text: string) => table.numberIn(text) !== undefined || plain(text) !== undefined;
  const numbers = rowsOf(categories, isNumber);
  if (numbers < count / 2 || numbers === count) return;
  // Other files than CSV say themselves that the column is text.
  if (!table.isText && count < fewTexts) return;
  const others = [...categories.keys()].filter((text) => !isNumber(text));
  if (others.every((text) => numberLook(text) !== undefined)) return;
  const known = 'missingValues' in config ? config.missingValues : undefined;
  const list = known && others.length <= 5 ? JSON.stringify([...known, ...others]) : undefined;
  const ways = [
    ...(list
      ? [`if they stand for missing values, set data.missingValues: ${list} and data.missing: mean or drop`]
      : []),
    `if all are ${role === 'target' ? `classes, ${readAs('class', column)}` : 'categories, list the column under data.categorical'}`,
  ];
  throw new DataError(
    `${table.file}: column ${name} holds numbers in ${grouped(numbers)} of ${grouped(count)} rows, and text in the others: ${quotedList(others)}`,
    `correct it; ${ways.join('; ')}`,
  );
}

function refuseDates(column: SuspectColumn): void {
  const { name, role, table, categories, count } = column;
  if (rowsOf(categories, looksLikeDate) < most * count) return;
  const isRead = rowsOf(categories, (text) => secondsOf(text) !== undefined) >= most * count;
  const dates = `data.dates: { ${JSON.stringify(name)}: epoch }`;
  const asParts = role === 'feature' ? ' (or a list of year, month, day, weekday, hour, minute)' : '';
  throw new DataError(
    `${table.file}: column ${name} looks like dates or times, such as ${sample(categories)}, not like categories`,
    `${isRead ? `set ${dates}${asParts}` : `write it as 2024-01-31 or 2024-01-31 12:30:00 and set ${dates}${asParts}, or write numbers`}${orCategories(column)}`,
  );
}

function refuseNumbers(column: SuspectColumn): void {
  const { name, table, categories, count } = column;
  const looks = new Map([...categories.keys()].map((text) => [text, lookOf(text)]));
  const odd = rowsOf(categories, (text) => looks.get(text) !== undefined);
  if (odd >= most * count && [...looks.values()].some((look) => look && look !== 'plain')) {
    const found = [...looks.values()].filter((look): look is NumberLook => look !== undefined && look !== 'plain');
    throw new DataError(
      `${table.file}: column ${name} looks like numbers, such as ${sample(categories)}, not like categories`,
      `${numbersRemedy(found, table)}${orCategories(column)}`,
    );
  }
  const isBare = (text: string) => plain(text) !== undefined || unitBehind(text) !== undefined;
  if (categories.size <= fewTexts || rowsOf(categories, isBare) < most * count) return;
  throw new DataError(
    `${table.file}: column ${name} holds numbers as text, such as ${sample(categories)}, and would become ${grouped(categories.size)} categories`,
    `write them as numbers, without units${orCategories(column)}`,
  );
}

const lookOf = (text: string): NumberLook | 'plain' | undefined =>
  plain(text) !== undefined ? 'plain' : numberLook(text);

/** What to set or write so that all of these are numbers. */
function numbersRemedy(looks: readonly NumberLook[], table: Table): string {
  const dressing = looks.find((look) => look.dressing !== undefined)?.dressing;
  if (dressing !== undefined) return `write the numbers without ${dressing}`;
  if (!table.isText) return 'write them as numbers';
  const texts = looks.map(({ formats }) => formats.map(formatText));
  const ways = texts[0].filter((way) => texts.every((list) => list.includes(way)));
  if (ways.length === 0) return 'write all of them in one way, such as 1234.5';
  // The simplest come first: one with a second sign only explains what no text has.
  const [first, second] = ways.filter((way) => !way.includes(' and ') || ways.length === 1);
  if (second === undefined) return `set ${first ?? ways[0]}`;
  return `set ${first} or ${second}, whichever is meant (${first} reads 1,100 as 1.1, ${second} as 1100)`;
}

const orCategories = (column: FieldColumn): string =>
  column.role === 'target'
    ? `; for classes, ${readAs('class', column)}`
    : `, or list it under data.categorical${column.field === undefined ? ' or data.exclude' : `, or ${leaveOut(column)}`}`;

function rowsOf(categories: ReadonlyMap<string, number>, test: (text: string) => boolean): number {
  let rows = 0;
  for (const [text, count] of categories) if (test(text)) rows += count;
  return rows;
}

const quotedList = (texts: readonly string[]): string =>
  `${texts.slice(0, 3).map(short).join(', ')}${texts.length > 3 ? ', ...' : ''}`;

const sample = (categories: ReadonlyMap<string, number>): string => quotedList([...categories.keys()].slice(0, 2));

/** A text as a message shows it. */
function short(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 37)}...` : text);
}
