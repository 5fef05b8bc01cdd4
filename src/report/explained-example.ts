/** An explanation of one example, as a report has it. */
import { metricText } from '../ground/units.js';
import type { AddedPart, ExplainedExample } from './evaluation-report.js';

/** What `lockstep explain` finds for an example. */
export interface FoundExplanation {
  readonly of: string;
  readonly measure: string;
  readonly target?: string;
  readonly place?: number;
  readonly value: number;
  readonly baselineValue: number;
  readonly inputs: readonly {
    readonly input: string;
    readonly parts?: readonly AddedPart[];
    readonly isText?: true;
    readonly heatMap?: string;
  }[];
}

export function explainedExample(
  { of, measure, target, place, value, baselineValue, inputs }: FoundExplanation,
  title: string,
): ExplainedExample {
  const what = [target, place === undefined ? undefined : `place ${place}`, JSON.stringify(of)].filter(
    (part) => part !== undefined,
  );
  const pictures = inputs.flatMap(({ heatMap }) => heatMap ?? []);
  const parts = inputs.flatMap((input) => (input.isText ? [] : (input.parts ?? [])));
  const texts = inputs.flatMap(({ input, isText, parts = [] }) =>
    isText ? [{ ...(inputs.length > 1 && { input }), parts }] : [],
  );
  return {
    title,
    text: `${what.join(', ')}: ${measure} ${metricText(value)}, of the baseline ${metricText(baselineValue)}`,
    ...(pictures.length > 0 && { pictures }),
    ...(parts.length > 0 && { parts }),
    ...(texts.length > 0 && { texts }),
  };
}
