/** `lockstep score texts`: BLEU, chrF, ROUGE and error rates of texts, with intervals. */
import { Command, Option } from 'commander';
import type { DataFile } from '../src/data/data-file.js';
import { ConfigError } from '../src/errors.js';
import { oneOf } from '../src/ground/suggest.js';
import { metricText, percent, plural } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import type { NamedTexts } from '../src/scores/text-lines.js';
import { textMetricNames } from '../src/scores/text-metric.js';
import type { TextScoreOptions } from '../src/scores/text-options.js';
import type { TextScore, TextScores } from '../src/scores/text-scores.js';
import { tokenizerNames } from '../src/scores/tokenizers.js';
import { type BootstrapFlags, bootstrapFlags, bootstrapOf, rangeText } from './bootstrap-flags.js';
import { wholeFlag } from './flag-numbers.js';
import { reportMistakes } from './outcome.js';
import { repeatable } from './shared-options.js';
import { writeLines } from './sink.js';

interface TextFlags extends BootstrapFlags {
  readonly reference?: readonly string[];
  readonly metric?: string;
  readonly tokenize?: TextScoreOptions['tokenize'];
  readonly lowercase?: boolean;
  readonly effectiveOrder?: boolean;
  readonly charOrder?: string;
  readonly wordOrder?: string;
  readonly beta?: string;
  readonly rougeAscii?: boolean;
  readonly sentenceBreak?: string;
  readonly each?: boolean;
}

export function scoreTextsCommand(): Command {
  const command = new Command('texts')
    .description('BLEU, chrF and ROUGE of translations, summaries or other texts, one a line.')
    .argument('<references>', 'a text file of the right texts; - is standard input')
    .argument('<hypotheses>', 'a text file of the texts to score, in the same order')
    .argument('[other]', 'those of a second system, to compare it with the first')
    .addOption(repeatable('--reference <file>', 'another right text for each line'))
    .option('--metric <names>', `some of ${textMetricNames.join(',')} (default: bleu,chrf,rouge)`)
    .addOption(
      new Option('--tokenize <way>', 'how BLEU and wer cut texts into tokens (default: 13a)').choices(tokenizerNames),
    )
    .option('--lowercase', 'take capitals for small letters')
    .option('--effective-order', 'BLEU of the n-grams that there are, where texts have less than 4 tokens')
    .option('--char-order <n>', 'longest n-grams of characters in chrF (default: 6)')
    .option('--word-order <n>', 'longest n-grams of words in chrF; 2 makes it chrF++ (default: 0)')
    .option('--beta <n>', 'how much more recall weighs than precision in chrF (default: 2)')
    .option('--rouge-ascii', 'ROUGE of a to z and digits alone, as rouge-score has it')
    .option('--sentence-break <text>', 'what stands between the sentences of a line, such as <n>, for rougeLsum')
    .option('--each', 'print the scores of each line by itself too');
  return bootstrapFlags(command)
    .addHelpText(
      'after',
      `
BLEU and chrF are those of sacrebleu, ROUGE that of rouge-score but with letters of all scripts. Each score comes with the signature
of its options: those of equal signatures are comparable. Intervals come from draws of the lines, the same lines for both systems.

Examples:
  npx lockstep score texts references.txt translations.txt
  npx lockstep score texts references.txt ours.txt theirs.txt --metric bleu,chrf --word-order 2
  npx lockstep score texts summaries.txt made.txt --metric rouge --sentence-break "<n>" --json

Exit codes: 0 done, 2 bad input.`,
    )
    .action(runScoreTexts);
}

function runScoreTexts(first: string, hypotheses: string, other: string | undefined, flags: TextFlags): Promise<void> {
  return reportMistakes(flags.json, async (warn) => {
    const options = optionsOf(flags);
    const { openData } = await import('../src/data/data-file.js');
    const { Reading } = await import('../src/data/reading.js');
    const { linesOf } = await import('../src/scores/text-lines.js');
    const { scoreNamedTexts } = await import('../src/scores/text-scores.js');
    const references = [first, ...(flags.reference ?? [])];
    const systems = [hypotheses, ...(other === undefined ? [] : [other])];
    const inputs = [...references, ...systems];
    if (inputs.filter((name) => name === '-').length > 1) {
      throw new ConfigError('- is named twice: standard input can be read once', 'name a file for the others');
    }
    const files: DataFile[] = [];
    try {
      for (const name of inputs) files.push(await openData(name, new Reading({ warn })));
      const named = files.map((file): NamedTexts => ({ name: file.name, texts: linesOf(file) }));
      const texts: Readonly<Record<string, number>>[][] = [];
      const found = await scoreNamedTexts(named.slice(0, references.length), named.slice(references.length), options, {
        warn,
        ...(flags.each && { each: (_, scores) => texts.push([...scores]) }),
      });
      await writeLines(linesOfResult(found, texts, flags), undefined);
    } finally {
      for (const file of files) await file.close();
    }
  });
}

function optionsOf(flags: TextFlags): TextScoreOptions {
  const { tokenize, lowercase, effectiveOrder, rougeAscii, sentenceBreak } = flags;
  return {
    ...(flags.metric !== undefined && { metrics: flags.metric.split(',').map((name) => metricOf(name.trim())) }),
    ...{ tokenize, lowercase, effectiveOrder, rougeAscii, sentenceBreak },
    characterOrder: wholeFlag('--char-order', flags.charOrder, 1),
    wordOrder: wholeFlag('--word-order', flags.wordOrder, 0),
    beta: wholeFlag('--beta', flags.beta, 1),
    ...bootstrapOf(flags),
  };
}

function metricOf(name: string): (typeof textMetricNames)[number] {
  const found = textMetricNames.find((known) => known === name.toLowerCase());
  if (found) return found;
  if (/^chrf2?\+\+$/i.test(name))
    throw new ConfigError(`--metric ${name} is not known`, 'give chrf and --word-order 2');
  throw new ConfigError(`--metric ${name} is not known`, oneOf(name, textMetricNames));
}

async function* linesOfResult(
  found: TextScores,
  texts: readonly (readonly Readonly<Record<string, number>>[])[],
  { json, confidence }: TextFlags,
): AsyncGenerator<string> {
  const names = Object.keys(found.scores);
  if (json) {
    for (const [i, [scores, other]] of texts.entries()) {
      yield jsonLine({ event: 'text', text: i + 1, scores, ...(other && { other }) });
    }
    yield jsonLine({ event: 'scores', ...found });
    return;
  }
  if (texts.length > 0) {
    const titles = texts[0].flatMap((_, system) => names.map((name) => (system === 0 ? name : `other ${name}`)));
    yield `${['text', ...titles].join('\t')}\n`;
    for (const [i, systems] of texts.entries()) {
      const values = systems.flatMap((scores) => names.map((name) => metricText(scores[name])));
      yield `${[i + 1, ...values].join('\t')}\n`;
    }
    yield '\n';
  }
  const columns = terminalColumns(process.stdout);
  yield wrapLines(text(found, Number(confidence ?? 0.95), columns), columns);
}

function text({ texts, references, scores }: TextScores, confidence: number, columns: number): string {
  const entries = Object.entries(scores);
  const isPaired = entries.some(([, { other }]) => other);
  const within = `${percent(confidence)} interval`;
  const titles = ['score', within, ...(isPaired ? ['other', within, 'difference', within, 'p'] : [])];
  const rows = [['', ...titles], ...entries.map(([name, score]) => [name, ...cellsOf(score)])];
  const notes = entries.flatMap(([name, { note, other }]) =>
    [note, other?.note].flatMap((one) => (one === undefined ? [] : `note: ${name}: ${one}`)),
  );
  const signatures = tableLines(
    entries.map(([name, { signature }]) => [name, signature]),
    columns - 2,
    { left: 2, names: [0] },
  );
  return [
    `${plural(texts, 'text')}, ${plural(references, 'reference')} each`,
    ...tableLines(rows, columns).map((line) => line.trimEnd()),
    ...notes,
    'signatures',
    ...signatures.map((line) => `  ${line.trimEnd()}`),
    '',
  ].join('\n');
}

function cellsOf({ value, interval, other, difference }: TextScore): string[] {
  const own = [metricText(value), rangeText(interval)];
  if (!other || !difference) return own;
  const p = difference.pValue === undefined ? '' : metricText(difference.pValue);
  const beside = [metricText(other.value), rangeText(other.interval)];
  return [...own, ...beside, metricText(difference.value), rangeText(difference.interval), p];
}
