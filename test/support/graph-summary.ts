/** What a compiled graph consists of, in lines that a diff shows well: a hash, and how many nodes there are by operator. */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { CompiledGraph } from '../../src/engine/onnx/compile.js';
import { modelsOf } from '../../src/engine/onnx/step-loop.js';
import type { Subgraph } from '../../src/engine/onnx/subgraphs.js';
import { sha256 } from '../../src/ground/checksum.js';

/** Numbers of fields in onnx.proto. */
const [graphOfModel, nodeOfGraph, operatorOfNode] = [7, 1, 4];

/** The fields of a message that have a number and hold bytes. */
function* fieldsIn(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (number === wanted) yield reader.bytes();
    else reader.skip(wire);
  }
}

function operatorsOf(subgraph: Subgraph): string[] {
  if (subgraph.kind === 'kernel') return [subgraph.kernel];
  return modelsOf(subgraph).flatMap((model) => {
    const [graph] = fieldsIn(model, graphOfModel);
    return [...fieldsIn(graph, nodeOfGraph)].map((node) => {
      const [operator] = fieldsIn(node, operatorOfNode);
      return Buffer.from(operator).toString();
    });
  });
}

/** The same on every machine: graphs hold neither weights nor paths, and nothing in them depends on threads. */
export function graphSummary({ subgraphs, noise }: CompiledGraph): string {
  const operators = subgraphs.flatMap(operatorsOf);
  const counts = new Map<string, number>();
  for (const operator of operators.toSorted()) counts.set(operator, (counts.get(operator) ?? 0) + 1);
  const parts = subgraphs.map((subgraph) => (subgraph.kind === 'session' ? subgraph.bytes : JSON.stringify(subgraph)));
  const hash = sha256(...parts, JSON.stringify(noise)).slice(0, 16);
  const list = [...counts].map(([operator, count]) => `${operator} ${count}`).join(', ');
  return `${hash}, ${operators.length} nodes\n  ${list}`;
}
