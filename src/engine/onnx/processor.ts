/** The processor, as people and histories of measurements know it. */
import { readFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';

/** Sets of instructions by which libraries choose their kernels. */
const features =
  /^(avx|avx2|fma|f16c|avx512f|avx512_vnni|avx_vnni|avx512_bf16|amx_tile|asimd|asimddp|i8mm|bf16|sve|sve2)$/;

/** The processor's name, architecture and, where the system tells, the sets of instructions that decide about speed and rounding. */
export function processorName(): string {
  const name = `${cpus()[0]?.model.trim() ?? 'unknown'} (${arch()})`;
  try {
    const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    const found = line.split(' ').filter((word) => features.test(word));
    return found.length > 0 ? `${name}: ${found.join(' ')}` : name;
  } catch {
    // Only Linux has this file.
    return name;
  }
}
