/**
 * Execution providers of ONNX Runtime: the hardware, or the library, on which a session computes. A new one is an entry here.
 * Each has its own rounding: all workers of a run need the same one, which the fingerprint that they show as they join tells.
 */
import { EngineError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';

/** What ONNX Runtime is asked to append to a session's options, before its own provider for processors. */
export interface ExecutionProvider {
  /** As SessionOptionsAppendExecutionProvider knows it. */
  readonly name: string;
  /** Its options: strings, all of them. */
  readonly options: Readonly<Record<string, string>>;
  /** Whether it computes where the numbers are. Others have memory of their own, into which inputs are copied as they are bound. */
  readonly inPlace: boolean;
  /** What ONNX Runtime calls that memory, where tensors can be kept in it from one run to the next. */
  readonly memory?: string;
  /** What to do where it does not load. */
  readonly remedy: string;
}

/** By what --device calls them. */
export const providers: Readonly<Record<string, ExecutionProvider>> = {
  cpu: { name: 'CPU', options: {}, inPlace: true, remedy: 'reinstall with npm ci' },
  webgpu: {
    name: 'WebGPU',
    // What is compiled for the device is kept from one session to the next, and closing it takes a tenth of a second.
    options: { preserveDevice: '1' },
    inPlace: false,
    memory: 'WebGPU_Buf',
    remedy:
      'it needs a graphics card whose driver speaks Vulkan (Linux; there the package libvulkan1, too), Direct3D 12 (Windows) or Metal (macOS); --device cpu needs none, and --device auto takes what there is',
  },
};

/** Holds the choice: threads of this process inherit it. */
const variable = 'LOCKSTEP_DEVICE';

/** What sessions of this process compute on. It is no key of the config: it is where a run is computed, not what. */
export const chosenProvider = (): ExecutionProvider => providerNamed(process.env[variable] || 'cpu', variable);

/**
 * Chooses for this process and the threads that it starts from now on.
 * @throws EngineError when there is none of that name
 */
export function chooseProvider(device: string): void {
  providerNamed(device, '--device');
  process.env[variable] = device;
}

function providerNamed(device: string, from: string): ExecutionProvider {
  if (Object.hasOwn(providers, device)) return providers[device];
  const [, one] = /^(\w+):\d+$/.exec(device) ?? [];
  if (one !== undefined && Object.hasOwn(providers, one)) {
    throw new EngineError(
      `${from}: ${device} asks for one of several cards, and ONNX Runtime takes the one that its driver names first`,
      `use ${one}; on Linux, VK_DRIVER_FILES in the environment names the driver of the card to take, such as /usr/share/vulkan/icd.d/nvidia_icd.json`,
    );
  }
  throw new EngineError(
    `${from}: there is no device ${JSON.stringify(device)}`,
    // By spelling, gpu is nearest to cpu.
    /^(gpu|cuda|mps|metal|vulkan)/i.test(device)
      ? 'use webgpu, which is a graphics card of any maker, or auto, which takes the processor where there is none'
      : oneOf(device, from === variable ? Object.keys(providers) : [...Object.keys(providers), 'auto']),
  );
}
