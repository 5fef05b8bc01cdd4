/** Explanations as text: the parts that add most, largest first. */

import type { ExplainedInput, Explanation, Explanations } from '../coordinator/inference/explanation.js';
import { printable } from '../src/ground/printable.js';
import { metricText, numberText, plural } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';

/** Characters of the longest bar. */
const barLength = 20;

interface ShownPart {
  readonly name: string;
  readonly value: string;
  readonly attribution: number;
}

/** Lines above all explanations. */
export const explanationHeader = ({ model, method, baseline }: Explanations, steps: number): string =>
  `model     ${printable(model)}\nmethod    ${method}${method === 'integratedGradients' ? `, ${plural(steps, 'step')}` : ''}\nbaseline  ${printable(baseline)}\n`;

/** @param top how many parts are shown of each example @param columns of the terminal: longer names are cut */
export function explanationText(
  explanation: Explanation,
  method: Explanations['method'],
  top: number,
  columns: number,
): string {
  const { row, name, target, place, of, measure, value, baselineValue, residual, inputs } = explanation;
  const what = [target, place === undefined ? undefined : `place ${place}`, JSON.stringify(of)]
    .filter((part) => part !== undefined)
    .join(', ');
  const sum = residual === undefined ? '' : `; the parts add up to the difference but for ${metricText(residual)}`;
  const title = `${name ?? `row ${row}`}: ${what}: ${measure} ${metricText(value)}, of the baseline ${metricText(baselineValue)}${sum}`;
  const parts = inputs.flatMap((input) => shownOf(input, inputs.length > 1));
  const sorted = parts.toSorted((a, b) => Math.abs(b.attribution) - Math.abs(a.attribution)).slice(0, top);
  const largest = Math.abs(sorted[0]?.attribution ?? 0);
  const rows = sorted.map(({ name, value, attribution }) => {
    const length = largest === 0 ? 0 : Math.round((barLength * Math.abs(attribution)) / largest);
    const bar = (attribution > 0 ? '+' : '-').repeat(length);
    return [printable(name), printable(value), signed(attribution), bar.padEnd(barLength)];
  });
  const lines = tableLines(rows, columns - 2, { left: 2 }).map((line) => `  ${line.trimEnd()}`);
  const left = parts.length - sorted.length;
  const unit = method === 'gradient' ? ' of smaller slope' : ' that add less';
  const rest = left > 0 ? [`  and ${left}${unit} (--top, --json)`] : [];
  const files = inputs.flatMap(({ file }) => (file === undefined ? [] : [`  written: ${printable(file)}`]));
  return `\n${[printable(title), ...lines, ...rest, ...files].join('\n')}\n`;
}

const signed = (value: number): string => `${value > 0 ? '+' : ''}${metricText(value)}`;

function shownOf({ input, parts, width, attributions = [], isText }: ExplainedInput, isNamed: boolean): ShownPart[] {
  const prefix = isNamed ? `${input} ` : '';
  if (parts) {
    return parts.map(({ name, value, attribution }) => ({
      name: isText ? `${prefix}${name}` : name,
      value: typeof value === 'number' ? numberText(value) : shownText(value),
      attribution,
    }));
  }
  return attributions.map((attribution, i) => {
    return { name: `${prefix}pixel ${Math.floor(i / width!) + 1}, ${(i % width!) + 1}`, value: '', attribution };
  });
}

/** Blanks and line breaks of a text can be seen. */
const shownText = (value: string): string => (/^\s*$/.test(value) && value !== '' ? JSON.stringify(value) : value);
