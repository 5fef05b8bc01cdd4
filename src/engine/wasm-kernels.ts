/**
 * Kernels that tfjs-backend-wasm 4.22 computes wrongly: 3D max pooling with padding whose windows overlap, and the product that
 * transposed 3D convolutions are made of. They are computed by the cpu backend instead.
 */
import tf = require('@tensorflow/tfjs-core');

const onCpu = new Map(['MaxPool3D', 'MaxPool3DGrad', 'Conv3DBackpropInputV2'].map((name) => [name, cpuFunction(name)]));

/** To be called when the wasm backend is registered; a second time it changes nothing. */
export function replaceWrongKernels(): void {
  for (const [name, kernelFunc] of onCpu) {
    const kernel = tf.getKernel(name, 'wasm');
    if (!kernel || kernel.kernelFunc === kernelFunc) continue;
    tf.unregisterKernel(name, 'wasm');
    tf.registerKernel({ ...kernel, kernelFunc });
  }
}

function cpuFunction(name: string): tf.KernelFunc {
  return ({ inputs, attrs, backend }) => {
    const cpu = tf.findBackend('cpu');
    const wasm = backend as tf.KernelBackend;
    const copies = Object.entries(inputs).map(([key, info]) => [key, copy(wasm, cpu, info as tf.TensorInfo)] as const);
    const output = tf.getKernel(name, 'cpu').kernelFunc({ inputs: Object.fromEntries(copies), attrs, backend: cpu });
    const result = copy(cpu, wasm, output as tf.TensorInfo);
    for (const { dataId } of [...copies.map(([, info]) => info), output as tf.TensorInfo]) cpu.disposeData(dataId);
    return result;
  };
}

function copy(from: tf.KernelBackend, to: tf.KernelBackend, info: tf.TensorInfo): tf.TensorInfo {
  return { ...info, dataId: to.write(from.readSync(info.dataId) as Float32Array, info.shape, info.dtype) };
}
