/** An evaluation of a run that writes event files for TensorBoard: its pictures and findings are shown there, too. */
import { join } from 'node:path';
import type { Finding, GalleryReport } from '../../src/report/evaluation-report.js';
import { type ShownPicture, writeEvaluationFile } from '../../src/track/tensorboard/evaluation-file.js';
import type { EvaluatedExamples } from './evaluate-examples.js';
import { runAround } from './locate.js';

const uriHead = 'data:image/png;base64,';

interface Told {
  readonly gallery: readonly GalleryReport[] | undefined;
  readonly diagnosis: readonly Finding[] | undefined;
}

/** @param warn told where it cannot be written: the evaluation does not fail by it */
export function trackEvaluation(
  { located, config, split }: EvaluatedExamples,
  { gallery = [], diagnosis = [] }: Told,
  warn: (message: string) => void = () => {},
): void {
  const run = runAround(located.path);
  if (run === undefined || split === null || !config.track.tensorboard) return;
  const pictures = gallery.flatMap(({ title, examples }) => examples.flatMap((shown, i) => pictureOf(title, shown, i)));
  const findings = diagnosis.map(({ title, text, remedies }) => [title, text, ...remedies].join('\n')).join('\n\n');
  if (pictures.length === 0 && findings === '') return;
  try {
    writeEvaluationFile(join(run, 'tensorboard', `evaluation-${split}`), pictures, findings);
  } catch (error) {
    // A disk that is full, or a run that is not to be written to.
    warn(`TensorBoard is not told of this evaluation: ${(error as Error).message}`);
  }
}

function pictureOf(title: string, shown: GalleryReport['examples'][number], index: number): ShownPicture[] {
  const { picture, example, truth, predicted, confidence } = shown;
  if (!picture?.startsWith(uriHead)) return [];
  const sure = confidence === undefined ? '' : `, with ${(100 * confidence).toFixed(1)} %`;
  return [
    {
      tag: `${title.replace(/:.*/, '')}/${String(index + 1).padStart(3, '0')}`,
      png: Buffer.from(picture.slice(uriHead.length), 'base64'),
      caption: `example ${example}\ntruth: ${truth}\npredicted: ${predicted}${sure}`,
    },
  ];
}
