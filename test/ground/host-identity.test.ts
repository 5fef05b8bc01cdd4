/** What tells hosts apart: processes of one are alike, those of another network namespace are not, and neither says what it is. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { hostIdentity } from '../../src/ground/host-identity.js';
import { skipIf } from '../support/skip-if.js';

const file = fileURLToPath(new URL('../../dist/src/ground/host-identity.js', import.meta.url));
const ask = `import { hostIdentity } from ${JSON.stringify(file)}; process.stdout.write(hostIdentity());`;
const asked = (...within: string[]) => {
  const [program, ...args] = [...within, process.execPath, '--input-type=module', '--eval', ask];
  return spawnSync(program, args, { encoding: 'utf8', env: {} }).stdout;
};

it('is that of any other process here', () => {
  expect(asked()).toBe(hostIdentity(''));
});

const noNamespace = spawnSync('unshare', ['--net', 'true']).status !== 0 && 'unshare --net is not allowed here';
skipIf(noNamespace).it('is another one in another network namespace', () => {
  expect(asked('unshare', '--net')).toMatch(/^[0-9a-f]{64}$/);
  expect(asked('unshare', '--net')).not.toBe(hostIdentity(''));
});

it('can be chosen, and hides what was', () => {
  expect(hostIdentity('rack 1')).toBe(hostIdentity('rack 1'));
  expect(hostIdentity('rack 1')).not.toBe(hostIdentity('rack 2'));
  expect(hostIdentity('rack 1')).not.toContain('rack');
});

skipIf(process.platform !== 'linux' && 'only Linux names its starts').it('hides the start of the system', () => {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  expect(hostIdentity()).not.toContain(boot.slice(0, 8));
});
