/** The graphics cards that Vulkan's drivers name: ONNX Runtime tells nothing of the one that it takes. */
import { createRequire } from 'node:module';

/** A card, as vkGetPhysicalDeviceProperties and vkGetPhysicalDeviceMemoryProperties have it. */
export interface Adapter {
  readonly name: string;
  /** Of Vulkan. */
  readonly version: string;
  /** Of its own memory, or of what it may use of the machine's. */
  readonly bytes: number;
  /** The largest tensor that a shader can read. */
  readonly largestBuffer: number;
}

// Places in VkPhysicalDeviceProperties and VkPhysicalDeviceMemoryProperties (vulkan_core.h), in bytes.
const properties = { bytes: 824, version: 0, name: 20, nameLength: 256, maxStorageBufferRange: 324 };
const memory = { bytes: 520, heapCount: 260, heaps: 264, heap: 16, flags: 8, isLocal: 1 };
const createInfo = { bytes: 64, type: 1 };
const mostDevices = 16;

/** The cards in the order in which the drivers name them; undefined where Vulkan's loader is not there. */
export function vulkanAdapters(): Adapter[] | undefined {
  let library: import('koffi').LibraryHandle;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    library = koffi.load('libvulkan.so.1');
  } catch {
    return undefined;
  }
  const info = Buffer.alloc(createInfo.bytes);
  info.writeUInt32LE(createInfo.type, 0);
  const instance: [bigint | null] = [null];
  const create = library.func('int vkCreateInstance(void *info, void *allocator, _Out_ void **instance)');
  if (create(info, null, instance) !== 0) return [];
  const devices = new BigUint64Array(mostDevices);
  const count = Uint32Array.of(mostDevices);
  library.func('int vkEnumeratePhysicalDevices(void *instance, uint32_t *count, uint64_t *devices)')(
    instance[0],
    count,
    devices,
  );
  const tell = library.func('void vkGetPhysicalDeviceProperties(uint64_t device, void *properties)');
  const tellMemory = library.func('void vkGetPhysicalDeviceMemoryProperties(uint64_t device, void *memory)');
  const found = [...devices.subarray(0, count[0])].map((device) => {
    const [about, of] = [Buffer.alloc(properties.bytes), Buffer.alloc(memory.bytes)];
    tell(device, about);
    tellMemory(device, of);
    return { ...cardOf(about), bytes: localBytes(of) };
  });
  library.func('void vkDestroyInstance(void *instance, void *allocator)')(instance[0], null);
  return found;
}

function cardOf(about: Buffer): Omit<Adapter, 'bytes'> {
  const { name, nameLength, version, maxStorageBufferRange } = properties;
  const text = about.toString('utf8', name, name + nameLength);
  const packed = about.readUInt32LE(version);
  return {
    name: text.slice(0, text.indexOf('\0')),
    version: `${(packed >>> 22) & 0x7f}.${(packed >>> 12) & 0x3ff}.${packed & 0xfff}`,
    largestBuffer: about.readUInt32LE(maxStorageBufferRange),
  };
}

function localBytes(of: Buffer): number {
  const heaps = Array.from({ length: of.readUInt32LE(memory.heapCount) }, (_, i) => memory.heaps + i * memory.heap);
  const local = heaps.filter((at) => (of.readUInt32LE(at + memory.flags) & memory.isLocal) !== 0);
  return local.reduce((sum, at) => sum + Number(of.readBigUInt64LE(at)), 0);
}
