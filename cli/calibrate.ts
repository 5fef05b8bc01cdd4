/** `lockstep calibrate`: a threshold and a calibration for a model that is trained already. */
import { Command, Option } from 'commander';
import { printableDeep } from '../src/ground/printable.js';
import { grouped } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
import { decisionRows } from '../src/report/decision-text.js';
import { jsonLine } from '../src/report/json.js';
import { widthOf, wrapLines } from '../src/report/wrap.js';
import { reportMistakes } from './outcome.js';
import { threadCount, untilKilled } from './running.js';

interface CalibrateFlags {
  readonly threshold?: string;
  readonly method?: string;
  readonly config?: string;
  readonly set: readonly string[];
  readonly model?: string;
  readonly module?: string;
  readonly threads?: string;
  readonly json?: boolean;
}

export function calibrateCommand(): Command {
  const collect = (value: string, previous: readonly string[]) => [...previous, value];
  return new Command('calibrate')
    .description('Fit a decision threshold and a calibration of a trained model on its validation split.')
    .argument('<run|model>', "a run's folder such as runs/digits-1, or a model's folder or model.json")
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
    )
    .option('--config <file>', "the data, loss and rules (default: those of the model's run)")
    .option('--set <path=value>', 'override one value of the config; repeatable', collect, [])
    .option('--model <best|final|path>', 'which model of the run (default: best where there is one, else final)')
    .option('--module <file>', "the module that makes the model (default: that of the run's config)")
    .option('--threads <n>', 'engine threads; the result is the same for any number (default: one a core)')
    .option('--json', 'print one JSON object and nothing else')
    .addHelpText(
      'after',
      `
What is fitted is saved beside the weights, in encoding.json, in the place of what was there. predict, evaluate and export use it.

Examples:
  lockstep calibrate runs/cancer-1 --threshold f1
  lockstep calibrate runs/cancer-1 --method temperature --threshold '{ cost: { falsePositive: 1, falseNegative: 5 } }'
  lockstep calibrate runs/cancer-1 --threshold '{ maximize: recall, precision: 0.9 }' --model final

Exit codes: 0 done, 2 bad input, or a model that cannot be written.`,
    )
    .action(runCalibrate);
}

function runCalibrate(place: string, flags: CalibrateFlags): Promise<void> {
  const { set, threshold, method, threads, json, ...options } = flags;
  const work = async (warn: (message: string) => void) => {
    const overrides = [...set, ...thresholdOverride(threshold), ...methodOverride(method)];
    // Late, because tfjs takes most of the time that the command needs to start.
    const { calibrate } = await import('../coordinator/inference/calibrate-model.js');
    const result = await calibrate(place, { ...options, overrides, threads: threadCount(threads), warn });
    const { model, examples, decisions } = printableDeep(result);
    const rows = [['model', model], ['examples', `${grouped(examples)} validation`], ...decisionRows(decisions)];
    const lines = tableLines(rows, 2).map((line) => `${line.trimEnd()}\n`);
    process.stdout.write(
      json ? jsonLine({ event: 'calibration', ...result }) : wrapLines(lines.join(''), widthOf(process.stdout)),
    );
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
