/** Examples of a split, explained: for models that read one picture or text, of which no part means the same in all of them. */
import { ofRole } from '../../src/data/field.js';
import { ConfigError } from '../../src/errors.js';
import type { ExplainedExample } from '../../src/report/evaluation-report.js';
import { explainedExample } from '../../src/report/explained-example.js';
import type { EvaluatedExamples } from './evaluate-examples.js';
import type { EvaluateOptions } from './evaluated-data.js';
import { explainerOf } from './explain.js';
import { partsOfInputs } from './explained-inputs.js';
import { galleryFor, valuesAt } from './gallery.js';
import { readingOf } from './output-meaning.js';
import { openModel } from './saved-model.js';

/** How many. */
const most = 8;

/**
 * Integrated gradients of the first examples of the gallery, where there is one, else of the split.
 * @throws ConfigError where the model reads something else, or has no single answer for an example
 */
export async function explainedExamples(
  evaluated: EvaluatedExamples,
  { module, warn }: Pick<EvaluateOptions, 'module' | 'warn'>,
): Promise<ExplainedExample[]> {
  const { located, dataset, rows } = evaluated;
  const saved = await openModel(located, module, warn);
  const parts = partsOfInputs(saved);
  const hasAnswer = saved.encoding?.input.kind === 'text' || readingOf(saved, 0).kind !== 'places';
  const [{ kind }] = parts;
  if (parts.length > 1 || !hasAnswer || (kind !== 'picture' && kind !== 'places')) {
    throw new ConfigError(
      '--importance: no part of what the model reads means the same in every example, and it is no single picture or text with one answer',
      'leave --importance out, and explain an example: npx lockstep explain RUN INPUT',
    );
  }
  const explainer = await explainerOf(saved, parts, { warn, heatMaps: true });
  const [input] = ofRole(dataset.examples.columns, 'input');
  const masks = ofRole(dataset.examples.columns, 'mask').filter(({ of }) => of === input.name);
  const [shelf] = (await galleryFor(evaluated)) ?? [];
  const chosen = shelf ? shelf.examples.map(({ example }) => example) : [...rows];
  const found: ExplainedExample[] = [];
  for (const example of chosen.slice(0, most)) {
    const inputs: Float32Array[] = [];
    for (const column of [input, ...masks]) {
      inputs.push(Float32Array.from(await valuesAt(column, example), (value) => value * (column.scale ?? 1)));
    }
    const batches = (async function* one() {
      yield { count: 1, inputs };
    })();
    for await (const row of explainer.rows(batches)) found.push(explainedExample(row, `example ${example}`));
  }
  return found;
}
