/** Dates as numbers: seconds since 1970, or the parts that a config names. */
import type { DateForm, DatePart } from '../../config/table.js';
import { DataError } from '../../errors.js';
import { type Cell, type CellValue, requireColumns, requireDistinct, type Table } from './table.js';

/** Which columns hold dates, and what becomes of each. */
export type Dates = Readonly<Record<string, DateForm>>;

/** ISO 8601 as pandas, R and databases write it, with / for - too. */
const iso =
  /^(\d{4})([-/])(\d{2})\2(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?\s?(Z|UTC|[+-]\d{2}(?::?\d{2})?)?)?$/;

/**
 * @returns seconds since 1970-01-01 00:00 UTC, which is the time zone of what names none; undefined for what is no such date
 */
export function secondsOf(value: CellValue): number | undefined {
  if (value instanceof Date) return value.getTime() / 1000;
  const parts = typeof value === 'string' ? iso.exec(value) : null;
  if (!parts) return undefined;
  const [, year, , month, day, hour = '0', minute = '0', second = '0', fraction = '0', zone = 'Z'] = parts;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) {
    return undefined;
  }
  const ofDay = 3600 * Number(hour) + 60 * Number(minute) + Number(second) + Number(fraction);
  return date.getTime() / 1000 + ofDay - offsetOf(zone);
}

/** Seconds east of Greenwich. */
function offsetOf(zone: string): number {
  const [, sign, hours, minutes = '0'] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone) ?? [];
  return sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (3600 * Number(hours) + 60 * Number(minutes));
}

const months = '(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\\.?';
const otherDates = [
  /^\d{1,2}([./-])\d{1,2}\1(?:\d{2}|\d{4})(?:[ T,]+\d{1,2}:\d{2}.*)?$/,
  new RegExp(`^\\d{1,2}[ -]${months}[ -]\\d{2,4}`, 'i'),
  new RegExp(`^(?:[a-z]{3,9},? )?${months} \\d{1,2},? \\d{4}`, 'i'),
  /^\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m)?$/i,
  /^\d{4}[-/]\d{2}$/,
  /^\d{4}-?W\d{2}$/,
];

/** Whether a text is a date or a time of day, be it one that `secondsOf` reads or not. */
export const looksLikeDate = (text: string): boolean =>
  secondsOf(text) !== undefined || otherDates.some((form) => form.test(text));

const second = (seconds: number) => new Date(Math.floor(seconds) * 1000);
const parts: Readonly<Record<DatePart, (seconds: number) => number>> = {
  year: (seconds) => second(seconds).getUTCFullYear(),
  month: (seconds) => second(seconds).getUTCMonth() + 1,
  day: (seconds) => second(seconds).getUTCDate(),
  weekday: (seconds) => ((second(seconds).getUTCDay() + 6) % 7) + 1,
  hour: (seconds) => second(seconds).getUTCHours(),
  minute: (seconds) => second(seconds).getUTCMinutes(),
};

/** The columns that stand for a column of dates. */
export function dateColumns(name: string, form: DateForm | undefined): readonly string[] {
  return form === undefined || form === 'epoch' ? [name] : form.map((part) => `${name}.${part}`);
}

/**
 * The table with numbers in the place of its dates: seconds under the name of their column, parts under `column.part`.
 * @throws DataError if there is no such column
 */
export function withDates(table: Table, dates: Dates | undefined): Table {
  if (dates === undefined || Object.keys(dates).length === 0) return table;
  requireColumns(table, Object.keys(dates), 'data.dates');
  const derived = new Map<string, { source: string; of: (seconds: number) => number }>();
  for (const [source, form] of Object.entries(dates)) {
    const names = dateColumns(source, form);
    names.forEach((name, i) => {
      derived.set(name, { source, of: form === 'epoch' ? Number : parts[form[i]] });
    });
  }
  const formOf = new Map(Object.entries(dates));
  const columns = table.columns.flatMap((name) => dateColumns(name, formOf.get(name)));
  requireDistinct(table.file, columns);
  return {
    ...table,
    columns,
    read: (names, visit) => {
      const sources = names.map((name) => derived.get(name)?.source ?? name);
      const cells: Cell[] = names.map(() => null);
      return table.read(sources, (found, row) => {
        for (let i = 0; i < names.length; i++) {
          const rule = derived.get(names[i]);
          const cell = found[i];
          cells[i] = rule === undefined || cell === null ? cell : rule.of(dateIn(table, rule.source, cell, row));
        }
        visit(cells, row);
      });
    },
  };
}

/** Names under which `read` of such a table finds something: dates whose parts are columns too, as they are written. */
export const readableColumns = ({ columns }: Table, dates: Dates = {}): string[] => [
  ...new Set([...columns, ...Object.keys(dates)]),
];

function dateIn(table: Table, column: string, value: CellValue, row: number): number {
  const seconds = secondsOf(value);
  if (seconds !== undefined && Number.isFinite(seconds)) return seconds;
  const stands = typeof value === 'string' ? JSON.stringify(value) : `the number ${value}`;
  throw new DataError(
    `${table.file}, ${table.unit} ${row}: column ${column} holds ${stands}, and data.dates says that it holds dates`,
    'write dates as 2024-01-31 or 2024-01-31 12:30:00 (ISO 8601), or take the column out of data.dates',
  );
}
