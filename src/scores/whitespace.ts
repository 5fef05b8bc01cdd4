/** Python's idea of white space, by which the references cut texts into words: JavaScript's has U+FEFF and lacks a few controls. */
const space = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const spaces = new RegExp(`${space}+`, 'u');
const lastSpaces = new RegExp(`${space}+$`, 'u');
const firstSpaces = new RegExp(`^${space}+`, 'u');
const everySpace = new RegExp(space, 'gu');

/** Words of a text; none of one that is empty. */
export const wordsOf = (text: string): string[] => text.split(spaces).filter((word) => word !== '');

export const trimEnd = (text: string): string => text.replace(lastSpaces, '');

export const trim = (text: string): string => trimEnd(text).replace(firstSpaces, '');

export const withoutSpaces = (text: string): string => text.replace(everySpace, '');
