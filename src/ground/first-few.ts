import { grouped } from './units.js';

/** `a, b, 7 more`: as many as a message has room for. @param most that are shown */
export const firstFew = (texts: readonly string[], most: number, separator = ', '): string =>
  [...texts.slice(0, most), ...(texts.length > most ? [`${grouped(texts.length - most)} more`] : [])].join(separator);
