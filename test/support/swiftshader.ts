/** SwiftShader, a graphics card in software that Debian's Chromium carries: slow, and a real device to be correct on. */
import { existsSync } from 'node:fs';

const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Why no test can compute on it here; nothing where one can. */
export const swiftshaderMissing =
  process.platform === 'linux' && existsSync(driver)
    ? undefined
    : "no SwiftShader to stand for a graphics card: it comes with Debian's packages chromium and libvulkan1";

/** What processes need in their environment to find it. */
export const swiftshader = { VK_DRIVER_FILES: driver };

/** Computes on it in this process, and on the processor again afterwards. */
export async function onSwiftshader<T>(body: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, swiftshader, { LOCKSTEP_DEVICE: 'webgpu' });
  try {
    return await body();
  } finally {
    for (const name of ['VK_DRIVER_FILES', 'LOCKSTEP_DEVICE']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}
