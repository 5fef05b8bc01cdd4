/**
 * Entries of `model.layers` that stand for several layers: `tokenAndPositionEmbedding`, `logits`, and any layer with `repeat`. What
 * is built of them are layers that files can hold one by one.
 */
import type { LayerConfig } from '../../config/model.js';
import { ModelError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';

/** Of an entry of `model.layers`, by their keys. */
export type LayerOptions = Record<string, unknown>;

export interface ExpandedLayer {
  readonly entry: LayerConfig;
  /** Which entry of the config it comes from. */
  readonly index: number;
}

/** How `tokenAndPositionEmbedding` tells places apart. */
const positions = ['learned', 'sinusoidal', 'rotary', 'none'];
const kinds = positions.filter((kind) => kind !== 'none');

/** Layers that can turn queries and keys by their places. */
const attention = /^(transformer(de|en)coder|multiHeadAttention|groupedQueryAttention)$/i;

/** Names of the entries that are no layers. */
export const entryNames = ['tokenAndPositionEmbedding', 'logits'];

/** The layers that are built, in their order. @throws ModelError where an option of such an entry is wrong */
export function expandedLayers(entries: readonly LayerConfig[]): ExpandedLayer[] {
  /** Whether attention turns by places what no embedding has marked. */
  let rotary = false;
  /** What asked for it, until a layer turns. */
  let idle: string | undefined;
  const expanded = entries.flatMap((given, index) => {
    const [[kind, all]] = Object.entries(given) as [[string, LayerOptions | null]];
    const { repeat, ...options } = all ?? {};
    const where = `model.layers.${index} (${kind})`;
    const entry = { [kind]: options } as LayerConfig;
    const isRotary = kind.toLowerCase() === 'positionembedding' && options.kind === 'rotary';
    if (repeat !== undefined && (entryNames.includes(kind) || isRotary)) {
      throw new ModelError(`${where}: cannot be repeated`, 'leave repeat out');
    }
    if (kind === 'tokenAndPositionEmbedding') {
      rotary = options.position === 'rotary';
      if (rotary) idle = `${where}: position`;
      return tokensAndPositions(options, where).map((layer) => ({ entry: layer, index }));
    }
    if (kind === 'logits') return [{ entry: logits(options, where), index }];
    if (isRotary) {
      const { kind: _, ...others } = options;
      refuse(others, ['kind'], `${where} of kind rotary`);
      rotary = true;
      idle = `${where}: kind`;
      return [];
    }
    if (kind.toLowerCase() === 'positionembedding') checkPosition(options.kind ?? 'learned', `${where}: kind`, kinds);
    if (rotary && attention.test(kind)) {
      entry[kind] = { rotary: true, ...options };
      idle = undefined;
    }
    return repeated(kind, entry[kind] as LayerOptions, repeat, where).map((layer) => ({ entry: layer, index }));
  });
  if (idle === undefined) return expanded;
  throw new ModelError(
    `${idle}: rotary turns what the layers of attention after it compare, and there are none`,
    'use learned or sinusoidal, or put it before them',
  );
}

function repeated(kind: string, options: LayerOptions, repeat: unknown, where: string): LayerConfig[] {
  if (repeat === undefined) return [{ [kind]: options }];
  if (!Number.isInteger(repeat) || (repeat as number) < 1) {
    throw new ModelError(
      `${where}: repeat: ${JSON.stringify(repeat)} is not a whole number of at least 1`,
      'correct it',
    );
  }
  const { from, name, ...rest } = options;
  return Array.from({ length: repeat as number }, (_, i) => {
    const first = i === 0 && from !== undefined ? { from } : {};
    return { [kind]: { ...rest, ...first, ...(name === undefined ? {} : { name: `${name}_${i + 1}` }) } };
  });
}

function tokensAndPositions(options: LayerOptions, where: string): LayerConfig[] {
  const { vocabulary = 'classes', width, position = 'learned', maskZero, name, from, ...others } = options;
  refuse(others, ['vocabulary', 'width', 'position', 'maskZero', 'name', 'from'], where);
  if (!Number.isInteger(width) || (width as number) < 1) {
    throw new ModelError(
      width === undefined
        ? `${where}: there is no width`
        : `${where}: width: ${JSON.stringify(width)} is not a whole number of at least 1`,
      'say how many numbers stand for a token',
    );
  }
  checkPosition(position, `${where}: position`, positions);
  const isMarked = position === 'learned' || position === 'sinusoidal';
  const named = (suffix: string) => (name === undefined ? {} : { name: `${name}${suffix}` });
  const tokens = {
    inputDim: vocabulary,
    outputDim: width,
    ...(maskZero === undefined ? {} : { maskZero }),
    ...(from === undefined ? {} : { from }),
    ...named(isMarked ? '_tokens' : ''),
  };
  return isMarked
    ? [{ embedding: tokens }, { positionEmbedding: { kind: position, ...named('') } }]
    : [{ embedding: tokens }];
}

function checkPosition(position: unknown, where: string, known: readonly string[]): void {
  if (known.includes(position as string)) return;
  throw new ModelError(`${where}: there is no ${JSON.stringify(position)}`, oneOf(String(position), known));
}

function logits(options: LayerOptions, where: string): LayerConfig {
  const { name, from, tied = false, ...others } = options;
  const placed = { ...(name === undefined ? {} : { name }), ...(from === undefined ? {} : { from }) };
  if (tied === false) {
    const { useBias = false, units = 'classes', ...more } = others;
    refuse(more, ['useBias', 'units', 'tied', 'name', 'from'], where);
    return { dense: { units, useBias, ...placed } };
  }
  if (tied !== true && typeof tied !== 'string') {
    throw new ModelError(
      `${where}: tied: ${JSON.stringify(tied)} is neither true, false nor the name of an embedding`,
      'write tied: true',
    );
  }
  // The embedding has as many rows as there are scores, and Keras gives them no bias.
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new ModelError(`${where}: tied logits have no option ${other}`, `leave ${other} or tied out`);
  }
  return { tiedLogits: { ...(tied === true ? {} : { embedding: { name: tied } }), ...placed } };
}

function refuse(others: LayerOptions, known: readonly string[], where: string): void {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new ModelError(`${where}: there is no option ${unknown}`, oneOf(unknown, known));
}
