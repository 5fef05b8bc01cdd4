/** A table of a report in a page: wide ones scroll in a box of their own, with the names of their rows in sight. */
import type { TableBlock } from './document.js';
import { proseHtml } from './escape-html.js';

/** Whether a name may be broken anywhere: others stay whole. */
const isLong = (name: string): boolean => name.length > 24;

/** What would fill a screen shows its first lines; all of it is in the page, under the pointer, and in the tables on paper. */
export const cut = (text: string): string =>
  text.length > 80 ? `<span class="cut" title="${proseHtml(text)}">${proseHtml(text)}</span>` : proseHtml(text);

/** Shades of a cell (page-style.ts). */
export const shades = 10;

export function htmlTable({ head, rows, caption, heat }: TableBlock): string {
  const heads = head.map(({ name, about, isText }) => {
    const tip = about === undefined ? '' : ` title="${proseHtml(about)}"`;
    const kinds = [...(isText ? ['words'] : []), ...(isLong(name) ? ['long'] : [])];
    return `<th scope="col"${tip}${kinds.length > 0 ? ` class="${kinds.join(' ')}"` : ''}>${cut(name)}</th>`;
  });
  const body = rows.map(([first, ...cells], row) => {
    const others = cells.map((cell, i) => {
      const isText = head[i + 1]?.isText;
      const shade = heat ? Math.round(heat[row][i] * shades) : 0;
      const kind = isText ? ' class="words"' : shade > 0 ? ` class="h${shade}"` : '';
      return `<td${kind}>${cut(cell)}</td>`;
    });
    return `<tr><th scope="row"${isLong(first) ? ' class="long"' : ''}>${cut(first)}</th>${others.join('')}</tr>`;
  });
  const legend = head
    .filter(({ about }) => about !== undefined)
    .map(({ name, about }) => `<b>${proseHtml(name)}</b>: ${proseHtml(about!)}`);
  return [
    caption === undefined ? '' : `<p class="caption">${proseHtml(caption)}</p>`,
    // What scrolls has to be reached by keyboard too.
    `<div class="scroll" tabindex="0"${caption === undefined ? '' : ` role="region" aria-label="${proseHtml(caption)}"`}><table>`,
    `<thead><tr>${heads.join('')}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`,
    legend.length > 0 ? `<p class="about">${legend.join('. ')}.</p>` : '',
  ].join('');
}
