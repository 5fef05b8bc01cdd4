/** What ONNX Runtime takes as a session and refuses to run is told by the operator's name. */
import { expect, it } from 'vitest';
import { encodeModel } from '../../src/engine/onnx/proto.js';
import { refusedAtRun } from '../../src/engine/onnx/refused.js';
import { createSession } from '../../src/engine/onnx/runtime.js';
import { UnsupportedModelError } from '../../src/errors.js';

it('an operator that stumbles over its inputs when it runs is an unsupported model by name', () => {
  // The shape is known when it runs, and is not that of six numbers.
  const model = encodeModel({
    nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'], attributes: {} }],
    inputs: [
      { name: 'x', type: 'float32', shape: [6] },
      { name: 'shape', type: 'int64', shape: [2] },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['rows', 'columns'] }],
    constants: [],
  });
  const session = createSession(model);
  const floats = new Float32Array(new SharedArrayBuffer(32));
  const run = session.bind(
    {
      x: { type: 'float32', shape: [6], data: floats.subarray(0, 6) },
      shape: { type: 'int64', shape: [2], data: BigInt64Array.of(4n, 2n) } as never,
    },
    { y: { type: 'float32', shape: [4, 2], data: new Float32Array(8) } },
  );
  let error: unknown;
  try {
    run();
  } catch (reason) {
    error = refusedAtRun(reason);
  }
  session.release();
  expect(error).toBeInstanceOf(UnsupportedModelError);
  expect(error).toMatchObject({
    exitCode: 2,
    problem: expect.stringMatching(/^ONNX Runtime refuses to run the operator Reshape of the compiled model \(.+\)$/),
    remedy: 'use --engine tfjs, or change the layer that needs it',
  });
});

it('memory that is not there, and errors of our own, are something else', () => {
  for (const message of [
    "Non-zero status code returned while running Expand node. Name:'' Status Message: std::bad_alloc",
    "Non-zero status code returned while running MatMul node. Name:'' Status Message: Failed to allocate memory for requested buffer of size 8",
    'another thread of the pool failed',
  ]) {
    expect(refusedAtRun(new Error(message))).toBeUndefined();
  }
});
