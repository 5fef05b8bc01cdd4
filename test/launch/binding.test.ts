/** How many cores a rank takes, bound to some of them by what has started it, or not. */
import { execFileSync, spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import { compiled } from '../support/package.js';
import { skipIf } from '../support/skip-if.js';

const program = `
  const { bindingWarning, coresFor } = await import('${compiled('src/launch/binding.js')}');
  const launch = { by: 'Open MPI', host: 'here', rank: 0, size: 1, endsAsOne: true };
  const cores = [{}, { neighbours: 2 }, { cores: 3 }].map(coresFor);
  process.stdout.write(JSON.stringify({ cores, warning: bindingWarning(launch) }));
`;
const node = [process.execPath, '--input-type=module', '--eval', program];
const said = ([command, ...args]: string[]) => JSON.parse(execFileSync(command, args, { encoding: 'utf8' }));
const all = Number(spawnSync('nproc', { encoding: 'utf8' }).stdout);
const binds = spawnSync('taskset', ['-c', '0', 'true']).status === 0;
const without = !(all > 1 && binds) && 'a second core, or taskset';

skipIf(without).it('a rank that nobody binds takes its share', () => {
  expect(said(node)).toEqual({ cores: [all, Math.max(1, Math.floor(all / 2)), 3] });
});

skipIf(without).it('a rank takes what it is bound to, and says which cores are idle by that', () => {
  expect(said(['taskset', '-c', '0', ...node])).toEqual({
    cores: [1, 1, 3],
    warning: `mpirun binds the rank on here to 1 of its ${all} cores, and the rest is idle: start it with --bind-to none`,
  });
});
