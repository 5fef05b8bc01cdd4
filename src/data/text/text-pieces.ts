/** The pieces of a text that are its splits, and the windows of each. */
import type { TextConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import type { Splits } from '../examples.js';
import { givenOf, heldOutParts, sectionOf } from '../splits/split-plan.js';

/** From `start` to before `end`. */
export interface TextPiece {
  readonly start: number;
  readonly end: number;
}

export type Pieces = Readonly<Record<keyof Splits, TextPiece>>;

/** Characters of a place of the config. */
export interface FilePiece extends TextPiece {
  /** Which of the places of the config. */
  readonly place: number;
}

/**
 * Training first, then validation, then test; those that have files of their own are all of these. The same characters whatever the tokens are.
 * @param counts characters of each place
 */
export function piecesOf([length, ...counts]: readonly number[], config: TextConfig): Record<keyof Splits, FilePiece> {
  const parts = heldOutParts(config);
  const shareOf = (part: number | string) => (typeof part === 'string' ? 0 : Math.round(part * length));
  const [validation, test] = [shareOf(parts.validation), shareOf(parts.test)];
  const training = length - validation - test;
  const pieces = {
    training: { place: 0, start: 0, end: training },
    validation: { place: 0, start: training, end: training + validation },
    test: { place: 0, start: training + validation, end: length },
  };
  givenOf(config).forEach(({ split }, i) => {
    pieces[split] = { place: i + 1, start: 0, end: counts[i] };
  });
  return pieces;
}

/**
 * Where windows start: no window sees or predicts a token of another split.
 * @param pieces in tokens
 * @param ends 1 for each token that ends a document: what follows one is not asked for
 * @throws DataError where a split is too short for a window
 */
export function textWindows(pieces: Pieces, config: TextConfig, ends?: Uint8Array): Splits {
  const { window, stride, targets } = config;
  const parts = heldOutParts(config);
  // Held-out tokens are predicted once each, whatever the stride of training.
  const heldOutStride = targets === 'last' ? 1 : window;
  const part = (name: keyof Splits, step: number) => {
    if (name !== 'training' && parts[name] === 0) return new Int32Array(0);
    const { start, end } = pieces[name];
    if (end - start <= window) throw tooShort(name, pieces, config, ends);
    const count = Math.floor((end - window - 1 - start) / step) + 1;
    const starts = Int32Array.from({ length: count }, (_, i) => start + i * step);
    // Where a window has several targets, the others count.
    const asks = ends && (targets === 'last' || window === 1);
    return asks ? starts.filter((first) => ends[first + window - 1] === 0) : starts;
  };
  return {
    training: part('training', stride),
    validation: part('validation', heldOutStride),
    test: part('test', heldOutStride),
  };
}

function tooShort(name: keyof Splits, pieces: Pieces, config: TextConfig, ends?: Uint8Array): DataError {
  const { window } = config;
  const parts = heldOutParts(config);
  const lengthOf = (split: keyof Splits) => Math.max(0, pieces[split].end - pieces[split].start);
  const tokens = lengthOf(name);
  // A window has to fit into every split.
  const held = (['validation', 'test'] as const).filter((split) => parts[split] !== 0);
  const most = Math.min(...(['training', ...held] as const).map(lengthOf)) - 1;
  const section = sectionOf(config);
  const own: (keyof Splits)[] = givenOf(config).map(({ split }) => split);
  const isOwn = own.includes(name);
  const shared = held.filter((split) => !own.includes(split));
  if (ends && tokens === 0 && !isOwn && shared.length > 0) {
    const keys = shared.map((split) => `${section}.${split}`).join(' and ');
    return new DataError(
      `data.documents: no document begins in the part of the text that is the ${name} split, and none is divided`,
      `use more documents or smaller ones, or set ${keys} to 0 or to files of their own`,
    );
  }
  const share = isOwn
    ? 'a longer file'
    : name === 'training'
      ? `smaller ${section}.validation and ${section}.test`
      : `a larger ${section}.${name}`;
  return new DataError(
    `data.window: ${window} ${tokensText(config)} and the one after them do not fit into the ${tokens} of the ${name} split`,
    `use ${most > 0 ? `a window of at most ${most}` : 'more text'}, or ${share}`,
  );
}

/** What tokens are called. */
export const tokensText = ({ tokens }: TextConfig): string => (tokens === 'characters' ? 'characters' : 'tokens');
