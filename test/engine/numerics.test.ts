/** The numeric fingerprint: the same in every thread and process of a machine, another one where arithmetic differs. */
import { execFile } from 'node:child_process';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { canonicalInputs, numericFingerprint, numericHash } from '../../src/engine/onnx/numerics.js';
import { compiled } from '../support/package.js';

const module = JSON.stringify(compiled('src/engine/onnx/numerics.js').href);

function inThread(): Promise<string> {
  const script = `
    const { parentPort } = require('node:worker_threads');
    import(${module}).then((m) => parentPort.postMessage(m.numericFingerprint().hash));`;
  const worker = new Worker(script, { eval: true });
  return new Promise((resolve, reject) => {
    worker.once('message', (hash: string) => resolve(worker.terminate().then(() => hash)));
    worker.once('error', reject);
  });
}

async function inProcess(): Promise<string> {
  const script = `import { numericFingerprint } from ${module}; console.log(numericFingerprint().hash);`;
  const { stdout } = await promisify(execFile)(execPath, ['--input-type=module', '-e', script]);
  return stdout.trim();
}

it('is the same again, in threads at the same time, and in another process', async () => {
  const { hash, engine, processor } = numericFingerprint();
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(engine).toBe('onnxruntime-node 1.30.0');
  expect(processor).toContain(process.arch);
  expect(numericFingerprint().hash).toBe(hash);
  expect(await Promise.all([inThread(), inThread(), inProcess()])).toEqual([hash, hash, hash]);
});

it('differs when one number of any input is rounded the other way', () => {
  const hashes = new Set([numericHash(canonicalInputs())]);
  const count = canonicalInputs().length;
  for (let input = 0; input < count; input++) {
    const changed = canonicalInputs();
    // The next float away from zero, of the greatest number: of a small one the sums might not take notice.
    const place = changed[input].indexOf(Math.max(...changed[input]));
    new Uint32Array(changed[input].buffer, changed[input].byteOffset)[place] += 1;
    hashes.add(numericHash(changed));
  }
  expect(hashes.size).toBe(count + 1);
});
