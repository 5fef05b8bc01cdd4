/** ONNX graphs as plain data, and their encoding as a ModelProto (onnx.proto, IR version 9). */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Loop } from './step-loop.js';

export type ElementType = 'float32' | 'int32' | 'int64' | 'bool' | 'uint8';
export type Attribute = number | string | readonly (number | string)[] | { float: number };

/** A loop of ours before its sessions are encoded. */
export type TracedLoop = Loop<{ readonly graph: OnnxGraph }>;

export interface OnnxNode {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers encode as integers; use `{ float }` for a real that may be whole. */
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** The kernel of tfjs that it is for; it is not part of the model. */
  readonly kernel?: string;
  /** Number of the block of layers that it is in (see model/layer-blocks.ts); undefined outside of the model's forward pass. */
  readonly layerBlock?: number;
  /** Of a loop of ours, which is no operator of ONNX. */
  readonly loop?: TracedLoop;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
}

export interface OnnxConstant extends OnnxValue {
  readonly data: Float32Array | Int32Array | BigInt64Array | Uint8Array;
}

export function constantData(type: ElementType, values: readonly number[]): OnnxConstant['data'] {
  if (type === 'float32') return Float32Array.from(values);
  if (type === 'int32') return Int32Array.from(values);
  if (type === 'int64') return BigInt64Array.from(values, BigInt);
  return Uint8Array.from(values);
}

/** A constant of 64 bits: no layer is computed in as many, but what is made of a model's outputs. */
export interface OnnxDouble {
  readonly name: string;
  readonly type: 'float64';
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** An input or output; a size that has a name is known only when the graph runs. */
export interface OnnxPort {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly constants: readonly OnnxConstant[];
  readonly doubles?: readonly OnnxDouble[];
}

/** What a model says of itself. */
export interface OnnxDescription {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether nodes are called by the kernels that they are for. */
  readonly named?: boolean;
}

/** TensorProto.DataType */
export const elementTypeCode = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 } as const;

// Field numbers below are those of onnx.proto; the tag is (field << 3) | wire type.
const message = (writer: BinaryWriter, field: number, body: (writer: BinaryWriter) => void): void => {
  writer.tag(field, 2).fork();
  body(writer);
  writer.join();
};
const text = (writer: BinaryWriter, field: number, value: string): void => {
  writer.tag(field, 2).string(value);
};

function writeAttribute(writer: BinaryWriter, name: string, value: Attribute): void {
  text(writer, 1, name);
  if (typeof value === 'string') {
    writer.tag(4, 2).bytes(new TextEncoder().encode(value)).tag(20, 0).int32(3);
  } else if (typeof value === 'number') {
    if (!Number.isInteger(value)) throw new Error(`attribute ${name}: ${value} needs { float }`);
    writer.tag(3, 0).int64(value).tag(20, 0).int32(2);
  } else if ('float' in value) {
    writer.tag(2, 5).float(value.float).tag(20, 0).int32(1);
  } else {
    const isWords = typeof value[0] === 'string';
    for (const item of value) {
      if (typeof item === 'string') writer.tag(9, 2).bytes(new TextEncoder().encode(item));
      else writer.tag(8, 0).int64(item);
    }
    writer.tag(20, 0).int32(isWords ? 8 : 7);
  }
}

function writeNode(writer: BinaryWriter, node: OnnxNode, named: boolean): void {
  for (const input of node.inputs) text(writer, 1, input);
  for (const output of node.outputs) text(writer, 2, output);
  // No two may have one name.
  if (named) text(writer, 3, `${node.kernel ?? node.op}__${node.outputs[0]}`);
  text(writer, 4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) {
    message(writer, 5, (w) => writeAttribute(w, name, value));
  }
  if (node.domain) text(writer, 7, node.domain);
}

function writePort(writer: BinaryWriter, value: OnnxPort): void {
  text(writer, 1, value.name);
  message(writer, 2, (type) =>
    message(type, 1, (tensor) => {
      tensor.tag(1, 0).int32(elementTypeCode[value.type]);
      message(tensor, 2, (shape) => {
        for (const size of value.shape) {
          message(shape, 1, (dimension) =>
            typeof size === 'number' ? dimension.tag(1, 0).int64(size) : text(dimension, 2, size),
          );
        }
      });
    }),
  );
}

function writeConstant(writer: BinaryWriter, constant: OnnxConstant | OnnxDouble): void {
  for (const size of constant.shape) writer.tag(1, 0).int64(size);
  writer.tag(2, 0).int32(elementTypeCode[constant.type]);
  text(writer, 8, constant.name);
  const { buffer, byteOffset, byteLength } = constant.data;
  writer.tag(9, 2).bytes(new Uint8Array(buffer, byteOffset, byteLength));
}

/** Encodes a graph as the bytes of an ONNX model: opset 17 plus ONNX Runtime's `com.microsoft` domain. */
export function encodeModel(
  graph: OnnxGraph,
  { name, metadata, named = false }: OnnxDescription = { name: 'step', metadata: {} },
): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, 0).int64(9); // ir_version
  text(writer, 2, 'lockstep');
  message(writer, 7, (body) => {
    for (const node of graph.nodes) message(body, 1, (w) => writeNode(w, node, named));
    text(body, 2, name);
    for (const constant of [...graph.constants, ...(graph.doubles ?? [])])
      message(body, 5, (w) => writeConstant(w, constant));
    for (const input of graph.inputs) message(body, 11, (w) => writePort(w, input));
    for (const output of graph.outputs) message(body, 12, (w) => writePort(w, output));
  });
  message(writer, 8, (opset) => opset.tag(2, 0).int64(17));
  message(writer, 8, (opset) => {
    text(opset, 1, 'com.microsoft');
    opset.tag(2, 0).int64(1);
  });
  for (const [key, value] of Object.entries(metadata)) {
    message(writer, 14, (entry) => {
      text(entry, 1, key);
      text(entry, 2, value);
    });
  }
  return writer.finish();
}
