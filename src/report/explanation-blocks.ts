/** Why a model says what it says of examples, as blocks of a report. */
import { metricText, numberText } from '../ground/units.js';
import type { Block, Exhibit } from './document.js';
import type { AddedPart, ExplainedExample } from './evaluation-report.js';

/** Parts of an example that are listed, and those that are named beneath a text. */
const [mostParts, mostNamed] = [30, 5];

/** Pictures and texts beside each other, then tables of columns. */
export function explanationBlocks(all: readonly ExplainedExample[]): Block[] {
  const exhibits = all.flatMap(exhibitsOf);
  const listed = all.filter(({ parts = [] }) => parts.length > 0);
  return [
    ...(exhibits.length > 0 ? [colours, { kind: 'gallery' as const, examples: exhibits }] : []),
    ...listed.flatMap(tableBlocks),
  ];
}

const colours: Block = {
  kind: 'text',
  isNote: true,
  text: 'Red is what speaks for the answer, blue what speaks against it; the stronger, the more it adds.',
};

function exhibitsOf({ title, text, pictures = [], texts = [] }: ExplainedExample): Exhibit[] {
  return [
    ...texts.map(
      ({ input, parts }): Exhibit => ({
        title: input === undefined ? title : `${title}, ${input}`,
        lines: [text, addsMost(parts)],
        marked: pieces(parts),
      }),
    ),
    ...pictures.map((picture) => ({ title, lines: [text], picture })),
  ];
}

const addsMost = (parts: readonly AddedPart[]): string =>
  parts.length === 0
    ? 'a text of no token'
    : `adds most: ${strongest(parts).slice(0, mostNamed).map(named).join(', ')}`;

const strongest = (parts: readonly AddedPart[]) =>
  parts.toSorted((a, b) => Math.abs(b.attribution) - Math.abs(a.attribution));

const named = ({ name, value, attribution }: AddedPart): string =>
  `${JSON.stringify(String(value))} at ${name} ${signed(attribution)}`;

const signed = (value: number): string => `${value > 0 ? '+' : ''}${metricText(value)}`;

function pieces(parts: readonly AddedPart[]): NonNullable<Exhibit['marked']> {
  const largest = Math.max(Number.MIN_VALUE, ...parts.map(({ attribution }) => Math.abs(attribution)));
  return parts.map(({ value, attribution }) => ({ text: String(value), share: attribution / largest }));
}

function tableBlocks({ title, text, parts = [] }: ExplainedExample): Block[] {
  const rows = strongest(parts).slice(0, mostParts);
  const left = parts.length - rows.length;
  return [
    { kind: 'heading', text: title },
    { kind: 'text', text: `${text}${left > 0 ? `; ${left} parts that add less are left out` : ''}` },
    {
      kind: 'charts',
      isIllustration: true,
      hasTable: true,
      charts: [
        {
          ...{ kind: 'ranges', title: `what each part adds, ${title}`, xLabel: 'adds' },
          ranges: rows.map(({ name, attribution }) => ({ name, value: attribution })),
        },
      ],
    },
    {
      kind: 'table',
      head: [{ name: 'part', isText: true }, { name: 'value', isText: true }, { name: 'adds' }],
      rows: rows.map(({ name, value, attribution }) => [
        name,
        typeof value === 'number' ? numberText(value) : value,
        signed(attribution),
      ]),
    },
  ];
}
