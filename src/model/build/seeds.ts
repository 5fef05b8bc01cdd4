/** Seeds of random initial weights: a function of the run's seed and of where in the model an initializer stands. */
import { nestedKeys } from './create-layer.js';

/** Gives every random initializer of the layer, and of layers inside it, a seed of its own. */
export function seedInitializers(holder: object, path: string, seen = new Set<object>()): void {
  if (seen.has(holder)) return;
  seen.add(holder);
  for (const [key, value] of Object.entries(holder)) {
    if (Array.isArray(value) && key === 'cells') {
      for (const [i, cell] of value.entries()) seedInitializers(cell, `${path}/${key}${i}`, seen);
    } else if (value && typeof value === 'object') {
      if (key.endsWith('nitializer') && 'seed' in value) value.seed ??= hash(`${path}/${key}`);
      else if (nestedKeys.includes(key) || key.endsWith('Layer')) seedInitializers(value, `${path}/${key}`, seen);
    }
  }
}

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  return h;
}
