/** `lockstep launch ssh` against a real sshd: the bits of one machine, whose line is whose, and nothing is left behind however it ends. */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { afterAll, beforeAll, expect } from 'vitest';
import { certificate, hasOpenssl } from '../support/certificates.js';
import { startLockstep } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { cliFile } from '../support/package.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { smallJob } from '../support/small.js';
import { noSshd, SshServer } from '../support/sshd.js';

const reason = noSshd();
const ssh = skipIf(reason);
const newFolder = newFolders();

const config = {
  ...smallJob,
  training: { epochs: 2, batchSize: 16, shards: 4 },
};
const long = [...['--set', 'training.epochs=10000'], ...['--set', 'checkpoint.everySteps=20']];

let server: SshServer;
let hash: string;
beforeAll(async () => {
  if (reason) return;
  server = await SshServer.start(newFolder(), ['a', 'b']);
  hash = (await trained(writeConfig(newFolder(), 'run', config), [], newFolder())).end.sha256;
});
afterAll(() => server?.close());

/** A launch from a folder whose name has what shells read. */
function launched(hosts: readonly string[], ...args: readonly string[]) {
  const folder = newFolder();
  if (hasOpenssl) certificate(folder, 'ours');
  writeFileSync(join(folder, 'hosts'), `# ours\n${hosts.join('\n')}\n`);
  writeConfig(folder, "it's $HOME", config);
  const given = ['launch', 'ssh', 'hosts', "it's $HOME.yaml", '--ssh-config', server.config, '--cache', folder];
  const command = `LOCKSTEP_TEST=${folder} ${execPath} ${cliFile}`;
  const running = startLockstep([...given, '--command', command, ...args], folder, { LOCKSTEP_TOKEN: '' });
  /** Whether a process is there that knows the folder. */
  const isGone = () => spawnSync('pgrep', ['-f', folder]).status === 1;
  return { folder, running, isGone };
}

const tls = hasOpenssl ? ['--tls-cert', 'ours-cert.pem', '--tls-key', 'ours-key.pem'] : [];

ssh.it('hosts of a file end with the bits of one machine, encrypted', async () => {
  const { folder, running, isGone } = launched(['a slots=1', 'b slots=1 # the other one'], ...tls);
  const { code, stdout, stderr } = await running.finished;
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toContain(`a: parameters sha256: ${hash}`);
  if (hasOpenssl) expect(stdout).toMatch(/^a: .*listening at wss:/m);
  expect(stdout).toMatch(/^a: rank1\.\S+ .*takes part/m);
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .filter((line) => !/^[ab]: /.test(line)),
  ).toEqual([]);
  expect(isGone()).toBe(true);
  expect(readdirSync(join(folder, 'runs'))).toEqual(['job-1']);
});

ssh.it('Ctrl-C ends all in good order', async () => {
  const { folder, running, isGone } = launched(['a slots=1', 'b slots=1'], ...long);
  await running.says('a: 2/10,000');
  running.process.kill('SIGINT');
  const { code, stdout } = await running.finished;
  expect(code).toBe(130);
  expect(stdout).toMatch(/^a: .*stopping after this step/m);
  expect(stdout).toContain('--resume');
  expect(isGone()).toBe(true);
  expect(readdirSync(join(folder, 'runs', 'job-1'))).toContain('checkpoints');
});

ssh.it('where it is killed, all end too', async () => {
  const { folder, running, isGone } = launched(['a slots=1', 'b slots=1'], ...long);
  await running.says('a: 2/10,000');
  running.process.kill('SIGKILL');
  await running.finished;
  await eventually('all ranks have ended', isGone);
  expect(readdirSync(join(folder, 'runs', 'job-1'))).toContain('checkpoints');
});

ssh.it(
  'a host that is not reached, a command and a certificate that are not there, end all with one line',
  async () => {
    const [refused, unknown] = [launched(['a', 'refused']), launched(['a', 'b'], '--command', 'no-such-lockstep')];
    const bare = launched(['a', 'b'], '--tls-cert', 'none.pem', '--tls-key', 'none.pem');
    const [one, other, third] = await Promise.all([refused, unknown, bare].map(({ running }) => running.finished));
    expect([one.code, other.code, third.code]).toEqual([1, 127, 2]);
    expect(third.stderr).toMatch(/^warning: rank [01] \([ab]\): exit code 2$/m);
    expect(third.stderr).toMatch(/^[ab]: \S+: error: --tls-cert none.pem: no such file/m);
    expect(one.stderr).toMatch(/^warning: rank 1 \(refused\): ssh does not get there: .*refused/m);
    expect(other.stderr).toMatch(/^warning: rank [01] \([ab]\): there is no such command \(exit code 127\)/m);
    await eventually('all ranks have ended', () => [refused, unknown, bare].every(({ isGone }) => isGone()));
  },
);

ssh.it('a token goes over no command line, and none comes back', async () => {
  const { running } = launched(['a slots=1'], '--dry-run');
  const { code, stdout } = await running.finished;
  expect(code).toBe(0);
  expect(stdout).toContain('--rank 0 --size 1');
  expect(stdout).not.toMatch(/token/i);
});
