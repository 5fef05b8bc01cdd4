/** A report as Markdown: charts are tables there, pictures are left out. */
import { printable } from '../ground/printable.js';
import { chartTable } from './chart-table.js';
import type { Block, Exhibit, ReportDocument, Section, TableBlock } from './document.js';

/** Rows of a chart's table. */
const mostRows = 12;

export function markdownPage({ title, lead, sections }: ReportDocument): string {
  const parts = [`# ${plain(title)}`, ...lead.map(plain), ...sections.flatMap(section)];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** Text that is no markup. */
const plain = (text: string): string =>
  printable(text, '\n')
    .replaceAll('\n', ' ')
    .replaceAll(/[\\`*_[\]<>|&~$#]/g, (character) => `\\${character}`);

const section = ({ title, blocks }: Section): string[] => [`## ${plain(title)}`, ...blocks.flatMap(markdownBlock)];

function markdownBlock(block: Block): string[] {
  switch (block.kind) {
    case 'text':
      return [plain(block.text)];
    case 'heading':
      return [`### ${plain(block.text)}`];
    case 'list':
      return [block.items.map((item) => `- ${plain(item)}`).join('\n')];
    case 'facts':
      return [block.entries.map(([name, text]) => `- **${plain(name)}**: ${plain(text)}`).join('\n')];
    case 'table':
      return table(block);
    case 'charts':
      if (block.isIllustration) return [];
      return block.charts.flatMap((chart) => {
        const rows = chartTable(chart, mostRows);
        const caption = rows.caption === undefined ? chart.title : `${chart.title}: ${rows.caption}`;
        return table({ ...rows, caption });
      });
    case 'code':
      return [...(block.title === undefined ? [] : [`**${plain(block.title)}**`]), fenced(block.text)];
    case 'gallery':
      return [block.examples.map(exhibit).join('\n')];
  }
}

/** A fence that is longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text.trimEnd()}\n${fence}`;
}

function table({ head, rows, caption }: TableBlock): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(plain).join(' | ')} |`;
  const rule = `|${head.map(({ isText }, i) => (isText || i === 0 ? ' --- |' : ' ---: |')).join('')}`;
  const legend = head.filter(({ about }) => about).map(({ name, about }) => `*${plain(name)}*: ${plain(about!)}`);
  return [
    ...(caption === undefined ? [] : [`**${plain(caption)}**`]),
    [line(head.map(({ name }) => name || ' ')), rule, ...rows.map(line)].join('\n'),
    ...(legend.length > 0 ? [`${legend.join('. ')}.`] : []),
  ];
}

function exhibit({ title, lines, row, text, marked }: Exhibit): string {
  const cells = Object.entries(row ?? {}).map(([name, cell]) => `${name} = ${cell}`);
  const more = [
    ...lines,
    ...(cells.length > 0 ? [cells.join(', ')] : []),
    ...(text === undefined ? [] : [text]),
    ...(marked ? [marked.map((piece) => piece.text).join('')] : []),
  ];
  return `- **${plain(title)}**: ${more.map(plain).join('; ')}`;
}
