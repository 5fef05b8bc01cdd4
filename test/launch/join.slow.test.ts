/** Ranks of `lockstep join` as processes, under the variables that launchers set: they meet, come back, take over, and say why they cannot begin. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeControl } from '../../src/wire/frame.js';
import { protocolVersion } from '../../src/wire/messages.js';
import { nonceBytes } from '../../src/wire/validate.js';
import { webSocket } from '../../src/wire/websocket/websocket.js';
import { certificate, hasOpenssl } from '../support/certificates.js';
import { lockstepServed, type Running, startLockstep } from '../support/cli.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { freePort } from '../support/free-port.js';
import { held } from '../support/held.js';
import { trained } from '../support/runs.js';
import { serving } from '../support/server.js';
import { skipIf } from '../support/skip-if.js';
import { smallJob } from '../support/small.js';

const newFolder = newFolders();
const limits = skipIf(process.platform !== 'linux' && 'a full disk of one rank: limits of files are those of Linux');

/** A clock that is wrong by so many hours, for a process. */
const clockOff = (hours: number) => {
  const module = `const { now } = Date; globalThis.Date = class extends Date { static now() { return now() + ${hours * 3_600_000}; } constructor(...given) { given.length === 0 ? super(now() + ${hours * 3_600_000}) : super(...given); } };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
};

const configOf = (epochs: number) => ({
  ...smallJob,
  training: { epochs, batchSize: 8, shards: 4 },
  checkpoint: { everySteps: 10, keep: 2 },
});
/** Whoever is killed or overtaken has a first epoch behind it and one more to come. */
const [long, short] = [3, 2].map(configOf);

const alone = async (config: object) => (await trained(writeConfig(newFolder(), 'run', config), [], newFolder())).end;
let hashOfLong: string;
let hashOfShort: string;
beforeAll(async () => {
  [hashOfLong, hashOfShort] = [(await alone(long)).sha256, (await alone(short)).sha256];
});

/** What the variables of this process would say otherwise. */
const none = { LOCKSTEP_TOKEN: '', LOCKSTEP_JOB: '' };

type Variables = Readonly<Record<string, string>>;

function newJob(config: object = short) {
  const folder = newFolder();
  const file = writeConfig(folder, 'run', config);
  const given = (args: readonly string[]) => ['join', file, '--threads', '1', ...args];
  const all = (env: Variables) => ({ ...none, XDG_CACHE_HOME: join(folder, 'cache'), ...env });
  const rank = (args: readonly string[], env: Variables = {}): Running => startLockstep(given(args), folder, all(env));
  /** One that is no process of its own; several of them come one after the other. */
  const served = (args: readonly string[], env: Variables = {}) => lockstepServed(given(args), folder, all(env));
  return { folder, rank, served };
}

/** The size that files may have from now on, for a process. */
const limitFiles = (pid: number | undefined, size: string) => {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${size}:unlimited`]);
};

/** Lets what is served find a full disk. */
async function onFullDisk<T>(running: () => Promise<T>): Promise<T> {
  const { pid } = serving();
  limitFiles(pid, '0');
  return running().finally(() => limitFiles(pid, 'unlimited'));
}

it('ranks of Kubeflow on Kubernetes train, and a pod of rank 0 that dies and comes back goes on', async () => {
  const { folder, rank } = newJob(long);
  const port = String(await freePort());
  const pod = (index: number, env = {}) =>
    rank([], {
      ...env,
      ...{
        JOB_COMPLETION_INDEX: String(index),
        HOSTNAME: `train-node-0-${index}`,
        LOCKSTEP_TOKEN: 'a secret of kubernetes',
      },
      ...{ PET_NODE_RANK: String(index), PET_NNODES: '2', PET_MASTER_ADDR: '127.0.0.1', PET_MASTER_PORT: port },
    });
  const first = pod(0, held('1/3').env);
  const other = pod(1, clockOff(1));
  await first.says('1/3');
  first.process.kill('SIGKILL');
  await first.finished;
  const second = pod(0);
  const [end, left] = await Promise.all([second.finished, other.finished]);
  expect([end.code, left.code]).toEqual([0, 0]);
  expect(end.stdout).toContain(`parameters sha256: ${hashOfLong}`);
  expect(end.stdout).toMatch(/resumed +after step \d+/);
  // Only what is worth a line, and whose it is.
  expect(left.stdout).toMatch(/^rank 1 \(train-node-0-1\): lost the coordinator/);
  expect(end.stdout).not.toContain('a secret of kubernetes');
  expect(readdirSync(join(folder, 'runs'))).toEqual(['job-1']);
});

it('of two starts of a job the newer one takes the run over, and the older one leaves', async () => {
  const { folder, rank, served } = newJob(long);
  const variables = (restarts: string) => ({
    ...{ SLURM_JOB_ID: '17', SLURM_STEP_ID: '0', SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '1' },
    SLURM_RESTART_COUNT: restarts,
  });
  const told = ['--set', 'training.logEvery=1'];
  const start = (restarts: string, env = {}) => rank(told, { ...env, ...variables(restarts) });
  const hold = held('1/3');
  const older = start('0', hold.env);
  await older.says('1/3');
  // Who is the newer one is no matter of clocks.
  const newer = start('1', clockOff(-1));
  await newer.says('resumed');
  hold.release();
  const [lost, end] = await Promise.all([older.finished, newer.finished]);
  expect(end.code).toBe(0);
  expect(end.stdout).toContain(`parameters sha256: ${hashOfLong}`);
  expect(lost.code).toBe(1);
  expect(lost.stdout).toContain('the job has been started anew');
  expect(readdirSync(join(folder, 'runs'))).toEqual(['job-1']);
  const again = await served(told, variables('2'));
  expect([again.code, again.stdout.includes('this job has nothing left to do')]).toEqual([0, true]);
});

it('a start that comes before the earlier one has ended waits for it, and goes on', async () => {
  const { folder, rank } = newJob(long);
  const told = ['--job', 'a', '--rank', '0', '--size', '1', '--timeout', '40'];
  const hold = held('1/3', '2/3');
  const first = rank(told, hold.env);
  await first.says('1/3');
  const second = rank(told);
  await second.says('this one waits for its end');
  first.process.kill('SIGTERM');
  hold.release();
  hold.release();
  expect((await first.finished).code).toBe(75);
  const { code, stdout } = await second.finished;
  expect(code).toBe(0);
  expect(stdout).toMatch(/resumed +after step \d+/);
  expect(stdout).toContain(`parameters sha256: ${hashOfLong}`);
  expect(readdirSync(join(folder, 'runs'))).toEqual(['job-1']);
});

it.each(['join', 'coordinator'])('a job finds the run again that %s has gone on with by hand', async (command) => {
  const { folder, served } = newJob(long);
  const told = ['--job', 'a', '--rank', '0', '--size', '1', '--steps', '10'];
  const begun = await served(told);
  expect([begun.code, begun.stdout.includes('resumed')]).toEqual([0, false]);
  const run = join('runs', 'job-1');
  const rank = command === 'join' ? told.slice(0, 6) : ['--port', '0', '--min-workers', '0'];
  const byHand = [command, '--resume', run, '--threads', '1', '--steps', '10', ...rank];
  expect((await lockstepServed(byHand, folder, none)).stdout).toMatch(/resumed +after step 10\b/);
  expect((await served(told)).stdout).toMatch(/resumed +after step 20\b/);
  expect(readdirSync(join(folder, 'runs'))).toEqual(['job-1']);
});

skipIf(!hasOpenssl && 'encrypted ranks: needs openssl').it(
  'ranks with a certificate say nothing that others could read, and trust that certificate alone',
  async () => {
    const { folder, rank, served } = newJob();
    for (const name of ['ours', 'other']) certificate(folder, name);
    const pair = (name: string) => ['--tls-cert', `${name}-cert.pem`, '--tls-key', `${name}-key.pem`];
    const common = ['--size', '2', '--timeout', '20', '--job', 'tls'];
    const start = (number: number) => rank(['--rank', String(number), ...common, ...pair('ours')]);
    const first = start(0);
    const refused = await served(['--rank', '1', ...common, ...pair('ours'), '--tls-ca', 'other-cert.pem']);
    const plain = await served(['--rank', '1', ...common]);
    const [end, left] = await Promise.all([first.finished, start(1).finished]);
    expect([end.code, left.code, refused.code]).toEqual([0, 0, 2]);
    expect(end.stdout).toContain('listening at wss://');
    expect(end.stdout).toContain(`parameters sha256: ${hashOfShort}`);
    expect(refused.stdout).toContain('is not trusted');
    expect(refused.stdout).toContain('the same --tls-cert and --tls-key, or by --tls-ca the authority');
    expect([plain.code, plain.stdout]).toEqual([2, expect.stringContaining('rank 0 has a certificate, and this rank')]);
    expect(plain.stdout).toContain('remedy: give every rank the same --tls-cert and --tls-key, or none');
  },
);

describe('a job that cannot begin ends within the timeout', () => {
  const me = `rank 1 (${hostname()})`;
  const common = ['--size', '2', '--timeout', '1'];
  const first = ['--rank', '0', ...common];
  const second = ['--rank', '1', ...common];
  const token = { LOCKSTEP_TOKEN: 'a secret of tests' };

  it('where the host is wrong, or nobody listens', async () => {
    const { served } = newJob();
    const port = await freePort();
    const [wrong, closed] = await Promise.all([
      served([...second, '--coordinator', 'nowhere.invalid:7474'], token),
      served([...second, '--coordinator', `127.0.0.1:${port}`], token),
    ]);
    expect([wrong.code, closed.code]).toEqual([75, 75]);
    expect(wrong.stdout).toContain(`${me}: error: no coordinator at nowhere.invalid:7474`);
    expect(closed.stdout).toContain(`${me}: error: no coordinator at 127.0.0.1:${port}`);
  });

  it('where rank 0 has left no word, or another rank does not come', async () => {
    const { folder, served } = newJob();
    const [unheard, alone] = await Promise.all([served([...second, '--job', 'a']), served([...first, '--job', 'b'])]);
    expect([unheard.code, alone.code]).toEqual([75, 75]);
    expect(unheard.stdout).toContain(`${me}: error: rank 0 has left no word in runs/.join-job-a`);
    expect(unheard.stdout).toContain('given the same config and --set, word for word');
    expect(alone.stdout).toContain('of 2 ranks these have not come within 1 s: rank 1');
    expect(readdirSync(join(folder, 'runs'))).toEqual(['job-1']);
  });

  it('where rank 0 has bad input: all say so', async () => {
    const { folder, rank, served } = newJob();
    const bad = ['--job', 'a', '--set', 'training.epochs=0', '--timeout', '30'];
    const ranks = await Promise.all([served([...first, ...bad]), rank([...second, ...bad]).finished]);
    expect(ranks.map(({ code }) => code)).toEqual([2, 2]);
    expect(ranks[0].stdout).toContain('error: training.epochs: 0');
    expect(ranks[1].stdout).toContain(`${me}: error: rank 0 on ${hostname()} could not begin: training.epochs: 0`);
    expect(readdirSync(join(folder, 'runs'))).toEqual([]);
  });

  skipIf(!hasOpenssl && 'ranks of which one encrypts: needs openssl').it('where one rank alone encrypts', async () => {
    const { folder, served } = newJob();
    const tls = certificate(folder, 'ours');
    const mine = ['--tls-cert', 'ours-cert.pem', '--tls-key', 'ours-key.pem'];
    const nothing = { came: () => undefined, failed: () => undefined };
    for (const [first, given] of [[undefined, mine] as const, [tls, []] as const]) {
      const other = await webSocket.accept({ address: '127.0.0.1', port: 0, patience: 20, tls: first }, nothing);
      const { code, stdout } = await served([...second, ...given, '--coordinator', `127.0.0.1:${other.port}`], token);
      await other.close();
      expect([code, stdout]).toEqual([75, expect.stringContaining('the same --tls-cert and --tls-key, or none')]);
      expect(stdout).not.toMatch(/wss?:\/\/ if/);
    }
  });

  it('where the tokens differ', async () => {
    const { rank, served } = newJob();
    const where = ['--coordinator', `127.0.0.1:${await freePort()}`];
    const leader = rank([...first, ...where, '--timeout', '4'], token);
    const stranger = await served([...second, ...where, '--timeout', '30'], { LOCKSTEP_TOKEN: 'another' });
    expect(stranger.code).toBe(2);
    expect(stranger.stdout).toContain(`${me}: error:`);
    expect(stranger.stdout).toContain('give every rank the same LOCKSTEP_TOKEN');
    const { code, stdout } = await leader.finished;
    expect(code).toBe(75);
    expect(stdout).toMatch(
      /error: of 2 ranks .*: rank 1; somebody could not join: 127\S+: the two sides do not have the same token$/m,
    );
  });

  it('where a rank has another version', async () => {
    const { served } = newJob();
    const nothing = () => undefined;
    const other = await webSocket.accept(
      { address: '127.0.0.1', port: 0, patience: 20 },
      {
        failed: nothing,
        came(open) {
          const events = { arrived: nothing, frame: nothing, landed: nothing, landing: nothing, unreadable: nothing };
          const channel = open({ ...events, failed: nothing, closed: nothing });
          const challenge = {
            kind: 'challenge' as const,
            protocol: protocolVersion + 7,
            nonce: new Uint8Array(nonceBytes),
          };
          channel.send(encodeControl(challenge), nothing);
        },
      },
    );
    const { code, stdout } = await served([...second, '--coordinator', `127.0.0.1:${other.port}`], token);
    await other.close();
    expect(code).toBe(2);
    expect(stdout).toContain(`${me}: error:`);
    expect(stdout).toContain(
      `speaks version ${protocolVersion + 7} of the protocol, this side version ${protocolVersion}`,
    );
  });

  limits.it('but where the disk of another rank is full it begins: that rank keeps the data in memory', async () => {
    const { rank, served } = newJob();
    const long = ['--timeout', '20', '--job', 'full'];
    const leader = rank(['--rank', '0', '--size', '2', ...long]);
    const full = onFullDisk(() => served(['--rank', '1', '--size', '2', ...long]));
    const [end, left] = await Promise.all([leader.finished, full]);
    expect([end.code, left.code]).toEqual([0, 0]);
    expect(end.stdout).toContain(`parameters sha256: ${hashOfShort}`);
    expect(end.stdout).toContain('rank1.');
  });

  limits.it('where the disk of rank 0 is full', async () => {
    const { rank, served } = newJob();
    const leader = onFullDisk(() => served([...first, '--job', 'a']));
    const [full, other] = await Promise.all([leader, rank([...second, '--job', 'a']).finished]);
    expect([full.code, other.code]).toEqual([2, 75]);
    expect(full.stdout).toContain('LOCKSTEP_OUTPUT');
    expect(full.stdout).toMatch(/runs\/\.join-job-a.*: cannot be (written|made)/);
    expect(other.stdout).toContain(`${me}: error: rank 0 has left no word`);
  });
});

it('a rank that ends before its run does says what is to change in the command that goes on, --out too', async () => {
  const { served } = newJob();
  const one = ['--rank', '0', '--size', '1', '--job', 'a'];
  const begun = await served([...one, '--out', 'kept', '--steps', '1']);
  expect(begun.code).toBe(0);
  expect(begun.stdout).toContain(
    'go on with: --resume kept/job-1 in place of the config, and without --out, in the same command',
  );
});

it('a second process of one rank, and one that goes by another number of ranks, are refused, and the run does not begin without who is missing', async () => {
  const { rank, served } = newJob();
  const where = ['--coordinator', `127.0.0.1:${await freePort()}`, '--set', 'cluster.silence=1', '--timeout', '60'];
  const given = (number: number, size: number) => ['--rank', String(number), '--size', String(size), ...where];
  const token = { LOCKSTEP_TOKEN: 'a secret of tests' };
  const leader = rank(given(0, 3), token);
  const one = rank(given(1, 3), token);
  await leader.says('rank1.');
  const twice = await served(given(1, 3), token);
  const other = await served(given(2, 4), token);
  expect([twice.code, twice.stdout]).toEqual([2, expect.stringContaining('rank 1 is here already')]);
  expect([other.code, other.stdout]).toEqual([2, expect.stringContaining('it is rank 2 of 4, and rank 0 goes by 3')]);
  leader.process.kill('SIGTERM');
  const [{ code, stdout }] = await Promise.all([leader.finished, one.finished]);
  expect(code).toBe(75);
  expect(stdout).toMatch(/warning: somebody could not join: 127\S+: rank 1 is here already, and another process/);
  expect(stdout).toContain('it is rank 2 of 4, and rank 0 goes by 3 ranks');
  expect(stdout).not.toMatch(/rank1\.\S+-2|^ *1\/2 /m);
});
