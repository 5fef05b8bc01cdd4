/** How texts are cut into tokens before BLEU and word errors count them: the rules of sacrebleu 2.6.0, by its names. */
import { trimEnd, wordsOf } from './whitespace.js';

/** Names of the ways to cut a text into tokens. */
export const tokenizerNames = ['13a', 'intl', 'zh', 'char', 'none'] as const;
export type TokenizerName = (typeof tokenizerNames)[number];

/** What all Western languages have in common (mteval): punctuation stands alone, but not inside of numbers. */
const western = (text: string): string =>
  text
    .replace(/([{-~[-` -&(-+:-@/])/gu, ' $1 ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/gu, '$1 $2 ');

function mteval13a(text: string): string {
  const plain = text.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ');
  const letters = plain
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
  return western(` ${letters} `);
}

/** mteval-v14: punctuation and symbols of all scripts. */
const international = (text: string): string =>
  text
    .replace(/(\P{N})(\p{P})/gu, '$1 $2 ')
    .replace(/(\p{P})(\P{N})/gu, ' $1 $2')
    .replace(/(\p{S})/gu, ' $1 ');

/**
 * What sacrebleu takes for Chinese. Two of its ranges have five digits where Python reads four: so U+2001 to U+2A6D, which hold
 * dashes and quotes, are cut apart, and the ideographs beyond U+FFFF are not. Scores would not be comparable otherwise.
 */
const chinese =
  /([\u2001-\u2a6d\u2e80-\u2fdf\u2ff0-\u303f\u3100-\u312f\u31a0-\u31bf\u31c0-\u31ef\u3200-\u33ff\u3400-\u4db5\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uffef])/gu;

const forms: Readonly<Record<TokenizerName, (text: string) => string>> = {
  '13a': mteval13a,
  intl: international,
  zh: (text) => western(text.replace(chinese, ' $1 ')),
  char: (text) => Array.from(text).join(' '),
  none: (text) => text,
};

/** @returns what gives the tokens of a text */
export function tokenizer(name: TokenizerName, lowercase: boolean): (text: string) => string[] {
  const form = forms[name];
  return (text) => wordsOf(form(trimEnd(lowercase ? text.toLowerCase() : text)));
}

/** Scripts that write no spaces between words. */
const unspaced = String.raw`\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}`;
const unspacedLetter = new RegExp(`[${unspaced}]`, 'gu');
const tokens = new RegExp(String.raw`[${unspaced}]\p{M}*|(?:(?![${unspaced}])[\p{L}\p{N}\p{M}])+`, 'gu');

/** Letters of scripts in which a sentence looks like one word. */
export const unspacedLetters = (text: string): number => text.match(unspacedLetter)?.length ?? 0;

/** Letters, digits and marks of every script, in lower case; where a script writes no spaces, each letter by itself. */
export const letterTokens = (text: string): string[] => text.normalize('NFC').toLowerCase().match(tokens) ?? [];

/** The tokens of rouge-score 0.1.2: a to z and digits, whatever the language. */
export const asciiTokens = (text: string): string[] => text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
