#!/usr/bin/env bash
# ONNX Runtime 1.30.0 (the library inside onnxruntime-node): an input over numbers in the process's memory that is bound to a session (BindInput of an
# IoBinding) is copied as it is bound where the session computes on WebGPU. What is written into those numbers afterwards is never read: runs go on
# with the first ones, without an error. On the processor the same binding reads them in place, at every run.
# Needs Linux, Node.js 20 or later, and a graphics card with a driver for Vulkan, or one in software: Debian's packages chromium and libvulkan1, with
# VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json in the environment. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y > seen.log
npm install --ignore-scripts --silent onnxruntime-node@1.30.0 koffi@3.3.4
cat > seen.mjs <<'J'
import koffi from 'koffi';

const library = koffi.load(`node_modules/onnxruntime-node/bin/napi-v6/linux/${process.arch}/libonnxruntime.so.1`);
const pointer = (address) => koffi.decode(address, 'void *');
const api = koffi.decode(library.func('OrtGetApiBase', 'void *', [])(), 0, 'void *');
const table = koffi.decode(api, koffi.proto('void *', ['uint32_t']))(12);
/** A function of OrtApi by its place; `made` ones put what they make behind the last argument. */
const at = (place, result, ...parameters) => koffi.decode(koffi.decode(table, place * 8, 'void *'), koffi.proto(result, parameters));
const made = koffi.out(koffi.pointer('void *'));
const message = at(2, 'str', 'void *');
const call = (f, ...values) => {
  const status = f(...values);
  if (status !== null) throw new Error(message(status));
};
const make = (f, ...values) => {
  const result = [null];
  call(f, ...values, result);
  return result[0];
};
// One node, y = Neg(x), of two floats: IR version 9, operator set 17.
const text = (field, value) => [(field << 3) | 2, value.length, ...Buffer.from(value)];
const part = (field, ...bytes) => [(field << 3) | 2, bytes.flat().length, ...bytes.flat()];
const port = (field, name) => part(field, text(1, name), part(2, part(1, [8, 1], part(2, part(1, [8, 2])))));
const graph = part(7, part(1, text(1, 'x'), text(2, 'y'), text(4, 'Neg')), text(2, 'g'), port(11, 'x'), port(12, 'y'));
const model = Uint8Array.from([8, 9, ...graph, ...part(8, [16, 17])]);

const environment = make(at(3, 'void *', 'int', 'str', made), 4, 'seen');
const memory = make(at(69, 'void *', 'int', 'int', made), 1, 0);
function outputs(provider) {
  const options = make(at(10, 'void *', made));
  call(at(22, 'void *', 'void *', 'int'), options, 4);
  if (provider !== 'CPU') call(at(216, 'void *', 'void *', 'str', 'str *', 'str *', 'size_t'), options, provider, [], [], 0);
  const session = make(at(8, 'void *', 'void *', 'void *', 'size_t', 'void *', made), environment, model, model.length, options);
  const [x, y] = [new Float32Array(2), new Float32Array(2)];
  const value = (data) => make(at(49, 'void *', 'void *', 'void *', 'size_t', 'int64_t *', 'size_t', 'int', made), memory, koffi.address(data), 8, BigInt64Array.of(2n), 1, 1);
  const [given, written] = [value(x), value(y)];
  const binding = make(at(134, 'void *', 'void *', made), session);
  const bind = (place, name, tensor) => call(at(place, 'void *', 'void *', 'str', 'void *'), binding, name, tensor);
  const run = () => {
    call(at(133, 'void *', 'void *', 'void *', 'void *'), session, null, binding);
    return -y[0];
  };
  x.fill(1);
  bind(136, 'x', given);
  bind(137, 'y', written);
  const first = run();
  x.fill(2);
  const second = run();
  bind(136, 'x', given);
  return [first, second, run()];
}
const [device, processor] = [outputs('WebGPU'), outputs('CPU')];
console.log('onnxruntime-node 1.30.0: what a run reads after 1 is bound, after 2 is written there, and after it is bound again');
console.log(`  on WebGPU: ${device.join(', ')}\n  on the processor: ${processor.join(', ')}`);
process.exit(String(device) === '1,1,2' && String(processor) === '1,2,2' ? 0 : 1);
J
ORT_DISABLE_TELEMETRY=1 node seen.mjs 2> seen.log || { grep -v '^ *at ' seen.log; exit 1; }
