/**
 * Loops of recurrent layers as nodes for every step of the sequence: on a device a loop of ours, which is a session for each step, would
 * bring its numbers to the processor and back in each.
 */
import { elements } from '../../../ground/elements.js';
import { kernelDomain } from '../graph.js';
import { LoopStep, type TracedPart } from '../lowerings/loop-step.js';
import { broadcast } from '../lowerings/lowering.js';
import { cells } from '../lowerings/recurrent-cells.js';
import { elementTypeCode } from '../proto.js';
import { type LoopView, placeOf } from '../step-loop.js';
import type { NodeWriter } from './node-writer.js';
import type { Rule } from './rewrite.js';

/** A longer sequence stays a loop: its graph, of some fifty nodes a step and layer, would take long to make. */
export const mostUnrolledSteps = 64;

type SessionPart = Extract<TracedPart, { kind: 'session' }>;
type KernelPart = Extract<TracedPart, { kind: 'kernel' }>;

/** Numbers of a tensor: `length` of them from `at` on are those of the tensor `name`. */
interface Piece {
  readonly at: number;
  readonly length: number;
  readonly name: string;
}

/** What the tensors of a loop hold as its steps go by, by the nodes that made it. */
class LoopTensors {
  readonly #writer: NodeWriter;
  /** By tensors that the loop writes; in no order, and none over another. */
  readonly #pieces: ReadonlyMap<string, Piece[]>;
  readonly #known = new Map<string, string>();

  constructor(writer: NodeWriter, written: readonly string[]) {
    this.#writer = writer;
    this.#pieces = new Map(written.map((name) => [name, []]));
  }

  write({ tensor, shape }: LoopView, at: number, name: string): void {
    const pieces = this.#pieces.get(tensor)!;
    const length = elements(shape);
    const kept = pieces.filter((piece) => piece.at + piece.length <= at || piece.at >= at + length);
    pieces.splice(0, pieces.length, ...kept, { at, length, name });
  }

  /** The numbers of a tensor from `at` on. */
  read(tensor: string, at: number, shape: readonly number[]): string {
    const length = elements(shape);
    const pieces = this.#pieces.get(tensor);
    if (!pieces) return this.#once(['cut', tensor, at, ...shape], () => this.#cut(tensor, at, shape));
    const columns = shape.at(-1)!;
    const inside = pieces.filter((piece) => piece.at >= at && piece.at + piece.length <= at + length);
    if (inside.reduce((sum, piece) => sum + piece.length, 0) !== length)
      throw new Error(`a step of a loop reads of ${tensor} what no step has written`);
    const names = inside
      .toSorted((a, b) => a.at - b.at)
      .map((piece) => this.#seenAs(piece.name, [piece.length / columns, columns]));
    if (names.length === 1) return this.#seenAs(names[0]!, shape);
    const all = [length / columns, columns];
    return this.#seenAs(this.#writer.node('Concat', names, all, { attributes: { axis: 0 } }), shape);
  }

  /** Numbers of a tensor that the loop does not write. */
  #cut(name: string, at: number, shape: readonly number[]): string {
    const piece = this.#joinedAt(name, at, elements(shape));
    if (piece !== undefined) return this.#seenAs(piece, shape);
    const columns = shape.at(-1)!;
    const table = this.#seenAs(name, [this.#length(name) / columns, columns]);
    return this.#seenAs(this.rows(table, at / columns, elements(shape) / columns), shape);
  }

  /** The tensor that is those numbers of another one, which a loop before this one has joined, or all of them. */
  #joinedAt(name: string, at: number, length: number): string | undefined {
    if (this.#length(name) === length) return name;
    const { op, inputs = [], attributes } = this.#writer.maker(name) ?? {};
    if (op === 'Reshape') return this.#joinedAt(inputs[0]!, at, length);
    if (op !== 'Concat' || attributes?.axis !== 0) return undefined;
    let from = 0;
    for (const input of inputs) {
      if (from === at && this.#length(input) === length) return input;
      from += this.#length(input);
    }
    return undefined;
  }

  #length = (name: string): number => elements(this.#writer.shapeOfAny(name)!);

  /** @returns rows of a matrix */
  rows(matrix: string, from: number, count: number): string {
    const columns = this.#writer.shapeOfAny(matrix)!.at(-1)!;
    const ends = [from, from + count, 0].map((end) => this.#int64([end]));
    return this.#writer.node('Slice', [matrix, ...ends], [count, columns]);
  }

  /** As NodeWriter.seenAs, but once for all steps. */
  #seenAs(name: string, shape: readonly number[]): string {
    if (String(this.#writer.shapeOfAny(name)) === String(shape)) return name;
    return this.#once(['seen', name, ...shape], () => this.#writer.node('Reshape', [name, this.#int64(shape)], shape));
  }

  #int64 = (values: readonly number[]): string => this.#once(['int64', ...values], () => this.#writer.int64(values));

  zeros(shape: readonly number[]): string {
    return this.#once(['zeros', ...shape], () => this.#writer.floats(Array(elements(shape)).fill(0), shape));
  }

  #once(key: readonly (string | number)[], make: () => string): string {
    const known = this.#known.get(String(key));
    if (known !== undefined) return known;
    const made = make();
    this.#known.set(String(key), made);
    return made;
  }
}

/** The nodes of a session in step k. */
function unroll({ graph, inputs, outputs }: SessionPart, k: number, tensors: LoopTensors, writer: NodeWriter): void {
  const names = new Map([
    ...inputs.map(([port, view]) => [port, tensors.read(view.tensor, placeOf(view, k), view.shape)] as const),
    ...graph.constants.map(({ name, data }) => [name, writer.float(Number(data[0]))] as const),
  ]);
  for (const { op, inputs: from, outputs: made, attributes } of graph.nodes) {
    const given = from.map((name) => names.get(name)!);
    const shapes = given.map((name) => writer.shapeOfAny(name)!);
    const [first] = shapes as [readonly number[]];
    if (op === 'Identity') names.set(made[0]!, given[0]!);
    else if (op === 'Sign') {
      // Of what is not negative; the provider has no Sign, and one of any number is five nodes.
      const above = writer.node('Greater', [given[0]!, writer.float(0)], first, { type: 'bool' });
      names.set(made[0]!, writer.node('Cast', [above], first, { attributes: { to: elementTypeCode.float32 } }));
    } else if (op === 'Split') {
      const rows = first[0]! / made.length;
      for (const [i, name] of made.entries()) names.set(name, tensors.rows(given[0]!, i * rows, rows));
    } else {
      const rows = shapes.reduce((sum, shape) => sum + shape[0]!, 0);
      const shape =
        op === 'Gemm' ? [first[0]!, shapes[1]![1]!] : op === 'Concat' ? [rows, first[1]!] : shapes.reduce(broadcast);
      names.set(made[0]!, writer.node(op, given, shape, { attributes }));
    }
  }
  for (const [port, view] of outputs) tensors.write(view, placeOf(view, k), names.get(port)!);
}

/** What the kernel of an LSTM's gates computes (kernels/assembly/lstm-gates.ts), but for its rows. */
function gatesOf({ views, numbers }: KernelPart): SessionPart {
  const step = new LoopStep();
  const [input, forget, candidate, output, shown, before, dh, later, dc] = views
    .slice(0, 9)
    .map((view) => step.read(view)) as [...[string, string, string, string, string, string, string, string, string]];
  const kept: Readonly<Record<string, string>> = { input, forget, candidate, output, shown };
  const made = cells.Lstm.backward({
    step,
    slopes: [numbers[4] === 1 ? step.add(dh, later) : dh, dc],
    kept: (name) => kept[name]!,
    before: () => before,
    // A session of its own has the product.
    stateOf: () => dh,
    gate: numbers[3] === 1 ? 'hardSigmoid' : 'sigmoid',
    activation: 'tanh',
  });
  step.write(made.states[1]!, views[8]!);
  step.write(made.sums, views[9]!);
  return step.session();
}

export const unrolledLoops: Rule = {
  name: 'unrolled loops',
  apply({ domain, loop, outputs }, around, writer) {
    if (domain !== kernelDomain || !loop || loop.steps > mostUnrolledSteps) return false;
    const tensors = new LoopTensors(writer, outputs);
    for (const { view, from } of loop.begins) tensors.write(view, placeOf(view, 0), from ?? tensors.zeros(view.shape));
    /** Of a tensor whose columns are those of the steps: what each step adds to it, by its place. */
    const columns = new Map<string, (readonly [at: number, name: string])[]>();
    const parts = loop.parts.map((part) => ({ part, session: part.kind === 'kernel' ? gatesOf(part) : part }));
    for (let k = 0; k < loop.steps; k++) {
      for (const { part, session } of parts) {
        unroll(session, k, tensors, writer);
        if (part.kind === 'session') continue;
        const [sums, rows] = part.views.slice(-2) as [LoopView, LoopView];
        const known = columns.get(rows.tensor) ?? [];
        const made = tensors.read(sums.tensor, placeOf(sums, k), sums.shape);
        columns.set(rows.tensor, [...known, [placeOf(rows, k), made]]);
      }
    }
    for (const to of outputs) {
      const shape = around.shape(to)!;
      const made = columns.get(to)?.toSorted(([a], [b]) => a - b);
      if (made)
        writer.node(
          'Concat',
          made.map(([, name]) => name),
          shape,
          { attributes: { axis: 1 }, to },
        );
      else writer.node('Reshape', [tensors.read(to, 0, shape), writer.int64(shape)], shape, { to });
    }
    return true;
  },
};
