/** A report as a page: one file without scripts, which opens without a network, in light and in dark, on a phone, on paper and without eyes. */
import { createHash } from 'node:crypto';
import { chartFigure } from './chart-figure.js';
import type { Block, Exhibit, ReportDocument, Section } from './document.js';
import { escapeHtml, proseHtml } from './escape-html.js';
import { cut, htmlTable } from './html-table.js';
import { marks, pageStyle } from './page-style.js';

export async function htmlPage({ title, lead, sections }: ReportDocument): Promise<string> {
  const shown: string[] = [];
  for (const section of sections) shown.push(await htmlSection(section));
  // Whatever a text may bring along: nothing is loaded, and nothing runs.
  const style = createHash('sha256').update(pageStyle).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${style}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `${[
    '<!DOCTYPE html>',
    `<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">',
    `<title>${proseHtml(title)}</title><style>${pageStyle}</style></head><body><main>`,
    `<h1>${proseHtml(title)}</h1>`,
    ...lead.map((text) => `<p class="lead">${proseHtml(text)}</p>`),
    sections.length > 4 ? contents(sections) : '',
    ...shown,
    '</main></body></html>',
  ].join('\n')}\n`;
}

const idOf = (title: string): string => title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

const contents = (sections: readonly Section[]): string =>
  `<nav aria-label="Sections">${sections.map(({ title }) => `<a href="#${idOf(title)}">${proseHtml(title)}</a>`).join(' ')}</nav>`;

async function htmlSection({ title, isWarning, blocks }: Section): Promise<string> {
  const parts: string[] = [];
  for (const block of blocks) parts.push(await htmlBlock(block));
  const kind = isWarning ? ' class="warnings"' : '';
  return `<section${kind} id="${idOf(title)}"><h2>${proseHtml(title)}</h2>\n${parts.join('\n')}</section>`;
}

async function htmlBlock(block: Block): Promise<string> {
  switch (block.kind) {
    case 'text':
      return `<p${block.isNote ? ' class="about"' : ''}>${proseHtml(block.text)}</p>`;
    case 'heading':
      return `<h3>${proseHtml(block.text)}</h3>`;
    case 'list':
      return `<ul>${block.items.map((item) => `<li>${proseHtml(item)}</li>`).join('')}</ul>`;
    case 'facts':
      return `<dl>${block.entries.map(([name, text]) => `<dt>${proseHtml(name)}</dt><dd>${proseHtml(text)}</dd>`).join('')}</dl>`;
    case 'table':
      return block.isFolded
        ? `<details><summary>${proseHtml(block.caption ?? 'Numbers')}</summary>${htmlTable(block)}</details>`
        : htmlTable(block);
    case 'charts': {
      const figures: string[] = [];
      for (const chart of block.charts) figures.push(await chartFigure(chart, block.hasTable));
      return `<div class="plots">${figures.join('\n')}</div>`;
    }
    case 'code': {
      const code = `<pre tabindex="0"><code>${escapeHtml(block.text)}</code></pre>`;
      return block.title === undefined
        ? code
        : `<details><summary>${proseHtml(block.title)}</summary>${code}</details>`;
    }
    case 'gallery':
      return `<div class="gallery">${block.examples.map(exhibit).join('\n')}</div>`;
  }
}

const png = /^data:image\/png;base64,[A-Za-z0-9+/=]+$/;

function mark({ text, share }: NonNullable<Exhibit['marked']>[number]): string {
  const shade = Math.round(Math.abs(share) * marks);
  return shade === 0
    ? escapeHtml(text)
    : `<mark class="${share > 0 ? 'for' : 'against'}${shade}">${escapeHtml(text)}</mark>`;
}

function exhibit({ title, lines, picture, row, text, marked }: Exhibit): string {
  const cells = Object.entries(row ?? {}).map(([name, cell]) => `<dt>${cut(name)}</dt><dd>${cut(cell)}</dd>`);
  return [
    '<figure>',
    // The policy of the page loads nothing else anyway.
    picture !== undefined && png.test(picture) ? `<img src="${picture}" alt="${proseHtml(title)}">` : '',
    text === undefined ? '' : `<blockquote>${escapeHtml(text)}</blockquote>`,
    marked ? `<blockquote>${marked.map(mark).join('')}</blockquote>` : '',
    cells.length > 0 ? `<dl>${cells.join('')}</dl>` : '',
    `<figcaption><b>${cut(title)}</b>${lines.map((line) => `<div>${cut(line)}</div>`).join('')}</figcaption></figure>`,
  ].join('');
}
