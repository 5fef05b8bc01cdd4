/** A gallery without its pictures, for a terminal. */
import { metricText } from '../ground/units.js';
import { tableLines } from './aligned.js';
import type { GalleryReport } from './evaluation-report.js';

/** @param columns of the terminal: longer names are cut */
export function galleryText(gallery: readonly GalleryReport[], columns: number): string {
  if (gallery.length === 0) return '\ngallery: no example is wrong\n';
  return gallery
    .map(({ title, examples }) => {
      const lines = examples.map(({ example, truth, predicted, confidence, loss }) => [
        String(example),
        truth,
        predicted,
        confidence === undefined ? '' : metricText(confidence),
        loss === undefined ? '' : metricText(loss),
      ]);
      const table = tableLines([['example', 'truth', 'predicted', 'confidence', 'loss'], ...lines], columns - 2, {
        left: 3,
      });
      return `\n${title}\n${table.map((line) => `  ${line.trimEnd()}\n`).join('')}`;
    })
    .join('');
}
