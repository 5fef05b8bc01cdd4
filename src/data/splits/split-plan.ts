/** How a config asks for its examples to be divided, in whichever of its two ways: what every source makes its plan of. */
import type { RowRange } from '../geometry.js';
import type { Decider, SplitKey } from './split-key.js';

/** A part is a fraction of the examples that no part claims as a range, or such a range. */
export interface SplitPlan {
  readonly validation: number | RowRange;
  readonly test: number | RowRange;
  /** Whether each class is divided by itself, so that all splits have the same mixture of classes; or of which target. */
  readonly stratify: boolean | string;
  /** What else decides; not with `stratify`. */
  readonly by?: SplitKey;
  /** Where a config says all this, for messages. */
  readonly section?: string;
}

/** The keys of a source's config. @template Own what a split may have of its own: a path */
export interface SplitConfig<Own = string> {
  readonly split?: {
    readonly validation: number | Own;
    readonly test: number | Own;
    readonly stratify?: boolean | string;
    readonly order?: string;
    readonly group?: string;
  };
  readonly validation?: number | Own;
  readonly test?: number | Own;
  readonly stratify?: boolean;
}

const heldOut = ['validation', 'test'] as const;

/** What is held out: fractions, or what a split has of its own. */
export function heldOutParts<Own>(config: SplitConfig<Own>): Record<'validation' | 'test', number | Own> {
  const { validation = 0, test = 0 } = config.split ?? config;
  return { validation, test };
}

/** What splits have of their own, in the order in which their examples follow those of the others. */
export function givenOf<Own>(config: SplitConfig<Own>): { readonly split: 'validation' | 'test'; readonly own: Own }[] {
  const parts = heldOutParts(config);
  return heldOut.flatMap((split) => {
    const own = parts[split];
    return typeof own === 'number' ? [] : { split, own };
  });
}

/** @param classes names of targets, which `stratify` may name too: their classes are known without a key */
export function deciderOf({ split }: SplitConfig<unknown>, classes: readonly string[] = []): Decider | undefined {
  const { order, group, stratify } = split ?? {};
  if (order !== undefined) return { kind: 'order', name: order };
  if (group !== undefined) return { kind: 'group', name: group };
  return typeof stratify === 'string' && !classes.includes(stratify) ? { kind: 'stratify', name: stratify } : undefined;
}

/** Where a config says how to divide, for messages. */
export const sectionOf = ({ split }: SplitConfig<unknown>): 'data' | 'data.split' => (split ? 'data.split' : 'data');

interface PlanOptions {
  /** Examples that each of `givenOf` has, which come last and in that order; `first` of all others. Absent before they are read. */
  readonly given?: { readonly first: number; readonly counts: readonly number[] };
  /** The values of what decides. */
  readonly by?: SplitKey;
}

export function planOf(config: SplitConfig<unknown>, { given, by }: PlanOptions = {}): SplitPlan {
  const ranges: Partial<Record<'validation' | 'test', RowRange>> = {};
  let start = given?.first ?? 0;
  givenOf(config).forEach(({ split }, i) => {
    const count = given?.counts[i] ?? 0;
    ranges[split] = { start, count };
    start += count;
  });
  const parts = heldOutParts(config);
  const { stratify = false } = config.split ?? config;
  return {
    validation: ranges.validation ?? Number(parts.validation),
    test: ranges.test ?? Number(parts.test),
    stratify: by ? false : stratify,
    by,
    section: sectionOf(config),
  };
}
