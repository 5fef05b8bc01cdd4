/**
 * A program that knows nothing of Lockstep: runs an ONNX file as any program does and prints its outputs as JSON.
 * Arguments: the file, a file of float32 examples, the shape of one, and batch sizes; each batch starts at the first example.
 */
import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const [model, file, shapeText, ...counts] = process.argv.slice(2);
const bytes = readFileSync(file);
const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const shape = shapeText.split(',').map(Number);
const width = shape.reduce((a, b) => a * b, 1);
const session = await InferenceSession.create(model);
const runs = [];
for (const count of counts.map(Number)) {
  const input = new Tensor('float32', values.slice(0, count * width), [count, ...shape]);
  const { output } = await session.run({ input });
  runs.push({ dims: output.dims, values: [...(output.data as Float32Array)] });
}
const { inputMetadata, outputMetadata } = session as unknown as Record<string, unknown>;
process.stdout.write(JSON.stringify({ runs, inputs: inputMetadata, outputs: outputMetadata }));
