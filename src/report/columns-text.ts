/** The columns of a table in words: what each is for, and what it holds. */
import type { ColumnInfo } from '../data/column-report.js';
import { grouped, numberText } from '../ground/units.js';
import { cutText, padEnd, tableLines } from './aligned.js';
import type { ColumnsEvent } from './events.js';
import type { Colors } from './world-text.js';

/** Columns that people are shown. */
const mostLines = 20;
/** Letters of a name, and of what a column holds. */
const widths = { name: 24, values: 48 };

export function columnsText({ total, features, shown }: ColumnsEvent, colors: Colors, width: number): string {
  const lines = shown.slice(0, mostLines);
  const titles = tableLines(
    lines.map((column) => [cut(column.name, widths.name), padEnd(fieldOf(column), 'left out'.length)]),
    width,
    { left: 2 },
  );
  const rows = lines.map((column, i) => `  ${titles[i]}  ${held(column)}\n`);
  const more = total - lines.length;
  const rest = more > 0 ? `  and ${grouped(more)} more columns; ${grouped(features)} are features\n` : '';
  return `${colors.dim('columns')}\n${rows.join('')}${rest}\n`;
}

/** What a column is for: by the name of its field, where the config gives one. */
function fieldOf({ role, field }: ColumnInfo): string {
  if (field === undefined) return role;
  return `${role === 'target' ? 'target' : 'input'} ${cut(field, widths.name)}`;
}

function held(column: ColumnInfo): string {
  const { type, role, why, categories = 0, missing = 0, features = 1, coded } = column;
  if (type === undefined) return why ?? '';
  const gaps = missing > 0 ? `, ${grouped(missing)} missing` : '';
  if (type === 'text') return `text, as ${grouped(features)} tokens${gaps}`;
  if (type !== 'category') return `${type}, ${range(column)}${gaps}`;
  const what = role === 'target' ? 'classes' : 'categories';
  if (coded) return `${grouped(categories)} categories as whole numbers: ${names(column)}${gaps}`;
  const become = role === 'target' || features === categories ? '' : ` in ${grouped(features)} features`;
  return `${grouped(categories)} ${what}${become}: ${names(column)}${gaps}`;
}

function range({ type, lowest = 0, highest = 0 }: ColumnInfo): string {
  const text = type === 'date' ? dateText : numberText;
  return lowest === highest ? `always ${text(lowest)}` : `${text(lowest)} to ${text(highest)}`;
}

function names({ examples = [], categories = 0 }: ColumnInfo): string {
  const list = cut(examples.join(', '), widths.values);
  return categories > examples.length && !list.endsWith('...') ? `${list}, ...` : list;
}

function dateText(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return numberText(seconds);
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/(?: 00:00:00)?\.\d+Z$/, '');
}

/** Control characters would move the cursor of a terminal. */
const cut = (text: string, width: number): string => cutText(text.replace(/\p{Cc}/gu, '?'), width);
