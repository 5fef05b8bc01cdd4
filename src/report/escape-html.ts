/** Text that files and people chose, as a page may have it: no markup, and nothing that turns the text around it. */
import { printable } from '../ground/printable.js';

export const escapeHtml = (text: string): string =>
  printable(text, '\n\t')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

/** The same of prose: a number and its percent sign stay on one line. */
export const proseHtml = (text: string): string => escapeHtml(text).replaceAll(/(?<=\d) %/g, '&nbsp;%');
