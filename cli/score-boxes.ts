/** `lockstep score boxes`: detections in images, by COCO's rule. */
import { Command } from 'commander';
import { printableDeep } from '../src/ground/printable.js';
import { grouped, metricText, percent, plural } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import type { BoxScores } from '../src/scores/boxes.js';
import { type BootstrapFlags, bootstrapFlags, bootstrapOf, rangeText } from './bootstrap-flags.js';
import { reportMistakes } from './outcome.js';

export function scoreBoxesCommand(): Command {
  const command = new Command('boxes')
    .description("Average precision and recall of boxes that were found in images, by COCO's rule.")
    .argument('<truths>', "the true boxes: COCO's JSON of images, categories and annotations")
    .argument(
      '<detections>',
      "the boxes that were found: COCO's JSON, a list with image_id, category_id, bbox and score",
    );
  return bootstrapFlags(command)
    .addHelpText(
      'after',
      `
The values are those of pycocotools. Where there is no truth to be found, such as of small boxes, they are NaN instead of -1.
Intervals come from draws of images, where there are ten or more.

Examples:
  npx lockstep score boxes instances_val2017.json detections.json
  npx lockstep score boxes truths.json detections.json --json

Exit codes: 0 done, 2 bad input.`,
    )
    .action(runScoreBoxes);
}

function runScoreBoxes(truths: string, detections: string, flags: BootstrapFlags): Promise<void> {
  return reportMistakes(flags.json, async (warn) => {
    const options = bootstrapOf(flags);
    const { readJsonFile } = await import('../src/ground/json-file.js');
    const coco = await import('../src/scores/coco-files.js');
    const { scoreCheckedBoxes } = await import('../src/scores/boxes.js');
    const known = readJsonFile(truths, coco.truthsSchema, coco.truthsKind);
    const found = readJsonFile(detections, coco.detectionsSchema, coco.detectionsKind);
    const scores = scoreCheckedBoxes(known, found, { truths, detections }, { ...options, warn });
    const columns = terminalColumns(process.stdout);
    process.stdout.write(
      flags.json
        ? jsonLine({ event: 'scores', ...scores })
        : wrapLines(text(printableDeep(scores), options.confidence ?? 0.95, columns), columns),
    );
  });
}

function text(
  { images, truths, detections, metrics, intervals, classes }: BoxScores,
  confidence: number,
  columns: number,
): string {
  const isSure = Object.keys(intervals).length > 0;
  const range = `${percent(confidence)} interval`;
  const heads = ['class', 'truths', 'detections', 'AP', ...(isSure ? [range] : []), 'AP50', 'AP75', 'AR100'];
  const rows = classes.map(({ name, truths, detections, ap, ap50, ap75, ar, intervals: own }) => [
    ...[name, grouped(truths), grouped(detections), metricText(ap)],
    ...(isSure ? [rangeText(own.ap)] : []),
    ...[ap50, ap75, ar].map(metricText),
  ]);
  const numbers = Object.entries(metrics).map(([name, value]) => [name, metricText(value), rangeText(intervals[name])]);
  return [
    `${plural(images, 'image')}, ${grouped(truths)} true ${truths === 1 ? 'box' : 'boxes'}, ${plural(detections, 'detection')}`,
    ...tableLines(isSure ? [['', 'score', range], ...numbers] : numbers.map((row) => row.slice(0, 2)), columns),
    '',
    ...tableLines([heads, ...rows], columns),
    ...(Object.values(metrics).some(Number.isNaN) ? ['NaN: no image has a true box of that size'] : []),
    '',
  ].join('\n');
}
