/**
 * Matrices [p, c] in blocks of 16 (blocks.ts): by columns they lie as [c / 16, p, 16], by rows as [p / 16, c, 16], each row of a block
 * behind the other. What the first is to a matrix, the second is to its transpose.
 */
import { elements } from '../../../ground/elements.js';
import { block, blockDomain } from '../blocks.js';
import type { OnnxNode } from '../proto.js';
import type { NodeWriter } from './node-writer.js';
import type { NodesAround } from './rewrite.js';

export type Blocking = 'columns' | 'rows';
export type MatrixSize = readonly [p: number, c: number];

const other = { columns: 'rows', rows: 'columns' } as const;
/** As ONNX Runtime sees it: an image of one row for each block. */
export const formShape = (size: MatrixSize, form: Blocking): number[] => headsShape(1, size, form);

/** Of as many matrices behind one another. */
export const headsShape = (each: number, [p, c]: MatrixSize, form: Blocking): number[] =>
  form === 'columns' ? [1, each * c, 1, p] : [1, each * p, 1, c];

/**
 * Also where it is of that shape: by a Reshape to it, whoever is sent the graph knows that the sizes fit (block-check.ts).
 * @param to what it is called; of its own accord otherwise
 */
export const inShape = (writer: NodeWriter, name: string, shape: readonly number[], to?: string): string =>
  writer.node('Reshape', [name, writer.int64(shape)], shape, { to });

const is = (a: readonly unknown[] | undefined, b: readonly unknown[]): boolean => String(a) === String(b);

/** Finds and makes the forms of tensors, around the nodes that a rule looks at. */
export class BlockedForms {
  readonly #around: NodesAround;
  readonly #writer: NodeWriter;

  constructor(around: NodesAround, writer: NodeWriter) {
    this.#around = around;
    this.#writer = writer;
  }

  /** The node that makes a tensor, after what has been put in the place of earlier ones. */
  maker(name: string): OnnxNode | undefined {
    return this.#writer.maker(name) ?? this.#around.maker(name);
  }

  /** The tensor that others are but Reshapes of. */
  rootOf(name: string): string {
    const maker = this.maker(name);
    return maker?.op === 'Reshape' ? this.rootOf(maker.inputs[0]!) : name;
  }

  /** The form that a matrix was written from; its rows as they are would have to be written first. */
  source(name: string, size: MatrixSize, form: Blocking = 'columns'): string | undefined {
    const maker = this.maker(this.rootOf(name));
    if (maker?.domain !== blockDomain || maker.op !== 'ReorderOutput') return undefined;
    const isForm = (maker.attributes.channels_last === 1) === (form === 'columns');
    const [from] = maker.inputs as [string];
    return isForm && is(this.#writer.shape(from), formShape(size, form)) ? from : undefined;
  }

  /** A form that is there. */
  known(name: string, size: MatrixSize, form: Blocking): string | undefined {
    const turned = this.#turned(name, size);
    if (turned) return this.known(turned, [size[1], size[0]], other[form]);
    return this.source(name, size, form) ?? this.#writer.shared(this.#key(name, size, form));
  }

  of(name: string, size: MatrixSize, form: Blocking): string {
    const known = this.known(name, size, form);
    if (known) return known;
    const turned = this.#turned(name, size);
    if (turned) return this.of(turned, [size[1], size[0]], other[form]);
    const made =
      (form === 'columns' && this.#ofHeads(name, size)) ||
      this.#turnedBlocks(name, size, form) ||
      this.#arranged(name, 1, size, form);
    this.#writer.share(this.#key(name, size, form), made);
    return made;
  }

  /** A matrix of which there is one form, written as it is, to be read by whoever needs it. */
  write(from: string, size: MatrixSize, form: Blocking, to: string): void {
    this.#written(from, 1, size, form, to);
  }

  /** The transposition from [batch, heads, places, size] that makes a matrix [batch * places, heads * size]. */
  fromHeads(name: string, [p, c]: MatrixSize): OnnxNode | undefined {
    const maker = this.maker(this.rootOf(name));
    if (maker?.op !== 'Transpose' || !is(maker.attributes.perm as number[], [0, 2, 1, 3])) return undefined;
    const [batch, heads, places, size] = this.#writer.shape(maker.inputs[0]!) ?? [];
    return batch! * places! === p && heads! * size! === c && size! % block === 0 ? maker : undefined;
  }

  #key = (name: string, size: MatrixSize, form: Blocking): string => `${this.rootOf(name)} ${size} ${form}`;

  /** What a matrix is a transposed copy of (graph.ts, columns). */
  #turned(name: string, [p, c]: MatrixSize): string | undefined {
    const maker = this.maker(this.rootOf(name));
    if (maker?.op !== 'Transpose' || !is(maker.attributes.perm as number[], [1, 0, 2])) return undefined;
    return is(this.#writer.shape(maker.inputs[0]!), [c, p, 1]) ? maker.inputs[0] : undefined;
  }

  /** The matrices of heads, which lie behind one another, in blocks, where they are. @param name [..., p, c] */
  knownHeads(name: string, form: Blocking): string | undefined {
    return this.#writer.shared(this.#headsKey(name, form));
  }

  heads(name: string, form: Blocking): string {
    const known = this.knownHeads(name, form);
    if (known) return known;
    const made = this.#apart(name, form) ?? this.#arranged(name, ...this.#matricesIn(name), form);
    this.#writer.share(this.#headsKey(name, form), made);
    return made;
  }

  /** Matrices of heads, of which there is one form, are written as they are, for whoever reads rows. */
  writeHeads(from: string, form: Blocking, to: string): void {
    this.#writer.share(this.#headsKey(to, form), from);
    this.#written(from, ...this.#matricesIn(to), form, to);
  }

  /** How many matrices lie behind one another in a tensor, and the size of each. */
  #matricesIn(name: string): [each: number, size: MatrixSize] {
    const shape = this.#around.shape(name)!;
    return [elements(shape.slice(0, -2)), shape.slice(-2) as [number, number]];
  }

  /** As the graph had it before. */
  #first(name: string): string {
    const maker = this.#around.maker(name);
    return maker?.op === 'Reshape' ? this.#first(maker.inputs[0]!) : name;
  }
  #headsKey = (name: string, form: Blocking): string => `heads ${this.#first(name)} ${form}`;

  /** Of a product in blocks, whose heads the graph takes apart. */
  #apart(name: string, form: Blocking): string | undefined {
    const maker = this.#around.maker(this.#first(name));
    if (maker?.op !== 'Transpose' || !is(maker.attributes.perm as number[], [0, 2, 1, 3])) return undefined;
    const [batch, places, heads, size] = this.#around.shape(maker.inputs[0]!) as [number, number, number, number];
    const from = size % block === 0 ? this.source(maker.inputs[0]!, [batch * places, heads * size]) : undefined;
    if (from === undefined) return undefined;
    const numbers = [batch, heads, places, size, Number(form === 'rows')];
    return this.#writer.kernel('blocksToHeads', [from], numbers, [headsShape(batch * heads, [places, size], form)])[0];
  }

  /** Heads go behind one another in blocks as well as in rows. */
  #ofHeads(name: string, size: MatrixSize): string | undefined {
    const maker = this.fromHeads(name, size);
    if (!maker) return undefined;
    const [batch, heads, places, each] = this.#writer.shape(maker.inputs[0]!) as [number, number, number, number];
    for (const form of ['columns', 'rows'] as const) {
      const from = this.knownHeads(maker.inputs[0]!, form);
      if (from === undefined) continue;
      const numbers = [batch, heads, places, each, Number(form === 'rows')];
      return this.#writer.kernel('headsToBlocks', [from], numbers, [formShape(size, 'columns')])[0];
    }
    const parts = this.#writer.seenAs(maker.inputs[0]!, [batch, heads, places, each / block, block]);
    const turned = this.#writer.node('Transpose', [parts], [heads, each / block, batch, places, block], {
      attributes: { perm: [1, 3, 0, 2, 4] },
    });
    return this.#writer.seenAs(turned, formShape(size, 'columns'));
  }

  /** Of a matrix that is there in the other form alone. */
  #turnedBlocks(name: string, size: MatrixSize, form: Blocking): string | undefined {
    const from = this.source(name, size, other[form]);
    if (from === undefined) return undefined;
    const [p, c] = form === 'rows' ? size : [size[1], size[0]];
    const [made] = this.#writer.kernel('turnBlocks', [from], [p, c], [formShape(size, form)]);
    return made;
  }

  /** Makes blocks of the rows of matrices. */
  #arranged(name: string, each: number, [p, c]: MatrixSize, form: Blocking): string {
    const isLast = form === 'columns';
    const seen = this.#writer.seenAs(name, isLast ? [each, 1, p, c] : [each, p, 1, c]);
    const made = this.#writer.node('ReorderInput', [seen], isLast ? [each, c, 1, p] : [each, p, 1, c], {
      attributes: { channels_last: Number(isLast) },
      domain: blockDomain,
    });
    return this.#writer.seenAs(made, headsShape(each, [p, c], form));
  }

  /** Makes rows of blocks, in the shape that the graph has them. */
  #written(from: string, each: number, [p, c]: MatrixSize, form: Blocking, to: string): void {
    const isLast = form === 'columns';
    const seen = this.#writer.seenAs(from, isLast ? [each, c, 1, p] : [each, p, 1, c]);
    const attributes = { channels: isLast ? c : p, channels_last: Number(isLast) };
    const shape = isLast ? [each, 1, p, c] : [each, p, 1, c];
    const rows = this.#writer.node('ReorderOutput', [seen], shape, { attributes, domain: blockDomain });
    inShape(this.#writer, rows, this.#around.shape(to)!, to);
  }
}
