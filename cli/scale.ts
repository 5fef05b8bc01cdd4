/** `lockstep scale`: how many workers are worth it, measured. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { loadRunConfig, resolvedYaml } from '../src/config/load-config.js';
import { ConfigError, OutputError, UnwrittenError } from '../src/errors.js';
import { writeFileAtomically } from '../src/ground/atomic-file.js';
import { printableLines } from '../src/ground/printable.js';
import { bytesText, grouped, percent } from '../src/ground/units.js';
import { parseProjection } from '../src/projection/parse.js';
import { tableLines } from '../src/report/aligned.js';
import { jsonLine } from '../src/report/json.js';
import { markdownPage } from '../src/report/markdown-page.js';
import { htmlPage } from '../src/report/page.js';
import { assertWritable, createRunFolder, scaleReportName } from '../src/report/run-folder.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { compareReports } from '../src/scale/compare.js';
import { checkProjectable, projectScale, recordOf } from '../src/scale/project.js';
import { type Kind, kinds, type Mode, parseReport, type ScaleReport, type ScaleRun } from '../src/scale/record.js';
import { measureScale } from '../src/scale/scale.js';
import { scaleDocument } from '../src/scale/scale-document.js';
import { workersText } from '../src/scale/scale-text.js';
import { givenText } from './given-file.js';
import { reportMistakes } from './outcome.js';
import { untilInterrupted, wholeNumber } from './running.js';
import { type SharedFlags, withConfig, withShared } from './shared-options.js';

interface ScaleFlags extends Pick<SharedFlags, 'set' | 'out' | 'json'> {
  readonly workers: string;
  readonly kind: Kind;
  readonly mode: Mode | 'both';
  readonly repeats: string;
  readonly steps?: string;
  readonly against?: string;
  readonly project?: string;
}

export function scaleCommand(): Command {
  const command = withConfig(new Command('scale'), '<config>')
    .description('Measure how a run scales with the number of workers, and say what limits it.')
    .requiredOption('--workers <list>', 'numbers of workers to compare, such as 1,2,4')
    .addOption(
      new Option('--kind <kind>', 'threads of one process, or processes over sockets')
        .choices(kinds)
        .default('threads'),
    )
    .addOption(
      new Option('--mode <mode>', 'strong: the same batch; weak: a batch that grows with the workers')
        .choices(['strong', 'weak', 'both'])
        .default('both'),
    )
    .option('--repeats <n>', 'runs of each kind, interleaved', '5')
    .option('--steps <n>', 'steps of a run with the fewest workers (default: so many that it takes some seconds)')
    .option('--against <file>', 'compare with the scale.json of an earlier measurement')
    .option('--project <scenario>', 'project to more workers, as in "workers=8..4096,bandwidth=10Gbps,latency=100us"');
  return withShared(command, 'set', 'out', 'json')
    .addHelpText(
      'after',
      `
It writes scale.json, scale.md and scale.html (plots, in one file) into a folder of its own.

Examples:
  npx lockstep scale configs/digits-mlp.yaml --workers 1,2,4
  npx lockstep scale configs/digits-mlp.yaml --workers 1,2 --kind processes --mode weak \\
    --project "workers=8..4096,bandwidth=10Gbps,latency=100us"
  npx lockstep scale configs/digits-mlp.yaml --workers 1,2 --against runs/digits-mlp-scale-1/scale.json

Ctrl-C ends the measurement, with a report of what is measured by then. Exit codes are those of lockstep train.`,
    )
    .action(runScale);
}

async function runScale(file: string, flags: ScaleFlags): Promise<void> {
  const { json, out = 'runs' } = flags;
  const message = 'stopping; press Ctrl-C again to quit without a report';
  await untilInterrupted({ said: () => say(json, { event: 'warning', message }) }, (signal, exitCode) =>
    reportMistakes(json, async () => {
      const choices = choicesOf(flags);
      const before = flags.against === undefined ? undefined : parseReport(flags.against, textOf(flags.against));
      const scenario =
        flags.project === undefined
          ? undefined
          : parseProjection(flags.project, flags.mode === 'strong' ? 'strong' : 'weak');
      if (scenario) checkProjectable(choices.workers);
      const config = loadRunConfig(file, flags.set);
      assertWritable(out);
      const progress = (done: number, all: number, run: ScaleRun | undefined) =>
        say(json, { event: 'run', done, all, run });
      const program = fileURLToPath(new URL('./main.js', import.meta.url));
      const measured = await measureScale({
        ...choices,
        program,
        file,
        set: flags.set ?? [],
        kind: flags.kind,
        signal,
        progress,
      });
      if (signal.aborted) process.exitCode = exitCode();
      if (!measured) return;
      // What is measured is reported, whatever is missing for more.
      const isEnough = new Set(measured.runs.map(({ workers }) => workers)).size > 1;
      const projected = scenario && isEnough ? projectScale(measured, scenario) : undefined;
      const report = projected ? { ...measured, projection: recordOf(projected) } : measured;
      const compared = before && compareReports(report, before);
      const words = compared?.words ?? [];
      const document = scaleDocument(report, compared, projected);
      const files = {
        [scaleReportName]: `${JSON.stringify(report, null, 1)}\n`,
        'scale.md': markdownPage(document),
        'scale.html': await htmlPage(document),
      };
      try {
        const folder = createRunFolder(out, `${config.name}-scale`, resolvedYaml(config));
        for (const [name, text] of Object.entries(files)) writeFileAtomically(join(folder, name), text);
        say(json, { event: 'report', folder, report, words });
      } catch (error) {
        if (!(error instanceof OutputError)) throw error;
        // What took long to measure is at least on the screen; --json has it whole.
        say(json, { event: 'report', folder: null, report, words });
        const remedy = 'keep what is printed above; free some space, and measure again for the files';
        throw new UnwrittenError(error.problem, remedy);
      }
    }),
  );
}

/** @throws ConfigError for a list of workers, repeats or steps that cannot be */
function choicesOf({ workers, mode, repeats, steps }: ScaleFlags) {
  const remedy = 'name each once, as in --workers 1,2,4';
  const counts = workers.split(',').map((part) => wholeNumber('--workers', part.trim(), 1, 256, remedy));
  if (new Set(counts).size < counts.length) throw new ConfigError(`--workers ${workers}: names one twice`, remedy);
  return {
    workers: counts.sort((a, b) => a - b),
    modes: mode === 'both' ? (['strong', 'weak'] as const) : [mode],
    repeats: wholeNumber('--repeats', repeats, 1, 1000, 'use 5, or leave it out'),
    steps: steps === undefined ? undefined : wholeNumber('--steps', steps, 20, 10_000_000, 'use 200, or leave it out'),
  };
}

/** @throws ConfigError when the file cannot be read */
const textOf = (file: string): string =>
  givenText(`--against ${file}`, file, 'name the scale.json of an earlier measurement');

type ScaleLine =
  | { readonly event: 'warning'; readonly message: string }
  | { readonly event: 'run'; readonly done: number; readonly all: number; readonly run: ScaleRun | undefined }
  | {
      readonly event: 'report';
      /** null where it could not be written: then the report comes here. */
      readonly folder: string | null;
      readonly report: ScaleReport;
      readonly words: readonly string[];
    };

function say(json: boolean | undefined, said: ScaleLine): void {
  const inFile = said.event === 'report' && said.folder !== null;
  const columns = terminalColumns(process.stdout);
  process.stdout.write(
    json
      ? jsonLine(inFile ? { ...said, report: undefined } : said)
      : wrapLines(`${printableLines(textFor(said, columns))}\n`, columns),
  );
}

function textFor(said: ScaleLine, columns: number): string {
  if (said.event === 'warning') return `warning: ${said.message}`;
  if (said.event === 'report') return summary(said, columns);
  const { done, all, run } = said;
  if (!run) return `${all} runs`;
  const { mode, workers, repeat, examplesPerSecond, step } = run;
  return `${String(done).padStart(String(all).length)}/${all}  ${mode}, ${workersText(workers)}, repeat ${repeat}: ${grouped(examplesPerSecond)} examples/s, ${step.p50.toPrecision(3)} ms a step`;
}

function summary({ folder, report, words }: Extract<ScaleLine, { event: 'report' }>, columns: number): string {
  const rows = report.points.map(({ mode, workers, examplesPerSecond, speedup, efficiency, peakBytes }) => [
    ...[mode, String(workers), grouped(examplesPerSecond.median), speedup.toFixed(2), percent(efficiency)],
    peakBytes === null ? '-' : bytesText(peakBytes),
  ]);
  const table = [['mode', 'workers', 'examples/s', 'speed-up', 'efficiency', 'memory'], ...rows];
  const bits = { true: 'All strong runs ended with the same parameters, bit for bit.', false: '', null: '' };
  return [
    ['', ...tableLines(table, columns)].join('\n'),
    ...report.advice,
    ...report.findings.map(({ mode, workers, text }) => `${mode}, ${workersText(workers)}: ${text}`),
    ...(report.projection ? [`Projection, ${report.projection.scenario}:`, ...report.projection.verdict] : []),
    ...words,
    bits[`${report.hashesAgree}`],
    ...report.warnings.map((warning) => `warning: ${warning}`),
    folder === null ? '' : `report: ${join(folder, 'scale.html')}, scale.md and scale.json beside it`,
  ]
    .filter((line) => line !== '')
    .join('\n\n');
}
