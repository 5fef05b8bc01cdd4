/** Explains one example after the other. */
import { pngUri } from '../../src/data/images/png.js';
import {
  gradientOf,
  type InputPart,
  integratedGradients,
  type OutputScore,
  occlusion,
  pixelWindows,
  type Slots,
  scoreOf,
  scoresOf,
  slotsOf,
} from '../../src/explain/attribution.js';
import type { Explained, Point, Slopes } from '../../src/explain/slopes.js';
import { writeFileAtomically } from '../../src/ground/atomic-file.js';
import { elements } from '../../src/ground/elements.js';
import { heatMapPng } from '../../src/report/heat-map.js';
import { baselineOf, isNamedBaseline, isThere, pointOf } from './baselines.js';
import { type InputParts, placeText, singleParts } from './explained-inputs.js';
import type { ExplainedOutput } from './explained-target.js';
import type { ExplainedInput, ExplainMethod, ExplainOptions, Explanation } from './explanation.js';
import type { InputBatch } from './input-batches.js';
import { PictureFiles } from './pictures.js';
import type { SavedModel } from './saved-model.js';

/** All that examples are explained with. */
export interface ExplainTask {
  readonly saved: SavedModel;
  readonly target: Explained;
  readonly output: ExplainedOutput;
  readonly parts: readonly InputParts[];
  readonly slopes: Slopes;
  readonly method: ExplainMethod;
  readonly options: ExplainOptions;
}

export class Explainer {
  readonly #task: ExplainTask;
  readonly #parts: readonly InputPart[];
  /** Where the parts of each input begin. */
  readonly #starts: readonly number[];
  readonly #slots: Slots;
  readonly #files: PictureFiles | undefined;
  /** In the place of a baseline by name. */
  #baseline: readonly Float32Array[] | undefined;

  constructor(task: ExplainTask) {
    const { saved, target, parts, options } = task;
    this.#task = task;
    const each = parts.map((own, input): InputPart[] => {
      if (own.kind === 'columns') return own.columns.map(({ features }) => ({ input, features }));
      return singleParts(input, saved.inputs[input].shape, own.kind === 'picture' ? own.channels : 1);
    });
    this.#parts = each.flat();
    this.#starts = each.map((_, i) => each.slice(0, i).flat().length);
    this.#slots = slotsOf(target);
    this.#files =
      options.images === undefined ? undefined : new PictureFiles({ folder: options.images, force: options.force });
  }

  compareWith(baseline: readonly Float32Array[]): void {
    this.#baseline = baseline;
  }

  async *rows(batches: AsyncIterable<InputBatch>): AsyncGenerator<Explanation> {
    let row = 0;
    for await (const { count, inputs, names, kept } of batches) {
      for (let i = 0; i < count; i++) {
        row++;
        const own = inputs.map((values) =>
          values.slice((i * values.length) / count, ((i + 1) * values.length) / count),
        );
        yield await this.#explain(own, { row, name: names?.[i], kept: kept?.[i] });
      }
    }
  }

  async #explain(
    given: readonly Float32Array[],
    { row, name, kept }: { row: number; name?: string; kept?: readonly string[] },
  ): Promise<Explanation> {
    const { target, output, parts, slopes, method } = this.#task;
    const point = pointOf(target.lookups, given);
    const baseline = this.#baselineOf(given);
    const [{ outputs }] = await slopes([point], new Float32Array(elements(target.outputShape)));
    const { of, score } = output.numberOf(outputs);
    const value = scoreOf(score, outputs);
    const [baselineValue] = await scoresOf(slopes, score, [baseline]);
    const attributions = await this.#attributions(score, value, point, baseline);
    const sum = attributions.reduce((total, each) => total + each, 0);
    const inputs: ExplainedInput[] = [];
    for (const [i, own] of parts.entries()) {
      const end = this.#starts[i + 1] ?? attributions.length;
      const values = attributions.subarray(this.#starts[i], end);
      inputs.push(await this.#input(i, own, { given, values, row, name, kept }));
    }
    return {
      row,
      ...(name !== undefined && { name }),
      ...(output.target !== undefined && { target: output.target }),
      ...(output.place !== undefined && { place: output.place }),
      of,
      measure: output.measure,
      value,
      baselineValue,
      ...(method === 'integratedGradients' && { residual: sum - (value - baselineValue) }),
      inputs,
    };
  }

  #baselineOf(own: readonly Float32Array[]): Point {
    const { saved, target, parts, options } = this.#task;
    const { baseline = 'zeros' } = options;
    if (isNamedBaseline(baseline)) return baselineOf(saved, target.lookups, parts, own, baseline);
    // What fills a sequence up is that of the example.
    const count = saved.inputs.length;
    return pointOf(target.lookups, [...this.#baseline!.slice(0, count), ...own.slice(count)]);
  }

  #attributions(score: OutputScore, value: number, point: Point, baseline: Point): Promise<Float64Array> {
    const { slopes, method, options } = this.#task;
    const asked = { point, baseline, parts: this.#parts, slots: this.#slots };
    if (method === 'occlusion') return occlusion(slopes, score, value, asked, this.#regions());
    if (method === 'integratedGradients') {
      return integratedGradients(slopes, score, { ...asked, steps: options.steps ?? 64 });
    }
    // Of a category that it is, not of those that it is not.
    const { parts } = this.#task;
    const categories = new Set(
      parts.flatMap((own, input) =>
        own.kind === 'columns'
          ? own.columns.flatMap(({ features, isCategory }) => (isCategory ? features.map((i) => `${input} ${i}`) : []))
          : [],
      ),
    );
    const weight = (part: number, i: number) => (categories.has(`${part} ${i}`) ? point[part][i] : 1);
    return gradientOf(slopes, score, asked, weight);
  }

  /** What is occluded together: windows of pictures, anything else by itself. */
  #regions(): number[][] {
    const { parts, options } = this.#task;
    return parts.flatMap((own, input) => {
      const start = this.#starts[input];
      if (own.kind !== 'picture') {
        const end = this.#starts[input + 1] ?? this.#parts.length;
        return Array.from({ length: end - start }, (_, i) => [start + i]);
      }
      const { height, width } = own;
      const window = Math.min(options.window ?? Math.max(1, Math.round(Math.min(height, width) / 8)), height, width);
      const moved = pixelWindows(height, width, window, Math.max(1, Math.floor(window / 2)));
      return moved.map((pixels) => pixels.map((pixel) => start + pixel));
    });
  }

  async #input(
    index: number,
    own: InputParts,
    { given, values, row, name, kept = [] }: AttributedRow,
  ): Promise<ExplainedInput> {
    const { saved, parts, options } = this.#task;
    const { name: input, shape, isNamed } = saved.inputs[index];
    if (own.kind === 'picture') {
      const { height, width } = own;
      const several = parts.filter(({ kind }) => kind === 'picture').length > 1;
      const file = this.#files?.take(row, name, several ? `.${input}` : '');
      const isDrawn = file !== undefined || options.heatMaps;
      const picture = given[index];
      const map = isDrawn ? await heatMapPng({ ...own, picture, attributions: values }) : new Uint8Array();
      if (file !== undefined) {
        writeFileAtomically(file, [map]);
      }
      const found = { input, height, width, attributions: [...values], ...(file !== undefined && { file }) };
      return options.heatMaps ? { ...found, heatMap: pngUri(map) } : found;
    }
    // The columns to keep are those of all inputs, one behind the other.
    const first = parts
      .slice(0, index)
      .reduce((sum, each) => sum + (each.kind === 'columns' ? each.columns.length : 0), 0);
    const described = (i: number): { name: string; value: string | number } => {
      const value = given[index][i];
      if (own.kind === 'columns') return { name: own.columns[i].name, value: kept[first + i] ?? '' };
      if (own.kind === 'places') return { name: String(i + 1), value: own.vocabulary[value] };
      const place = elements(shape) === 1 && isNamed ? '' : placeText(shape, i);
      return { name: `${isNamed ? input : ''}${place}`, value };
    };
    // What fills a text up is no part of it.
    const there = own.kind === 'places' ? values.filter((_, i) => isThere(saved, given, index, i)) : values;
    const listed = Array.from(there, (attribution, i) => ({ ...described(i), attribution }));
    return { input, parts: listed, ...(own.kind === 'places' && { isText: true as const }) };
  }
}

/** What there is of an input of an example. */
interface AttributedRow {
  /** All that the model was given. */
  readonly given: readonly Float32Array[];
  readonly values: Float64Array;
  readonly row: number;
  readonly name?: string;
  readonly kept?: readonly string[];
}
