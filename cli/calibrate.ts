/** `lockstep calibrate`: a threshold and a calibration for a model that is trained already. */
import { Command, Option } from 'commander';
import { printableDeep } from '../src/ground/printable.js';
import { grouped } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
import { decisionRows } from '../src/report/decision-text.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { reportMistakes } from './outcome.js';
import { untilKilled } from './running.js';
import { evaluationOf, type SharedFlags, withModel, withShared } from './shared-options.js';

const shared = ['config', 'set', 'model', 'module', 'threads', 'device', 'json'] as const;

interface CalibrateFlags extends Pick<SharedFlags, (typeof shared)[number]> {
  readonly threshold?: string;
  readonly method?: string;
}

export function calibrateCommand(): Command {
  const command = withModel(new Command('calibrate'))
    .description('Fit a decision threshold and a calibration of a trained model on its validation split.')
    .option(
      '--threshold <rule>',
      'f1, accuracy, balancedAccuracy, youden or mcc to maximize, or as YAML what evaluation.threshold takes; none leaves it at 0.5 ' +
        "(default: what the run's config says)",
    )
    .addOption(
      new Option('--method <name>', "how probabilities are made (default: what the run's config says)").choices([
        'temperature',
        'isotonic',
        'none',
      ]),
    );
  return withShared(command, ...shared)
    .addHelpText(
      'after',
      `
What is fitted is saved beside the weights, in encoding.json, in the place of what was there. predict, evaluate and export use it.

Examples:
  npx lockstep calibrate runs/cancer-1 --threshold f1
  npx lockstep calibrate runs/cancer-1 --method temperature --threshold '{ cost: { falsePositive: 1, falseNegative: 5 } }'
  npx lockstep calibrate runs/cancer-1 --threshold '{ maximize: recall, precision: 0.9 }' --model final

Exit codes: 0 done, 2 bad input, or a model that cannot be written.`,
    )
    .action(runCalibrate);
}

function runCalibrate(place: string, flags: CalibrateFlags): Promise<void> {
  const { threshold, method, json } = flags;
  const work = async (warn: (message: string) => void) => {
    const set = [...(flags.set ?? []), ...thresholdOverride(threshold), ...methodOverride(method)];
    // Late, because tfjs takes most of the time that the command needs to start.
    const { calibrate } = await import('../coordinator/inference/calibrate-model.js');
    const result = await calibrate(place, { ...evaluationOf({ ...flags, set }), warn });
    const { model, examples, decisions } = printableDeep(result);
    const rows = [['model', model], ['examples', `${grouped(examples)} validation`], ...decisionRows(decisions)];
    const columns = terminalColumns(process.stdout);
    const lines = tableLines(rows, columns, { left: 2, names: [0] }).map((line) => `${line.trimEnd()}\n`);
    process.stdout.write(json ? jsonLine({ event: 'calibration', ...result }) : wrapLines(lines.join(''), columns));
  };
  // A signal waits for the write that is under way.
  return untilKilled(() => reportMistakes(json, work));
}

/** A bare name is what to maximize. */
function thresholdOverride(rule: string | undefined): string[] {
  if (rule === undefined) return [];
  if (rule === 'none') return ['evaluation.threshold=null'];
  return [`evaluation.threshold=${rule.includes('{') ? rule : `{ maximize: ${rule} }`}`];
}

const methodOverride = (method: string | undefined): string[] =>
  method === undefined ? [] : [`evaluation.calibration=${method === 'none' ? 'null' : method}`];
