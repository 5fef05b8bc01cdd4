/** The encoding that a model will have that is trained on a source's examples: how others are to be read. */
import type { Encoding, TargetScaling } from './encoding.js';
import { type Examples, inputColumn, type SourceExamples, targetColumn } from './examples.js';
import { isPlain, ofRole } from './field.js';
import type { Source } from './source.js';

/** Small pictures are read as pictures, everything else as numbers. */
export function plainEncoding(examples: SourceExamples): Encoding {
  const { shape, scale = 1, type } = inputColumn(examples);
  const [height, width, channels] = shape;
  if (shape.length === 3 && (channels === 1 || channels === 3) && type === 'uint8') {
    const greyscale = channels === 1 ? ('bt601' as const) : undefined;
    return { input: { kind: 'image', height, width, channels, greyscale, fit: 'fill' } };
  }
  return { input: { kind: 'numbers', scale } };
}

/** With what is known of the targets. */
export function completeEncoding(
  encoding: Encoding,
  examples: SourceExamples,
  scalings: ReadonlyMap<string, TargetScaling>,
): Encoding {
  const targets = ofRole(examples.columns, 'target');
  if (targets.some(isPlain)) {
    const [scaling] = scalings.values();
    return { ...classNames(examples), ...encoding, ...(scaling && { targetScaling: scaling }) };
  }
  const named = targets.map((target) => {
    const { name } = target;
    const targetScaling = scalings.get(name);
    const own = encoding.named?.[name] ?? classNames({ columns: [target] });
    return [name, { ...own, ...(targetScaling && { targetScaling }) }] as const;
  });
  return { input: encoding.input, named: Object.fromEntries(named) };
}

/** Classes are called by their indices where the source has no names for them. */
function classNames(examples: Pick<SourceExamples, 'columns'>): Pick<Encoding, 'classes'> {
  const { categories: classes } = targetColumn(examples);
  return classes === undefined ? {} : { classes: Array.from({ length: classes }, (_, i) => String(i)) };
}

/** The encoding that a model will have that is trained on these examples: by it others are read alike. */
export async function trainedLike({ encode, examples }: Source): Promise<Encoding> {
  const none = new Int32Array(0);
  const own = (await encode?.({ training: none, validation: none, test: none })) ?? plainEncoding(examples as Examples);
  return completeEncoding(own, examples, new Map());
}
